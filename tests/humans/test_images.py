"""Images: what is refused before decoding, and what is shown tells nothing."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageEnhance
from PIL.PngImagePlugin import PngInfo

from glassnet.errors import DataError
from glassnet.humans import images
from glassnet.humans.images import Limits, Seen


def encoded(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def photograph(seed: int = 0, size: tuple[int, int] = (160, 120)) -> Image.Image:
    """Smooth shapes, as photographs have them."""
    draws = np.random.default_rng(seed).normal(size=(7, 9, 3))
    pixels = np.clip(128 + 60 * draws, 0, 255).astype(np.uint8)
    return Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)


def bomb(width: int, height: int) -> bytes:
    """A tiny PNG that says it is huge."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_the_three_kinds_are_taken(format: str, tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(encoded(photograph(), format))
    taken = images.read(path)
    assert (taken.mode, taken.size) == ("RGB", (160, 120))


def test_a_photograph_with_a_preview_behind_it_is_the_photograph() -> None:
    preview = photograph(1, (40, 30))
    body = encoded(photograph(), "MPO", save_all=True, append_images=[preview])
    assert images.read(body).size == (160, 120)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "no PNG, JPEG or WebP"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "no PNG"),
        (encoded(photograph(), "GIF"), "no PNG"),
        (encoded(photograph(), "BMP"), "no PNG"),
        (encoded(photograph(), "TIFF"), "no PNG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no PNG"),
        (encoded(photograph())[:2000], "damaged"),
        (bomb(60_000, 60_000), "pixels"),
        (bomb(9_000, 6_000), "at most 50,000,000"),
        (
            encoded(photograph(), "WEBP", save_all=True, append_images=[photograph(1)]),
            "2 frames",
        ),
        (encoded(photograph(), save_all=True, append_images=[photograph(1)]), "2 frames"),
    ],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_what_is_refused(body: bytes, said: str) -> None:
    with pytest.raises(DataError, match=said):
        images.read(body, "upload.png")


def test_limits_are_looked_at_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(images, "decode", never)
    body = encoded(photograph())
    with pytest.raises(DataError, match="bytes"):
        images.read(body, limits=Limits(bytes=len(body) - 1))
    with pytest.raises(DataError, match="19,200 pixels"):
        images.read(body, limits=Limits(pixels=19_199))


def test_metadata_does_not_survive() -> None:
    exif = Image.Exif()
    exif[0x010E] = "a siamese cat"
    text = PngInfo()
    text.add_text("label", "cat")
    for body in (
        encoded(photograph(), "JPEG", exif=exif, comment=b"cat"),
        encoded(photograph(), "PNG", pnginfo=text),
        encoded(photograph(), "WEBP", exif=exif),
    ):
        assert b"cat" in body
        assert b"cat" not in images.to_png(images.shown(images.read(body), 64, "bicubic"))


def test_padding_keeps_the_picture_and_hides_the_size() -> None:
    bodies = [images.to_png(images.shown(photograph(k), 64, "bicubic")) for k in range(4)]
    bodies.append(images.to_png(Image.new("RGB", (64, 64))))  # far smaller
    length = max(map(len, bodies)) + 12
    for body in bodies:
        padded = images.padded(body, length)
        assert len(padded) == length
        with Image.open(io.BytesIO(padded)) as image:
            image.verify()
        assert images.fingerprint(images.read(padded)) == images.fingerprint(images.read(body))
    with pytest.raises(DataError):
        images.padded(bodies[0], len(bodies[0]) + 11)


@pytest.mark.parametrize("size", [(10, 10), (28, 28), (300, 20), (20, 300), (640, 480)])
def test_everything_is_shown_at_one_size_and_whole(size: tuple[int, int]) -> None:
    shown = images.shown(Image.new("RGB", size, "red"), 96, "bilinear")
    assert shown.size == (96, 96)
    assert shown.getpixel((48, 48)) == (255, 0, 0)
    if size[0] != size[1]:
        assert shown.getpixel((0, 0)) == images.GREY


def test_large_images_are_reduced_for_models() -> None:
    assert images.given(photograph(size=(3000, 1500))).size == (1024, 512)
    assert images.given(photograph(size=(1024, 3))).size == (1024, 3)


def test_a_strip_holds_each_example() -> None:
    colours = ["red", "lime", "blue"]
    body = images.strip([Image.new("RGB", (50, 50), c) for c in colours], 32)
    with Image.open(io.BytesIO(body)) as strip:
        assert (strip.format, strip.size) == ("WEBP", (96, 32))
        middles = [strip.convert("RGB").getpixel((16 + 32 * k, 16)) for k in range(3)]
    assert [int(np.argmax(middle)) for middle in middles] == [0, 1, 2]


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image,
        lambda image: image.resize((320, 240), Image.Resampling.LANCZOS),
        lambda image: image.resize((96, 72), Image.Resampling.BICUBIC),
        lambda image: Image.open(io.BytesIO(encoded(image, "JPEG", quality=60))).convert("RGB"),
        lambda image: ImageEnhance.Brightness(image).enhance(0.9),
        lambda image: image.convert("L").convert("RGB"),
    ],
    ids=["same", "larger", "smaller", "compressed", "darker", "grey"],
)
def test_the_same_picture_is_known_again(change: Any) -> None:
    seen = Seen()
    for seed in range(30):
        seen.add(photograph(seed))
    assert all(seen.has(change(photograph(seed))) for seed in range(30))
    assert not any(seen.has(change(photograph(seed))) for seed in range(100, 200))


def test_an_attention_check_says_its_class() -> None:
    short, long = (images.instruction(name, 128) for name in ("cat", "a very long name of a class"))
    assert short.size == long.size == (128, 128)
    assert images.fingerprint(short) != images.fingerprint(long)
    edge = np.asarray(long.convert("L"))[:, [0, -1]]
    assert edge.min() == 255  # nothing is cut off
