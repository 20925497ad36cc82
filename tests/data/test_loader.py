"""The loader: every sample once, repeatable at any depth of prefetching, and no thread left."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassnet import data
from glassnet.data.loader import ahead
from glassnet.errors import DataError
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
