"""Training: `fit`, the run that it gives, and the checkpoints from which a run goes on.

Here lives what turns a network, data and an optimiser into something that can be trusted: the
loop, validation, history, checkpoints, progress, the checks that keep mistakes from being silent.
No layers, no update rules, no drawing. The inner step is the one that a reader would write by hand.
"""

from glassnet.train.callbacks import Callback, EarlyStopping
from glassnet.train.checkpoint import Checkpoint
from glassnet.train.fit import fit, resume
from glassnet.train.lookahead import Lookahead
from glassnet.train.loop import Training
from glassnet.train.metrics import ClassAccuracy, Evaluation, evaluate, wilson
from glassnet.train.run import Run, load

__all__ = [
    "Callback",
    "Checkpoint",
    "ClassAccuracy",
    "EarlyStopping",
    "Evaluation",
    "Lookahead",
    "Run",
    "Training",
    "evaluate",
    "fit",
    "load",
    "resume",
    "wilson",
]
