"""Image files as people have them: every mode by the stated rule, every damage named."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glassnet.data.images import decode, from_array, read_image, resize, to_array
from glassnet.errors import DataError

GRADIENT = np.arange(256, dtype=np.uint8).reshape(16, 16)


def saved(image: Image.Image, path: Path, **options: object) -> Path:
    image.save(path, **options)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honoured(tmp_path: Path, orientation: int) -> None:
    upright = np.zeros((40, 60, 3), np.uint8)
    upright[:20, :20] = (255, 0, 0)  # a red mark at the top left
    turns = {1: (0, 0), 2: (0, 1), 3: (2, 0), 4: (2, 1), 5: (3, 1), 6: (1, 0), 7: (1, 1), 8: (3, 0)}
    quarter, mirror = turns[orientation]
    stored = np.rot90(upright, quarter)  # how the camera held it
    stored = stored[:, ::-1] if mirror else stored
    stored = np.ascontiguousarray(stored)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(Image.fromarray(stored), tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_image(path).transpose(1, 2, 0), upright)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_16_bit_grey_is_scaled_by_257(tmp_path: Path, name: str) -> None:
    values = np.array([[0, 128, 129, 257], [32768, 65279, 65407, 65535]], np.uint16)
    path = saved(Image.fromarray(values), tmp_path / name)
    assert read_image(path, channels=1)[0].tolist() == [[0, 0, 1, 1], [128, 254, 255, 255]]
    assert read_image(path, channels=3).shape == (3, 2, 4)
    full = (GRADIENT.astype(np.uint16)) * 257
    saved(Image.fromarray(full), path)
    np.testing.assert_array_equal(read_image(path, channels=1)[0], GRADIENT)


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    pure = Image.new("CMYK", (8, 8), (0, 255, 255, 0))  # magenta and yellow ink: red
    red = read_image(saved(pure, tmp_path / "a.jpg", quality=100))
    assert abs(red.astype(int).mean(axis=(1, 2)) - (255, 0, 0)).max() < 3
    assert read_image(saved(pure, tmp_path / "a.tif"))[:, 0, 0].tolist() == [255, 0, 0]


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    half = Image.new("RGBA", (4, 4), (0, 0, 0, 51))  # a fifth of black
    assert read_image(saved(half, tmp_path / "a.png"))[:, 0, 0].tolist() == [204, 204, 204]
    grey = Image.new("LA", (4, 4), (100, 0))
    assert read_image(saved(grey, tmp_path / "b.png"), channels=1)[0, 0, 0] == 255
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    assert read_image(saved(palette, tmp_path / "c.png"))[:, 0, 0].tolist() == [10, 20, 30]
    path = saved(palette, tmp_path / "d.png", transparency=1)
    assert read_image(path)[:, 0, 0].tolist() == [255, 255, 255]
    keyed = saved(Image.new("L", (4, 4), 9), tmp_path / "e.png", transparency=9)
    assert read_image(keyed, channels=1)[0, 0, 0] == 255


def test_one_bit_and_grey_and_colour(tmp_path: Path) -> None:
    bits = Image.fromarray(GRADIENT > 127)
    assert bits.mode == "1"
    expected = np.where(GRADIENT > 127, 255, 0)
    one_bit = read_image(saved(bits, tmp_path / "a.png"), channels=1)
    np.testing.assert_array_equal(one_bit[0], expected)
    grey = saved(Image.fromarray(GRADIENT), tmp_path / "b.png")
    np.testing.assert_array_equal(read_image(grey), np.stack([GRADIENT] * 3))
    green = saved(Image.new("RGB", (2, 2), (0, 255, 0)), tmp_path / "c.png")
    assert read_image(green, channels=1)[0, 0, 0] == 150  # 0.587 * 255


def test_streams_and_first_frames(tmp_path: Path) -> None:
    frames = [Image.new("P", (4, 4), 0), Image.new("P", (4, 4), 1)]
    for frame in frames:
        frame.putpalette([1, 2, 3, 200, 200, 200])
    path = saved(frames[0], tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert read_image(io.BytesIO(path.read_bytes()))[:, 0, 0].tolist() == [1, 2, 3]


def test_damage_is_named(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    for suffix in (".jpg", ".png", ".webp", ".bmp", ".tif"):
        path = saved(Image.fromarray(noise), tmp_path / f"photo{suffix}")
        whole = path.read_bytes()
        for part in (len(whole) // 2, len(whole) - 100, 20):
            path.write_bytes(whole[:part])
            with pytest.raises(DataError, match=rf"photo\{suffix}: (cut short|not an image)"):
                decode(path)
    (tmp_path / "text.jpg").write_text("hello")
    with pytest.raises(DataError, match=r"text\.jpg: not an image in a known format"):
        decode(tmp_path / "text.jpg")
    (tmp_path / "empty.png").touch()
    with pytest.raises(DataError, match=r"empty\.png: the file is empty"):
        decode(tmp_path / "empty.png")
    with pytest.raises(DataError, match="there is no such file"):
        decode(tmp_path / "none.png")
    with pytest.raises(DataError, match="is a folder"):
        decode(tmp_path)
    with pytest.raises(DataError, match="the image: not an image"):
        decode(io.BytesIO(b"nothing"))


def test_pixels_without_a_stated_range(tmp_path: Path) -> None:
    floats = saved(Image.fromarray(np.ones((2, 2), np.float32)), tmp_path / "f.tif")
    with pytest.raises(DataError, match=r"f\.tif: pixels of kind 'F'"):
        decode(floats)
    huge = saved(Image.fromarray(np.full((2, 2), 70000, np.int32)), tmp_path / "i.tif")
    with pytest.raises(DataError, match=r"i\.tif: pixels of kind 'I'"):
        decode(huge)


@pytest.mark.parametrize("side", [60_000, 12_000])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_decompression_bomb_is_refused(tmp_path: Path, side: int) -> None:
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    with pytest.raises(DataError, match=r"bomb\.png: too large to decode safely"):
        decode(tmp_path / "bomb.png")


def test_resize_keeps_the_centre_or_stretches() -> None:
    wide = np.zeros((1, 10, 30), np.uint8)
    wide[:, :, 10:20] = 255  # a white centre square
    image = from_array(wide)
    assert to_array(resize(image, (10, 10))).min() == 255
    assert to_array(resize(image, (5, 5), interpolation="box")).min() == 255
    stretched = to_array(resize(image, (10, 30), crop=None))
    np.testing.assert_array_equal(stretched, wide)
    assert 80 < to_array(resize(image, (4, 6), crop=None)).mean() < 90  # a third is white
    quarter = np.kron(np.eye(4, dtype=np.uint8), np.ones((8, 8), np.uint8)) * 255
    middle = to_array(resize(from_array(quarter[None]), (16, 16), crop=0.5, interpolation="box"))
    np.testing.assert_array_equal(middle[0], quarter[8:24, 8:24])


def test_shrinking_averages_and_nearest_does_not() -> None:
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)[None]
    for how in ("box", "bilinear", "bicubic", "lanczos"):
        small = to_array(resize(from_array(board), (8, 8), interpolation=how))  # type: ignore[arg-type]
        assert abs(small.astype(int) - 127).max() <= 3
    nearest = to_array(resize(from_array(board), (8, 8), interpolation="nearest"))
    assert set(np.unique(nearest)) <= {0, 255}


@pytest.mark.data
def test_real_photographs(shared_data: Path) -> None:
    files = sorted((shared_data / "imagenet-samples").glob("*.jpg"))[:20]
    for file in files:
        image = read_image(file, size=(32, 48))
        assert image.shape == (3, 32, 48) and image.std() > 1
