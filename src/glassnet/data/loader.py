"""Batches of a data set, epoch after epoch, prepared by one thread ahead of the network.

The order of an epoch depends on (seed, epoch), the augmentation of a sample on (seed, epoch,
sample): how far the thread is ahead, and where an epoch is entered, changes nothing.

A step of a small network takes less time than Python needs to look at a batch twice, and one that
waits for the thread to let go of the interpreter's lock waits long. So the thread fetches small
batches many at a time, with the windows through which they are seen, and what a kernel then does
in one walk over the pixels it leaves to the moment when the batch is asked for: all cores share
that, and the network finds the batch in their caches.
"""

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, suppress
from math import prod
from queue import Empty, Queue
from threading import Event, Thread
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from glassnet.data.augment import Augmentation, Compose
from glassnet.data.dataset import Dataset, gathered
from glassnet.data.preprocess import Preprocessing, Walk
from glassnet.errors import DataError
from glassnet.random import derive
from glassnet.tensor import Tensor

T = TypeVar("T")
Batch = tuple[NDArray[np.float32], NDArray[Any]]  # x (n, C, H, W) or (n, D), y (n,) or (n, K)
GROUP = 2**22  # pixels' channels that are fetched at a time; one batch may be more
_SHUFFLE = 0x5F1E  # keeps the order's draws apart from other uses of (seed, epoch)


class Loader:
    """Batches (x, y): x Tensor float32 (n, C, H, W) or (n, D), y Tensor int64 (n,).

    batch_size  samples in a batch; the last of an epoch may be smaller, or with drop_last is left
                out
    shuffle     another order in every epoch, from (seed, epoch)
    augment     applied to images in the range 0..1, before normalisation; with one that mixes
                labels (`Mixup`) y is float32 probabilities (n, K)
    preprocess  by default the data set's own reading rule: pixels / 255, nothing subtracted
    prefetch    batches that a worker thread is ahead, at least: small ones it fetches many at a
                time; 0 prepares them in the caller's thread

    `for x, y in loader` runs through the next epoch, beginning with epoch 0; `loader.epoch(k)`
    through epoch k; `loader.batches(k, start)` through epoch k from step `start` on;
    `len(loader)` is the number of batches of an epoch. Raises DataError for settings below 1, and
    in the caller's thread whatever the preparation raised.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int = 64,
        shuffle: bool = False,
        seed: int = 0,
        augment: Augmentation | None = None,
        preprocess: Preprocessing | None = None,
        drop_last: bool = False,
        prefetch: int = 2,
    ) -> None:
        if batch_size < 1 or prefetch < 0:
            raise DataError(
                f"batch_size must be at least 1 and prefetch at least 0, got {batch_size} and "
                f"{prefetch}"
            )
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.augment = augment
        self.preprocess = preprocess or dataset.preprocessing
        self.drop_last = drop_last
        self.prefetch = prefetch
        self._next_epoch = 0

    def __len__(self) -> int:
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        self._next_epoch += 1
        return self.epoch(self._next_epoch - 1)

    def epoch(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """All batches of an epoch."""
        return self.batches(epoch)

    def batches(self, epoch: int, start: int = 0) -> Generator[tuple[Tensor, Tensor], None, None]:
        """The batches of an epoch from step `start` on, the same as in the whole epoch.

        `close()` ends the thread that prepares them before the epoch is over.
        """
        groups = self._groups(epoch, start)
        depth = max(1, self.prefetch // self._most())
        with closing(ahead(groups, depth) if self.prefetch else groups) as made:
            for group in made:
                yield from map(_tensors, group)

    def order(self, epoch: int) -> NDArray[np.intp]:
        """The samples of an epoch in their order, (N,)."""
        if not self.shuffle:
            return np.arange(len(self.dataset))
        return derive(self.seed, epoch, _SHUFFLE).permutation(len(self.dataset))

    def _most(self) -> int:
        """How many batches a group has at most."""
        return max(1, GROUP // max(1, self.batch_size * prod(self.dataset.shape)))

    def _groups(self, epoch: int, start: int) -> Generator[Iterable[Batch], None, None]:
        """The batches from step `start` on, in groups that grow: the first is there soon."""
        order, step, count = self.order(epoch), start, 1
        while step < len(self):
            steps = range(step, min(step + count, len(self)))
            yield from self._tried(epoch, order, steps)
            step, count = steps.stop, min(4 * count, self._most())

    def _tried(
        self, epoch: int, order: NDArray[np.intp], steps: range
    ) -> Iterable[Iterable[Batch]]:
        """One group; where that fails, batch by batch, so that those before the fault come."""
        size = self.batch_size
        with suppress(Exception):
            return [self._group(epoch, order[steps.start * size : steps.stop * size])]
        return (self._group(epoch, order[k * size : (k + 1) * size]) for k in steps)

    def _group(self, epoch: int, samples: NDArray[np.intp]) -> Iterable[Batch]:
        """The batches of these samples: prepared, or where a kernel does it, when asked for."""
        labels: NDArray[Any]
        change = Compose(()) if self.augment is None else self.augment
        images, rows, labels = self.dataset.find(samples)
        if change.soft:
            labels = np.eye(len(self.dataset.classes), dtype=np.float32)[labels]
        cuts = [slice(k, k + self.batch_size) for k in range(0, len(samples), self.batch_size)]
        walk = self._walk(change, images, rows, epoch, samples)
        if walk is not None:
            return ((walk(cut.start, cut.stop), labels[cut]) for cut in cuts)
        return [
            self._prepared(change, gathered(images, rows[cut]), labels[cut], epoch, samples[cut])
            for cut in cuts
        ]

    def _walk(
        self,
        change: Augmentation,
        images: NDArray[Any],
        rows: NDArray[np.intp],
        epoch: int,
        samples: NDArray[np.intp],
    ) -> Walk | None:
        """What moves and normalises some of the images, where that is a kernel's."""
        if images.ndim != 4:
            return None
        height, width = images.shape[2:]
        window = change.window(height, width, self.seed, epoch, samples)
        return None if window is None else self.preprocess.walk(images, rows, window)

    def _prepared(
        self,
        change: Augmentation,
        images: NDArray[Any],
        labels: NDArray[Any],
        epoch: int,
        samples: NDArray[np.intp],
    ) -> Batch:
        """One batch, by NumPy."""
        arguments = (self.seed, epoch, samples)
        if change.moves and images.dtype == np.uint8:
            moved, labels = change(self.preprocess.fitted(images), labels, *arguments)
            return self.preprocess(moved), labels
        pixels, labels = change(self.preprocess.scale(images), labels, *arguments)
        return self.preprocess.normalise(pixels), labels


