"""JPEGs that are much larger than what is asked for are decoded at reduced size."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glassnet.data import Preprocessing
from glassnet.data.images import SPARE, decode, needed, resize, to_array


def photograph(width: int, height: int, kind: str = "JPEG") -> io.BytesIO:
    """Soft shapes with grain, as a file."""
    rng = np.random.default_rng(0)
    soft = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    pixels = np.asarray(soft.resize((width, height), Image.Resampling.BICUBIC), np.float32)
    grain = rng.normal(0, 4, (height, width, 1))
    buffer = io.BytesIO()
    Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8)).save(buffer, kind)
    buffer.seek(0)
    return buffer


def test_what_is_needed():
    assert needed((224, 224), 0.875) == 768
    assert needed((64, 48), None) == needed((64, 48), 1.0) == 64 * SPARE


@pytest.mark.parametrize(("least", "size"), [(None, (1600, 1200)), (768, (1600, 1200)),
                                             (600, (800, 600)), (300, (400, 300))])  # fmt: skip
def test_never_smaller_than_needed(least, size):
    assert decode(photograph(1600, 1200), least=least).size == size


@pytest.mark.parametrize("crop", [0.875, 1.0, None])
def test_the_pixels_hardly_differ(crop):
    reading = Preprocessing((96, 96), 3, crop=crop, interpolation="bicubic")
    quick = reading.read(photograph(1600, 1200)).astype(int)
    whole = to_array(resize(decode(photograph(1600, 1200)), (96, 96), crop, "bicubic")).astype(int)
    assert np.abs(quick - whole).mean() < 0.5 and np.abs(quick - whole).max() < 12


def test_other_formats_are_read_whole():
    assert decode(photograph(800, 600, "PNG"), least=100).size == (800, 600)


def test_turned_photographs_are_turned_after_it(tmp_path: Path):
    image = Image.open(photograph(1600, 1200))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "turned.jpg", exif=exif)
    assert decode(tmp_path / "turned.jpg", least=300).size == (300, 400)


@pytest.mark.data
def test_real_photographs_of_nine_megapixels(shared_data: Path):
    """The three of the sign digits that are that large."""
    reading = Preprocessing((224, 224), 3, crop=0.875, interpolation="bicubic")
    large = [shared_data / "sign-digits" / "7" / f"IMG_{n}.jpg" for n in (5874, 5935, 5978)]
    for file in large:
        image = decode(file)
        assert image.size == (3024, 3024)
        whole = to_array(resize(image, (224, 224), 0.875, "bicubic")).astype(int)
        assert np.abs(reading.read(file).astype(int) - whole).mean() < 0.5
