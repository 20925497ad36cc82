"""The published data sets: the real files where they are, made ones in the published formats."""

import gzip
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from glassnet import data
from glassnet.data import published
from glassnet.errors import DataError

MNIST_TRAIN = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]  # as published
MNIST_TEST = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.mark.data
def test_mnist_is_as_published(published_data: Path) -> None:
    train, test = data.mnist()
    assert (len(train), len(test)) == (60_000, 10_000)
    assert train.shape == test.shape == (1, 28, 28)
    assert train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert np.bincount(train.labels).tolist() == MNIST_TRAIN
    assert np.bincount(test.labels).tolist() == MNIST_TEST
    assert train.classes == list("0123456789")
    images, labels = test.batch([0, 1])
    assert images.shape == (2, 1, 28, 28) and images.dtype == np.uint8
    assert labels.tolist() == [7, 2] and labels.dtype == np.int64
    assert images[0, 0, 0].max() == 0 and images.max() == 255  # white on black
    assert test.files([9999]) == ["mnist/test/9999"]


@pytest.mark.data
def test_an_explicit_path_and_raw_files(published_data: Path, tmp_path: Path) -> None:
    for file in (published_data / "mnist").glob("*.gz"):
        (tmp_path / file.stem).write_bytes(gzip.decompress(file.read_bytes()))
    train, _ = data.mnist(tmp_path)
    assert train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert len(data.mnist(published_data)[1]) == 10_000
    with pytest.raises(DataError, match="not the published file of fashion_mnist"):
        data.fashion_mnist(tmp_path)


@pytest.mark.data
def test_a_changed_file_is_not_mnist(published_data: Path, tmp_path: Path) -> None:
    for file in (published_data / "mnist").glob("*.gz"):
        raw = bytearray(gzip.decompress(file.read_bytes()))
        raw[-1] ^= 1
        (tmp_path / file.stem).write_bytes(raw)
    with pytest.raises(DataError, match="train-images-idx3-ubyte: not the published file of mnist"):
        data.mnist(tmp_path)


@pytest.mark.data
def test_cifar10_is_as_published(published_data: Path) -> None:
    published._cifar_files.cache_clear()
    train, test = data.cifar10()
    assert (len(train), len(test)) == (50_000, 10_000)
    assert np.bincount(train.labels).tolist() == [5000] * 10
    assert test.labels[:10].tolist() == [3, 8, 8, 0, 6, 6, 1, 6, 3, 1]
    assert test.classes[3] == "cat"
    images, _ = test.batch([0])
    raw = np.fromfile(published_data / "cifar-10-batches-bin" / "test_batch.bin", np.uint8)
    np.testing.assert_array_equal(images[0], raw[1:3073].reshape(3, 32, 32))
    assert data.cifar10()[0].batch([0])[0].tobytes() == train.batch([0])[0].tobytes()


def test_cifar10_of_the_wrong_size(tmp_path: Path) -> None:
    for name in published.CIFAR10.files:
        (tmp_path / name).write_bytes(bytes(3073))
    with pytest.raises(DataError, match=r"data_batch_1\.bin: 3,073 bytes, .* 30,730,000"):
        data.cifar10(tmp_path)


def test_cifar100_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two label bytes, the fine one counts; names from the publisher's list."""
    names = [f"class_{k}" for k in range(100)]
    (tmp_path / "fine_label_names.txt").write_text("\n".join(names) + "\n")
    record = np.random.default_rng(0).integers(0, 256, (3, 3074)).astype(np.uint8)
    record[:, 0], record[:, 1] = 19, [11, 99, 0]
    for name in ("train.bin", "test.bin"):
        (tmp_path / name).write_bytes(record.tobytes())
    small = replace(published.CIFAR100, sizes={"train.bin": 3 * 3074, "test.bin": 3 * 3074})
    monkeypatch.setattr(published, "CIFAR100", small)
    train, test = data.cifar100(tmp_path)
    assert test.labels.tolist() == [11, 99, 0] and train.classes == names
    np.testing.assert_array_equal(train.batch([1])[0][0], record[1, 2:].reshape(3, 32, 32))
    (tmp_path / "fine_label_names.txt").write_text("apple\n")
    with pytest.raises(DataError, match="1 names, expected 100"):
        data.cifar100(tmp_path)


def test_fashion_mnist_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sums = {}
    for name in published.FASHION_MNIST.files:
        labels = bytes([0, 0, 8, 1, 0, 0, 0, 2, 9, 0])
        images = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in (2, 28, 28))
        content = labels if "labels" in name else images + bytes(2 * 784)
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
        sums[name] = hashlib.md5(content).hexdigest()
    small = replace(published.FASHION_MNIST, checksums=sums)
    monkeypatch.setattr(published, "FASHION_MNIST", small)
    train, test = data.fashion_mnist(tmp_path)
    assert train.labels.tolist() == [9, 0]
    assert [train.classes[k] for k in train.labels] == ["Ankle boot", "T-shirt/top"]
    assert repr(test) == "<fashion_mnist test: 2 images 1 x 28 x 28, 10 classes>"
