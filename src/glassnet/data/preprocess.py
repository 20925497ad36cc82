"""What is done to an image before a network sees it: one frozen, serialisable object.

The run owns it, and fit, predict, export and the human bench all use it, so that a network is
never shown images prepared in another way than it was trained on.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from glassnet.data import images as files
from glassnet.data.augment.window import Window
from glassnet.errors import DataError, ShapeError
from glassnet.kernels import dispatch, memory

if TYPE_CHECKING:
    from glassnet.data.dataset import Dataset

Floats = NDArray[np.float32]
Walk = Callable[[int, int], Floats]
FORMAT = 1


@dataclass(frozen=True)
class Preprocessing:
    """How a file becomes pixels, and pixels become the network's input.

    size           (H, W) in pixels, or None: images keep the size they have
    channels       1 grey, 3 colour; for data of shape (n, D), D
    mean, std      one number a channel, in units of the pixel range 0..1; () is 0 and 1
    crop           1.0: shorter side to fit, then the centre; 0.875: the middle 87.5 % of that;
                   None: the whole image stretched to `size`
    interpolation  "nearest", "box", "bilinear", "bicubic" or "lanczos"

    Calling it gives y = (x / 255 - mean) / std for uint8 images; float data are taken as they are,
    y = (x - mean) / std. Raises DataError for settings that mean nothing.
    """

    size: tuple[int, int] | None = None
    channels: int = 3
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    crop: float | None = 1.0
    interpolation: files.Interpolation = "bilinear"

    def __post_init__(self) -> None:
        if self.size is not None:
            object.__setattr__(self, "size", tuple(int(side) for side in self.size))
        for name, default in (("mean", 0.0), ("std", 1.0)):
            values = tuple(float(v) for v in getattr(self, name)) or (default,) * self.channels
            object.__setattr__(self, name, values)
        for wrong in self._mistakes():
            raise DataError(f"Preprocessing: {wrong}")

    def _mistakes(self) -> list[str]:
        checks = [
            (self.channels >= 1, f"channels must be at least 1, got {self.channels}"),
            (
                self.size is None or (len(self.size) == 2 and min(self.size) >= 1),
                f"size must be (height, width) of at least 1 pixel, got {self.size}",
            ),
            (
                len(self.mean) == len(self.std) == self.channels,
                f"mean and std need one number for each of {self.channels} channels, got "
                f"{len(self.mean)} and {len(self.std)}",
            ),
            (
                all(np.isfinite(self.mean)) and all(0 < s < np.inf for s in self.std),
                f"mean must be finite and std positive, got {self.mean} and {self.std}",
            ),
            (
                self.crop is None or 0 < self.crop <= 1,
                f"crop must lie in (0, 1] or be None, got {self.crop}",
            ),
            (
                self.interpolation in files.INTERPOLATIONS,
                f"interpolation must be one of {', '.join(files.INTERPOLATIONS)}, got "
                f"'{self.interpolation}'",
            ),
        ]
        return [text for fine, text in checks if not fine]

    @classmethod
    def fit(cls, dataset: "Dataset") -> Self:
        """The data set's own reading rule, with the mean and std of all its values per channel.

        A channel that never changes gets std 1. Raises DataError for an empty data set.
        """
        if len(dataset) == 0:
            raise DataError("Preprocessing.fit needs at least one image, the data set is empty")
        base = dataset.preprocessing
        plain = cls(**{**_values(base), "mean": (), "std": ()})
        count, total, squares = 0, np.zeros(base.channels), np.zeros(base.channels)
        for start in range(0, len(dataset), 1000):
            images, _ = dataset.batch(np.arange(start, min(start + 1000, len(dataset))))
            rows = _rows(_last(plain.scale(images)))  # (pixels of one column, W * C)
            count += rows.size // base.channels
            total += rows.sum(axis=0, dtype=np.float64).reshape(-1, base.channels).sum(axis=0)
            rows *= rows
            squares += rows.sum(axis=0, dtype=np.float64).reshape(-1, base.channels).sum(axis=0)
        mean = total / count
        std = np.sqrt(np.maximum(squares / count - mean**2, 0))
        std[std < 1e-6] = 1.0
        return replace(plain, mean=tuple(mean.tolist()), std=tuple(std.tolist()))

    def read(self, source: files.Source) -> files.Bytes:
        """An image file as uint8 (channels, H, W); see data/images.py for the rule and errors."""
        if self.channels not in (1, 3):
            raise DataError(f"image files have 1 or 3 channels, this network takes {self.channels}")
        return files.read_image(source, self.size, self.channels, self.crop, self.interpolation)

    def __call__(self, images: NDArray[Any]) -> Floats:
        """uint8 or float (n, C, H, W) or (n, D) -> float32 of that shape, normalised.

        The result is channels-last in memory. uint8 images of another size or number of channels
        are first converted as files are. Raises ShapeError for other arrays that do not fit.
        """
        return self.normalise(self.scale(images))

    def walk(self, images: NDArray[Any], rows: NDArray[np.intp], window: Window) -> Walk | None:
        """`self(images[rows])`, each seen through its window before it is normalised, in one walk.

        images (m, C, H, W), rows (n,), windows (n,) of h x w. walk(start, stop) gives those of
        rows[start:stop], float32 (k, C, h, w), channels-last in memory. None where no kernel does
        this to these images: then `scale`, `look` and `normalise` are the way.
        """
        if not self._fits(images.shape):
            return None
        return dispatch.walk(images, rows, window, self.mean, self.std)

    def scale(self, images: NDArray[Any]) -> Floats:
        """The first half: uint8 0..255 to float32 0..1, converted to `size`; augment after it."""
        images = self.fitted(images)
        if images.ndim not in (2, 4) or not self._fits(images.shape):
            raise ShapeError(
                f"expected images (n, {self.channels}, {_side(self.size)}), got {images.shape}; "
                "make the network's preprocessing and the data agree"
            )
        return scaled(images)

    def fitted(self, images: NDArray[Any]) -> NDArray[Any]:
        """uint8 images (n, C, H, W) converted to `size` and number of channels; others as given."""
        if images.dtype == np.uint8 and images.ndim == 4 and not self._fits(images.shape):
            return self._converted(images)
        return images

    def normalise(self, images: Floats) -> Floats:
        """The second half: (x - mean) / std on float32 (n, C, H, W) or (n, D).

        Overwrites an array that is channels-last in memory, as `scale` and augmentations give it.
        """
        pixels = np.ascontiguousarray(_last(images))
        rows = _rows(pixels)
        repeats = rows.shape[1] // self.channels
        mean = np.array(self.mean, np.float32)
        scale = np.array(1 / np.array(self.std), np.float32)
        rows -= mean[0] if self.channels == 1 else np.tile(mean, repeats)
        rows *= scale[0] if self.channels == 1 else np.tile(scale, repeats)
        return np.moveaxis(pixels, -1, 1)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able, with the format's version; `from_dict` gives an equal object back."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`. Raises DataError for another format or for missing settings."""
        names = {field.name for field in fields(cls)}
        if data.get("format") != FORMAT or set(data) != names | {"format"}:
            raise DataError(
                f"preprocessing of format {data.get('format')} with {sorted(data)} cannot be read; "
                f"this glassnet reads format {FORMAT} with {sorted(names)}; update glassnet"
            )
        return cls(**{name: data[name] for name in names})

    def __str__(self) -> str:
        colour = {1: "grey", 3: "RGB"}.get(self.channels, f"{self.channels} channels")
        parts = [colour if self.size is None else f"{self.size[0]} x {self.size[1]} {colour}"]
        if self.size is not None:
            how = "stretched" if self.crop is None else f"centre crop {self.crop:g}"
            parts.append(f"{how}, {self.interpolation}")
        parts.append(f"minus mean {_short(self.mean)}, divided by std {_short(self.std)}")
        return "; ".join(parts)

    def _fits(self, shape: tuple[int, ...]) -> bool:
        return shape[1] == self.channels and (len(shape) == 2 or self.size in (None, shape[2:]))

    def _converted(self, images: files.Bytes) -> files.Bytes:
        """(n, C', H', W') to this object's channels and size, through the rule for files."""
        if images.shape[1] not in (1, 3) or self.channels not in (1, 3):
            return images
        size = self.size or (images.shape[2], images.shape[3])
        out = np.empty((len(images), *size, self.channels), np.uint8)
        for i, image in enumerate(images):
            picture = files.from_array(image).convert("L" if self.channels == 1 else "RGB")
            resized = files.resize(picture, size, self.crop, self.interpolation)
            out[i] = files.to_array(resized).transpose(1, 2, 0)
        return out.transpose(0, 3, 1, 2)


