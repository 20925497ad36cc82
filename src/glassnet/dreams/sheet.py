"""Dreams as pictures: a contact sheet with a row for each chain, and an animation.

R rows, C columns, V pixels of a square picture
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from glassnet.dreams.machines import picture_shape
from glassnet.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

Bytes = NDArray[np.uint8]

SCALE, GAP, EDGE = 3, 4, 22  # screen pixels of a pixel, between pictures, of the captions' margin
PAPER, INK = 255, 60
ANIMATED = 90  # frames of an animation, at most
PACE, PAUSE = 80, 1500  # milliseconds of a frame, and of the last


def moments(steps: int, columns: int) -> list[int]:
    """Which steps a row shows, 0 and `steps` among them, ever further apart: most happens first.

    >>> moments(200, 8)
    [0, 1, 2, 5, 12, 31, 79, 200]
    """
    if columns < 2 or steps < 1:
        return [steps]
    spaced = np.rint(np.geomspace(1, steps, columns - 1)).astype(int)
    return sorted({0, *spaced.tolist()})


def evenly(steps: int, columns: int) -> list[int]:
    """Which of `steps` steps a row shows, 1 the first, where all are worth the same."""
    return sorted(set(np.rint(np.linspace(1, steps, min(columns, steps))).astype(int).tolist()))


def contact_sheet(
    rows: Sequence[Sequence[NDArray[Any]]], columns: Sequence[object], names: Sequence[object]
) -> Image.Image:
    """rows: R of C pictures (V,) of 0..1, with the columns' captions above, rows' names beside."""
    from PIL import Image, ImageDraw, ImageFont

    pictures = np.asarray(rows)
    body = mosaic(pictures.reshape(-1, pictures.shape[-1]), pictures.shape[1])
    font = ImageFont.load_default(12)
    left = EDGE + 7 * max(len(str(name)) for name in names)
    sheet = Image.new("L", (left + body.shape[1], EDGE + body.shape[0]), PAPER)
    sheet.paste(Image.fromarray(body), (left, EDGE))
    draw = ImageDraw.Draw(sheet)
    height, width = _pitch(pictures.shape[-1])
    for i, caption in enumerate(columns):
        draw.text((left + i * width + width // 2, EDGE - 4), str(caption), INK, font, "ms")
    for i, name in enumerate(names):
        draw.text((left - 8, EDGE + i * height + height // 2), str(name), INK, font, "rm")
    return sheet


def mosaic(images: NDArray[Any], columns: int) -> Bytes:
    """Pictures (N, V) of 0..1, white on black, in rows of `columns` with gaps of paper between."""
    side = picture_shape(images.shape[-1])
    height, width = _pitch(images.shape[-1])
    rows = math.ceil(len(images) / columns)
    body = np.full((rows * height, columns * width), PAPER, np.uint8)
    for i, image in enumerate(images):
        top, left = (i // columns) * height, (i % columns) * width
        pixels = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8).reshape(side)
        large = pixels.repeat(SCALE, axis=0).repeat(SCALE, axis=1)
        body[top : top + large.shape[0], left : left + large.shape[1]] = large
    return body


def write_animation(path: str | os.PathLike[str], frames: Iterable[NDArray[Any]]) -> Path:
    """A GIF that loops: each frame pictures (N, V) of 0..1, side by side."""
    from PIL import Image

    drawn = [Image.fromarray(mosaic(images, _across(len(images)))) for images in frames]
    times = [PACE] * (len(drawn) - 1) + [PAUSE]
    _write(path, drawn[0], save_all=True, append_images=drawn[1:], duration=times, loop=0)
    return Path(path)


def write_sheet(path: str | os.PathLike[str], sheet: Image.Image) -> Path:
    """A picture's file, of the kind that its ending names."""
    _write(path, sheet)
    return Path(path)


def read_image(path: str | os.PathLike[str], visible: int) -> NDArray[np.float32]:
    """An image's file as pixels (V,) of 0..1: grey, of the machine's size, light on dark.

    An image that is lighter at its edge than within is a drawing on paper, and turned round.
    Raises DataError for a file that is no image.
    """
    from PIL import Image, UnidentifiedImageError

    height, width = picture_shape(visible)
    try:
        with Image.open(path) as image:
            grey = image.convert("L").resize((width, height), Image.Resampling.BOX)
    except (UnidentifiedImageError, OSError) as error:
        raise DataError(f"{path} cannot be read as an image ({error})") from error
    pixels: NDArray[np.float32] = np.asarray(grey, np.float32) / np.float32(255)
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return (1 - pixels if edge.mean() > 0.5 else pixels).reshape(-1)


def half(side: str, visible: int) -> NDArray[np.bool_]:
    """Which pixels (V,) the top, bottom, left or right half of a picture has."""
    height, width = picture_shape(visible)
    known = np.zeros((height, width), bool)
    {"top": known[: height // 2], "bottom": known[height // 2 :],
     "left": known[:, : width // 2], "right": known[:, width // 2 :]}[side][:] = True  # fmt: skip
    return known.reshape(-1)


def _pitch(visible: int) -> tuple[int, int]:
    height, width = picture_shape(visible)
    return height * SCALE + GAP, width * SCALE + GAP


def _across(count: int) -> int:
    """Columns of a mosaic of so many that is about twice as wide as high."""
    return min(count, max(1, math.ceil(math.sqrt(2 * count))))


def _write(path: str | os.PathLike[str], image: Image.Image, **options: Any) -> None:
    import io

    from glassnet.io import atomic_write

    buffer = io.BytesIO()
    image.save(buffer, Path(path).suffix[1:], **options)
    atomic_write(path, buffer.getvalue())
