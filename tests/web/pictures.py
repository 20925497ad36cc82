"""Pictures that differ, one kind of them a class."""

import io
from pathlib import Path

import numpy as np
from PIL import Image


def picture(seed: int, side: int = 64) -> Image.Image:
    """Soft blots: no two seeds look alike, to people or to perceptual hashes."""
    blots = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(blots).resize((side, side), Image.Resampling.BICUBIC)


def folder(path: Path, classes: list[str], each: int = 12) -> Path:
    """A folder of classes whose files have telling names."""
    for k, name in enumerate(classes):
        (path / name).mkdir(parents=True)
        for i in range(each):
            picture(1000 * k + i).save(path / name / f"secret-{name}-{i}.png")
    return path


def strip(seed: int, count: int = 13, side: int = 96) -> bytes:
    """`count` pictures side by side, as one WebP."""
    whole = Image.new("RGB", (count * side, side))
    for i in range(count):
        whole.paste(picture(seed * count + i, side), (i * side, 0))
    stream = io.BytesIO()
    whole.save(stream, "WEBP", quality=60, method=0)
    return stream.getvalue()
