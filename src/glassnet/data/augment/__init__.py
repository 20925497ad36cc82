"""Augmentation: small random changes to training images that do not change what they show.

Each is a frozen dataclass of plain numbers that works on a whole batch of float32 images in the
range 0..1, before normalisation, and keeps them channels-last in memory. The draws of a sample
depend on (seed, epoch, sample) alone, so a sample looks the same in whatever batch it comes
(`Mixup` apart, whose partner is in the batch). A new kind is a subclass of `Augmentation`; nothing
here knows of files, networks or training.
"""

from glassnet.data.augment.base import Augmentation, Compose, from_dict
from glassnet.data.augment.colour import ColorJitter
from glassnet.data.augment.mix import Mixup
from glassnet.data.augment.place import AlternateFlip, Crop, Cutout, Flip, Shift
from glassnet.data.augment.warp import Affine, Elastic, Rotate, Scale

__all__ = [
    "Affine",
    "AlternateFlip",
    "Augmentation",
    "ColorJitter",
    "Compose",
    "Crop",
    "Cutout",
    "Elastic",
    "Flip",
    "Mixup",
    "Rotate",
    "Scale",
    "Shift",
    "from_dict",
]
