"""fit: from a network and data to a run; and how a run that was stopped goes on."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from glassnet import nn, optim, random
from glassnet.data import Augmentation, Compose, Dataset, Loader, Preprocessing
from glassnet.data.augment import from_dict
from glassnet.errors import CheckpointError, TrainingError
from glassnet.kernels.threads import get_num_threads
from glassnet.nn import Module
from glassnet.optim import EMA, Optimizer
from glassnet.train import checks, history, losses, recipe, schedules
from glassnet.train.callbacks import Callback, EarlyStopping
from glassnet.train.checkpoint import BEST, HISTORY, LAST, Checkpoint, find, versions
from glassnet.train.loop import Training
from glassnet.train.metrics import Loss, Metric
from glassnet.train.run import Run

_PROBE = 0x960BE  # keeps the draws of the first look at the network apart from other uses
REPORT = "report.html"


def fit(
    net: Module,
    train: Dataset,
    validation: Dataset | None = None,
    optimizer: Optimizer | None = None,
    loss: str | Loss = "cross_entropy",
    schedule: schedules.Choice = None,
    epochs: int | None = None,
    steps: int | None = None,
    time_limit: float | None = None,
    *,
    warmup: int | float = 0,
    batch_size: int = 64,
    seed: int = 0,
    augment: Augmentation | Sequence[Augmentation] | None = None,
    preprocess: Preprocessing | None = None,
    metrics: Mapping[str, Metric] | None = None,
    callbacks: Sequence[Callback] = (),
    early_stopping: int | EarlyStopping | None = None,
    ema: float | None = None,
    clip_norm: float | None = None,
    out: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
    resume: bool = False,
    overwrite: bool = False,
    about: Mapping[str, Any] | None = None,
) -> Run:
    """Train a classifier: `net` maps images (n, C, H, W) or (n, D) to logits (n, K).

    train, validation  what it learns from, and what it is judged on after every epoch
    optimizer    by default AdamW(net.parameters(), lr=1e-3)
    loss         "cross_entropy", "multi_margin_loss", or a function of Tensors (logits (n, K),
                 labels (n,)) that gives the mean over the batch
    schedule     "one-cycle", "cosine", "step", "constant", a schedule of `glassnet.optim`, or a
                 function of the step that gives a factor; see `train.schedules.make`
    epochs, steps, time_limit  the length; time_limit in seconds over all sessions, the epoch in
                 hand is then judged where it stands; of several the first that is reached counts
    warmup       steps, or as a float the share of the run, in which the learning rate comes up
    seed         >= 0; decides the order of the images, the augmentation, dropout. The first weights
                 are the network's own: call `glassnet.manual_seed` before making it
    augment      one augmentation, or several in a row
    preprocess   by default `Preprocessing.fit(train)`: mean and deviation of the training data
    metrics      name -> function of arrays (logits (N, K), labels (N,)), told as validation_<name>
    early_stopping  the number of epochs without a better validation accuracy after which to stop
                 (or an EarlyStopping); the network then gets its best weights back
    ema          decay of a moving average of the weights, 0.999 say; the run is judged by the
                 average, and the network holds it at the end
    clip_norm    the length that all gradients together are clipped to
    out          the run's folder: last.safetensors, best.safetensors, history.jsonl; a folder that
                 holds a run is not touched unless `resume` or `overwrite` says so
    progress     None: a live line on a terminal or in a notebook, else one line an epoch;
                 False: nothing; True: the live line
    resume       go on from out/last.safetensors, to the same weights bit for bit as a run that was
                 never stopped; begins anew where there is none yet
    about        what else to keep in `run.config`, such as {"model": name, "command": text}

    Ctrl-C ends the run and keeps its last checkpoint. Two runs with the same first weights, seed,
    data, settings, machine and number of threads give the same weights. Validation is in evaluation
    mode; the modes that the network's layers had are restored.

    Raises TrainingError for settings that do not fit together, a network that does not answer K
    logits, an `out` that holds a run, and NaN or infinity in loss, gradients or weights, naming the
    step and the layer; DataError for empty data or other classes in validation; CheckpointError for
    a run that cannot be read or resumed. Warns of parameters that nothing updates and of fixed
    layers whose batch statistics would move.
    """
    if seed < 0 or batch_size < 1:
        raise TrainingError(f"seed must be >= 0 and batch_size >= 1, got {seed} and {batch_size}")
    folder = _folder(out, resume, overwrite)
    checks.check_data(train, validation)
    optimizer = optimizer or optim.AdamW(net.parameters(), lr=1e-3)
    preprocessing = preprocess or Preprocessing.fit(train)
    checks.check_optimizer(net, optimizer)
    checks.check_frozen(net)
    with random.using(random.derive(seed, _PROBE)):
        checks.check_output(net, train, preprocessing)
    stopping = _stopping(early_stopping, validation)
    changes = augment if isinstance(augment, Augmentation | None) else Compose(augment)
    loader = Loader(train, batch_size, shuffle=True, seed=seed, augment=changes,
                    preprocess=preprocessing)  # fmt: skip
    total = _total(epochs, steps, time_limit, len(loader))
    settings = {
        "optimizer": recipe.describe_optimizer(net, optimizer),
        "loss": losses.describe(loss),
        "schedule": schedules.describe(schedule),
        "warmup": warmup,
        "epochs": epochs,
        "steps": steps,
        "time_limit": time_limit,
        "batch_size": batch_size,
        "seed": seed,
        "augment": changes.to_dict() if changes is not None else None,
        "early_stopping": stopping.to_dict() if stopping is not None else None,
        "ema": ema,
        "clip_norm": clip_norm,
        "preprocessing": preprocessing.to_dict(),
        "train": recipe.describe_data(train),
        "validation": recipe.describe_data(validation),
        "metrics": sorted(metrics or {}),
    }
    settings = recipe.plain(settings)
    architecture = _architecture(net, folder)
    training = Training(
        net=net,
        loader=loader,
        validation=validation,
        optimizer=optimizer,
        loss=losses.make(loss),
        schedule=schedules.make(schedule, optimizer, total, warmup),
        average=EMA(net, ema, warm_up=True) if ema is not None else None,
        preprocessing=preprocessing,
        metrics=metrics or {},
        callbacks=[*callbacks, stopping] if stopping is not None else callbacks,
        config=_config(net, settings, architecture, about),
        recipe=settings,
        architecture=architecture,
        seed=seed,
        total=total,
        time_limit=time_limit,
        clip_norm=clip_norm,
        folder=folder,
        gives_best=stopping is not None,
        progress=progress,
    )
    if folder is not None:
        _open(folder, training)
    return training.run()
