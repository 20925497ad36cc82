"""The loader: every sample once, repeatable at any depth of prefetching, and no thread left."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassnet import data
from glassnet.data import loader as loading
from glassnet.data.loader import GROUP, ahead
from glassnet.errors import DataError, ShapeError
from glassnet.kernels import dispatch
from glassnet.tensor import Tensor

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (23, 3, 8, 8)).astype(np.uint8)
DATASET = data.arrays(IMAGES, np.arange(23) % 4)
NUMBERS = data.arrays(np.arange(23.0)[:, None], np.arange(23) % 4)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert not [t for t in threading.enumerate() if t.name == "glassnet-loader"]


def numbers(batches: Iterable[tuple[Tensor, Tensor]]) -> list[int]:
    return [int(v) for x, _ in batches for v in x.numpy().ravel()]


@given(
    size=st.integers(1, 30),
    shuffle=st.booleans(),
    seed=st.integers(0, 99),
    prefetch=st.integers(0, 3),
)
def test_an_epoch_covers_each_sample_once(
    size: int, shuffle: bool, seed: int, prefetch: int
) -> None:
    loader = data.Loader(NUMBERS, size, shuffle, seed, prefetch=prefetch)
    batches = list(loader.epoch(3))
    assert len(batches) == len(loader) == -(-23 // size)
    assert sorted(numbers(iter(batches))) == list(range(23))
    for x, y in batches:
        assert (x.numpy()[:, 0].astype(int) % 4).tolist() == y.numpy().tolist()
    whole = data.Loader(NUMBERS, size, drop_last=True, prefetch=prefetch)
    assert {len(x.numpy()) for x, _ in whole.epoch(0)} <= {size}
    assert len(whole) == 23 // size


AUGMENT = data.Compose([data.Flip(), data.Shift(1), data.Rotate(20), data.ColorJitter(0.2, 0.2)])


@pytest.mark.parametrize("augment", [None, AUGMENT, data.Compose([AUGMENT, data.Mixup()])])
def test_the_same_batches_at_any_depth_and_from_any_step(
    augment: data.Augmentation | None,
) -> None:
    pre = data.Preprocessing.fit(DATASET)

    def epoch(k: int, prefetch: int, start: int = 0, seed: int = 5) -> list[bytes]:
        loader = data.Loader(DATASET, 5, True, seed, augment, pre, prefetch=prefetch)
        return [x.numpy().tobytes() + y.numpy().tobytes() for x, y in loader.batches(k, start)]

    reference = epoch(2, prefetch=0)
    for prefetch in (1, 2, 7):
        assert epoch(2, prefetch) == reference
        assert epoch(2, prefetch, start=3) == reference[3:]
    assert epoch(2, 2, start=5) == []
    assert epoch(1, 2) != reference and epoch(2, 2, seed=6) != reference


def test_iterating_goes_through_successive_epochs() -> None:
    loader = data.Loader(NUMBERS, 4, shuffle=True)
    first, second = numbers(iter(loader)), numbers(iter(loader))
    assert first == numbers(loader.epoch(0)) and second == numbers(loader.epoch(1))
    assert first != second
    assert numbers(data.Loader(NUMBERS, 4).epoch(0)) == list(range(23))


def test_what_a_batch_is() -> None:
    pre = data.Preprocessing((8, 8), 3, (0.5, 0.4, 0.3), (0.2, 0.2, 0.2))
    x, y = next(data.Loader(DATASET, 4, preprocess=pre).epoch(0))
    np.testing.assert_array_equal(x.numpy(), pre(IMAGES[:4]))
    assert x.numpy().dtype == np.float32 and y.numpy().dtype == np.int64
    assert x.numpy().transpose(0, 2, 3, 1).flags.c_contiguous
    plain, _ = next(data.Loader(DATASET, 4).epoch(0))
    np.testing.assert_allclose(plain.numpy(), IMAGES[:4] / 255, atol=1e-6)
    augmented, _ = next(data.Loader(DATASET, 4, augment=data.Flip(0), preprocess=pre).epoch(0))
    np.testing.assert_array_equal(augmented.numpy(), x.numpy())


def test_mixup_gives_probabilities() -> None:
    _, y = next(data.Loader(DATASET, 16, augment=data.Mixup(1.0)).epoch(0))
    assert y.numpy().shape == (16, 4) and y.numpy().dtype == np.float32
    np.testing.assert_allclose(y.numpy().sum(axis=1), 1, atol=1e-6)
    assert ((y.numpy() > 0.01).sum(axis=1) == 2).any()


def test_a_sample_is_augmented_alike_in_every_batch() -> None:
    """Alone, or beside others: (seed, epoch, sample) decides."""
    singly = [x.numpy()[0] for x, _ in data.Loader(DATASET, 1, augment=AUGMENT).epoch(4)]
    together = next(data.Loader(DATASET, 23, augment=AUGMENT).epoch(4))[0].numpy()
    np.testing.assert_allclose(np.stack(singly), together, atol=1e-6)


def test_the_consumer_may_stop_or_raise() -> None:
    loader = data.Loader(NUMBERS, 1, prefetch=2)
    batches = loader.epoch(0)
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    for _ in loader:
        break
    with suppress(KeyError):
        for _ in loader:
            raise KeyError
    list(loader.epoch(0))


def test_an_error_of_the_worker_surfaces() -> None:
    class Broken(data.Dataset):
        def batch(self, indices):  # type: ignore[no-untyped-def]
            if 10 in indices:
                raise DataError("photo.jpg: cut short")
            return super().batch(indices)

    broken = Broken(NUMBERS._images, NUMBERS.labels, NUMBERS.classes, "broken")
    for prefetch in (0, 1, 4):
        batches = data.Loader(broken, 4, prefetch=prefetch).epoch(0)
        assert numbers(batch for _, batch in zip(range(2), batches, strict=False)) == [*range(8)]
        with pytest.raises(DataError, match=r"photo\.jpg: cut short"):
            next(batches)


def test_the_thread_stays_at_most_so_far_ahead() -> None:
    made: list[int] = []
    items = ahead((made.append(k) or k for k in range(100)), depth=3)
    assert next(items) == 0
    for _ in range(200):
        threading.Event().wait(0.001)
    assert 1 <= len(made) <= 1 + 3 + 1  # one handed out, three waiting, one in hand
    items.close()  # type: ignore[attr-defined]
    assert len(made) <= 6


def test_settings_that_mean_nothing() -> None:
    with pytest.raises(DataError, match="batch_size must be at least 1"):
        data.Loader(NUMBERS, 0)
    with pytest.raises(DataError, match="prefetch at least 0"):
        data.Loader(NUMBERS, prefetch=-1)
    with pytest.raises(DataError, match=r"augmentation needs images \(N, C, H, W\)"):
        list(data.Loader(NUMBERS, augment=data.Flip()))


def test_an_empty_data_set_has_no_batches() -> None:
    loader = data.Loader(DATASET.subset([]))
    assert len(loader) == 0 and list(loader) == []


def test_pixels_moved_as_bytes_are_those_moved_as_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    loader = data.Loader(DATASET, 5, True, augment=data.Compose([data.Flip(), data.Crop(8, 2)]))
    as_bytes = [x.numpy().copy() for x, _ in loader.epoch(3)]
    monkeypatch.setattr(data.Compose, "moves", False)
    for fast, slow in zip(as_bytes, loader.epoch(3), strict=True):
        np.testing.assert_array_equal(fast, slow[0].numpy())


MOVES = data.Compose([data.Flip(), data.Crop(8, padding=2)])


@pytest.mark.parametrize("mode", ["auto", "reference"])
def test_a_crop_stays_as_small_as_it_was_cut(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "MODE", mode)
    numbers = data.arrays(IMAGES.astype(np.float32) / 255, np.arange(23) % 4)
    batches = [
        next(iter(data.Loader(given, 23, augment=data.Crop(5))))[0].numpy()
        for given in (DATASET, numbers)
    ]
    assert batches[0].shape == (23, 3, 5, 5)
    np.testing.assert_allclose(*batches, atol=1e-6)


@given(
    size=st.integers(1, 30),
    start=st.integers(0, 8),
    drop_last=st.booleans(),
    group=st.sampled_from([1, 500, 2000, GROUP]),
    augment=st.sampled_from([None, MOVES, data.Crop(8, 1, 0.5), AUGMENT, data.Mixup()]),
    prefetch=st.sampled_from([0, 2]),
    as_floats=st.booleans(),
    mode=st.sampled_from(["auto", "reference"]),
)
def test_batches_of_a_group_are_those_that_are_prepared_alone(
    size: int, start: int, drop_last: bool, group: int, augment: data.Augmentation | None,
    prefetch: int, as_floats: bool, mode: str,
) -> None:  # fmt: skip
    dataset = data.arrays(IMAGES / np.float32(255), DATASET.labels) if as_floats else DATASET
    pre = data.Preprocessing.fit(DATASET)
    loader = data.Loader(dataset, size, True, 3, augment, pre, drop_last, prefetch)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "GROUP", group)
        patch.setattr(dispatch, "MODE", mode)
        batches = [(x.numpy(), y.numpy()) for x, y in loader.batches(2, start)]
    assert len(batches) == max(0, len(loader) - start)
    for step, (x, y) in enumerate(batches, start):
        samples = loader.order(2)[step * size : (step + 1) * size]
        images, labels = dataset.batch(samples)
        pixels = pre.scale(images)
        if augment is not None:
            soft = np.eye(4, dtype=np.float32)[labels] if augment.soft else labels
            pixels, labels = augment(pixels, soft, 3, 2, samples)
        np.testing.assert_array_equal(x, pre.normalise(pixels))
        np.testing.assert_array_equal(y, labels)
        assert x.transpose(0, 2, 3, 1).flags.c_contiguous


class Asked(data.Dataset):
    """Notes how many samples it is asked for at a time."""

    def __init__(self, of: data.Dataset) -> None:
        super().__init__(of._images, of.labels, of.classes, of.name)
        self.asked: list[int] = []

    def batch(self, indices):  # type: ignore[no-untyped-def]
        self.asked.append(len(indices))
        return super().batch(indices)


def test_groups_begin_with_one_batch_and_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "GROUP", 10 * IMAGES[0].size)
    asked = Asked(DATASET)
    list(data.Loader(asked, 2, prefetch=0).epoch(0))
    assert asked.asked == [2, 8, 10, 3]
    monkeypatch.setattr(loading, "GROUP", 1)
    asked = Asked(DATASET)
    list(data.Loader(asked, 10).epoch(0))
    assert asked.asked == [10, 10, 3]


@pytest.mark.parametrize("augment", [None, MOVES])
def test_an_error_while_a_batch_is_moved_ends_the_thread(
    augment: data.Augmentation | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object) -> None:
        raise ShapeError("does not fit")

    monkeypatch.setattr(data.Preprocessing, "walk", lambda *arguments: broken)
    batches = data.Loader(DATASET, 1, augment=augment).epoch(0)
    with pytest.raises(ShapeError, match="does not fit") as kept:
        next(batches)
    assert kept.tb is not None  # it holds the iteration's frames
    assert not [t for t in threading.enumerate() if t.name == "glassnet-loader"]


def test_an_augmentation_that_says_anew_how_it_is_applied() -> None:
    class Darker(data.Crop):
        def apply(self, pixels, draws):  # type: ignore[no-untyped-def]
            return super().apply(pixels, draws) // 2

    loader = data.Loader(DATASET, 23, augment=Darker(8))
    data.augment.base._KINDS.pop("Darker")
    x, _ = next(iter(loader))
    np.testing.assert_array_equal(x.numpy(), DATASET.preprocessing(IMAGES // 2))


@pytest.mark.parametrize("mode", ["auto", "reference"])
def test_what_numpy_prepares_is_prepared_batch_by_batch(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many are fetched at a time: who stops early waits for one batch at most."""
    monkeypatch.setattr(dispatch, "MODE", mode)
    applied: list[int] = []

    class Noted(data.ColorJitter):
        def apply(self, pixels, draws):  # type: ignore[no-untyped-def]
            applied.append(len(pixels))
            return super().apply(pixels, draws)

    data.augment.base._KINDS.pop("Noted")
    batches = data.Loader(DATASET, 1, augment=Noted(), prefetch=2).batches(0)
    next(batches)
    for _ in range(200):
        threading.Event().wait(0.001)
    assert 1 <= len(applied) <= 1 + 2 + 1  # one handed out, two waiting, one in hand
    batches.close()
    assert set(applied) == {1} and len(applied) <= 5
