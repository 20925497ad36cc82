"""A machine whose dreams are known beforehand, and a server of a folder of machines."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import glassnet as gn
from glassnet.dreams import RBM
from glassnet.humans.bench import Benches
from glassnet.web import Settings, create_app
from tests.web import serving

SIDE = 28


def band(k: int) -> NDArray[np.float32]:
    """The picture of class k: two bright rows, further down for each class."""
    picture = np.zeros((SIDE, SIDE), np.float32)
    picture[2 * k + 4 : 2 * k + 6] = 1
    return picture.reshape(-1)


def banded(path: Path) -> Path:
    """A machine that dreams the band of the class that is held, and nothing else."""
    rbm = RBM(SIDE * SIDE, 40, labels=10)
    rbm.weight[...] = np.stack([6 * band(unit // 4) for unit in range(40)], axis=1)
    rbm.visible_bias[...] = -6
    rbm.hidden_bias[...] = -100
    own = np.repeat(np.eye(10), 4, axis=1)  # (10, 40)
    rbm.label_weight[...] = 150 * own - 300 * (1 - own)
    return rbm.save(path)


@contextmanager
def served(runs: Path, data: Path, token: str | None = None) -> Iterator[str]:
    """The address of an app over a folder of machines; products on one thread."""
    before = gn.get_num_threads()
    gn.set_num_threads(1)
    with Benches(None, data) as benches:
        app = create_app(Settings(data=data, runs=runs, token=token), benches)
        with serving.threaded(app) as address:
            yield address
    gn.set_num_threads(before)
