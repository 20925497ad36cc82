"""PyTorch's files, both formats: what they hold comes out, and nothing else ever happens."""

import io
import os
import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glassnet import nn
from glassnet.errors import CheckpointError
from glassnet.io import load_torch, load_weights, save
from glassnet.io.torch_tensors import find
from glassnet.io.unpickle import Bytes, Machine
from tests.io import torch_files as by_hand

FORMATS = ["zip", "legacy"]


def write(path: Path, how: str, arrays: dict[str, np.ndarray], value: bytes | None = None) -> Path:
    value = by_hand.described(arrays) if value is None else value
    content = by_hand.contents(arrays)
    if how == "zip":
        return by_hand.zip_file(path, value, content)
    sizes = [array.size for array in arrays.values()]
    rows = {key: (n, body) for (key, body), n in zip(content.items(), sizes, strict=True)}
    return by_hand.legacy_file(path, value, rows)


def some() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((3, 5, 2, 4)).astype(np.float32)  # HWIO in memory
    return {
        "conv.weight": weight.transpose(3, 2, 0, 1),
        "fc.weight": rng.standard_normal((4, 6)).astype(np.float32).T,
        "half": np.array([1.5, -2, np.inf], np.float16),
        "double": np.array([[np.pi]]),
        "count": np.array(7, np.int64),
        "int": np.array([-5, 2**31 - 1], np.int32),
        "short": np.array([-5], np.int16),
        "char": np.array([-5], np.int8),
        "byte": np.array([200], np.uint8),
        "mask": np.array([True, False]),
        "complex": np.array([1 + 2j], np.complex64),
        "empty": np.zeros((0, 3), np.float32),
    }


@pytest.mark.parametrize("how", FORMATS)
def test_arrays_come_out_as_they_went_in_strides_honoured(tmp_path: Path, how: str) -> None:
    arrays = some()
    read = load_torch(write(tmp_path / "a.pth", how, arrays))
    assert list(read) == list(arrays)
    for name, array in arrays.items():
        assert read[name].dtype == array.dtype and read[name].shape == array.shape
        np.testing.assert_array_equal(read[name], array)
        assert array.size == 0 or read[name].strides == array.strides
        assert not read[name].flags.writeable
    assert load_weights(tmp_path / "a.pth").keys() == arrays.keys()


@pytest.mark.parametrize("how", FORMATS)
def test_bfloat16_becomes_the_same_number_in_float32(tmp_path: Path, how: str) -> None:
    upper = np.array([0x3F80, 0xC040, 0x7F80, 0x0001], np.uint16)
    value = by_hand.dict_of(
        {"w": by_hand.tensor(by_hand.storage("0", "BFloat16Storage", 4), (4,), (1,))}
    )
    read = load_torch(write(tmp_path / "a.pth", how, {"w": upper}, value))["w"]
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, np.array([1, -3, np.inf, 2.0**-133], np.float32))


@pytest.mark.parametrize("how", FORMATS)
def test_tensors_that_share_a_storage(tmp_path: Path, how: str) -> None:
    whole = np.arange(12, dtype=np.float32)
    source = by_hand.storage("0", "FloatStorage", 12)
    value = by_hand.dict_of(
        {
            "a": by_hand.tensor(source, (3, 2), (4, 1), offset=1),
            "b": by_hand.tensor(source, (12,), (1,), how="_rebuild_tensor"),
            "repeated": by_hand.tensor(source, (2, 3), (0, 1), offset=9),
            "last": by_hand.tensor(source, (), (), offset=11),
        }
    )
    read = load_torch(write(tmp_path / "a.pth", how, {"w": whole}, value))
    np.testing.assert_array_equal(read["a"], [[1, 2], [5, 6], [9, 10]])
    np.testing.assert_array_equal(read["repeated"], [[9, 10, 11]] * 2)
    assert np.shares_memory(read["a"], read["b"]) and read["last"] == 11


