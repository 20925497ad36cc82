"""Image files as people have them, to uint8 arrays (C, H, W) by one stated rule.

1. The first frame is taken, turned as its EXIF orientation says. A JPEG that has far more pixels
   than are asked for is decoded at a half, a quarter or an eighth of its size, which its format
   allows for little work, so that at least three pixels of it stand for each that is kept.
2. 16-bit grey is divided by 257 and rounded (65535 -> 255); 16-bit colour is cut to its high byte
   (Pillow does that while decoding).
3. Transparency, in every mode that has it, is laid on white.
4. Palette, CMYK, YCbCr and 1-bit become RGB (colour profiles are not applied); grey is repeated
   three times where three channels are asked for, and colour becomes grey by the luma of ITU-R
   BT.601, 0.299 R + 0.587 G + 0.114 B, where one is.

What cannot be read whole is an error that names the file; nothing is guessed or filled in.
"""

import math
import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from glassnet.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

Source = str | os.PathLike[str] | IO[bytes]
Bytes = NDArray[np.uint8]
Interpolation = Literal["nearest", "box", "bilinear", "bicubic", "lanczos"]

INTERPOLATIONS: tuple[str, ...] = get_args(Interpolation)
SUFFIXES = frozenset(
    ".png .jpg .jpeg .jpe .jfif .bmp .dib .gif .tif .tiff .webp .avif .ppm .pgm .pbm .pnm .jp2 "
    ".tga .ico".split()
)


SPARE = 3  # pixels of a JPEG decoded at reduced size for each that is kept, along a side


def decode(source: Source, channels: int = 3, least: int | None = None) -> "Image":
    """The image of a file or open binary stream as a Pillow image of mode "RGB" or "L".

    channels 3 or 1; least: sides of so many pixels will do, so that a larger JPEG may be decoded at
    reduced size. Raises DataError, naming the file and what to do, for a file that is missing,
    empty, cut short, damaged, not an image, too large (over `PIL.Image.MAX_IMAGE_PIXELS`, a
    decompression bomb) or of a kind without a stated rule (32-bit integer and float grey, CIELAB).
    """
    from PIL import Image, ImageOps

    name = _name(source)
    try:
        with Image.open(source) as image:
            _check_size(image, name)
            if least is not None:
                image.draft(None, (least, least))
            image.load()
            upright = ImageOps.exif_transpose(image)
        return _flatten(upright, name).convert("L" if channels == 1 else "RGB")
    except DataError:
        raise
    except Image.DecompressionBombError as error:
        raise DataError(_too_large(name, str(error))) from error
    except FileNotFoundError as error:
        raise DataError(f"{name}: there is no such file; check the path") from error
    except Exception as error:  # decoders raise nearly everything on damaged files
        raise DataError(_unreadable(source, name, error)) from error


def read_image(
    source: Source,
    size: tuple[int, int] | None = None,
    channels: int = 3,
    crop: float | None = 1.0,
    interpolation: Interpolation = "bilinear",
) -> Bytes:
    """Decode and resize: uint8 (channels, H, W), size = (H, W); see `decode` and `resize`."""
    if size is None:
        return to_array(decode(source, channels))
    image = decode(source, channels, needed(size, crop))
    return to_array(resize(image, size, crop, interpolation))


def needed(size: tuple[int, int], crop: float | None) -> int:
    """The side that an image must have at least to be resized to `size` without loss."""
    return math.ceil(SPARE * max(size) / (crop or 1.0))


def resize(
    image: "Image",
    size: tuple[int, int],
    crop: float | None = 1.0,
    interpolation: Interpolation = "bilinear",
) -> "Image":
    """Resize a Pillow image to size = (H, W).

    crop 1.0 scales the shorter side to fit and keeps the centre; crop 0.875 keeps only the middle
    87.5 % of that; None stretches the whole image. When shrinking, the filters average over all
    pixels they cover (no aliasing). The crop is cut in source coordinates, to a fraction of a
    pixel, in the same step as the scaling.
    """
    from PIL import Image

    height, width = size
    if image.size == (width, height) and crop in (None, 1.0):
        return image
    resample = Image.Resampling[interpolation.upper()]
    return image.resize((width, height), resample, box=_crop_box(image.size, size, crop))


def to_array(image: "Image") -> Bytes:
    """A Pillow image of mode "L" or "RGB" as uint8 (C, H, W), channels-last in memory."""
    array = np.array(image)
    return (array[:, :, None] if array.ndim == 2 else array).transpose(2, 0, 1)


def from_array(array: Bytes) -> "Image":
    """uint8 (C, H, W), C 1 or 3, as a Pillow image of mode "L" or "RGB"."""
    from PIL import Image

    pixels = np.ascontiguousarray(array.transpose(1, 2, 0))  # (H, W, C)
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def _crop_box(
    source: tuple[int, int], size: tuple[int, int], crop: float | None
) -> tuple[float, float, float, float]:
    """The part of a source (W, H) that becomes size = (H, W): left, top, right, bottom."""
    width, height = source
    if crop is None:
        return 0, 0, width, height
    scale = min(width / size[1], height / size[0]) * crop  # source pixels per target pixel
    left, top = (width - scale * size[1]) / 2, (height - scale * size[0]) / 2
    return max(left, 0), max(top, 0), min(width - left, width), min(height - top, height)


def _flatten(image: "Image", name: str) -> "Image":
    """Opaque and 8 bits a channel: 16-bit grey scaled, transparency laid on white."""
    from PIL import Image

    if image.mode.startswith("I"):
        return _from_16_bit(image, name)
    if image.mode in ("F", "LAB"):
        raise DataError(_no_rule(name, image.mode))
    if not image.has_transparency_data:
        return image
    colours = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), colours)


def _from_16_bit(image: "Image", name: str) -> "Image":
    from PIL import Image

    values = np.array(image).astype(np.int64)
    if values.size and (values.min() < 0 or values.max() > 65535):
        raise DataError(_no_rule(name, image.mode))
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))


def _check_size(image: "Image", name: str) -> None:
    from PIL import Image

    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        pixels = f"{image.width} x {image.height} pixels, more than {limit:,}"
        raise DataError(_too_large(name, pixels))


def _name(source: Source) -> str:
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    return str(getattr(source, "name", "the image"))


def _too_large(name: str, reason: str) -> str:
    return (
        f"{name}: too large to decode safely ({reason}); make it smaller, or raise "
        "PIL.Image.MAX_IMAGE_PIXELS if you trust where it comes from"
    )


def _no_rule(name: str, mode: str) -> str:
    return (
        f"{name}: pixels of kind '{mode}' have no stated range; save it as 8-bit or 16-bit grey, "
        "or as RGB"
    )


def _unreadable(source: Source, name: str, error: Exception) -> str:
    from PIL import UnidentifiedImageError

    path = Path(source) if isinstance(source, str | os.PathLike) else None
    if path is not None and path.is_dir():
        return f"{name}: is a folder, an image file was expected"
    if path is not None and path.is_file() and path.stat().st_size == 0:
        return f"{name}: the file is empty; copy it again or remove it"
    if isinstance(error, UnidentifiedImageError):
        return f"{name}: not an image in a known format; convert it to PNG or JPEG, or remove it"
    return f"{name}: cut short or damaged ({error}); copy it again or remove it"
