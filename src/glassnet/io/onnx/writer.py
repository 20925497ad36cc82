"""A network as an ONNX file: what it computes for one batch, written down operation by operation.

The file holds the network in evaluation mode, for any number of images. It is checked by
`onnx.checker` and, where ONNX Runtime is installed, run beside the network before it is handed
over.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import glassnet
from glassnet.errors import GlassnetError, require
from glassnet.io.atomic import atomic_write
from glassnet.io.onnx.build import IMAGES, LOGITS, Builder
from glassnet.io.onnx.rules import add_step
from glassnet.nn.module import Module, evaluating
from glassnet.nn.trace import Batch, trace
from glassnet.tape import Array
from glassnet.tensor import Tensor

if TYPE_CHECKING:
    from glassnet.data import Preprocessing

OPERATOR_SET, IR_VERSION = 17, 8  # of 2022, which all runtimes read
TOLERANCE = 1e-4
BATCHES = (1, 3)  # that a file is tried with


def save_onnx(
    net: Module,
    path: str | os.PathLike[str],
    shape: Sequence[int],
    preprocessing: Preprocessing | None = None,
    classes: Sequence[str] | None = None,
    raw_pixels: bool = False,
) -> float | None:
    """Write `net` for images of `shape` (C, H, W), atomically; input "images", output "logits".

    preprocessing, classes   go into the file's metadata as JSON
    raw_pixels               the file takes uint8 images of the final size and normalises them
                             itself, by `preprocessing`
    Returns the largest difference to the network's own answers, None without ONNX Runtime. Raises
    GlassnetError, and writes nothing, for an operation that ONNX cannot say, naming the layer, and
    where the answers differ by more than 1e-4 of the largest.
    """
    onnx = require("onnx", "onnx")
    model = to_onnx(net, shape, preprocessing, classes, raw_pixels)
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString()
    difference = _compared(content, net, tuple(shape), preprocessing if raw_pixels else None)
    atomic_write(path, content)
    return difference


def to_onnx(
    net: Module,
    shape: Sequence[int],
    preprocessing: Preprocessing | None = None,
    classes: Sequence[str] | None = None,
    raw_pixels: bool = False,
) -> Any:
    """The network as an `onnx.ModelProto`; arguments and errors as `save_onnx`."""
    onnx = require("onnx", "onnx")
    images = np.random.default_rng(0).standard_normal((2, *shape)).astype(np.float32)
    graph = trace(net, images)
    b = Builder(net.state_dict(), images.shape)
    if raw_pixels:
        b.input = _normalised(b, preprocessing)
    for number, step in enumerate(graph.steps):
        add_step(b, number, step)
    last = b.shape(graph.output)
    b.nodes.append(onnx.helper.make_node("Identity", [b.value(graph.output)], [LOGITS]))
    kind = onnx.TensorProto.UINT8 if raw_pixels else onnx.TensorProto.FLOAT
    from_array = onnx.numpy_helper.from_array
    constants = [
        onnx.helper.make_node("Constant", [], [name], value=from_array(array))
        for name, array in b.constants.items()
    ]
    made = onnx.helper.make_graph(
        [*constants, *b.nodes],
        type(net).__name__,
        [onnx.helper.make_tensor_value_info(IMAGES, kind, ["N", *shape])],
        [
            onnx.helper.make_tensor_value_info(
                LOGITS, onnx.TensorProto.FLOAT, ["N" if isinstance(n, Batch) else n for n in last]
            )
        ],
        [from_array(array, name) for name, array in b.arrays.items()],
    )
    return _model(made, preprocessing, classes)


def _normalised(b: Builder, preprocessing: Preprocessing | None) -> str:
    """(x / 255 - mean) / std on uint8 images; the same steps as `Preprocessing`."""
    if preprocessing is None:
        raise GlassnetError("raw_pixels needs the preprocessing that the file is to apply")
    column = (1, preprocessing.channels, 1, 1)
    mean = np.array(preprocessing.mean, np.float32).reshape(column)
    factor = np.array(1 / np.array(preprocessing.std), np.float32).reshape(column)
    x = b.node("Cast", IMAGES, to=b.onnx.TensorProto.FLOAT)
    x = b.node("Mul", x, b.array(np.float32(1 / 255)))
    return b.node("Mul", b.node("Sub", x, b.array(mean)), b.array(factor))


def _model(graph: Any, preprocessing: Preprocessing | None, classes: Sequence[str] | None) -> Any:
    onnx = require("onnx", "onnx")
    model = onnx.helper.make_model(
        graph,
        opset_imports=[onnx.helper.make_opsetid("", OPERATOR_SET)],
        ir_version=IR_VERSION,
        producer_name="glassnet",
        producer_version=glassnet.__version__,
    )
    notes = {}
    if preprocessing is not None:
        notes["preprocessing"] = json.dumps(preprocessing.to_dict())
    if classes is not None:
        notes["classes"] = json.dumps(list(classes))
    onnx.helper.set_model_props(model, notes)
    return model


# -- before it is handed over --------------------------------------------------------------------
def run_onnx(source: bytes | str | os.PathLike[str], images: Array) -> Array:
    """The answers of ONNX Runtime on images (N, C, H, W). Raises MissingExtra without it."""
    runtime = require("onnxruntime", "bench")
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    content = source if isinstance(source, bytes) else os.fspath(source)
    session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.asarray(session.run(None, {name: np.ascontiguousarray(images)})[0])


def _compared(
    content: bytes, net: Module, shape: tuple[int, ...], preprocessing: Preprocessing | None
) -> float | None:
    """The largest difference between file and network on images of noise, both batch sizes."""
    if importlib.util.find_spec("onnxruntime") is None:
        return None
    found = [_difference(content, net, (n, *shape), preprocessing) for n in BATCHES]
    return max(found)


def _difference(
    content: bytes, net: Module, shape: tuple[int, ...], preprocessing: Preprocessing | None
) -> float:
    rng = np.random.default_rng(1)
    shown = images = rng.standard_normal(shape).astype(np.float32)
    if preprocessing is not None:
        images = rng.integers(0, 256, shape, np.uint8)
        shown = preprocessing(images)
    with evaluating(net):
        expected = net(Tensor(shown)).numpy()
    answers = run_onnx(content, images)
    difference = float(np.abs(answers - expected).max(initial=0))
    if not difference <= TOLERANCE * max(1.0, float(np.abs(expected).max(initial=0))):
        raise GlassnetError(
            f"ONNX Runtime's answers differ from the network's by {difference:.3g} for {shape[0]} "
            "images, so nothing was written; please report this network"
        )
    return difference