def _tensors(batch: Batch) -> tuple[Tensor, Tensor]:
    return Tensor(batch[0]), Tensor(batch[1])


class _Failure(NamedTuple):
    error: BaseException


_END = object()


def ahead(items: Iterator[T], depth: int) -> Generator[T, None, None]:
    """The items of `items`, made by a thread that is at most `depth` of them ahead.

    An exception in the thread is raised here. The thread has ended when the iteration has, be it
    at its end, by an exception or because the consumer stopped early and closed it.
    """
    queue: Queue[Any] = Queue(maxsize=depth)
    stop = Event()
    worker = Thread(target=_work, args=(items, queue, stop), name="glassnet-loader", daemon=True)
    worker.start()
    try:
        while (item := queue.get()) is not _END:
            if isinstance(item, _Failure):
                raise item.error
            yield item
    finally:
        stop.set()
        _drain(queue)  # a worker that waits for room goes on, sees `stop` and ends
        worker.join()


def _work(items: Iterator[Any], queue: "Queue[Any]", stop: Event) -> None:
    last: Any = _END
    try:
        for item in items:
            if stop.is_set():
                return
            queue.put(item)
    except BaseException as error:
        last = _Failure(error)
    if not stop.is_set():
        queue.put(last)


def _drain(queue: "Queue[Any]") -> None:
    try:
        while True:
            queue.get_nowait()
    except Empty:
        pass