def test_part_of_a_storage_with_a_key_of_its_own(tmp_path: Path) -> None:
    part = by_hand.tuple_of(by_hand.text("p"), by_hand.integer(2), by_hand.integer(3))
    source = by_hand.storage("0", "FloatStorage", 6, part)
    value = by_hand.dict_of({"w": by_hand.tensor(source, (3,), (1,))})
    path = write(tmp_path / "a.pth", "legacy", {"w": np.arange(6, dtype=np.float32)}, value)
    np.testing.assert_array_equal(load_torch(path)["w"], [2, 3, 4])


def test_new_kinds_stand_over_bytes(tmp_path: Path) -> None:
    source = (
        by_hand.tuple_of(
            by_hand.text("storage"), by_hand.name("torch.storage", "UntypedStorage"),
            by_hand.text("0"), by_hand.text("cpu"), by_hand.integer(6),
        )
        + b"Q"
    )  # fmt: skip
    value = by_hand.call(
        by_hand.name("torch._utils", "_rebuild_tensor_v3"), source, by_hand.integer(1),
        by_hand.numbers([2]), by_hand.numbers([1]), by_hand.FALSE, by_hand.NONE,
        by_hand.name("torch", "uint16"),
    )  # fmt: skip
    content = np.array([1, 2, 60000], np.uint16).tobytes()
    path = by_hand.zip_file(tmp_path / "a.pth", by_hand.dict_of({"w": value}), {"0": content})
    np.testing.assert_array_equal(load_torch(path)["w"], np.array([2, 60000], np.uint16))


def test_numbers_of_a_big_endian_machine(tmp_path: Path) -> None:
    array = np.array([1.5, -2], np.float32)
    value = by_hand.described({"w": array})
    path = by_hand.zip_file(
        tmp_path / "a.pth", value, {"0": array.astype(">f4").tobytes()}, byteorder=b"big"
    )
    np.testing.assert_array_equal(load_torch(path)["w"], array)


@pytest.mark.parametrize("wrapper", ["state_dict", "model", "model_state_dict"])
def test_weights_among_the_notes_of_a_training_program(tmp_path: Path, wrapper: str) -> None:
    arrays = {"module.fc.bias": np.ones(3, np.float32)}
    value = by_hand.dict_of(
        {
            "epoch": by_hand.integer(90),
            "best": b"G?\xf8\0\0\0\0\0\0",
            wrapper: by_hand.described(arrays),
        }
    )
    read = load_torch(write(tmp_path / "a.pth", "zip", arrays, value))
    assert list(read) == ["fc.bias"]


def test_text_of_python_2_and_versions_of_modules_are_read_over(tmp_path: Path) -> None:
    arrays = {"w": np.ones(3, np.float32)}
    entries = b"U\x01w" + by_hand.tensor(by_hand.storage("0", "FloatStorage", 3), (3,), (1,))
    value = by_hand.call(by_hand.name("collections", "OrderedDict")) + b"(" + entries + b"u"
    value += by_hand.dict_of({"_metadata": by_hand.dict_of({})}) + b"b"
    assert list(load_torch(write(tmp_path / "a.pth", "legacy", arrays, value))) == ["w"]


def test_it_loads_into_a_layer(tmp_path: Path) -> None:
    layer = nn.Conv2d(2, 4, 3)
    rng = np.random.default_rng(1)
    weight = rng.standard_normal((4, 3, 3, 2)).astype(np.float32).transpose(0, 3, 1, 2)
    arrays = {"weight": weight, "bias": np.ones(4, np.float16)}
    layer.load_state_dict(load_weights(write(tmp_path / "a.pt", "zip", arrays)))
    np.testing.assert_array_equal(layer.weight.data, weight)
    assert layer.bias is not None and layer.bias.dtype == np.float32


