"""Images made safe to take, and safe to show.

Taken: limits on bytes, pixels and frames before anything is decoded; PNG, JPEG and WebP only.
Shown: drawn anew by the server at one size, without metadata, as PNG padded to one length, so that
neither name, nor form, nor size of a file tells the class.
"""

import hashlib
import io
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from glassnet.data.images import Interpolation, decode
from glassnet.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "WEBP")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
GIVEN_SIDE = 1024  # what models are given is reduced to this at its longer side
GREY = (128, 128, 128)  # beside an image that is not square
_PADDING = b"gnPd"  # a private, ancillary chunk that every PNG decoder passes over


@dataclass(frozen=True)
class Limits:
    """What is taken at most: of one image `bytes`, `pixels`; of an archive `members`, `total`."""

    bytes: int = 32 * 2**20
    pixels: int = 50_000_000
    members: int = 100_000
    total: int = 8 * 2**30


LIMITS = Limits()


def read(source: Path | bytes, name: str | None = None, limits: Limits = LIMITS) -> "Image":
    """A file, or its bytes, as an upright RGB image; the rule is that of `data/images.py`.

    Raises DataError, naming the image, for what is no PNG, JPEG or WebP, is damaged, holds
    several frames, or is over the limits; the latter is found before it is decoded.
    """
    shown = name or (str(source) if isinstance(source, Path) else "the image")
    stream = io.BytesIO(_bytes(source, shown, limits))
    stream.name = shown
    _check_header(stream, shown, limits)
    stream.seek(0)
    return decode(stream)


def _bytes(source: Path | bytes, name: str, limits: Limits) -> bytes:
    if isinstance(source, Path):
        if not source.is_file():
            raise DataError(f"{name}: there is no such file; check the path")
        with open(source, "rb") as file:
            source = file.read(limits.bytes + 1)
    if len(source) > limits.bytes:
        raise DataError(f"{name}: more than {limits.bytes:,} bytes; make it smaller")
    return source


def _check_header(stream: io.BytesIO, name: str, limits: Limits) -> None:
    """Look at format, pixels and frames; nothing is decoded for that."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(stream, formats=FORMATS) as image:
            pixels = image.width * image.height
            # Cameras put a preview behind the photograph (MPO): that is no animation.
            frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(f"{name}: too many pixels ({error})") from error
    except UnidentifiedImageError as error:
        raise DataError(f"{name}: no PNG, JPEG or WebP; convert it, or leave it out") from error
    except Exception as error:  # decoders raise nearly everything on damaged files
        raise DataError(f"{name}: cut short or damaged ({error}); leave it out") from error
    if pixels > limits.pixels:
        raise DataError(f"{name}: {pixels:,} pixels, at most {limits.pixels:,} are taken")
    if frames > 1:
        raise DataError(f"{name}: an animation of {frames} frames; give a still image")


def given(image: "Image") -> "Image":
    """What models are given: the image as it came, reduced if it is very large."""
    from PIL import Image

    if max(image.size) > GIVEN_SIDE:
        image = image.copy()
        image.thumbnail((GIVEN_SIDE, GIVEN_SIDE), Image.Resampling.LANCZOS)
    return image


def shown(image: "Image", side: int, interpolation: Interpolation) -> "Image":
    """What people are shown: the whole image, as large as fits a square of `side` pixels."""
    from PIL import Image

    scale = side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    resized = image.resize(size, Image.Resampling[interpolation.upper()])
    if size == (side, side):
        return resized
    square = Image.new("RGB", (side, side), GREY)
    square.paste(resized, ((side - size[0]) // 2, (side - size[1]) // 2))
    return square


def strip(images: "list[Image]", side: int) -> bytes:
    """Images side by side in one WebP, each `side` pixels high and wide."""
    from PIL import Image

    row = Image.new("RGB", (side * len(images), side), GREY)
    for i, image in enumerate(images):
        row.paste(
            shown(image, side, "lanczos" if max(image.size) > side else "bicubic"), (i * side, 0)
        )
    buffer = io.BytesIO()
    row.save(buffer, "WEBP", quality=82, method=4)
    return buffer.getvalue()


def instruction(name: str, side: int) -> "Image":
    """The image of an attention check: it says which class to choose."""
    from PIL import Image, ImageDraw, ImageFont

    scale = 4  # drawn larger and reduced, for smooth letters
    image = Image.new("RGB", (side * scale, side * scale), "white")
    draw = ImageDraw.Draw(image)
    middle = side * scale / 2
    for text, height, y in (("Please choose", 0.07, 0.4), (name, 0.11, 0.55)):
        size = height * side * scale
        font = ImageFont.load_default(size)
        wide = draw.textlength(text, font=font)
        if wide > 0.9 * side * scale:
            font = ImageFont.load_default(size * 0.9 * side * scale / wide)
        draw.text((middle, y * side * scale), text, "black", font, anchor="mm")
    return image.resize((side, side), Image.Resampling.LANCZOS)


def to_png(image: "Image") -> bytes:
    """PNG without metadata; the same pixels give the same bytes."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def padded(png: bytes, length: int) -> bytes:
    """The same image in exactly `length` bytes: a chunk of zeros before its end.

    A chunk takes 12 bytes with nothing in it. Raises DataError where `length` is too small.
    """
    missing = length - len(png) - 12
    if missing < 0:
        raise DataError(f"an image of {len(png)} bytes cannot be padded to {length}")
    body = _PADDING + bytes(missing)
    chunk = missing.to_bytes(4) + body + zlib.crc32(body).to_bytes(4)
    return png[:-12] + chunk + png[-12:]  # IEND is the last twelve bytes


def fingerprint(image: "Image") -> str:
    """SHA-256 of size and RGB pixels: the same for the same picture, whatever file it was in."""
    size = f"{image.width}x{image.height}:".encode()
    return hashlib.sha256(size + image.convert("RGB").tobytes()).hexdigest()


class Seen:
    """Pictures that others are compared with, exactly and by perceptual hashes.

    Two are the same picture where their pixels are, or where both the DCT hash and the gradient
    hash (64 bits each, of the brightness) differ in at most `distance` bits: that survives another
    size, compression or a change of brightness, and not another view of the same thing.
    """

    distance = 4

    def __init__(self) -> None:
        self._exact: set[str] = set()
        self._hashes: list[tuple[int, int]] = []
        self._table = np.empty((0, 2), np.uint64)  # (pictures, hashes)

    def add(self, image: "Image") -> None:
        """Remember a picture."""
        self._exact.add(fingerprint(image))
        self._hashes.append(_perceptual(image))

    def has(self, image: "Image") -> bool:
        """Whether this picture, or nearly this, is among them."""
        if fingerprint(image) in self._exact:
            return True
        if len(self._table) < len(self._hashes):
            self._table = np.array(self._hashes, np.uint64)
        bits = np.bitwise_count(self._table ^ np.array(_perceptual(image), np.uint64))
        return bool((bits <= self.distance).all(axis=1).any())


def _perceptual(image: "Image") -> tuple[int, int]:
    """The DCT hash and the gradient hash of imagehash, as 64-bit numbers."""
    import imagehash

    grey = image.convert("L")
    found = (imagehash.phash(grey), imagehash.dhash(grey))
    first, second = (int(str(value), 16) for value in found)
    return first, second
