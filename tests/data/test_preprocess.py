"""Preprocessing: one object that reads, scales, normalises, and survives JSON."""

import json
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from glassnet import data
from glassnet.data import Preprocessing
from glassnet.errors import DataError, ShapeError

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 3, 5, 4)).astype(np.uint8)


def test_the_formula_and_the_memory_order() -> None:
    pre = Preprocessing((5, 4), 3, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))
    expected = (IMAGES / 255 - np.reshape(pre.mean, (3, 1, 1))) / np.reshape(pre.std, (3, 1, 1))
    for images in (
        IMAGES,
        np.ascontiguousarray(IMAGES.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
    ):
        y = pre(images)
        assert y.dtype == np.float32 and y.shape == images.shape
        assert y.transpose(0, 2, 3, 1).flags.c_contiguous
        np.testing.assert_allclose(y, expected, rtol=0, atol=1e-6)


def test_floats_are_taken_as_they_are_and_left_alone() -> None:
    x = np.random.default_rng(1).normal(size=(3, 7)).astype(np.float32)
    before = x.copy()
    y = Preprocessing(channels=7, mean=(1.0,) * 7, std=(2.0,) * 7)(x)
    np.testing.assert_allclose(y, (x - 1) / 2, atol=1e-6)
    np.testing.assert_array_equal(x, before)


def test_fit_is_mean_and_std_of_all_values() -> None:
    dataset = data.arrays(IMAGES, [0, 1] * 3)
    pre = Preprocessing.fit(dataset)
    np.testing.assert_allclose(pre.mean, (IMAGES / 255).mean(axis=(0, 2, 3)), atol=1e-6)
    np.testing.assert_allclose(pre.std, (IMAGES / 255).std(axis=(0, 2, 3)), atol=1e-6)
    assert pre.size == (5, 4)
    y = pre(IMAGES)
    np.testing.assert_allclose(y.mean(axis=(0, 2, 3)), 0, atol=1e-5)
    features = np.array([[1.0, 5.0], [3.0, 5.0]])
    fitted = Preprocessing.fit(data.arrays(features, [0, 1]))
    assert fitted.mean == (2.0, 5.0) and fitted.std == (1.0, 1.0)  # a constant keeps its scale
    with pytest.raises(DataError, match="empty"):
        Preprocessing.fit(dataset.subset([]))


@pytest.mark.data
def test_the_published_statistics_of_mnist(published_data: Path) -> None:
    pre = Preprocessing.fit(data.mnist()[0])
    assert (round(pre.mean[0], 4), round(pre.std[0], 4)) == (0.1307, 0.3081)


@given(
    size=st.none() | st.tuples(st.integers(1, 500), st.integers(1, 500)),
    mean=st.lists(st.floats(-2, 2), min_size=3, max_size=3),
    std=st.lists(st.floats(1e-3, 10), min_size=3, max_size=3),
    crop=st.none() | st.floats(0.1, 1),
    interpolation=st.sampled_from(["nearest", "box", "bilinear", "bicubic", "lanczos"]),
)
def test_json_round_trip(size, mean, std, crop, interpolation) -> None:  # type: ignore[no-untyped-def]
    pre = Preprocessing(size, 3, tuple(mean), tuple(std), crop, interpolation)
    again = Preprocessing.from_dict(json.loads(json.dumps(pre.to_dict())))
    assert again == pre and hash(again) == hash(pre) and str(again) == str(pre)


def test_other_formats_are_refused() -> None:
    good = Preprocessing((2, 2)).to_dict()
    for bad in ({**good, "format": 2}, {**good, "extra": 1}, {"format": 1}, {}):
        with pytest.raises(DataError, match="cannot be read; this glassnet reads format 1"):
            Preprocessing.from_dict(bad)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": (0, 4)}, "size must be"),
        ({"size": (1, 2, 3)}, "size must be"),
        ({"channels": 0}, "channels must be at least 1"),
        ({"mean": (1.0,)}, "mean and std need one number for each of 3 channels, got 1 and 3"),
        ({"std": (1.0, 0.0, 1.0)}, "std positive"),
        ({"mean": (float("nan"), 0.0, 0.0)}, "mean must be finite"),
        ({"crop": 0.0}, "crop must lie in"),
        ({"crop": 1.5}, "crop must lie in"),
        ({"interpolation": "magic"}, "interpolation must be one of nearest"),
    ],
)
def test_settings_that_mean_nothing(settings: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Preprocessing(**settings)  # type: ignore[arg-type]


def test_it_is_frozen_and_reads_well() -> None:
    pre = Preprocessing((28, 28), 1, (0.1307,), (0.3081,))
    assert str(pre) == (
        "28 x 28 grey; centre crop 1, bilinear; minus mean (0.1307), divided by std (0.3081)"
    )
    assert "stretched" in str(Preprocessing((2, 2), crop=None))
    assert str(Preprocessing(channels=9)).startswith("9 channels; minus mean (0, 0, 0, 0, ...)")
    with pytest.raises(FrozenInstanceError):
        pre.channels = 3  # type: ignore[misc]


def test_read_and_call_agree_on_size_and_channels(tmp_path: Path) -> None:
    """A batch of another size is converted by the very rule that reads files."""
    photo = np.random.default_rng(2).integers(0, 256, (3, 40, 60)).astype(np.uint8)
    Image.fromarray(photo.transpose(1, 2, 0)).save(tmp_path / "a.png")
    for channels in (1, 3):
        pre = Preprocessing((16, 20), channels, crop=0.9)
        from_file = pre.read(tmp_path / "a.png")
        assert from_file.shape == (channels, 16, 20) and from_file.dtype == np.uint8
        np.testing.assert_array_equal(pre(photo[None]), pre(from_file[None]))
    grey = Preprocessing((8, 8), 3)(np.full((1, 1, 8, 8), 51, np.uint8))
    np.testing.assert_allclose(grey, np.full((1, 3, 8, 8), 0.2), atol=1e-6)


def test_what_does_not_fit() -> None:
    pre = Preprocessing((5, 4), 3)
    with pytest.raises(ShapeError, match=r"expected images \(n, 3, 5, 4\), got \(2, 3, 6, 6\)"):
        pre(np.zeros((2, 3, 6, 6), np.float32))
    with pytest.raises(ShapeError, match="got"):
        pre(np.zeros((2, 4, 5, 4), np.uint8))
    with pytest.raises(ShapeError, match="H, W"):
        Preprocessing(channels=1)(np.zeros((2, 3, 4)))
    with pytest.raises(DataError, match="1 or 3 channels, this network takes 7"):
        Preprocessing(channels=7).read("a.png")


def test_empty_batches() -> None:
    assert Preprocessing((5, 4))(IMAGES[:0]).shape == (0, 3, 5, 4)