def test_other_files_are_told_apart_by_content(tmp_path: Path) -> None:
    save(tmp_path / "a.pth", {"w": np.ones(2, np.float32)})
    assert list(load_weights(tmp_path / "a.pth")) == ["w"]
    (tmp_path / "b.pth").write_bytes(b"hello")
    with pytest.raises(CheckpointError, match="neither as a zip nor as the old format"):
        load_torch(tmp_path / "b.pth")
    with pytest.raises(CheckpointError, match="no such file"):
        load_torch(tmp_path / "c.pth")
    with pytest.raises(CheckpointError, match="no such file"):
        load_weights(tmp_path / "c.pth")


# -- files that mean harm, or are broken ----------------------------------------------------------
class Harm:
    """What a pickle of it does when Python's own machine reads it."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.does = function, arguments

    def __reduce__(self) -> Any:
        return self.does


@pytest.mark.parametrize("how", FORMATS)
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("function", [os.system, eval, exec, __import__, getattr])
def test_a_file_that_calls_something(
    tmp_path: Path, how: str, protocol: int, function: Any
) -> None:
    witness = tmp_path / "witness"
    body = pickle.dumps({"w": Harm(function, f"touch {witness}")}, protocol)
    path = tmp_path / "a.pth"
    if how == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("net/data.pkl", body)
    else:
        system = by_hand.dict_of({"little_endian": by_hand.TRUE})
        start = [by_hand.integer(by_hand.MAGIC), by_hand.integer(1001), system]
        path.write_bytes(b"".join(map(by_hand.program, start)) + body)
    name = f"{function.__module__}.{function.__name__}".replace(
        "builtins", "(builtins|__builtin__)"
    )
    with pytest.raises(CheckpointError, match=rf"{path}.*'{name}'.*nothing was run"):
        load_torch(path)
    assert not witness.exists()


def refused(path: Path, match: str) -> None:
    with pytest.raises(CheckpointError, match=match) as caught:
        load_torch(path)
    assert str(path) in str(caught.value)


def zipped(path: Path, value: bytes, content: bytes = b"\0" * 16) -> Path:
    return by_hand.zip_file(path, value, {"0": content})


@pytest.mark.parametrize(
    ("value", "match"),
    [
        (by_hand.call(by_hand.name("torch._utils", "_rebuild_wrapper")), "not on the list"),
        (by_hand.call(by_hand.name("torch", "FloatStorage")), "no constructor"),
        (by_hand.name("torch.nn.modules.conv", "Conv2d") + b")\x81", "whole pickled network"),
        (by_hand.call(by_hand.text("os.system"), by_hand.text("true")), "no constructor"),
        (by_hand.text("os") + by_hand.text("system") + b"\x93", "'os.system'"),
        (b"(" + by_hand.text("true") + b"ios\nsystem\n", "opcode b'i'"),
        (b"]}b", "fills a dict that is not there"),
        (by_hand.integer(1) + by_hand.dict_of({"__class__": by_hand.NONE}) + b"b", "fills a dict"),
        (b"\x8e" + struct.pack("<Q", 2**60), "declares 1,152,921,504,606,846,976 more bytes"),
        (b"X" + struct.pack("<I", 2**31), "declares 2,147,483,648 more bytes"),
        (b"\x8b" + struct.pack("<I", 2**32 - 1), "declares"),
        (b"h\x07", "value 7, which it never kept"),
        (b"}u", "a mark that is not there"),
        (b"R", "a value that is not there"),
        (b"}(" + by_hand.text("a") + b"u", "key without a value"),
        (b"}" + b"]" + by_hand.NONE + b"s", "list for a key"),
        (b"c" + b"a" * 600, "ends within a name"),
        (by_hand.call(by_hand.name("collections", "OrderedDict"), by_hand.integer(3)), "wrongly"),
        (by_hand.dict_of({"lr": by_hand.integer(3)}), "no tensors by name"),
        (by_hand.integer(3), "holds a int"),
        (b"]q\0h\0a", "cut short or damaged|holds a list"),
        (b"X\x02\0\0\0\xff\xfe", "damaged"),
    ],
)  # fmt: skip
def test_programs_that_are_refused(tmp_path: Path, value: bytes, match: str) -> None:
    refused(zipped(tmp_path / "a.pth", value), match)


def test_protocols(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", b"\x80\x09.")
    refused(path, "protocol 9; 2 to 5")
    refused(by_hand.legacy_file(path, by_hand.tuple_of() + b"Q", {}), "which is no storage")


FOUR = by_hand.storage("0", "FloatStorage", 4)


@pytest.mark.parametrize("how", FORMATS)
@pytest.mark.parametrize(
    ("source", "size", "stride", "offset", "match"),
    [
        (FOUR, (5,), (1,), 0, "reaches place 4 of storage '0', which has 4"),
        (FOUR, (2, 2), (3, 1), 0, "reaches place 4"),
        (FOUR, (1,), (1,), 4, "reaches place 4"),
        (FOUR, (4,), (1,), 2**62, "reaches place"),
        (FOUR, (2**62,), (2**62,), 0, "reaches place"),
        (FOUR, (2**40, 2**40), (0, 0), 0, "repeats the 4 numbers"),
        (FOUR, (2,), (-1,), 1, r"strides \(-1,\)"),
        (FOUR, (-2,), (1,), 0, r"size \(-2,\)"),
        (FOUR, (2,), (1,), -1, "offset -1"),
        (FOUR, (2, 2), (1,), 0, "strides"),
        (FOUR, (1,) * 40, (1,) * 40, 0, "strides"),
        (by_hand.integer(3), (1,), (1,), 0, "offset"),
        (by_hand.storage("0", "float32", -4), (1,), (1,), 0, "length -4"),
        (by_hand.storage("0", "FloatStorage", 2**60), (1,), (1,), 0, "(declare|expect)"),
        (by_hand.storage("0", "FloatStorage", 5), (5,), (1,), 0, "(declared|expect)"),
        (by_hand.storage("1", "FloatStorage", 4), (4,), (1,), 0, "(missing|list of storages)"),
        (by_hand.storage("0", "QInt8Storage", 4), (4,), (1,), 0, "not on the list"),
    ],
)
def test_tensors_that_leave_their_storage(
    tmp_path: Path, how: str, source: bytes, size: Any, stride: Any, offset: int, match: str
) -> None:
    value = by_hand.dict_of({"w": by_hand.tensor(source, size, stride, offset)})
    refused(write(tmp_path / "a.pth", how, {"w": np.zeros(4, np.float32)}, value), match)


@pytest.mark.parametrize("how", FORMATS)
def test_one_storage_described_in_two_ways(tmp_path: Path, how: str) -> None:
    other = by_hand.storage("0", "IntStorage", 4)
    value = by_hand.dict_of(
        {"a": by_hand.tensor(FOUR, (4,), (1,)), "b": by_hand.tensor(other, (4,), (1,))}
    )
    refused(write(tmp_path / "a.pth", how, {"w": np.zeros(4, np.float32)}, value), "in two ways")


def test_a_legacy_file_that_declares_more_than_it_has(tmp_path: Path) -> None:
    value = by_hand.dict_of(
        {"w": by_hand.tensor(by_hand.storage("0", "FloatStorage", 2**58), (4,), (1,))}
    )
    path = by_hand.legacy_file(tmp_path / "a.pth", value, {"0": (2**58, b"\0" * 16)})
    refused(path, "declares 1,152,921,504,606,846,976 more bytes where 16 are left")


def test_a_legacy_part_that_leaves_its_storage(tmp_path: Path) -> None:
    part = by_hand.tuple_of(by_hand.text("p"), by_hand.integer(2), by_hand.integer(3))
    value = by_hand.dict_of(
        {"w": by_hand.tensor(by_hand.storage("0", "FloatStorage", 4, part), (3,), (1,))}
    )
    refused(write(tmp_path / "a.pth", "legacy", {"w": np.zeros(4, np.float32)}, value), "leaves")


def test_archives_that_are_refused(tmp_path: Path) -> None:
    arrays = {"w": np.zeros(4000, np.float32)}
    value = by_hand.described(arrays)
    path = tmp_path / "a.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("net/data.pkl", by_hand.program(value))
        archive.writestr("net/data/0", bytes(16000))
    refused(path, "compressed")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    refused(path, "without a NAME/data.pkl")
    refused(by_hand.zip_file(path, value, {}, **{"constants.pkl": b""}), "TorchScript program")
    refused(by_hand.zip_file(path, value, {}), "part 'data/0' is missing")


def test_parts_that_share_bytes_cannot_add_up_to_more_than_the_file(tmp_path: Path) -> None:
    """Many entries of the directory may point to one run of bytes: the overlapping zip bomb."""
    count, size = 50, 40_000
    tensors = {
        f"w{i}": by_hand.tensor(by_hand.storage(str(i), "ByteStorage", size), (size,), (1,))
        for i in range(count)
    }
    content = {"0": bytes(size)} | {str(i): b"" for i in range(1, count)}
    path = by_hand.zip_file(tmp_path / "a.pth", by_hand.dict_of(tensors), content)
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        place = archive.getinfo("net/data/0").header_offset
    at = data.index(b"PK\x01\x02")
    while (at := data.find(b"PK\x01\x02", at)) >= 0:
        length = struct.unpack_from("<H", data, at + 28)[0]
        if data[at + 46 : at + 46 + length].startswith(b"net/data/"):
            struct.pack_into("<II", data, at + 20, size, size)
            struct.pack_into("<I", data, at + 42, place)
        at += 46
    path.write_bytes(data)
    refused(path, "more bytes than it has|damaged|Overlap")


@pytest.mark.parametrize("how", FORMATS)
@settings(max_examples=40, deadline=None)
@given(share=st.floats(0, 0.999))
def test_cut_short_anywhere(tmp_path_factory: Any, how: str, share: float) -> None:
    folder = tmp_path_factory.mktemp("cut")
    whole = write(folder / "a.pth", how, some()).read_bytes()
    path = folder / "cut.pth"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(CheckpointError):
        load_torch(path)


@pytest.mark.parametrize("how", FORMATS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_changed_anywhere_it_is_read_or_refused(tmp_path_factory: Any, how: str, data: Any) -> None:
    folder = tmp_path_factory.mktemp("changed")
    content = bytearray(write(folder / "a.pth", how, some()).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    path = folder / "changed.pth"
    path.write_bytes(content)
    try:
        read = load_torch(path)
    except CheckpointError:
        return
    assert all(isinstance(array, np.ndarray) for array in read.values())


def test_deep_and_endless_structures(tmp_path: Path) -> None:
    deep = b"]" * 100_000 + b"a" * 99_999
    refused(zipped(tmp_path / "a.pth", by_hand.dict_of({"x": deep})), "damaged")
    endless = b"}q\0" + by_hand.text("me") + b"h\0s"
    refused(zipped(tmp_path / "a.pth", endless), "damaged")
    doubling = b"]q\0" + b"h\0\x86q\0" * 100  # 2^100 leaves, were each looked at
    refused(zipped(tmp_path / "a.pth", doubling), "holds a tuple")


def test_pickles_own_output_of_plain_data_is_understood(tmp_path: Path) -> None:
    for protocol in (2, 3, 4, 5):
        value = OrderedDict(a=[1, 2.5, None, True, "é", b"x"], b={"c": (1, 2, 3, 4)}, big=2**70)
        if protocol == 2:
            value["a"] = [1]  # bytes are a call of _codecs.encode there
        data = pickle.dumps(value, protocol)
        assert Machine(Bytes(io.BytesIO(data)), find).run() == dict(value)
