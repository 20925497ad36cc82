"""Data: sets of labelled images, how they are read, prepared, augmented and handed out in batches.

Here live the published data sets, folders, CSV files and arrays (`Dataset`), the one rule by which
image files are decoded (`images`), what a network is shown (`Preprocessing`), `augment`, and the
`Loader`. Nothing here knows of networks or training. Pillow, rich and the like are loaded when
they are first needed.
"""

from glassnet.data import augment
from glassnet.data.augment import (
    Affine,
    AlternateFlip,
    Augmentation,
    ColorJitter,
    Compose,
    Crop,
    Cutout,
    Elastic,
    Flip,
    Mixup,
    Rotate,
    Scale,
    Shift,
)
from glassnet.data.dataset import Dataset, arrays
from glassnet.data.demo import demo_digits
from glassnet.data.folder import folder
from glassnet.data.images import read_image
from glassnet.data.loader import Loader
from glassnet.data.locate import cache_folder
from glassnet.data.preprocess import Preprocessing
from glassnet.data.published import cifar10, cifar100, fashion_mnist, mnist
from glassnet.data.split import grouped, split, stratified
from glassnet.data.table import csv

__all__ = [
    "Affine",
    "AlternateFlip",
    "Augmentation",
    "ColorJitter",
    "Compose",
    "Crop",
    "Cutout",
    "Dataset",
    "Elastic",
    "Flip",
    "Loader",
    "Mixup",
    "Preprocessing",
    "Rotate",
    "Scale",
    "Shift",
    "arrays",
    "augment",
    "cache_folder",
    "cifar10",
    "cifar100",
    "csv",
    "demo_digits",
    "fashion_mnist",
    "folder",
    "grouped",
    "mnist",
    "read_image",
    "split",
    "stratified",
]
