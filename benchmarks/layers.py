"""Each layer of a network by itself, pass by pass: forward, and the gradients of input and weights.

The layers and what they are shown are found by watching the network run once. What is timed is the
pair of functions that glassnet's dispatch chooses for these arrays, without the tape, beside the
ATen functions that PyTorch's autograd calls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from benchmarks.networks import TRAINED, USED
from benchmarks.timing import OURS, Contender

Call = Callable[[], Any]


class Layer(NamedTuple):
    """What makes a layer's work: its kind, its options, and the shape it is shown."""

    kind: str
    options: tuple[Any, ...]
    shape: tuple[int, ...]

    def __str__(self) -> str:
        size = "x".join(map(str, self.shape))
        return f"{self.kind}{self.options} on {size}".replace("'", "")


def layers(name: str) -> Counter[Layer]:
    """The layers of a network, and how often each stands in it."""
    from glassnet import nn, no_grad, tensor

    network = (TRAINED | USED)[name]
    net, found = network.make(nn), Counter[Layer]()

    def note(module: Any, args: Any, output: Any) -> None:
        if (described := _describe(module, args[0].shape)) is not None:
            found[described] += 1

    for module in net.modules():
        module.register_forward_hook(note)
    with no_grad():
        net(tensor(np.zeros((network.batch, *network.shape), np.float32)))
    return found


def _describe(module: Any, shape: tuple[int, ...]) -> Layer | None:
    kind = type(module).__name__
    if kind == "Conv2d":
        m = module
        options = (m.in_channels, m.out_channels, m.kernel_size[0], m.stride, m.padding, m.groups)
        return Layer("conv", options, shape)
    if kind == "MaxPool2d":
        return Layer("max_pool", (module.kernel_size,), shape)
    if kind == "BatchNorm2d":
        return Layer("batch_norm", (module.num_features,), shape)
    if kind == "Linear":
        return Layer("linear", (module.in_features, module.out_features), shape)
    return None


def passes(layer: Layer, trained: bool) -> Iterator[tuple[str, dict[str, Contender]]]:
    """(name of a pass, its contenders): glassnet's, and PyTorch's in both layouts."""
    ours = _OURS[layer.kind](layer)
    plain, last = (_THEIRS[layer.kind](layer, way) for way in (False, True))
    for name, call in ours.items():
        if trained or name == "forward":
            yield name, {OURS: call, "PyTorch": plain[name], "PyTorch channels-last": last[name]}


# -- glassnet --------------------------------------------------------------------------------------
def _images(shape: tuple[int, ...], key: int = 0) -> Any:
    x = np.random.default_rng(key).standard_normal(shape).astype(np.float32)
    if len(shape) == 4:
        return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    return x


def _filters(shape: tuple[int, ...]) -> Any:
    w = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    return np.ascontiguousarray(w.transpose(2, 3, 1, 0)).transpose(3, 2, 0, 1)


def _passes(operation: Any, arrays: Any, options: dict[str, Any], needs: dict[str, Any]) -> Any:
    forward, backward = operation.pair(*arrays, **options)
    y, cache = forward(*arrays, **options)
    dy = _images((y[0] if isinstance(y, tuple) else y).shape, 2)
    dys: Any = (dy, np.float32(0), np.float32(0)) if isinstance(y, tuple) else dy
    calls: dict[str, Call] = {"forward": lambda: forward(*arrays, **options)}
    for name, wanted in needs.items():
        chosen = {"needs": wanted} if operation.takes_needs else {}
        calls[name] = lambda chosen=chosen: backward(dys, cache, **chosen)
    return calls


INPUT_AND_WEIGHTS = {"input": (True, False, False), "weights": (False, True, True)}


