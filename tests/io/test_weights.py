"""save and load: exact round trip, and a clear error for every kind of broken file."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from glassnet.errors import CheckpointError
from glassnet.io import load, save

ARRAYS = npst.arrays(
    st.sampled_from([np.float32, np.float64, np.float16, np.int64, np.uint8, np.bool_, ">f4"]),
    npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
)


@given(arrays=st.dictionaries(st.text(min_size=1).filter(lambda n: n != "__metadata__"), ARRAYS))
def test_arrays_come_back_bit_for_bit(
    arrays: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    save(path, arrays)
    loaded, metadata = load(path)
    assert metadata == {}
    assert loaded.keys() == arrays.keys()
    for name, array in arrays.items():
        assert loaded[name].dtype == array.dtype.newbyteorder("=")
        assert loaded[name].shape == array.shape
        np.testing.assert_array_equal(loaded[name], array)


def test_any_memory_order_is_written_as_c(tmp_path: Path) -> None:
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    save(tmp_path / "a", {"t": x.transpose(2, 0, 1), "s": x[:, ::2, ::-1]})
    loaded, _ = load(tmp_path / "a")
    np.testing.assert_array_equal(loaded["t"], x.transpose(2, 0, 1))
    np.testing.assert_array_equal(loaded["s"], x[:, ::2, ::-1])


def test_metadata_round_trip(tmp_path: Path) -> None:
    metadata = {"epoch": 3, "names": ["ä", "b"], "nested": {"lr": 0.1, "none": None}}
    save(tmp_path / "a", {}, metadata)
    assert load(tmp_path / "a") == ({}, metadata)
    save(tmp_path / "a", {}, {"loss": math.nan})
    assert math.isnan(load(tmp_path / "a")[1]["loss"])


def test_what_cannot_be_held_is_refused_before_writing(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="'w' has dtype object"):
        save(tmp_path / "a", {"w": np.array([None])})
    with pytest.raises(CheckpointError, match="'w' has dtype complex64"):
        save(tmp_path / "a", {"w": np.zeros(1, np.complex64)})
    with pytest.raises(CheckpointError, match="JSON"):
        save(tmp_path / "a", {}, {"x": object()})
    assert not (tmp_path / "a").exists()


def test_every_truncation_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    save(path, {"w": np.arange(50.0)}, {"epoch": 1})
    whole = path.read_bytes()
    for length in (0, 1, 7, 8, 9, 60, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match=r"run\.safetensors .*cut short"):
            load(path)


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "w"
    save(path, {"w": np.arange(50.0)})
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="checksum"):
        load(path)


def test_other_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with pytest.raises(CheckpointError, match=r"photo\.png"):
        load(tmp_path / "photo.png")
    with pytest.raises(CheckpointError, match="no such file"):
        load(tmp_path / "nothing")
    with pytest.raises(CheckpointError, match="no such file"):
        load(tmp_path)


def test_a_file_of_another_program_reads(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"w": np.ones(3)}, tmp_path / "w", metadata={"format": "pt"})
    arrays, metadata = load(tmp_path / "w")
    assert arrays["w"].sum() == 3 and metadata == {}


def test_half_precision_of_another_program(tmp_path: Path) -> None:
    """bfloat16, which NumPy does not have, becomes the same numbers in float32."""
    upper = np.array([[0x3F80, 0xC040], [0x7F80, 0x0001]], np.uint16)
    half = np.array([1.5, -2], np.float16)
    header = {
        "half": {"dtype": "F16", "shape": [2], "data_offsets": [8, 12]},
        "brain": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]},
        "__metadata__": {"format": "pt"},
    }
    text = json.dumps(header).encode()
    content = len(text).to_bytes(8, "little") + text + upper.tobytes() + half.tobytes()
    (tmp_path / "w.safetensors").write_bytes(content)
    arrays, metadata = load(tmp_path / "w.safetensors")
    expected = np.array([[1, -3], [np.inf, 2.0**-133]], np.float32)
    np.testing.assert_array_equal(arrays["brain"], expected)
    assert arrays["brain"].dtype == np.float32 and metadata == {}
    assert arrays["half"].dtype == np.float16 and arrays["half"][0] == 1.5


def test_metadata_that_are_not_json(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({}, tmp_path / "w", metadata={"glassnet": "{"})
    with pytest.raises(CheckpointError, match="not JSON"):
        load(tmp_path / "w")
