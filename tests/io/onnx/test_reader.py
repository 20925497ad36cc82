"""Whole networks from ONNX files: the same answers, trainable; and files that are refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import glassnet as gn
from glassnet import data, models, nn
from glassnet.data import Preprocessing
from glassnet.errors import CheckpointError, ShapeError
from glassnet.io.onnx import OnnxNet, load_onnx, run_onnx, save_onnx
from tests.io.onnx.test_operators import chain, floats, ints, written

onnx = pytest.importorskip("onnx", reason="needs the extra 'onnx'")


def small() -> nn.Sequential:
    gn.manual_seed(0)
    return nn.Sequential({
        "stem": nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU()),
        "pool": nn.MaxPool2d(2),
        "flatten": nn.Flatten(),
        "drop": nn.Dropout(0.2),
        "head": nn.Linear(36, 2),
    })  # fmt: skip


def answers(net: nn.Module, x: np.ndarray) -> np.ndarray:
    with gn.no_grad():
        return net.eval()(gn.Tensor(x)).numpy()


@pytest.mark.parametrize(
    ("name", "options", "size"),
    [
        ("resnet20", {}, 32), ("vit_tiny", {"size": 32, "depth": 2}, 32), ("lenet5", {}, 28),
        ("digits-bn", {}, 28), ("mobilenet_v2", {"width": 0.25}, 64), ("mlp", {}, 28),
        ("efficientnet_lite0", {"classes": 5}, 64),
    ],
)  # fmt: skip
def test_there_and_back(name: str, options: dict[str, Any], size: int, tmp_path: Path) -> None:
    gn.manual_seed(0)
    net = models.build(name, **options)
    shape = (models.describe(name).input[0], size, size)
    save_onnx(net, tmp_path / "net.onnx", shape)
    again = load_onnx(tmp_path / "net.onnx")
    x = floats(3, *shape)
    np.testing.assert_allclose(answers(again, x), answers(net, x), atol=1e-4, rtol=1e-4)
    assert again.num_parameters() == net.num_parameters()
    own = dict(net.named_parameters())
    assert {n: p.shape for n, p in again.named_parameters()} == {n: p.shape for n, p in own.items()}
    assert nn.summary(again, shape).multiply_adds == nn.summary(net, shape).multiply_adds


def test_layers_in_a_row_run_together(tmp_path: Path) -> None:
    """With the addition of a shortcut, and the same numbers as one by one."""
    gn.manual_seed(0)
    net = models.build("resnet20").eval()
    save_onnx(net, tmp_path / "net.onnx", (3, 32, 32))
    again, x = load_onnx(tmp_path / "net.onnx"), floats(2, 3, 32, 32)
    rows = [part for part in again._parts if part.layers]
    assert sum(len(row.inputs) == 2 for row in rows) == 9  # a shortcut in each block
    assert rows[0].layers == ["conv1", "bn1", "relu_2"]
    with gn.fusion(False):
        apart = answers(again, x)
    np.testing.assert_allclose(answers(again, x), apart, atol=1e-5)


def test_what_belongs_to_a_file_comes_with_it(tmp_path: Path) -> None:
    shown = Preprocessing((8, 8), 3, (0.5,) * 3, (0.2,) * 3)
    save_onnx(small(), tmp_path / "net.onnx", (3, 8, 8), shown, ["ant", "bee"])
    net = load_onnx(tmp_path / "net.onnx")
    assert net.preprocessing == shown and net.classes == ["ant", "bee"] and not net.training
    assert [n for n, _ in net.named_modules() if n] == [
        "stem", "stem.0", "stem.1", "relu_2", "maxpool2d_3", "head",
    ]  # fmt: skip
    bad = onnx.load(tmp_path / "net.onnx")
    for entry in bad.metadata_props:
        entry.value = '{"format": 9}'
    refused(tmp_path / "bad.onnx", bad, "preprocessing of format 9")


def test_it_trains_and_its_run_is_read_again(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 100, (24, 3, 8, 8), np.uint8)
    images[::2, :, :4] += 100
    train = data.arrays(images, np.arange(24) % 2, ["top", "none"])
    save_onnx(small(), tmp_path / "net.onnx", (3, 8, 8))
    net = load_onnx(tmp_path / "net.onnx")
    moved = net.stem.get_submodule("1").running_mean.data.copy()
    run = gn.fit(
        net, train, epochs=10, batch_size=8, progress=False, out=tmp_path / "run",
        optimizer=gn.optim.AdamW(net.parameters(), lr=0.01),
    )  # fmt: skip
    assert run.history[-1]["train_loss"] < 0.5 * run.history[0]["train_loss"]
    assert not np.array_equal(moved, net.stem.get_submodule("1").running_mean.data)
    again = gn.load(tmp_path / "run")
    assert isinstance(again.net, OnnxNet)
    np.testing.assert_array_equal(again.predict(images), run.predict(images))
    difference = save_onnx(again.net, tmp_path / "again.onnx", (3, 8, 8))
    assert difference is None or difference < 1e-4


def test_a_frozen_layer_stays(tmp_path: Path) -> None:
    save_onnx(small(), tmp_path / "net.onnx", (3, 8, 8))
    net = load_onnx(tmp_path / "net.onnx")
    net.get_submodule("stem").freeze()
    assert {n for n, p in net.named_parameters() if p.requires_grad} == {"head.weight", "head.bias"}


def test_products_and_sums_become_linear_layers(tmp_path: Path) -> None:
    nodes = chain(
        ("MatMul", ["x", "m"], "xm", {}), ("Add", ["b", "xm"], "z", {}), ("Relu", ["z"], "r", {}),
        ("Transpose", ["w"], "wt", {"perm": [1, 0]}), ("MatMul", ["r", "wt"], "y", {}),
    )  # fmt: skip
    arrays = {"m": floats(5, 4), "b": floats(4), "w": floats(3, 4)}
    path = written(tmp_path / "net.onnx", nodes, arrays, ("N", 2, 5))
    net, x = load_onnx(path), floats(3, 2, 5)
    kinds = [type(net.get_submodule(p)).__name__ for p in net.plan["layers"]]
    assert kinds == ["Linear", "ReLU", "Linear"]
    np.testing.assert_allclose(answers(net, x), run_onnx(path, x), atol=1e-5)


def test_a_weight_that_two_nodes_take_stays_one(tmp_path: Path) -> None:
    nodes = chain(
        ("MatMul", ["x", "shared.weight"], "a", {}), ("MatMul", ["a", "shared.weight"], "y", {})
    )
    path = written(tmp_path / "net.onnx", nodes, {"shared.weight": floats(5, 5)}, ("N", 5))
    net, x = load_onnx(path), floats(2, 5)
    assert [n for n, _ in net.named_parameters()] == ["shared.weight"]
    np.testing.assert_allclose(answers(net, x), run_onnx(path, x), atol=1e-5)
    net.train()(gn.Tensor(x)).sum().backward()
    assert next(net.parameters()).grad is not None


def test_numbers_that_are_no_weights_do_not_train(tmp_path: Path) -> None:
    scale = onnx.helper.make_node(
        "Constant", [], ["c"], value=onnx.numpy_helper.from_array(floats(5))
    )
    nodes = [scale, *chain(("Mul", ["x", "c"], "z", {}), ("Add", ["z", "one"], "y", {}))]
    path = written(tmp_path / "net.onnx", nodes, {"one": np.float32(1)}, ("N", 5))
    net, x = load_onnx(path), floats(2, 5)
    assert not list(net.parameters()) and len(list(net.buffers())) == 2
    np.testing.assert_allclose(answers(net, x), run_onnx(path, x), atol=1e-6)


def test_a_file_for_one_image_takes_many(tmp_path: Path) -> None:
    nodes = chain(("Reshape", ["x", "shape"], "y", {}))
    path = written(tmp_path / "net.onnx", nodes, {"shape": ints(1, 15)}, (1, 3, 5))
    assert answers(load_onnx(path), floats(4, 3, 5)).shape == (4, 15)
    path = written(tmp_path / "net.onnx", nodes, {"shape": ints(1, -1, 3)}, (1, 3, 5))
    assert answers(load_onnx(path), floats(4, 3, 5)).shape == (4, 5, 3)


def test_outputs_that_nobody_takes(tmp_path: Path) -> None:
    """Old files keep the mask of a dropout."""
    nodes = [
        onnx.helper.make_node("Dropout", ["x"], ["d", "mask"], ratio=0.3),
        *chain(("Relu", ["d"], "y", {})),
    ]
    path, x = written(tmp_path / "net.onnx", nodes, {}, ("N", 5), 9), floats(2, 5)
    np.testing.assert_array_equal(answers(load_onnx(path), x), np.maximum(x, 0))


def test_a_layer_is_called_as_its_node_where_its_weight_has_lost_its_name(tmp_path: Path) -> None:
    make = onnx.helper.make_node
    nodes = [
        make("Conv", ["x", "onnx::Conv_1"], ["a"], name="/layer1/layer1.0/conv1/Conv"),
        make("Conv", ["a", "onnx::Conv_2"], ["b"], name="Conv_7"),
        make("Conv", ["b", "train.weight"], ["y"]),
    ]
    arrays = dict.fromkeys(("onnx::Conv_1", "onnx::Conv_2", "train.weight"), floats(2, 2, 1, 1))
    net = load_onnx(written(tmp_path / "net.onnx", nodes, arrays, ("N", 2, 4, 4)))
    assert list(net.plan["layers"]) == ["layer1.0.conv1", "conv2d_1", "train_"]
    assert net.train().training  # 'train' is a method still


def test_several_outputs(tmp_path: Path) -> None:
    nodes = [onnx.helper.make_node("Split", ["x"], ["y", "z"], axis=1)]
    path = written(tmp_path / "net.onnx", nodes, {}, ("N", 6), 11)
    model = onnx.load(path)
    model.graph.output.append(onnx.helper.make_tensor_value_info("z", 1, ["N", 3]))
    onnx.save(model, path)
    y, z = load_onnx(path)(gn.Tensor(floats(2, 6)))
    assert y.shape == z.shape == (2, 3)


def test_weights_in_half_and_double_precision(tmp_path: Path) -> None:
    array = floats(5, 4)
    for kind in (np.float16, np.float64):
        nodes = chain(
            ("Cast", ["w"], "w32", {"to": onnx.TensorProto.FLOAT}),
            ("MatMul", ["x", "w32"], "y", {}),
        )
        path = written(tmp_path / "net.onnx", nodes, {"w": array.astype(kind)}, ("N", 5))
        net, x = load_onnx(path), floats(2, 5)
        assert {t.dtype for _, t in net.named_state()} == {np.dtype(np.float32)}
        np.testing.assert_allclose(answers(net, x), x @ array, atol=5e-3)


# -- files that are refused ----------------------------------------------------------------------
def model_of(*nodes: Any, arrays: Any = (), **options: Any) -> Any:
    graph = onnx.helper.make_graph(
        list(nodes), "test",
        [onnx.helper.make_tensor_value_info("x", 1, ["N", 5])],
        [onnx.helper.make_tensor_value_info("y", 1, ["N", None])], list(arrays),
    )  # fmt: skip
    opset = options.pop("opset_imports", [onnx.helper.make_opsetid("", 17)])
    return onnx.helper.make_model(graph, opset_imports=opset, ir_version=8, **options)


def refused(path: Path, model: Any, match: str) -> None:
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    with pytest.raises(CheckpointError, match=match) as told:
        load_onnx(path)
    assert str(path) in str(told.value)


NODE = onnx.helper.make_node


def test_files_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    with pytest.raises(CheckpointError, match="no such file"):
        load_onnx(path)
    refused(path, b"", "holds no graph")
    refused(path, b"\xff" * 100, "not an ONNX file")
    whole = model_of(NODE("Relu", ["x"], ["y"])).SerializeToString()
    refused(path, whole[:-20], "not an ONNX file|breaks the format|holds no graph|outputs")


def test_weights_in_another_file_are_not_opened(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(100))
    array = onnx.numpy_helper.from_array(np.zeros((5, 5), np.float32), "w")
    onnx.external_data_helper.set_external_data(array, str(secret))
    array.ClearField("raw_data")
    model = model_of(NODE("MatMul", ["x", "w"], ["y"]), arrays=[array])
    refused(tmp_path / "net.onnx", model, "in another file, which is not opened")
    constant = NODE("Constant", [], ["w"], value=array)
    model = model_of(constant, NODE("MatMul", ["x", "w"], ["y"]))
    refused(tmp_path / "net.onnx", model, "in another file")


def test_operators_that_are_not_known_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    model = model_of(NODE("LSTM", ["x"], ["a"]), NODE("LSTM", ["a"], ["y"]))
    refused(path, model, r"not known here: LSTM \(2 times\)")
    model = model_of(NODE("Relu", ["x"], ["y"], domain="my.maker"))
    refused(path, model, r"my\.maker\.Relu \(1 times\)")
    body = onnx.helper.make_graph([], "g", [], [])
    refused(path, model_of(NODE("If", ["x"], ["y"], then_branch=body, else_branch=body)), "If")


def test_gigantic_sizes(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    array = onnx.numpy_helper.from_array(np.zeros(4, np.float32), "w")
    array.dims[:] = [2**40, 2**20]
    matmul = NODE("MatMul", ["x", "w"], ["y"])
    refused(path, model_of(matmul, arrays=[array]), "declares 1,152,921,504,606,846,976 numbers")
    array.dims[:] = [2**20]
    refused(path, model_of(matmul, arrays=[array]), "declares 1,048,576 numbers, 16 bytes")
    array.dims[:] = [-4]
    refused(path, model_of(matmul, arrays=[array]), r"size \[-4\]")
    array.dims[:] = [5]
    refused(path, model_of(matmul, arrays=[array]), "breaks the format|no graph that|makes sense")
    array.dims[:] = [2**30]
    array.ClearField("raw_data")
    refused(path, model_of(matmul, arrays=[array]), "breaks the format|no graph that|makes sense")


def test_what_is_not_supported_says_so(tmp_path: Path) -> None:
    x = gn.Tensor(floats(1, 4, 5, 5))
    for kind, attributes, arrays, why in (
        ("LRN", {"size": 4}, {}, "even"),
        ("ConvTranspose", {"output_shape": [9, 9]}, {"w": floats(4, 2, 3, 3)}, "output_shape"),
        ("Squeeze", {}, {"axes": ints(1)}, "not all have length 1"),
    ):
        nodes = chain((kind, ["x", *arrays], "y", attributes))
        net = load_onnx(written(tmp_path / "net.onnx", nodes, arrays, (1, 4, "H", "W")))
        with pytest.raises(ShapeError, match=why):
            net(x)


def test_names_that_get_in_each_others_way(tmp_path: Path) -> None:
    nodes = chain(
        ("MatMul", ["x", "a.weight"], "u", {}), ("MatMul", ["u", "a.b.weight"], "v", {}),
        ("MatMul", ["v", "a.weight.weight"], "w", {}), ("Add", ["w", "a"], "y", {}),
    )  # fmt: skip
    arrays = {n: floats(5, 5) for n in ("a.weight", "a.b.weight", "a.weight.weight", "a")}
    path, x = written(tmp_path / "net.onnx", nodes, arrays, ("N", 5)), floats(5, 5)
    np.testing.assert_allclose(answers(load_onnx(path), x), run_onnx(path, x), atol=1e-4)


def test_shapes_that_ask_for_too_much_memory(tmp_path: Path) -> None:
    for kind, arrays, nodes in (
        ("ConstantOfShape", {"s": ints(2**40, 2**20)}, ["s"]),
        ("Expand", {"s": ints(2**40, 2**20, 1, 5)}, ["x", "s"]),
        ("Pad", {"s": ints(0, 2**40, 0, 2**20)}, ["x", "s"]),
    ):
        path = written(tmp_path / "net.onnx", chain((kind, nodes, "y", {})), arrays, ("N", 5))
        net = load_onnx(path)
        with pytest.raises(ShapeError, match="asks for an array"):
            net(gn.Tensor(floats(1, 5)))


def test_graphs_that_make_no_sense(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    refused(path, model_of(NODE("Relu", ["nothing"], ["y"])), "breaks the format's rules")
    refused(path, model_of(NODE("Relu", ["x"], ["z"])), "breaks|computed by no node")
    relu = NODE("Relu", ["x"], ["y"])
    refused(path, model_of(relu, opset_imports=[onnx.helper.make_opsetid("", 6)]), "7 to 28 are")
    two = model_of(relu)
    two.graph.input.append(onnx.helper.make_tensor_value_info("x2", 1, ["N"]))
    refused(path, two, "takes 2 inputs")
    function = onnx.helper.make_function(
        "d", "F", ["a"], ["b"], [NODE("Relu", ["a"], ["b"])], [onnx.helper.make_opsetid("", 17)]
    )
    refused(path, model_of(relu, functions=[function]), "functions")
    large = onnx.numpy_helper.from_array(np.arange(5000), "i")
    gather = NODE("Gather", ["x", "i"], ["y"], axis=1)
    refused(path, model_of(gather, arrays=[large]), "constant 'i' of")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_changed_anywhere_it_is_read_or_refused(tmp_path_factory: Any, data: Any) -> None:
    folder = tmp_path_factory.mktemp("changed")
    nodes = chain(
        ("Conv", ["x", "w"], "a", {"pads": [1, 1, 1, 1]}), ("Relu", ["a"], "b", {}),
        ("GlobalAveragePool", ["b"], "c", {}), ("Flatten", ["c"], "d", {}),
        ("Gemm", ["d", "v"], "y", {}),
    )  # fmt: skip
    arrays = {"w": floats(2, 1, 3, 3), "v": floats(2, 3)}
    content = bytearray(written(folder / "a.onnx", nodes, arrays, ("N", 1, 4, 4)).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (folder / "b.onnx").write_bytes(content)
    try:
        net = load_onnx(folder / "b.onnx")
    except CheckpointError:
        return
    assert isinstance(net, OnnxNet)
