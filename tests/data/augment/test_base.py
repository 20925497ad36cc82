"""What holds for every augmentation: determinism, range, memory order, JSON."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassnet import data
from glassnet.data import augment
from glassnet.errors import DataError

ALL = [
    data.Flip(),
    data.Flip(0.9),
    data.Shift(2, fill=0.5),
    data.Crop(10, padding=2),
    data.Cutout(5, fill=0.3),
    data.Affine(20, 0.8, 1.2, fill=0.1),
    data.Rotate(30),
    data.Scale(0.7, 1.3),
    data.Elastic(20, 3),
    data.ColorJitter(0.4, 0.4, 0.4),
    data.Mixup(0.4),
    data.Compose([data.Flip(), data.Compose([data.Shift(1), data.Cutout(3)]), data.Mixup()]),
]
SINGLE = [a for a in ALL if not a.soft]
IMAGES = np.random.default_rng(0).random((9, 3, 12, 14), dtype=np.float32)
SOFT = np.eye(3, dtype=np.float32)[np.arange(9) % 3]
SAMPLES = np.arange(100, 109)


def ids(a: data.Augmentation) -> str:
    return type(a).__name__


@pytest.mark.parametrize("a", ALL, ids=ids)
def test_json_round_trip(a: data.Augmentation) -> None:
    again = augment.from_dict(json.loads(json.dumps(a.to_dict())))
    assert again == a and repr(again) == repr(a)


@pytest.mark.parametrize("a", ALL, ids=ids)
def test_range_memory_and_the_input(a: data.Augmentation) -> None:
    before = IMAGES.copy()
    out, _ = a(IMAGES, SOFT, 1, 2, SAMPLES)
    assert out.dtype == np.float32 and out.shape[:2] == (9, 3)
    assert out.transpose(0, 2, 3, 1).flags.c_contiguous
    assert out.min() >= 0 and out.max() <= 1
    assert not np.array_equal(out, IMAGES)
    np.testing.assert_array_equal(IMAGES, before)
    last = np.ascontiguousarray(IMAGES.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(a(last, SOFT, 1, 2, SAMPLES)[0], out)
    empty, _ = a(IMAGES[:0], SOFT[:0], 1, 2, SAMPLES[:0])
    assert empty.shape == (0, *out.shape[1:])


@pytest.mark.parametrize("a", SINGLE, ids=ids)
@given(order=st.permutations(range(9)), count=st.integers(1, 9))
def test_a_sample_does_not_depend_on_its_batch(
    a: data.Augmentation, order: list[int], count: int
) -> None:
    whole, _ = a(IMAGES, SOFT, 3, 1, SAMPLES)
    chosen = order[:count]
    part, _ = a(IMAGES[chosen], SOFT[chosen], 3, 1, SAMPLES[chosen])
    np.testing.assert_allclose(part, whole[chosen], atol=1e-6)


@pytest.mark.parametrize("a", ALL, ids=ids)
def test_seed_and_epoch_decide(a: data.Augmentation) -> None:
    first = a(IMAGES, SOFT, 3, 1, SAMPLES)[0]
    np.testing.assert_array_equal(first, a(IMAGES, SOFT, 3, 1, SAMPLES)[0])
    assert not np.array_equal(first, a(IMAGES, SOFT, 4, 1, SAMPLES)[0])
    assert not np.array_equal(first, a(IMAGES, SOFT, 3, 2, SAMPLES)[0])


def test_parts_of_a_composition_draw_apart() -> None:
    """Two equal flips one after the other must not always cancel."""
    twice = data.Compose([data.Flip(), data.Flip()])
    many, samples = np.zeros((200, 1, 2, 2), np.float32), np.arange(200)
    many[:, :, :, 1] = 1
    out, _ = twice(many, samples, 0, 0, samples)
    assert 60 < (out[:, 0, 0, 0] == 1).sum() < 140


def test_what_is_not_an_augmentation() -> None:
    with pytest.raises(DataError, match="there is no augmentation 'Magic'; there are Affine"):
        augment.from_dict({"name": "Magic"})
    for bad in ({"name": "Shift"}, {"name": "Shift", "pixel": 2}, {"name": "Compose"}):
        with pytest.raises(DataError, match="does not fit"):
            augment.from_dict(bad)


@pytest.mark.parametrize(
    "make",
    [
        lambda: data.Flip(1.5),
        lambda: data.Shift(-1),
        lambda: data.Crop(0),
        lambda: data.Cutout(0),
        lambda: data.Rotate(-1),
        lambda: data.Scale(0, 1),
        lambda: data.Scale(1.2, 1),
        lambda: data.Elastic(sigma=0),
        lambda: data.ColorJitter(-0.1),
        lambda: data.Mixup(0),
    ],
)
def test_settings_that_mean_nothing(make) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError):
        make()


def test_a_base_is_no_kind() -> None:
    with pytest.raises(DataError, match="there is no augmentation 'Move'"):
        augment.from_dict({"name": "Move"})