def _our_conv(layer: Layer) -> dict[str, Call]:
    from glassnet import ops

    inputs, outputs, kernel, stride, padding, groups = layer.options
    arrays = [
        _images(layer.shape), _filters((outputs, inputs // groups, kernel, kernel)),
        np.zeros(outputs, np.float32), stride, padding, 1, groups,
    ]  # fmt: skip
    return dict(_passes(ops.conv2d, arrays, {}, INPUT_AND_WEIGHTS))


def _our_linear(layer: Layer) -> dict[str, Call]:
    from glassnet import ops

    inputs, outputs = layer.options
    arrays = [_images(layer.shape), _images((outputs, inputs)), np.zeros(outputs, np.float32)]
    return dict(_passes(ops.linear, arrays, {}, INPUT_AND_WEIGHTS))


def _our_pool(layer: Layer) -> dict[str, Call]:
    from glassnet import ops

    needs = {"input": (True,)}
    return dict(_passes(ops.max_pool2d, [_images(layer.shape), *layer.options], {}, needs))


def _our_norm(layer: Layer) -> dict[str, Call]:
    from glassnet.ops import norm

    ones = np.ones(layer.options, np.float32)
    arrays, needs = [_images(layer.shape), ones, ones], {"input, weights": (True, True, True)}
    return dict(_passes(norm._batch_norm, arrays, {}, needs))


# -- PyTorch ---------------------------------------------------------------------------------------
def _torch(array: Any, last: bool) -> Any:
    import torch

    kind = torch.channels_last if last and array.ndim == 4 else torch.contiguous_format
    return torch.tensor(array).contiguous(memory_format=kind)


def _their_conv(layer: Layer, last: bool) -> dict[str, Call]:
    import torch

    inputs, outputs, kernel, stride, padding, groups = layer.options
    x = _torch(_images(layer.shape), last)
    w = _torch(_filters((outputs, inputs // groups, kernel, kernel)), last)
    b = torch.zeros(outputs)
    two = ([stride] * 2, [padding] * 2, [1, 1])
    dy = _torch(_images(tuple(torch.conv2d(x, w, b, *two, groups).shape), 2), last)

    def back(mask: list[bool]) -> Any:
        more = (False, [0, 0], groups, mask)
        return torch.ops.aten.convolution_backward(dy, x, w, [outputs], *two, *more)

    return {
        "forward": lambda: torch.conv2d(x, w, b, *two, groups),
        "input": lambda: back([True, False, False]),
        "weights": lambda: back([False, True, True]),
    }


def _their_linear(layer: Layer, last: bool) -> dict[str, Call]:
    import torch

    inputs, outputs = layer.options
    x, w, b = _torch(_images(layer.shape), last), torch.randn(outputs, inputs), torch.zeros(outputs)
    dy = torch.randn(len(x), outputs)
    return {
        "forward": lambda: torch.nn.functional.linear(x, w, b),
        "input": lambda: dy.mm(w),
        "weights": lambda: (dy.t().mm(x), dy.sum(0)),
    }


def _their_pool(layer: Layer, last: bool) -> dict[str, Call]:
    import torch

    (kernel,) = layer.options
    x, aten = _torch(_images(layer.shape), last), torch.ops.aten
    window = ([kernel] * 2, [kernel] * 2, [0, 0], [1, 1], False)
    y, indices = aten.max_pool2d_with_indices(x, *window)
    dy = torch.randn_like(y)
    return {
        "forward": lambda: aten.max_pool2d_with_indices(x, *window),
        "input": lambda: aten.max_pool2d_with_indices_backward(dy, x, *window, indices),
    }


def _their_norm(layer: Layer, last: bool) -> dict[str, Call]:
    import torch

    x, aten = _torch(_images(layer.shape), last), torch.ops.aten
    one = torch.ones(layer.options)
    mean, var = torch.zeros(layer.options), torch.ones(layer.options)
    y, save_mean, save_rstd = aten.native_batch_norm(x, one, one, mean, var, True, 0.1, 1e-5)
    dy, kept = torch.randn_like(y), (mean, var, save_mean, save_rstd)
    mask = [True, True, True]
    return {
        "forward": lambda: aten.native_batch_norm(x, one, one, mean, var, True, 0.1, 1e-5),
        "input, weights": lambda: aten.native_batch_norm_backward(
            dy, x, one, *kept, True, 1e-5, mask
        ),
    }


_OURS = {"conv": _our_conv, "linear": _our_linear, "max_pool": _our_pool, "batch_norm": _our_norm}
_THEIRS = {
    "conv": _their_conv, "linear": _their_linear, "max_pool": _their_pool,
    "batch_norm": _their_norm,
}  # fmt: skip
