"""Machines in files: which kind a file holds stands in it."""

from __future__ import annotations

import os

from glassnet import io
from glassnet.dreams.dbm import DBM
from glassnet.dreams.dbn import DBN
from glassnet.dreams.rbm import RBM
from glassnet.dreams.walk import Model
from glassnet.errors import CheckpointError

KINDS: dict[str, type[RBM] | type[DBN] | type[DBM]] = {"RBM": RBM, "DBN": DBN, "DBM": DBM}


def load(path: str | os.PathLike[str]) -> Model:
    """The machine that a `save` of any of them wrote. Raises CheckpointError for other files."""
    kind = io.load(path)[1].get("kind")
    if kind not in KINDS:
        raise CheckpointError(
            f"{path} holds {kind or 'no machine'}; expected one of {', '.join(KINDS)}"
        )
    return KINDS[kind].load(path)
