"""A run: a trained network with all that belongs to it, and how to read one back.

N images, K classes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassnet.data import Dataset, Preprocessing
from glassnet.nn import Module, evaluating
from glassnet.tensor import Tensor
from glassnet.train import losses
from glassnet.train.checkpoint import BEST, LAST, Checkpoint, find
from glassnet.train.checks import warn
from glassnet.train.history import Row
from glassnet.train.metrics import Evaluation, Loss, Metric, evaluate, sigmoid, softmax

Probabilities = NDArray[np.float32]
_AT_ONCE = 64  # files that are decoded before they are shown to the network


class Run:
    """What `fit` and `load` give: the network, how it was made, and what it answers.

    net            the trained network; `epoch` says after which epoch its weights were so
    path           the run's folder, or None where fit was given none
    preprocessing  what the network is shown of an image
    classes        the K class names, in the order of the outputs
    config         the settings of the run, JSON-able
    history        a dictionary an epoch: epoch, step, train_loss, train_accuracy (means over the
                   epoch's steps, while the weights were changing and images were augmented),
                   validation_loss, validation_accuracy, lr, seconds (with validation),
                   samples_per_second (of training)
    best           the row with the highest validation accuracy, or None
    stopped        "finished", "early stopping", "time limit" or "interrupted"
    validation     the validation data, while fit's own run is in memory
    """

    def __init__(
        self,
        net: Module,
        classes: list[str],
        preprocessing: Preprocessing,
        config: dict[str, Any],
        history: list[Row],
        best: Row | None,
        stopped: str,
        epoch: int,
        path: Path | None = None,
        validation: Dataset | None = None,
        loss: Loss | None = None,
        metrics: Mapping[str, Metric] | None = None,
    ) -> None:
        self.net, self.classes, self.preprocessing = net, classes, preprocessing
        self.config, self.history, self.best = config, history, best
        self.stopped, self.epoch, self.path = stopped, epoch, path
        self.validation = validation
        self._loss = loss or losses.by_name(config["loss"])
        self._metrics = metrics or {}

    @property
    def finished(self) -> bool:
        """Whether it came to an end of its own; False after Ctrl-C or a kill."""
        return self.stopped != "interrupted"

    def __repr__(self) -> str:
        where = f" in {self.path}" if self.path else ""
        best = self.best and f", best validation accuracy {self.best['validation_accuracy']:.4f}"
        return (
            f"<run on {self.config['dataset']['name']}{where}: {len(self.history)} epochs, "
            f"{self.stopped}{best or ''}>"
        )

    def evaluate(
        self,
        dataset: Dataset,
        batch_size: int = 256,
        preprocessing: Preprocessing | None = None,
    ) -> Evaluation:
        """The network's answers on labelled data.

        Raises DataError for an empty data set. Warns where the images were read by another rule,
        or are prepared otherwise, than in training.
        """
        chosen = self._chosen(preprocessing)
        theirs, ours = dataset.preprocessing, replace(chosen, mean=(), std=())
        if theirs != ours:
            warn(
                f"'{dataset.name}' was read as {theirs}, but the network was trained on {ours}; "
                f"read the data with the run's own size and channels (run.preprocessing)"
            )
        return evaluate(self.net, dataset, chosen, self._loss, self._metrics, batch_size)

    def predict(
        self,
        images: NDArray[Any],
        batch_size: int = 256,
        preprocessing: Preprocessing | None = None,
    ) -> Probabilities:
        """uint8 images (N, C, H, W), or (N, D), as they come -> probabilities float32 (N, K).

        The run's own preprocessing is applied; another one is used, with a warning. Raises
        ShapeError for arrays that do not fit it.
        """
        chosen = self._chosen(preprocessing)
        images = np.asarray(images)
        out = np.empty((len(images), len(self.classes)), np.float32)
        with evaluating(self.net):
            for start in range(0, len(images), batch_size):
                part = slice(start, start + batch_size)
                out[part] = self._shares(self.net(Tensor(chosen(images[part]))).data)
        return out

    def predict_files(self, paths: Iterable[str | os.PathLike[str]]) -> Probabilities:
        """Image files -> probabilities float32 (N, K), one row a file.

        Raises DataError, naming the file, for one that cannot be read.
        """
        files = list(paths)
        out = np.empty((len(files), len(self.classes)), np.float32)
        for start in range(0, len(files), _AT_ONCE):
            images = [self.preprocessing.read(file) for file in files[start : start + _AT_ONCE]]
            if len({image.shape for image in images}) == 1:
                out[start : start + _AT_ONCE] = self.predict(np.stack(images))
            else:
                for i, image in enumerate(images, start):
                    out[i] = self.predict(image[None])[0]
        return out

    @property
    def attributes(self) -> bool:
        """Whether the outputs are yes/no answers of their own, not one choice of several."""
        return self.config.get("task") == "attributes"

    def _shares(self, logits: NDArray[Any]) -> Probabilities:
        """logits (n, K) -> probabilities: of the classes, or of each attribute by itself."""
        return sigmoid(logits) if self.attributes else softmax(logits)

    def _chosen(self, other: Preprocessing | None) -> Preprocessing:
        if other is not None and other != self.preprocessing:
            warn(
                f"the network was trained on images prepared so: {self.preprocessing}; "
                f"it is now shown images prepared so: {other}; leave preprocessing= away to "
                f"prepare them as in training"
            )
        return other or self.preprocessing


def load(path: str | os.PathLike[str], which: str | None = None) -> Run:
    """Read a run from its folder or from one checkpoint file.

    which: "last" or "best" epoch (a run without validation data has no best one, then it is the
    last); by default the one whose weights `fit` gave back: the best with early stopping, else the
    last. A loss function of the user's own is not in the file: evaluations then state the
    cross-entropy. Raises CheckpointError for a missing or damaged file, another format, and layers
    whose class is not known here.
    """
    file = find(path, which or "last")
    whole = saved = Checkpoint.load(file)
    best = file.parent / BEST
    if which is None and Path(path).is_dir() and whole.recipe["early_stopping"] and best.is_file():
        saved = Checkpoint.load(best)
    elif file.name == BEST and (file.parent / LAST).is_file():
        whole = Checkpoint.load(file.parent / LAST)  # it knows what came after the best epoch
    return Run(
        net=saved.build(),
        classes=saved.classes,
        preprocessing=Preprocessing.from_dict(saved.preprocessing),
        config=whole.config,
        history=whole.history,
        best=whole.best,
        stopped=whole.stopped or "interrupted",
        epoch=saved.history[-1]["epoch"] if saved.history else 0,
        path=file.parent,
    )
