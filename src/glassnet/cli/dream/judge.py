"""`glassnet dream MODEL --judge RUN`: a network that had no part in the dreams says what they are.

The network is one of `glassnet train`'s, and the real digits beside which dreams are judged are
those that were held out from it.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from glassnet.cli import sources
from glassnet.cli.console import Answer, percent, say, table
from glassnet.cli.dream.wish import Wish
from glassnet.errors import GlassnetError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from glassnet.dreams.score import Score
    from glassnet.train import Run

DREAMS = 100  # of each class
REAL = 1000  # examples of each class, at most


def judged(machine: Any, folder: str, wish: Wish) -> Answer:
    """Say how good the dreams of the wished class, or of each, are; give the same as facts.

    Raises GlassnetError for a run that cannot judge the machine's pictures.
    """
    from glassnet import nn
    from glassnet.dreams.score import classifier, score
    from glassnet.train import load

    if not machine.labels:
        raise GlassnetError("--judge asks for dreams of a class, and this machine has no classes")
    run = load(folder)
    if not isinstance(run.net, nn.Sequential):
        raise GlassnetError(f"the network of {folder} is no nn.Sequential, whose features are seen")
    see = classifier(run.net, _shape(run))
    one = None if wish.label in (None, "all") else int(wish.label or 0)
    scores = []
    for k in range(machine.labels) if one is None else [one]:
        dreams = _dreams(machine, k, wish)
        real = _real(run, folder, k, machine.visible)
        scores.append(score(_prepared(run, dreams * 255), _prepared(run, real), k, see))
    _tell(scores, Path(folder))
    return {"judge": folder, "score": [vars(each) for each in scores]}


def _dreams(machine: Any, k: int, wish: Wish) -> "NDArray[np.float32]":
    """The ends of chains with class k held, as wished: (DREAMS, V)."""
    from glassnet.dreams.chain import Chain

    chain = Chain(machine, DREAMS, wish.seed)
    chain.clamp(k, strength=wish.strength)
    return chain.step(wish.steps, wish.temperature).visible


def _real(run: "Run", folder: str, k: int, visible: int) -> "NDArray[np.uint8]":
    """Held-out examples of class k (M, V). Raises GlassnetError where there are none that fit."""
    import numpy as np

    held_out = sources.held_out_for(run, None)
    if held_out is None:
        raise GlassnetError(f"{folder} does not know which data were held out from it")
    if int(np.prod(held_out.shape)) != visible:
        raise GlassnetError(
            f"{folder} looks at images {held_out.shape}, the machine dreams {visible} pixels"
        )
    images, _ = held_out.batch(np.flatnonzero(held_out.labels == k)[:REAL])
    return images.reshape(len(images), -1)


def _prepared(run: "Run", pixels: Any) -> Any:
    """Pixels (N, V) of 0..255 as the network takes them, (N, V)."""
    import numpy as np

    images = np.rint(pixels).astype(np.uint8).reshape(-1, *_shape(run))
    return np.asarray(run.preprocessing(images)).reshape(len(images), -1)


def _shape(run: "Run") -> tuple[int, ...]:
    """(C, H, W) of what the network looks at."""
    size = run.preprocessing.size
    if size is None:
        raise GlassnetError("the network of the run looks at rows of numbers, not at images")
    return run.preprocessing.channels, *size


def _tell(scores: "list[Score]", folder: Path) -> None:
    rows = [
        (str(each.label), percent(each.recognised), percent(each.variety), percent(each.covered))
        for each in scores
    ]
    title = f"{DREAMS} dreams of each class, by {folder}"
    table(("class", "recognised", "variety", "modes covered"), rows, title)
    if len(scores) > 1:
        worst = min(scores, key=lambda each: each.recognised)
        say(f"the least recognised class is {worst.label}: {percent(worst.recognised)}")
