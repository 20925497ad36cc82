"""Patches of digits clustered by k-means, and a linear layer on their features."""

from __future__ import annotations

import numpy as np

from glassnet import data, nn, random
from glassnet.data import Loader, Preprocessing
from glassnet.dreams.compare.arm import Arm, Images, Labels, Setting
from glassnet.dreams.compare.clock import Clock
from glassnet.dreams.compare.networks import CLASSES, RANDOM, classes, descend
from glassnet.dreams.kmeans import PatchFeatures

CENTROIDS, STRIDE, PATCHES = 300, 2, 50_000
MOST = 60_000  # rows of features, of which distorted copies of few images are made too
BATCH = 100
_HEAD = 0x7A


class Patches(Arm):
    """As the paper has it, but for distorted copies of the images while there is time."""

    name = "patches"
    title = "k-means patches"
    about = "whitened patches, k-means, triangle activation, pooled in quadrants, a linear layer"
    settings = (
        {"lr": 1e-2, "decay": 1.0, "augment": True},
        {"lr": 1e-2, "decay": 0.1, "augment": True},
        {"lr": 1e-2, "decay": 1.0, "augment": False},
    )

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.features = PatchFeatures(CENTROIDS, stride=STRIDE, seed=seed)
        self.scale: Preprocessing | None = None
        self.head: nn.Linear | None = None

    def prepare(self, unlabelled: Images, clock: Clock) -> None:
        self.features.fit(unlabelled, patches=PATCHES, iterations=1000, until=lambda: clock.over)

    def train(self, x: Images, y: Labels, setting: Setting, clock: Clock) -> None:
        """Half of the time for features, the other half for the linear layer on them."""
        rows, labels = self._rows(x, y, setting["augment"], clock.part(clock.left / 2))
        self.scale = Preprocessing.fit(data.arrays(rows, labels, CLASSES))
        with random.using(random.derive(self.seed, _HEAD)):
            self.head = nn.Linear(rows.shape[1], len(CLASSES))
        descend(
            self.head, rows, labels, clock.part(clock.left), lr=setting["lr"], seed=self.seed,
            augment=False, decay=setting["decay"], preprocess=self.scale,
        )  # fmt: skip

    def predict(self, x: Images) -> Labels:
        assert self.head is not None, "train first"
        return classes(self.head, self.features.transform(x), self.scale)

    def _rows(self, x: Images, y: Labels, augment: bool, clock: Clock) -> tuple[np.ndarray, Labels]:
        """Features of the images, then of distorted ones, until the clock is over: (n, D), (n,)."""
        examples, found, labels = data.arrays(x, y, CLASSES), [], []
        for epoch in range(1 + MOST // len(x) if augment else 1):
            change = RANDOM if epoch else None
            loader = Loader(examples, BATCH, True, self.seed, change, prefetch=0)
            for images, truth in loader.batches(epoch):
                found.append(self.features.transform(images.data))
                labels.append(truth.data)
                if clock.over:
                    return np.concatenate(found), np.concatenate(labels)
        return np.concatenate(found), np.concatenate(labels)
