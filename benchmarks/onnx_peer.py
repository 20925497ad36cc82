"""EfficientNet-Lite0 for ONNX Runtime: the folded network, layer by layer, as an ONNX graph."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any


def session(net: Any, x: Any) -> Callable[[], Any]:
    """A call that runs PyTorch's `net` in ONNX Runtime on x, on as many threads as others have."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ["OMP_NUM_THREADS"])
    made = onnxruntime.InferenceSession(
        _Graph(x.shape).finish(net), options, providers=["CPUExecutionProvider"]
    )
    return lambda: made.run(None, {"x": x})[0]


class _Graph:
    """Nodes one after the other; each method adds a layer and gives the name of its output."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape, self.nodes, self.weights = shape, [], []  # type: ignore[var-annotated]

    def finish(self, net: Any) -> bytes:
        from onnx import TensorProto, helper

        output = self.layer(net, "x")
        value = helper.make_tensor_value_info
        graph = helper.make_graph(
            self.nodes, "net",
            [value("x", TensorProto.FLOAT, self.shape)], [value(output, TensorProto.FLOAT, None)],
            self.weights,
        )  # fmt: skip
        opset = [helper.make_opsetid("", 17)]
        return bytes(
            helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
        )

    def add(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        from onnx import helper

        output = f"y{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def weight(self, array: Any) -> str:
        from onnx import numpy_helper

        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def layer(self, net: Any, x: str) -> str:
        """Any layer that the network has."""
        kind = type(net).__name__
        if kind == "Sequential":
            for child in net:
                x = self.layer(child, x)
            return x
        if kind == "Residual":
            return self.add("Add", [self.layer(net.body, x), x])
        return getattr(self, kind.lower())(net, x)

    def conv2d(self, net: Any, x: str) -> str:
        inputs = [x, *(self.weight(p.detach().numpy()) for p in (net.weight, net.bias))]
        return self.add(
            "Conv", inputs, strides=net.stride, pads=(*net.padding, *net.padding), group=net.groups
        )

    def relu6(self, net: Any, x: str) -> str:
        import numpy as np

        bounds = [self.weight(np.array(b, np.float32)) for b in (0, 6)]
        return self.add("Clip", [x, *bounds])

    def adaptiveavgpool2d(self, net: Any, x: str) -> str:
        return self.add("GlobalAveragePool", [x])

    def flatten(self, net: Any, x: str) -> str:
        return self.add("Flatten", [x])

    def linear(self, net: Any, x: str) -> str:
        inputs = [x, *(self.weight(p.detach().numpy()) for p in (net.weight, net.bias))]
        return self.add("Gemm", inputs, transB=1)