def scaled(images: NDArray[Any]) -> Floats:
    """uint8 0..255 to float32 0..1; float data as float32. Channels-last in memory."""
    out = memory.empty(_last(images).shape)  # (n, H, W, C) or (n, D)
    factor = np.float32(1 / 255 if images.dtype == np.uint8 else 1)
    np.multiply(_last(images), factor, out=out, casting="unsafe")
    return np.moveaxis(out, -1, 1)


def _values(preprocessing: Preprocessing) -> dict[str, Any]:
    return {field.name: getattr(preprocessing, field.name) for field in fields(preprocessing)}


def _last(images: NDArray[Any]) -> NDArray[Any]:
    """Channels moved last: (n, C, H, W) -> (n, H, W, C); (n, D) stays."""
    return np.moveaxis(images, 1, -1)


def _rows(pixels: Floats) -> Floats:
    """(n, H, W, C) -> (n * H, W * C), (n, D) stays; long rows are NumPy's fast case."""
    if pixels.ndim == 2:
        return pixels
    n, height, width, channels = pixels.shape
    return pixels.reshape(n * height, width * channels)


def _side(size: tuple[int, int] | None) -> str:
    return "H, W" if size is None else f"{size[0]}, {size[1]}"


def _short(values: tuple[float, ...]) -> str:
    """A few digits of a few numbers."""
    shown = ", ".join(f"{v:.4g}" for v in values[:4])
    return f"({shown}{', ...' if len(values) > 4 else ''})"
