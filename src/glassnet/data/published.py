"""MNIST, Fashion-MNIST, CIFAR-10 and CIFAR-100, from the files that their authors published.

`locate` finds or downloads them; a file whose checksum was published is held against it wherever
it lies. Decoded arrays are kept in memory for the next call (read-only), never on disk.
"""

import hashlib
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glassnet.data.dataset import ArrayImages, Dataset
from glassnet.data.formats import parse_idx, read_bytes, read_cifar
from glassnet.data.locate import Published, locate
from glassnet.errors import DataError

Bytes = NDArray[np.uint8]

DIGITS = tuple("0123456789")
CLOTHES = "T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot".split(",")
THINGS = "airplane automobile bird cat deer dog frog horse ship truck".split()

# name: MD5 of the file, MD5 of its .gz as published
_MNIST_FILES = {
    "train-images-idx3-ubyte": (
        "6bbc9ace898e44ae57da46a324031adb",
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    ),
    "train-labels-idx1-ubyte": (
        "a25bea736e30d166cdddb491f175f624",
        "d53e105ee54ea40749a09fcbcd1e9432",
    ),
    "t10k-images-idx3-ubyte": (
        "2646ac647ad5339dbf082846283269ea",
        "9fb629c4189551a2d022fa330f9573f3",
    ),
    "t10k-labels-idx1-ubyte": (
        "27ae3e4e09519cfbb04c329615203637",
        "ec29112dd5afa0611ce80d1b7f02629c",
    ),
}
_FASHION_FILES = {
    "train-images-idx3-ubyte": (
        "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    ),
    "train-labels-idx1-ubyte": (
        "9018921c3c673c538a1fc5bad174d6f9",
        "25c81989df183df01b3e8a0aad5dffbe",
    ),
    "t10k-images-idx3-ubyte": (
        "8181f5470baa50b63fa0f6fddb340f0a",
        "bef4ecab320f06d8554ea6380940ec79",
    ),
    "t10k-labels-idx1-ubyte": (
        "15d484375f8d13e6eb1aabb0c3f46965",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ),
}
_TORONTO = ("https://www.cs.toronto.edu/~kriz/", "https://cave.cs.toronto.edu/kriz/")


def _idx_set(
    name: str, folders: tuple[str, ...], files: dict[str, tuple[str, str]], *mirrors: str
) -> Published:
    return Published(
        name,
        folders,
        tuple(files),
        archives={f"{file}.gz": zipped for file, (_, zipped) in files.items()},
        mirrors=mirrors,
        checksums={file: raw for file, (raw, _) in files.items()},
    )


MNIST = _idx_set(
    "mnist",
    ("mnist", "MNIST/raw"),
    _MNIST_FILES,
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "http://yann.lecun.com/exdb/mnist/",
)
FASHION_MNIST = _idx_set(
    "fashion_mnist",
    ("fashion-mnist", "fashion_mnist", "FashionMNIST/raw"),
    _FASHION_FILES,
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
)
_BATCHES = (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin")
CIFAR10 = Published(
    "cifar10",
    ("cifar-10-batches-bin",),
    _BATCHES,
    archives={"cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530"},
    mirrors=_TORONTO,
    sizes=dict.fromkeys(_BATCHES, 10_000 * (1 + 3072)),
)
CIFAR100 = Published(
    "cifar100",
    ("cifar-100-binary",),
    ("train.bin", "test.bin", "fine_label_names.txt"),
    archives={"cifar-100-binary.tar.gz": "03b5dce01913d631647c71ecec9e9cb8"},
    mirrors=_TORONTO,
    sizes={"train.bin": 50_000 * (2 + 3072), "test.bin": 10_000 * (2 + 3072)},
)


def mnist(path: str | os.PathLike[str] | None = None) -> tuple[Dataset, Dataset]:
    """(train 60,000, test 10,000) handwritten digits, (1, 28, 28), white on black.

    path: the folder of the four IDX files, raw or .gz, or the one above it. Raises DataError where
    a file is damaged or not the published one, and, with the folder to put the files in, where
    there are none and no connection. [LeCun et al. 1998]
    """
    return _from_idx(MNIST, DIGITS, path)


def fashion_mnist(path: str | os.PathLike[str] | None = None) -> tuple[Dataset, Dataset]:
    """(train 60,000, test 10,000) articles of clothing, (1, 28, 28); path and errors as `mnist`.

    [Xiao, Rasul, Vollgraf 2017]
    """
    return _from_idx(FASHION_MNIST, CLOTHES, path)


def cifar10(path: str | os.PathLike[str] | None = None) -> tuple[Dataset, Dataset]:
    """(train 50,000, test 10,000) photographs of ten classes, (3, 32, 32).

    path: the folder of the binary version, or the one above it or of its .tar.gz; errors as
    `mnist`. [Krizhevsky 2009]
    """
    folder = locate(CIFAR10, path)
    train = _read_cifar(CIFAR10, folder, _BATCHES[:-1], THINGS)
    return train, _read_cifar(CIFAR10, folder, _BATCHES[-1:], THINGS)


def cifar100(path: str | os.PathLike[str] | None = None) -> tuple[Dataset, Dataset]:
    """(train 50,000, test 10,000) photographs of 100 (fine) classes, (3, 32, 32); as `cifar10`."""
    folder = locate(CIFAR100, path)
    names = folder / "fine_label_names.txt"
    classes = names.read_text("utf-8").split()
    if len(classes) != 100:
        raise DataError(f"{names}: {len(classes)} names, expected 100; get it again")
    train = _read_cifar(CIFAR100, folder, ("train.bin",), classes)
    return train, _read_cifar(CIFAR100, folder, ("test.bin",), classes)


def _from_idx(
    published: Published, classes: Sequence[str], place: str | os.PathLike[str] | None
) -> tuple[Dataset, Dataset]:
    folder = locate(published, place)
    train_images, train_labels, test_images, test_labels = (
        _idx_file(path, _stamp(path), published.name, md5)
        for name, md5 in published.checksums.items()
        if (path := published.find(folder, name)) is not None
    )
    return (
        _dataset(published.name, "train", train_images[..., None], train_labels, classes),
        _dataset(published.name, "test", test_images[..., None], test_labels, classes),
    )


@lru_cache(maxsize=8)
def _idx_file(path: Path, stamp: tuple[int, int], name: str, md5: str) -> Bytes:
    """One IDX file, held against its published checksum; `stamp` sees a changed file."""
    data = read_bytes(path)
    array = parse_idx(data, path)
    found = hashlib.md5(data, usedforsecurity=False).hexdigest()
    if found != md5:
        raise DataError(
            f"{path}: not the published file of {name} (MD5 of the content {found}, expected "
            f"{md5}); remove it and get it again, or read your own images with arrays or folder"
        )
    return array


def _read_cifar(
    published: Published, folder: Path, names: Sequence[str], classes: Sequence[str]
) -> Dataset:
    for name in names:
        size = (folder / name).stat().st_size
        if size != published.sizes[name]:
            raise DataError(
                f"{folder / name}: {size:,} bytes, the published file has "
                f"{published.sizes[name]:,}; remove it and get it again"
            )
    stamps = tuple(_stamp(folder / name) for name in names)
    images, labels = _cifar_files(folder, tuple(names), stamps, len(classes))
    part = "test" if names[0].startswith("test") else "train"
    return _dataset(published.name, part, images, labels, classes)


@lru_cache(maxsize=4)
def _cifar_files(
    folder: Path, names: tuple[str, ...], stamps: tuple[tuple[int, int], ...], classes: int
) -> tuple[Bytes, Bytes]:
    """Images (N, 32, 32, 3) and labels (N,) of several files; `stamps` see changed files."""
    label_bytes = 2 if classes == 100 else 1
    parts = [read_cifar(folder / name, label_bytes, classes) for name in names]
    images = np.concatenate([images for images, _ in parts])
    images.setflags(write=False)
    return images, np.concatenate([labels for _, labels in parts])


def _dataset(name: str, part: str, images: Bytes, labels: Bytes, classes: Sequence[str]) -> Dataset:
    return Dataset(ArrayImages(images, f"{name}/{part}"), labels, classes, f"{name} {part}")


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size
