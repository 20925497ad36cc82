"""What a program writes for each operation: a rule is a step's expression in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from glassnet.errors import GlassnetError
from glassnet.nn.trace import Batch, Constant, State, Step
from glassnet.ops._image import Window, pair
from glassnet.tape import Array

NONE = ((0, 0), (0, 0))


class Writer(Protocol):
    """What a rule may ask of the program that is being written."""

    def text(self, value: Any) -> str:
        """The Python expression for an argument."""

    def array(self, value: Any) -> Array:
        """The array that an argument is, where it is a weight or a constant."""

    def keep(self, step: Step, argument: str, **arrays: Array | None) -> str:
        """Put arrays into the table of weights, under the name of the layer; that name."""

    def shape(self, value: Any) -> tuple[int, ...]:
        """The shape of an argument, with 1 for the number of images."""

    def call(self, function: str) -> str:
        """Note that the program needs a function of `layers`; its name."""


Rule = Callable[[Step, Writer], str]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Enter the rule of these operations."""

    def enter(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return enter


def unsupported(step: Step, what: str) -> GlassnetError:
    """The error for what a program cannot say."""
    where = f"layer '{step.layer}'" if step.layer else "the network"
    return GlassnetError(f"{where}: {what}; a program of NumPy cannot be written of it")


def _options(**given: Any) -> str:
    """Arguments by keyword as short as they go; those left out that are usual."""
    usual = {"stride": 1, "padding": 0, "dilation": 1}
    short = {name: brief(value) for name, value in given.items()}
    return "".join(f", {k}={v}" for k, v in short.items() if v != usual[k])


def brief(value: Any) -> Any:
    """((1, 1), (1, 1)) -> 1, ((0, 1), (0, 1)) -> (0, 1), (2, 2) -> 2, (2, 1) as it is."""
    if isinstance(value, tuple) and len(value) == 2 and value[0] == value[1]:
        return brief(value[0]) if isinstance(value[0], tuple) else value[0]
    return value


# -- layers with weights ---------------------------------------------------------------------------
@rule("conv2d")
def _conv(step: Step, writer: Writer) -> str:
    a = step.arguments
    window = _window(step, writer, writer.array(a["weight"]).shape[2:])
    weight, groups = writer.array(a["weight"]), a["groups"]  # (O, C / groups, KH, KW)
    bias = np.zeros(len(weight), weight.dtype) if a["bias"] is None else writer.array(a["bias"])
    if "norm" in a:  # batch normalisation that was folded in
        scale, shift = affine(a["norm"], writer)
        weight, bias = weight * scale[:, None, None, None], bias * scale + shift
    options = _options(stride=window.stride, padding=window.padding, dilation=window.dilation)
    x = writer.text(a["x"])
    hwio = weight.transpose(2, 3, 1, 0)
    if groups > 1 and groups == len(weight) and weight.shape[1] == 1:
        name = writer.keep(step, "weight", weight=hwio[:, :, 0], bias=bias)
        return f'{writer.call("depthwise")}({x}, "{name}"{options})'
    name = writer.keep(step, "weight", weight=hwio, bias=bias)
    if groups > 1:
        return f'{writer.call("grouped_conv")}({x}, "{name}", {groups}{options})'
    return f'{writer.call("conv")}({x}, "{name}"{options})'


def _window(step: Step, writer: Writer, kernel: Any) -> Window:
    """The window with all its padding written out, `ceil_mode` included."""
    a = step.arguments
    window = Window.make(
        kernel,
        kernel if a["stride"] is None else a["stride"],
        a["padding"],
        a.get("dilation", 1),
        a.get("ceil_mode", False),
    )
    height, width = writer.shape(a["x"])[2:]
    return window._replace(padding=window.margins(height, width))


@rule("linear")
def _linear(step: Step, writer: Writer) -> str:
    a = step.arguments
    if not isinstance(a["weight"], State):
        summand = "" if a["bias"] is None else f" + {writer.text(a['bias'])}"
        return f"{writer.text(a['x'])} @ {writer.text(a['weight'])}.T{summand}"
    weight = writer.array(a["weight"])
    bias = np.zeros(len(weight), weight.dtype) if a["bias"] is None else writer.array(a["bias"])
    name = writer.keep(step, "weight", weight=weight.T, bias=bias)
    return f'{writer.call("linear")}({writer.text(a["x"])}, "{name}")'


@rule("batch_norm_eval")
def _batch_norm(step: Step, writer: Writer) -> str:
    scale, shift = affine(step, writer)
    name = writer.keep(step, "mean", scale=scale, shift=shift)
    return f'{writer.call("scaled")}({writer.text(step.arguments["x"])}, "{name}")'


def affine(step: Step, writer: Writer) -> tuple[Array, Array]:
    """Batch normalisation with fixed statistics as y = x scale + shift, each (C)."""
    a = step.arguments
    mean, var = (writer.array(a[name]).astype(np.float64) for name in ("mean", "var"))
    scale = 1 / np.sqrt(var + a["eps"])
    if a["weight"] is not None:
        scale = scale * writer.array(a["weight"])
    shift = -mean * scale
    if a["bias"] is not None:
        shift = shift + writer.array(a["bias"])
    return scale.astype(np.float32), shift.astype(np.float32)


@rule("layer_norm")
def _layer_norm(step: Step, writer: Writer) -> str:
    a = step.arguments
    if len(writer.shape(a["weight"])) > 1:
        raise unsupported(step, "layer_norm over several axes")
    width = writer.shape(a["x"])[-1]
    name = writer.keep(step, "weight", **_affine_or_plain(a, writer, width))
    return f'{writer.call("layer_norm")}({writer.text(a["x"])}, "{name}", {a["eps"]})'


@rule("group_norm")
def _group_norm(step: Step, writer: Writer) -> str:
    a = step.arguments
    name = writer.keep(step, "weight", **_affine_or_plain(a, writer, writer.shape(a["x"])[1]))
    x = writer.text(a["x"])
    return f'{writer.call("group_norm")}({x}, "{name}", {a["num_groups"]}, {a["eps"]})'


def _affine_or_plain(a: dict[str, Any], writer: Writer, width: int) -> dict[str, Array]:
    ones, zeros = np.ones(width, np.float32), np.zeros(width, np.float32)
    return {
        "weight": ones if a["weight"] is None else writer.array(a["weight"]),
        "bias": zeros if a["bias"] is None else writer.array(a["bias"]),
    }


@rule("local_response_norm")
def _response_norm(step: Step, writer: Writer) -> str:
    a = step.arguments
    options = ", ".join(str(a[name]) for name in ("size", "alpha", "beta", "k"))
    return f"{writer.call('local_response_norm')}({writer.text(a['x'])}, {options})"


# -- pooling and attention -------------------------------------------------------------------------
@rule("max_pool2d")
def _max_pool(step: Step, writer: Writer) -> str:
    a = step.arguments
    window = _window(step, writer, a["kernel_size"])
    if window.dilation != (1, 1):
        raise unsupported(step, "max_pool2d with a dilation")
    options = _options(padding=window.padding)
    x = writer.text(a["x"])
    return (
        f"{writer.call('max_pool')}({x}, {brief(window.kernel)}, {brief(window.stride)}{options})"
    )


@rule("avg_pool2d")
def _avg_pool(step: Step, writer: Writer) -> str:
    a = step.arguments
    window = _window(step, writer, a["kernel_size"])
    plain = Window.make(window.kernel, window.stride, a["padding"]).padding
    if window.padding != NONE and not (a["count_include_pad"] and plain == window.padding):
        raise unsupported(step, "avg_pool2d that does not count its padding")
    options = _options(padding=window.padding)
    x = writer.text(a["x"])
    return (
        f"{writer.call('avg_pool')}({x}, {brief(window.kernel)}, {brief(window.stride)}{options})"
    )


@rule("adaptive_avg_pool2d")
def _adaptive(step: Step, writer: Writer) -> str:
    a = step.arguments
    rows, columns = (
        own if size is None else size
        for own, size in zip(writer.shape(a["x"])[2:], _two(a["output_size"]), strict=True)
    )
    return f"{writer.call('cell_means')}({writer.text(a['x'])}, {rows}, {columns})"


def _two(size: Any) -> tuple[Any, Any]:
    return (size[0], size[1]) if isinstance(size, (tuple, list)) else pair(size, "output_size")


@rule("scaled_dot_product_attention")
def _attention(step: Step, writer: Writer) -> str:
    a = step.arguments
    if a["is_causal"] or (
        a["attn_mask"] is not None and writer.array(a["attn_mask"]).dtype == bool
    ):
        raise unsupported(step, "attention with a boolean or causal mask")
    width = writer.shape(a["query"])[-1]
    scale = width**-0.5 if a["scale"] is None else a["scale"]
    mask = "" if a["attn_mask"] is None else f", {writer.text(a['attn_mask'])}"
    q, k, v = (writer.text(a[name]) for name in ("query", "key", "value"))
    writer.call("softmax")
    return f"{writer.call('attention')}({q}, {k}, {v}, {scale:.9g}{mask})"


# -- one number at a time --------------------------------------------------------------------------
@rule("relu", "relu6", "sigmoid", "silu", "erf")
def _same_name(step: Step, writer: Writer) -> str:
    return f"{writer.call(step.operation)}({writer.text(step.arguments['x'])})"


@rule("leaky_relu", "elu")
def _with_slope(step: Step, writer: Writer) -> str:
    x, slope = step.arguments.values()
    return f"{writer.call(step.operation)}({writer.text(x)}, {slope})"


@rule("softplus")
def _softplus(step: Step, writer: Writer) -> str:
    if step.arguments["beta"] != 1:
        raise unsupported(step, "softplus with another beta than 1")
    return f"{writer.call('softplus')}({writer.text(step.arguments['x'])})"


@rule("gelu")
def _gelu(step: Step, writer: Writer) -> str:
    name = "gelu" if step.arguments["approximate"] == "none" else "gelu_tanh"
    return f"{writer.call(name)}({writer.text(step.arguments['x'])})"


@rule("softmax")
def _softmax(step: Step, writer: Writer) -> str:
    x, dim = step.arguments.values()
    return f"{writer.call('softmax')}({writer.text(x)}, {dim})"


@rule("tanh", "exp", "log", "log1p", "sqrt", "abs", "sin", "cos")
def _numpy_of_one(step: Step, writer: Writer) -> str:
    return f"np.{step.operation}({writer.text(step.arguments['x'])})"


@rule("neg")
def _neg(step: Step, writer: Writer) -> str:
    return f"-{writer.text(step.arguments['x'])}"


@rule("clone", "to")
def _itself(step: Step, writer: Writer) -> str:
    return writer.text(step.arguments["x"])


@rule("add", "sub", "mul", "div", "power", "matmul")
def _operator(step: Step, writer: Writer) -> str:
    sign = {"add": "+", "sub": "-", "mul": "*", "div": "/", "power": "**", "matmul": "@"}
    a, b = (writer.text(value) for value in step.arguments.values())
    return f"{a} {sign[step.operation]} {b}"


@rule("maximum", "minimum")
def _numpy_of_two(step: Step, writer: Writer) -> str:
    a, b = (writer.text(value) for value in step.arguments.values())
    return f"np.{step.operation}({a}, {b})"


@rule("clip")
def _clip(step: Step, writer: Writer) -> str:
    x, low, high = (writer.text(value) for value in step.arguments.values())
    return f"np.clip({x}, {low}, {high})"


# -- shapes ----------------------------------------------------------------------------------------
@rule("reshape", "expand")
def _reshape(step: Step, writer: Writer) -> str:
    a = step.arguments
    sizes = ", ".join("n" if isinstance(size, Batch) else str(size) for size in step.shapes[0])
    x = writer.text(a["x"])
    if step.operation == "expand":
        return f"np.broadcast_to({x}, ({sizes},))"
    return f"{x}.reshape({sizes})"


@rule("permute")
def _permute(step: Step, writer: Writer) -> str:
    dims = ", ".join(map(str, step.arguments["dims"]))
    return f"{writer.text(step.arguments['x'])}.transpose({dims})"


@rule("concatenate", "stack")
def _join(step: Step, writer: Writer) -> str:
    parts = ", ".join(writer.text(value) for value in step.arguments["xs"])
    return f"np.{step.operation}(({parts}), {step.arguments['dim']})"


@rule("split")
def _split(step: Step, writer: Writer) -> str:
    a = step.arguments
    given = writer.array(a["ends"]) if isinstance(a["ends"], Constant) else np.array(a["ends"])
    ends = given.tolist()
    whole = writer.shape(a["x"])[a["dim"]]
    inner = ends[:-1] if ends and ends[-1] == whole else ends
    return f"np.split({writer.text(a['x'])}, {inner}, {a['dim']})"


@rule("pad")
def _pad(step: Step, writer: Writer) -> str:
    a = step.arguments
    if a["mode"] != "constant":
        raise unsupported(step, f"padding in the mode '{a['mode']}'")
    widths = tuple(tuple(int(n) for n in sides) for sides in a["widths"])
    value = f", constant_values={a['value']}" if a["value"] else ""
    return f"np.pad({writer.text(a['x'])}, {widths}{value})"


@rule("getitem")
def _getitem(step: Step, writer: Writer) -> str:
    index = step.arguments["index"]
    parts = index if isinstance(index, tuple) else (index,)
    places = ", ".join(_index(part, writer) for part in parts)
    return f"{writer.text(step.arguments['x'])}[{places}]"


def _index(part: Any, writer: Writer) -> str:
    if isinstance(part, Constant):
        return writer.text(part)
    if isinstance(part, slice):
        ends = ["" if end is None else str(end) for end in (part.start, part.stop)]
        return ":".join(ends) + (f":{part.step}" if part.step not in (None, 1) else "")
    return "..." if part is Ellipsis else str(part)


@rule("mean", "sum", "amax", "amin")
def _reduce(step: Step, writer: Writer) -> str:
    a = step.arguments
    name = {"amax": "max", "amin": "min"}.get(step.operation, step.operation)
    keep = ", keepdims=True" if a["keepdim"] else ""
    dims = a["dim"] if a["dim"] is None or isinstance(a["dim"], int) else tuple(a["dim"])
    return f"{writer.text(a['x'])}.{name}({dims}{keep})"
