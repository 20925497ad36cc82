"""Batches of a data set, epoch after epoch, prepared by one thread ahead of the network.

The order of an epoch depends on (seed, epoch), the augmentation of a sample on (seed, epoch,
sample): how far the thread is ahead, and where an epoch is entered, changes nothing.

A step of a small network takes less than a millisecond, and the thread shares the interpreter's
lock with it. So small batches are found in the data set many at a time, with the windows through
which their images are seen. Where a kernel does the rest in one walk over the pixels, that is left
to the moment when a batch is asked for: all cores share it, and the network finds the batch in
their caches. Where NumPy does it, the thread does, batch by batch.
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
from glassnet.data.preprocess import Preprocessing, Walk, scaled
from glassnet.errors import DataError
from glassnet.random import derive
from glassnet.tensor import Tensor

T = TypeVar("T")
Batch = tuple[NDArray[np.float32], NDArray[Any]]  # x (n, C, H, W) or (n, D), y (n,) or (n, K)
GROUP = 2**22  # numbers in the images that are fetched at a time; one batch may have more
_SHUFFLE = 0x5F1E  # keeps the order's draws apart from other uses of (seed, epoch)


class Loader:
    """Batches (x, y): x Tensor float32 (n, C, H, W) or (n, D), y Tensor int64 (n,).

    batch_size  samples in a batch; the last of an epoch may be smaller, or with drop_last is left
                out
    shuffle     another order in every epoch, from (seed, epoch)
    augment     applied to images in the range 0..1, before normalisation; with one that mixes
                labels (`Mixup`) y is float32 probabilities (n, K)
    preprocess  by default the data set's own reading rule: pixels / 255, nothing subtracted
    prefetch    batches that a worker thread is ahead, or groups of many small ones; 0 prepares
                them in the caller's thread

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
        with closing(ahead(groups, self.prefetch) if self.prefetch else groups) as made:
            for group in made:
                yield from map(_tensors, group)

    def order(self, epoch: int) -> NDArray[np.intp]:
        """The samples of an epoch in their order, (N,)."""
        if not self.shuffle:
            return np.arange(len(self.dataset))
        return derive(self.seed, epoch, _SHUFFLE).permutation(len(self.dataset))

    def _groups(self, epoch: int, start: int) -> Generator[Iterable[Batch], None, None]:
        """The batches from step `start` on; groups grow, so that the first is there soon."""
        order, size = self.order(epoch), self.batch_size
        most = max(1, GROUP // max(1, size * prod(self.dataset.shape)))
        step, count = start, 1
        while step < len(self):
            stop = min(step + count, len(self))
            yield from self._group(epoch, order[step * size : stop * size])
            step, count = stop, min(4 * count, most)

    def _group(self, epoch: int, samples: NDArray[np.intp]) -> Iterator[Iterable[Batch]]:
        """The batches of these samples, fetched together.

        Where that fails they are fetched one by one, so that those before the fault come.
        """
        found = None
        with suppress(Exception):
            found = self.dataset.find(samples)
        if found is not None:
            yield from self._made(epoch, samples, *found)
            return
        for cut in self._cuts(samples):
            yield from self._made(epoch, samples[cut], *self.dataset.find(samples[cut]))

    def _cuts(self, samples: NDArray[np.intp]) -> list[slice]:
        """Which of the samples each batch has."""
        return [slice(k, k + self.batch_size) for k in range(0, len(samples), self.batch_size)]

    def _made(
        self,
        epoch: int,
        samples: NDArray[np.intp],
        images: NDArray[Any],
        rows: NDArray[np.intp],
        labels: NDArray[Any],
    ) -> Iterator[Iterable[Batch]]:
        """Batches one by one, or where a kernel makes them all at once, made when asked for."""
        change = Compose(()) if self.augment is None else self.augment
        if change.soft:
            labels = np.eye(len(self.dataset.classes), dtype=np.float32)[labels]
        walk, cuts = self._walk(change, images, rows, epoch, samples), self._cuts(samples)
        if walk is not None:
            yield ((walk(cut.start, cut.stop), labels[cut]) for cut in cuts)
            return
        for cut in cuts:
            batch = gathered(images, rows[cut])
            yield [self._prepared(change, batch, labels[cut], epoch, samples[cut])]

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
            return self.preprocess.normalise(scaled(moved)), labels
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
