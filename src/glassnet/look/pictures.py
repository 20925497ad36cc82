"""Small pictures inside a page: images and filters as PNG in `data:` addresses."""

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassnet import nn

Array = NDArray[Any]
Bytes = NDArray[np.uint8]

LARGEST = 224  # pixels of the longer side; larger photographs are made smaller

# Where a filter is negative, zero and positive; told apart by people of every colour vision.
BELOW, ZERO, ABOVE = (np.array(c, float) for c in ((20, 90, 160), (247, 247, 247), (190, 85, 0)))


def data_uri(pixels: Bytes) -> str:
    """uint8 (H, W), (H, W, 3) or (H, W, 4) -> "data:image/png;base64,..."."""
    from PIL import Image

    image = Image.fromarray(pixels)
    image.thumbnail((LARGEST, LARGEST))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def pixels(image: Array) -> Bytes:
    """One image of a data set, (C, H, W) of uint8 or floats, as a picture.

    Floats are stretched from their smallest to their largest value; other than 1, 3 and 4
    channels are shown as the mean of all.
    """
    if image.shape[0] not in (1, 3, 4):
        image = image.mean(axis=0, keepdims=True)
    if image.dtype != np.uint8:
        low, high = float(image.min()), float(image.max())
        image = ((image - low) * (255 / (high - low or 1.0))).round().astype(np.uint8)
    return np.ascontiguousarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0))


def first_filters(net: nn.Module, shape: tuple[int, ...]) -> tuple[str, Array | None]:
    """The first layer with weights: its name, and the weights (O, C, H, W) if they are pictures.

    shape is that of one image, (C, H, W). None unless the layer is a convolution, or a linear
    layer over all pixels, with filters of 1 or 3 channels and more than one pixel.
    """
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            weight = np.asarray(module.weight.data)
            if isinstance(module, nn.Linear):
                if len(shape) != 3 or weight.shape[1] != int(np.prod(shape)):
                    return name, None
                weight = weight.reshape(-1, *shape)
            drawable = weight.shape[1] in (1, 3) and weight.shape[2] * weight.shape[3] > 1
            return name, weight if drawable else None
    return "", None


def draw_filter(weight: Array) -> Bytes:
    """weight (1 or 3, H, W) -> picture, on the filter's own scale (-largest ... largest).

    One channel: blue below zero, white at zero, orange above. Three: grey is zero, and red, green
    and blue weights are more or less of that light.
    """
    scaled = weight / (float(np.abs(weight).max()) or 1.0)  # -1 .. 1
    if len(weight) == 3:
        return ((scaled.transpose(1, 2, 0) + 1) * 127.5).round().astype(np.uint8)
    t = scaled[0][..., None]
    colours = np.where(t < 0, ZERO + (BELOW - ZERO) * -t, ZERO + (ABOVE - ZERO) * t)
    return colours.round().astype(np.uint8)
