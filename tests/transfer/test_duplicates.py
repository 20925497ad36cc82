import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from glassnet.data import Preprocessing
from glassnet.transfer.duplicates import across, look_of
from glassnet.transfer.learn import ALIKE

READING = Preprocessing((224, 224), 3, crop=0.875, interpolation="bicubic")


def read(image: Image.Image, quality: int = 95) -> np.ndarray:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    buffer.seek(0)
    return READING.read(buffer)


@pytest.mark.data
def test_the_same_picture_in_another_file(shared_data):
    files = sorted((shared_data / "ants-bees" / "val" / "bees").iterdir())[:12]
    pictures = [Image.open(file).convert("RGB") for file in files]
    own = look_of(np.stack([read(p) for p in pictures]))
    small = [p.resize((p.width * 6 // 10, p.height * 6 // 10), Image.Resampling.BICUBIC)
             for p in pictures]  # fmt: skip
    bright = [ImageEnhance.Brightness(p).enhance(1.15) for p in pictures]
    for copies in ([read(p, 50) for p in pictures], [read(p, 80) for p in small],
                   [read(p) for p in bright]):  # fmt: skip
        assert np.bitwise_count(look_of(np.stack(copies)) ^ own).max() <= ALIKE


@pytest.mark.data
def test_different_photographs_look_different(shared_data):
    files = sorted((shared_data / "imagenet-samples").glob("*.jp*g"))[::8]
    looks = np.concatenate([look_of(READING.read(file)[None]) for file in files])
    bits = np.bitwise_count(looks[:, None] ^ looks[None])[np.triu_indices(len(looks), 1)]
    assert bits.min() > ALIKE


def test_pairs_across():
    first, second = np.uint64([0, 0b1111_1111]), np.uint64([0b11, 0, 2**63])
    pairs = across(first, second, ([b"a", b"b"], [b"c", b"a", b"d"]), 1)
    assert [(p.first, p.second, p.bits, p.exact) for p in pairs] == [
        (0, 1, 0, True),
        (0, 2, 1, False),
    ]


def test_grey_images_have_a_look():
    grey = np.random.default_rng(0).integers(0, 256, (2, 1, 40, 40), dtype=np.uint8)
    colour = np.repeat(grey, 3, axis=1)
    np.testing.assert_array_equal(look_of(grey), look_of(colour))
