"""Optimisers, schedules, clipping and averages: how gradients become better weights.

Each update rule is a plain NumPy function that stands above the class which applies it to a
network's parameters. Nothing here knows about losses, data or layers; a training loop that puts
them together lives in `train/`.
"""

from glassnet.optim.adam import Adam, AdamW, adam_update
from glassnet.optim.adaptive import (
    Adadelta,
    Adagrad,
    RMSprop,
    adadelta_update,
    adagrad_update,
    rmsprop_update,
)
from glassnet.optim.average import EMA
from glassnet.optim.clip import clip_grad_norm_, clip_grad_value_
from glassnet.optim.lion import Lion, lion_update
from glassnet.optim.muon import Muon, MuonAdamW, muon_update, newton_schulz
from glassnet.optim.optimizer import OptimError, Optimizer
from glassnet.optim.schedule import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiStepLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)
from glassnet.optim.sgd import SGD, sgd_update

__all__ = [
    "EMA",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "ConstantLR",
    "CosineAnnealingLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "Lion",
    "MultiStepLR",
    "Muon",
    "MuonAdamW",
    "OneCycleLR",
    "OptimError",
    "Optimizer",
    "RMSprop",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
    "adadelta_update",
    "adagrad_update",
    "adam_update",
    "clip_grad_norm_",
    "clip_grad_value_",
    "lion_update",
    "muon_update",
    "newton_schulz",
    "rmsprop_update",
    "sgd_update",
]
