"""fit: from a network and data to a run; and how a run that was stopped goes on."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
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
    epochs, steps, time_limit  the length; time_limit in seconds, those before a resume too, and
                 the epoch in hand is then judged where it stands; of several the first that is
                 reached counts
    warmup       steps, or as a float the share of the run, in which the learning rate comes up
    seed         >= 0; decides the order of the images, the augmentation, dropout. The first weights
                 are the network's own: call `glassnet.manual_seed` before making it
    augment      one augmentation, or several in a row
    preprocess   by default what a pretrained network came with (`net.preprocessing`; another one
                 warns), else `Preprocessing.fit(train)`: mean and deviation of the training data
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
    preprocessing = checks.preprocessing_for(net, train, preprocess)
    checks.check_network(net, optimizer, train, preprocessing)
    stopping = _stopping(early_stopping, validation)
    changes = augment if isinstance(augment, Augmentation | None) else Compose(augment)
    loader = Loader(train, batch_size, True, seed, changes, preprocessing)
    total = _total(epochs, steps, time_limit, len(loader))
    settings = recipe.describe(
        net, optimizer, loader, validation,
        loss=losses.describe(loss), schedule=schedules.describe(schedule), warmup=warmup,
        epochs=epochs, steps=steps, time_limit=time_limit, ema=ema, clip_norm=clip_norm,
        early_stopping=stopping and stopping.to_dict(), metrics=sorted(metrics or {}),
    )  # fmt: skip
    architecture = _architecture(net, folder)
    training = Training(
        net=net,
        loader=loader,
        validation=validation,
        optimizer=optimizer,
        loss=losses.make(loss),
        schedule=schedules.make(schedule, optimizer, total, warmup),
        average=None if ema is None else EMA(net, ema, warm_up=True),
        preprocessing=preprocessing,
        metrics=metrics or {},
        callbacks=[*callbacks, *([stopping] if stopping else [])],
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
    _open(training, resume)
    return training.run()


def resume(
    path: str | os.PathLike[str],
    train: Dataset,
    validation: Dataset | None = None,
    *,
    metrics: Mapping[str, Metric] | None = None,
    callbacks: Sequence[Callback] = (),
    progress: bool | None = None,
) -> Run:
    """Go on with the run in folder `path`, on the data that it began with.

    The network, the optimiser and all settings come from its last checkpoint. Raises as `fit` does,
    and CheckpointError where the run had a loss, schedule or optimiser of the user's own: such a
    run goes on by the call that began it, with `resume=True`.
    """
    saved = Checkpoint.load(find(path, "last"))
    old = saved.recipe
    if old.get("probe"):
        raise CheckpointError(
            f"{path} is a probe: it was solved to its minimum and there is nothing to go on with; "
            f"run `glassnet transfer` with --finetune for more"
        )
    own = [name for name, names in (("loss", losses.LOSSES), ("schedule", schedules.NAMES))
           if old[name] not in names]  # fmt: skip
    if own:
        raise CheckpointError(
            f"the run in {path} has a {' and a '.join(own)} of its own, which no file can hold; "
            f"go on with the call of fit that began it, with resume=True"
        )
    with random.using(random.derive(0)):  # first weights, which the saved ones replace
        net = nn.build(saved.architecture)
    names = ("loss", "schedule", "epochs", "steps", "time_limit", "warmup", "batch_size", "seed")
    stopping = old["early_stopping"]
    return fit(
        net,
        train,
        validation,
        recipe.build_optimizer(net, old["optimizer"]),
        **{name: old[name] for name in (*names, "ema", "clip_norm")},
        augment=old["augment"] and from_dict(old["augment"]),
        preprocess=Preprocessing.from_dict(old["preprocessing"]),
        metrics=metrics,
        callbacks=callbacks,
        early_stopping=stopping and EarlyStopping(**stopping),
        out=path,
        progress=progress,
        resume=True,
    )


def _folder(out: str | os.PathLike[str] | None, resume: bool, overwrite: bool) -> Path | None:
    """The run's folder, if a run may be written there."""
    if out is None:
        if resume or overwrite:
            raise TrainingError("resume and overwrite need out=, the folder of the run")
        return None
    folder = Path(out)
    found = [name for name in (LAST, BEST, HISTORY) if (folder / name).exists()]
    if resume and overwrite:
        raise TrainingError("resume goes on with the run, overwrite replaces it; say one")
    if found and not (resume or overwrite):
        raise TrainingError(
            f"{folder} holds a run already ({', '.join(found)}); go on with it by resume=True, "
            f"replace it by overwrite=True, or choose another out="
        )
    if found and resume and LAST not in found:
        raise CheckpointError(
            f"{folder} holds {', '.join(found)} but no {LAST}, so there is nothing to go on from; "
            f"choose another out="
        )
    return folder


