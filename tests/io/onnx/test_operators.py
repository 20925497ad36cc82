"""Each operator as a file with one node, against ONNX Runtime."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet.io.onnx import load_onnx, run_onnx
from glassnet.io.onnx.layers import LAYERS
from glassnet.io.onnx.operators import OPERATORS

onnx = pytest.importorskip("onnx", reason="needs the extra 'onnx'")
pytest.importorskip("onnxruntime", reason="needs ONNX Runtime to compare with")
make = onnx.helper

RNG = np.random.default_rng(0)


def floats(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


ROWS, IMAGE = (2, 3, 5), (2, 4, 9, 8)
# (kind, shape of x, attributes, the other inputs (None: left out), operator set)
Case = tuple[str, tuple[int, ...], dict[str, Any], tuple[Any, ...], int]
PLAIN = "Relu Sigmoid Tanh Exp Erf Sin Cos Softplus Neg Abs Identity HardSwish Flatten".split()
CASES: list[Case] = [
    *[(kind, ROWS, {}, (), 17) for kind in PLAIN],
    *[(kind, ROWS, {}, (floats(3, 5),), 17) for kind in "Add Sub Mul Div Max Min Sum Mean".split()],
    ("Pow", ROWS, {}, (np.float32(2),), 17),
    ("Reciprocal", ROWS, {}, (), 17),
    ("Max", ROWS, {}, (floats(3, 5), floats(5)), 17),
    ("Mean", ROWS, {}, (floats(3, 5), floats(5)), 17),
    ("Sum", ROWS, {}, (floats(3, 5), floats(5)), 17),
    ("Clip", ROWS, {}, (np.float32(-0.5), np.float32(0.25)), 17),
    ("Clip", ROWS, {}, (None, np.float32(0.25)), 17),
    ("Clip", ROWS, {}, (np.float32(0), np.float32(6)), 17),
    ("Clip", ROWS, {"min": -0.5, "max": 0.25}, (), 10),
    ("LeakyRelu", ROWS, {"alpha": 0.3}, (), 17),
    ("Elu", ROWS, {"alpha": 0.3}, (), 17),
    ("PRelu", ROWS, {}, (floats(3, 1),), 17),
    ("HardSigmoid", ROWS, {"alpha": 0.3, "beta": 0.4}, (), 17),
    ("Gelu", ROWS, {}, (), 20),
    ("Gelu", ROWS, {"approximate": "tanh"}, (), 20),
    ("Softmax", ROWS, {"axis": 1}, (), 17),
    ("Softmax", ROWS, {}, (), 17),
    ("Softmax", ROWS, {}, (), 11),
    ("Softmax", (2, 5), {}, (), 11),
    ("LogSoftmax", ROWS, {"axis": 1}, (), 11),
    ("LogSoftmax", ROWS, {"axis": -1}, (), 17),
    ("Dropout", ROWS, {}, (np.float32(0.3),), 17),
    ("Dropout", ROWS, {"ratio": 0.3}, (), 11),
    ("MatMul", ROWS, {}, (floats(5, 4),), 17),
    ("MatMul", ROWS, {}, (floats(2, 5, 4),), 17),
    ("Gemm", (2, 5), {"transB": 1, "alpha": 0.5, "beta": 2.0}, (floats(4, 5), floats(4)), 17),
    ("Gemm", (2, 5), {}, (floats(5, 4), floats(1, 4)), 17),
    ("Gemm", (2, 5), {}, (floats(5, 4), floats(2, 4)), 17),
    ("Gemm", (2, 5), {"transA": 1, "alpha": 0.5}, (floats(2, 4),), 17),
    ("Einsum", (2, 5), {"equation": "ij,kj->ik"}, (floats(4, 5),), 17),
    ("Conv", IMAGE, {"pads": [1, 0, 1, 0], "strides": [2, 1]}, (floats(6, 4, 3, 2), floats(6)), 17),
    ("Conv", IMAGE, {"pads": [0, 1, 2, 3], "dilations": [2, 1]}, (floats(6, 4, 3, 2),), 17),
    ("Conv", IMAGE, {"group": 4, "auto_pad": "SAME_UPPER", "strides": [2, 2]},
     (floats(4, 1, 3, 3), floats(4)), 17),
    ("Conv", IMAGE, {"auto_pad": "SAME_LOWER", "strides": [2, 2]}, (floats(4, 4, 3, 3),), 17),
    ("Conv", IMAGE, {"auto_pad": "VALID"}, (floats(4, 4, 3, 3),), 17),
    ("Conv", (2, 4, 9), {"pads": [1, 2], "strides": [2]}, (floats(6, 4, 3), floats(6)), 17),
    ("ConvTranspose", IMAGE, {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 0]},
     (floats(4, 3, 3, 3), floats(3)), 17),
    ("ConvTranspose", (2, 4, 9), {"strides": [2]}, (floats(4, 3, 3),), 17),
    ("MaxPool", IMAGE, {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 1, 0]}, (), 17),
    ("MaxPool", IMAGE, {"kernel_shape": [2, 2]}, (), 17),
    ("MaxPool", IMAGE, {"kernel_shape": [3, 3], "auto_pad": "SAME_UPPER", "strides": [2, 2]},
     (), 17),
    ("MaxPool", (2, 4, 9), {"kernel_shape": [3], "strides": [2], "ceil_mode": 1}, (), 17),
    ("AveragePool", IMAGE, {"kernel_shape": [3, 2], "pads": [1, 0, 1, 0]}, (), 17),
    ("AveragePool", IMAGE, {"kernel_shape": [3, 3], "pads": [1] * 4, "count_include_pad": 1},
     (), 17),
    ("AveragePool", IMAGE, {"kernel_shape": [3, 3], "auto_pad": "SAME_UPPER", "strides": [2, 2]},
     (), 17),
    ("AveragePool", (2, 4, 9), {"kernel_shape": [3], "strides": [2]}, (), 17),
    ("GlobalAveragePool", IMAGE, {}, (), 17),
    ("GlobalAveragePool", (2, 4, 9), {}, (), 17),
    ("GlobalMaxPool", IMAGE, {}, (), 17),
    ("BatchNormalization", IMAGE, {"epsilon": 0.01},
     (floats(4), floats(4), floats(4), abs(floats(4)) + 0.5), 17),
    ("BatchNormalization", (2, 4), {}, (floats(4), floats(4), floats(4), abs(floats(4)) + 0.5), 17),
    ("InstanceNormalization", IMAGE, {}, (floats(4), floats(4)), 17),
    ("GroupNormalization", IMAGE, {"num_groups": 2}, (floats(4), floats(4)), 21),
    ("LayerNormalization", ROWS, {"epsilon": 0.01}, (floats(5), floats(5)), 17),
    ("LayerNormalization", ROWS, {"axis": 1}, (floats(3, 5),), 17),
    ("LRN", IMAGE, {"size": 3, "alpha": 0.2, "beta": 0.6, "bias": 2.0}, (), 17),
    ("LpNormalization", ROWS, {"axis": 1, "p": 2}, (), 17),
    ("LpNormalization", ROWS, {"axis": -1, "p": 1}, (), 17),
    *[(kind, ROWS, {"axes": [1, -1], "keepdims": 0}, (), 11)
      for kind in "ReduceMean ReduceSum ReduceMax ReduceMin ReduceLogSumExp ReduceL2".split()],
    *[(kind, ROWS, {}, (ints(1),), 18)
      for kind in "ReduceMean ReduceSum ReduceMax ReduceL2".split()],
    ("ReduceSum", ROWS, {"noop_with_empty_axes": 1}, (), 17),
    ("ReduceMean", ROWS, {"keepdims": 0}, (), 11),
    ("Flatten", ROWS, {"axis": 2}, (), 17),
    ("Reshape", ROWS, {}, (ints(0, -1),), 17),
    ("Reshape", ROWS, {}, (ints(5, 2, 3),), 17),
    ("Transpose", ROWS, {"perm": [0, 2, 1]}, (), 17),
    ("Transpose", ROWS, {}, (), 17),
    ("Squeeze", (2, 1, 5, 1), {"axes": [1]}, (), 11),
    ("Squeeze", (2, 1, 5, 1), {}, (ints(1, -1),), 17),
    ("Squeeze", (2, 1, 5, 1), {}, (), 17),
    ("Unsqueeze", ROWS, {"axes": [1, 4]}, (), 11),
    ("Unsqueeze", ROWS, {}, (ints(-1),), 17),
    ("Concat", ROWS, {"axis": 1}, (floats(2, 2, 5), floats(2, 1, 5)), 17),
    ("Split", (2, 6), {"axis": 1, "split": [2, 4]}, (), 11),
    ("Split", (2, 6), {"axis": 1}, (ints(4, 2),), 17),
    ("Split", (2, 6), {"axis": 1}, (), 11),
    ("Slice", ROWS, {}, (ints(0, 1), ints(2, 5), ints(1, -1), ints(1, 2)), 17),
    ("Slice", ROWS, {}, (ints(-1), ints(-(2**63) + 1), ints(1), ints(-1)), 17),
    ("Slice", ROWS, {}, (ints(4), ints(0), ints(2), ints(-2)), 17),
    ("Slice", ROWS, {"starts": [1], "ends": [100], "axes": [1]}, (), 9),
    ("Gather", ROWS, {"axis": 1}, (np.array(1, np.int64),), 17),
    ("Gather", ROWS, {"axis": -1}, (ints(3, 0, -1),), 17),
    ("Expand", (2, 1, 5), {}, (ints(2, 3, 1),), 17),
    ("Pad", ROWS, {}, (ints(0, 1, 2, 0, 0, 3), np.float32(0.5)), 17),
    ("Pad", ROWS, {"mode": "reflect"}, (ints(0, 1, 2, 0, 0, 3),), 17),
    ("Pad", ROWS, {"mode": "edge", "pads": [0, 1, 2, 0, 0, 3]}, (), 10),
    ("Pad", ROWS, {}, (ints(0, -1, 2, 0, 0, -3),), 17),
    ("Pad", ROWS, {}, (ints(1, 2), None, ints(1)), 18),
    ("Cast", ROWS, {"to": onnx.TensorProto.FLOAT}, (), 17),
]  # fmt: skip


def written(
    path: Path, nodes: list[Any], arrays: dict[str, Any], shape: tuple[int, ...],
    version: int = 17, output: int = onnx.TensorProto.FLOAT,
) -> Path:  # fmt: skip
    """A file whose graph goes from 'x' to 'y'."""
    kind = onnx.TensorProto.FLOAT
    graph = make.make_graph(
        nodes,
        "test",
        [make.make_tensor_value_info("x", kind, list(shape))],
        [make.make_tensor_value_info("y", output, None)],
        [onnx.numpy_helper.from_array(np.asarray(a), name) for name, a in arrays.items()],
    )
    opsets = [make.make_opsetid("", version)]
    model = make.make_model(graph, opset_imports=opsets, ir_version=8)
    model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    if not model.graph.output[0].type.tensor_type.HasField("shape"):  # not inferred: as the input's
        model.graph.output[0].CopyFrom(make.make_tensor_value_info("y", output, list(shape)))
    onnx.save(model, path)
    return path


def answers(path: Path, x: np.ndarray) -> np.ndarray:
    net = load_onnx(path)
    with gn.no_grad():
        return np.asarray(net(gn.Tensor(x)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[4]}")
def test_operator(case: Case, tmp_path: Path) -> None:
    kind, shape, attributes, others, version = case
    arrays = {f"a{i}": a for i, a in enumerate(others) if a is not None}
    names = [f"a{i}" if a is not None else "" for i, a in enumerate(others)]
    outputs = ["y", "z"] if kind == "Split" else ["y"]
    nodes = [make.make_node(kind, ["x", *names], outputs, **attributes)]
    path = written(tmp_path / "net.onnx", nodes, arrays, shape, version)
    x = floats(*shape)
    found, expected = answers(path, x), run_onnx(path, x)
    assert found.shape == expected.shape and found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


WITH_WEIGHTS = [case for case in CASES if case[0] in LAYERS and case[3] and case[0] != "Dropout"]


@pytest.mark.parametrize("case", WITH_WEIGHTS, ids=lambda case: f"{case[0]}-{case[4]}")
def test_operator_whose_weights_are_computed(case: Case, tmp_path: Path) -> None:
    """No layer can own them, so the operator takes them as they come."""
    kind, shape, attributes, others, version = case
    arrays = {f"a{i}": a for i, a in enumerate(others) if a is not None} | {"one": np.float32(1)}
    names = [f"b{i}" if a is not None else "" for i, a in enumerate(others)]
    nodes = [make.make_node("Mul", [f"a{n[1:]}", "one"], [n]) for n in names if n]
    nodes += [make.make_node(kind, ["x", *names], ["y"], **attributes)]
    path = written(tmp_path / "net.onnx", nodes, arrays, shape, version)
    x = floats(*shape)
    assert load_onnx(path).plan["steps"][-1]["layer"] is None
    np.testing.assert_allclose(answers(path, x), run_onnx(path, x), rtol=1e-5, atol=1e-5)


def chain(*steps: tuple[str, list[str], str, dict[str, Any]]) -> list[Any]:
    return [
        make.make_node(kind, inputs, [output], **options) for kind, inputs, output, options in steps
    ]


def test_logarithms_and_roots(tmp_path: Path) -> None:
    nodes = chain(("Abs", ["x"], "a", {}), ("Sqrt", ["a"], "b", {}), ("Log", ["b"], "y", {}))
    path, x = written(tmp_path / "n.onnx", nodes, {}, ROWS), floats(*ROWS)
    np.testing.assert_allclose(answers(path, x), run_onnx(path, x), rtol=1e-5, atol=1e-6)


def test_shapes_are_computed_with(tmp_path: Path) -> None:
    """As exporters write x.view(x.size(0), -1), and a mask from a shape."""
    nodes = chain(
        ("Shape", ["x"], "s", {}),
        ("Gather", ["s", "zero"], "n", {"axis": 0}),
        ("Unsqueeze", ["n", "axis"], "n1", {}),
        ("Concat", ["n1", "rest"], "shape", {"axis": 0}),
        ("Reshape", ["x", "shape"], "flat", {}),
        ("Slice", ["s", "axis", "two"], "most", {}),
        ("Cast", ["most"], "most32", {"to": onnx.TensorProto.INT64}),
        ("Mul", ["most32", "two"], "doubled", {}),
        ("Div", ["doubled", "two"], "most_", {}),
        ("ReduceMax", ["most_"], "three", {"keepdims": 1}),
        ("Equal", ["three", "three"], "yes", {}),
        ("Where", ["yes", "flat", "x2"], "y", {}),
    )
    arrays = {"zero": np.array(0, np.int64), "axis": ints(0), "rest": ints(-1), "two": ints(2),
              "x2": floats(2, 15)}  # fmt: skip
    path, x = written(tmp_path / "n.onnx", nodes, arrays, ("N", 3, 5)), floats(2, 3, 5)
    np.testing.assert_allclose(answers(path, x), run_onnx(path, x))


def test_constants_made_from_shapes(tmp_path: Path) -> None:
    value = onnx.numpy_helper.from_array(np.array([2.5], np.float32))
    nodes = chain(
        ("Shape", ["x"], "s", {"start": 1}),
        ("ConstantOfShape", ["s"], "c", {"value": value}),
        ("Greater", ["x", "c"], "more", {}),
        ("Less", ["x", "c"], "less", {}),
        ("Or", ["more", "less"], "either", {}),
        ("And", ["either", "less"], "both", {}),
        ("Not", ["both"], "no", {}),
        ("Where", ["no", "c", "x"], "y", {}),
    )
    path, x = written(tmp_path / "n.onnx", nodes, {}, ROWS), 3 * floats(*ROWS)
    np.testing.assert_allclose(answers(path, x), run_onnx(path, x))


def test_indices_of_the_largest(tmp_path: Path) -> None:
    nodes = chain(("ArgMax", ["x"], "y", {"axis": 1, "keepdims": 0}))
    path = written(tmp_path / "n.onnx", nodes, {}, ROWS, output=onnx.TensorProto.INT64)
    x = floats(*ROWS)
    np.testing.assert_array_equal(answers(path, x), run_onnx(path, x))


def test_every_operator_is_tried() -> None:
    tried = {case[0] for case in CASES} | {
        "Log", "Sqrt", "Shape", "Equal", "Where", "Greater", "Less", "Not", "And", "Or",
        "ConstantOfShape", "ArgMax",
    }  # fmt: skip
    assert tried == {*OPERATORS, *LAYERS}