def _stopping(
    choice: int | EarlyStopping | None, validation: Dataset | None
) -> EarlyStopping | None:
    if choice is None:
        return None
    stopping = choice if isinstance(choice, EarlyStopping) else EarlyStopping(choice)
    if validation is None:
        raise TrainingError("early stopping needs validation data; hand them to fit")
    return stopping


def _total(
    epochs: int | None, steps: int | None, time_limit: float | None, per_epoch: int
) -> int | None:
    """The number of steps of the whole run, or None where only the clock ends it."""
    lengths = [length for length in (epochs, steps, time_limit) if length is not None]
    if not lengths:
        raise TrainingError("say how long to train: epochs=, steps= or time_limit= (seconds)")
    if min(lengths) <= 0:
        raise TrainingError(f"the length of a run must be positive, got {min(lengths)}")
    totals = [epochs * per_epoch] if epochs is not None else []
    return min([*totals, *([steps] if steps is not None else [])], default=None)


def _architecture(net: Module, folder: Path | None) -> dict[str, Any]:
    """The network as plain data; without a folder to write it to it need not have such a form."""
    try:
        return nn.architecture(net)
    except CheckpointError:
        if folder is not None:
            raise
        return {}


def _config(
    net: Module,
    settings: recipe.Recipe,
    architecture: dict[str, Any],
    about: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """What `run.config` tells people: the settings, the data, and what else a result depends on."""
    groups = settings["optimizer"]["groups"]
    options = [{k: v for k, v in group.items() if k != "params"} for group in groups]
    more = {"groups": options} if len(options) > 1 else options[0]
    validation = settings["validation"]
    own = {
        "architecture": architecture,
        "dataset": {
            "name": settings["train"]["name"],
            "train_size": settings["train"]["size"],
            "validation_size": validation["size"] if validation else None,
        },
        "optimizer": {"name": settings["optimizer"]["name"], **more},
        "versions": versions(),
        "threads": get_num_threads(),
        "parameters": net.num_parameters(),
    }
    kept = {k: v for k, v in settings.items() if k not in ("preprocessing", "train", "validation")}
    return {"model": None, "command": None} | recipe.plain(dict(about or {})) | kept | own


def _open(training: Training, resume: bool) -> None:
    """Go on from the folder's checkpoint, or begin there with one of step 0."""
    folder = training.folder
    if folder is None:
        return
    if resume and (folder / LAST).exists():
        _go_on(training, Checkpoint.load(folder / LAST))
        history.write(folder / HISTORY, training.history)
    else:
        for name in (BEST, HISTORY, REPORT):
            (folder / name).unlink(missing_ok=True)
        training.save()


def _go_on(training: Training, saved: Checkpoint) -> None:
    """Take over the state of a checkpoint, if it is one of this run."""
    recipe.require_same(saved.recipe, training.recipe)
    if saved.architecture != recipe.plain(training.architecture):
        raise CheckpointError(
            f"the network is not the one that the run in {training.folder} began with; "
            f"build it as before, or choose another out="
        )
    for name in ("threads", "versions"):
        was, now = saved.config[name], training.config[name]
        if was != now:
            checks.warn(
                f"the run was begun with {name} {was} and goes on with {now}; the weights may "
                f"differ in their last bits from those of a run that was never stopped"
            )
    length = {name: training.recipe[name] for name in ("epochs", "steps", "time_limit")}
    training.config = saved.config | length
    training.restore(saved)
