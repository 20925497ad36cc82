"""The meaning of every operation is PyTorch's: values and gradients, a line a case."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from glassnet import ops
from glassnet.nn import functional as G
from glassnet.tensor import Tensor

torch = pytest.importorskip("torch", reason="PyTorch is installed by `make parity` only")

from torch.nn import functional as F  # noqa: E402

from tests.parity.both import same  # noqa: E402

CASES: list[Any] = []


def case(name: str, *inputs: Any, **options: Any) -> None:
    """A case of the operation that both libraries call `name`."""
    ours = getattr(G, name, None) or getattr(ops, name)
    theirs = getattr(torch, name, None) or getattr(F, name)
    if hasattr(F, name) and hasattr(G, name):
        theirs = getattr(F, name)
    pair(name, ours, theirs, *inputs, **options)


def pair(name: str, ours: Any, theirs: Any, *inputs: Any, **options: Any) -> None:
    """A case where the two are called differently."""
    shown = [str(x) for x in inputs if not isinstance(x, np.ndarray)]
    shown += [f"{k}={v}" for k, v in options.items()]
    CASES.append(pytest.param(ours, theirs, inputs, options, id=f"{name}({', '.join(shown)})"))


def both(name: str, call: Callable[..., Any], *inputs: Any) -> None:
    """A case that is written once, for a namespace: `call(ops or torch, *tensors)`."""
    pair(name, lambda *t: call(ops, *t), lambda *t: call(torch, *t), *inputs)


def functional(name: str, call: Callable[..., Any], *inputs: Any) -> None:
    """The same for `nn.functional`: `call(F, *tensors)`."""
    pair(name, lambda *t: call(G, *t), lambda *t: call(F, *t), *inputs)


def constant(like: Any, values: np.ndarray[Any, Any]) -> Any:
    """A tensor without gradient, of the library and the dtype of `like`."""
    if isinstance(like, Tensor):
        return Tensor(values.astype(like.dtype))
    return torch.tensor(values, dtype=like.dtype)


def array(*values: Any) -> np.ndarray[Any, Any]:
    return np.array(values, np.float64)


def integers(*shape: int, high: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(3).integers(high, size=shape)


ties = array([1, 3, 3], [2, 2, 2], [-1, 0, -1])
kinks = array(-300, -30, -2, -1, -0.5, 0, 0.5, 1, 2, 3, 6, 20, 30, 300)
positive = np.random.default_rng(5).uniform(0.1, 3, (3, 4))

# -- arithmetic and elementwise ------------------------------------------------------------------
for name in ("add", "sub", "mul", "div", "maximum", "minimum"):
    case(name, (3, 4), (3, 4))
    case(name, (3, 1, 4), (2, 1))
    case(name, (3, 4), ())
case("maximum", ties, ties[::-1].copy())
case("minimum", ties, ties[::-1].copy())
case("pow", positive, (3, 4))
case("pow", kinks, 2)
case("pow", kinks, 3.0)
case("pow", kinks, 0)
case("pow", positive, -0.5)
case("pow", array(0, 0, 1, 2), array(0, 2, 0, 1))
for name in ("exp", "sin", "cos", "abs", "neg", "erf", "sigmoid", "tanh"):
    case(name, array(-3, -1, -0.1, 0, 0.1, 1, 3))
    case(name, (2, 3))
for name in ("log", "log1p", "sqrt"):
    case(name, positive)
case("sqrt", array(0, 1))
case("log", array(0, 1))
case("clamp", kinks, min=-1.0, max=2.0)
case("clamp", kinks, min=-1.0)
case("clamp", kinks, max=0.0)
both("where", lambda o, x, y: o.where(x > y, x, y), ties, ties.T.copy())
both("where", lambda o, x: o.where(x > 1, x, 0.0), ties)
both("scalars", lambda o, x: 2 / (1 - x * 3) - x / 4 + (-x) ** 2 + 5, (3, 4))
both("integers", lambda o, n: (n / 2, n + 1, n * 2, -n, n + 0.5, n > 2), integers(4, high=9))

# -- activations ---------------------------------------------------------------------------------
for name in ("relu", "relu6", "leaky_relu", "elu", "gelu", "silu", "sigmoid", "tanh", "softplus"):
    case(name, kinks)
    case(name, (2, 3, 4))
case("leaky_relu", kinks, negative_slope=0.2)
case("elu", kinks, alpha=0.5)
case("gelu", kinks, approximate="tanh")
case("softplus", kinks, beta=2.0, threshold=5.0)
for name in ("softmax", "log_softmax"):
    case(name, (3, 4), dim=1)
    case(name, (3, 4), dim=0)
    case(name, (2, 3, 4), dim=-2)
    case(name, array([300, -300, 0], [1, 1, 1]), dim=-1)

# -- reductions ----------------------------------------------------------------------------------
for name in ("sum", "mean", "amax", "amin"):
    case(name, (3, 4, 5))
    case(name, (3, 4, 5), dim=1)
    case(name, (3, 4, 5), dim=-1, keepdim=True)
    case(name, (3, 4, 5), dim=(0, 2))
for name in ("var", "std"):
    case(name, (3, 4, 5))
    case(name, (3, 4, 5), dim=1)
    case(name, (3, 4, 5), dim=1, correction=0)
    case(name, (3, 4, 5), dim=(0, 2), correction=2, keepdim=True)
for name in ("amax", "amin"):
    case(name, ties, dim=1)
    case(name, ties)
for name in ("max", "min"):
    case(name, (3, 4))
    case(name, ties)
    case(name, (3, 4, 5), dim=1)
    case(name, ties, dim=1)
    case(name, ties, dim=0, keepdim=True)
    case(name, array([1, np.nan, 2], [0, 1, 2]), dim=1)
for name in ("argmax", "argmin"):
    case(name, (3, 4))
    case(name, ties, dim=1)
    case(name, (3, 4, 5), dim=-2, keepdim=True)
case("logsumexp", (3, 4), dim=1)
case("logsumexp", (3, 4, 5), dim=(0, 2), keepdim=True)
case("logsumexp", array([300, -300, 0], [-np.inf, 1, 1]), dim=1)
both("sum", lambda o, n: n.sum(), integers(5, high=9))
both("all and any", lambda o, n: ((n > 1).all(), (n > 1).any(dim=1)), integers(3, 4, high=9))

# -- shapes and indices --------------------------------------------------------------------------
both("reshape", lambda o, x: o.reshape(x, (4, -1)), (2, 3, 4))
both("view", lambda o, x: x.view(-1, 2), (2, 3, 4))
both("flatten", lambda o, x: o.flatten(x, 1), (2, 3, 4))
both("flatten", lambda o, x: o.flatten(x, 0, 1), (2, 3, 4))
both("permute", lambda o, x: o.permute(x, (2, 0, 1)), (2, 3, 4))
both("transpose", lambda o, x: o.transpose(x, -1, 0), (2, 3, 4))
both("T", lambda o, x: x.T, (2, 3))
both("mT", lambda o, x: x.mT, (2, 3, 4))
both("unsqueeze", lambda o, x: o.unsqueeze(x, -1), (2, 3))
both("squeeze", lambda o, x: o.squeeze(x), (1, 3, 1))
both("squeeze", lambda o, x: (o.squeeze(x, 0), o.squeeze(x, 1)), (1, 3, 1))
both("expand", lambda o, x: x.expand(4, -1, 3), (2, 1))
both("flip", lambda o, x: o.flip(x, (0, 2)), (2, 3, 4))
both("split", lambda o, x: o.split(x, 2, dim=1), (2, 5))
both("split", lambda o, x: o.split(x, [1, 4], dim=1), (2, 5))
both("chunk", lambda o, x: o.chunk(x, 3, dim=1), (2, 7))
both("chunk", lambda o, x: o.chunk(x, 4, dim=1), (2, 5))
both("cat", lambda o, x, y: o.cat([x, y, x], dim=1), (2, 3), (2, 1))
both("stack", lambda o, x, y: o.stack([x, y], dim=-1), (2, 3), (2, 3))
case("pad", (2, 3, 4), pad=(1, 2))
case("pad", (2, 3, 4), pad=(1, 0, 0, 2), value=0.5)
case("pad", (2, 3, 4, 5), pad=(1, 2, 2, 1), mode="reflect")
case("pad", (2, 3, 4, 5), pad=(1, 2, 4, 1), mode="replicate")
both("slice", lambda o, x: x[1:, ::2], (4, 5))
both("index", lambda o, x: x[1], (4, 5))
both("ellipsis", lambda o, x: x[..., None, -1], (4, 5, 2))
both("advanced", lambda o, x, i: x[i], (4, 5), array(0, 3, 3, -1).astype(int))
both("advanced", lambda o, x, i: x[i, :, i], (4, 2, 5), array(0, 3, 3).astype(int))
both("advanced", lambda o, x, i: x[:, i, 1], (4, 2, 5), array([0, 1], [1, 1]).astype(int))
both("mask", lambda o, x: x[x > 0], (4, 5))
both("gather", lambda o, x, i: o.gather(x, 1, i), (3, 4), integers(3, 6, high=4))
both("gather", lambda o, x, i: o.gather(x, 0, i), (3, 4), integers(2, 3, high=3))
case("embedding", integers(2, 5, high=7), (7, 3))
case("embedding", integers(2, 5, high=7), (7, 3), padding_idx=2)
case("one_hot", integers(2, 5, high=7), num_classes=7)

# -- products ------------------------------------------------------------------------------------
case("matmul", (3, 4), (4, 5))
case("matmul", (4,), (4,))
case("matmul", (3, 4), (4,))
case("matmul", (4,), (2, 4, 5))
case("matmul", (2, 1, 3, 4), (5, 4, 2))
case("linear", (2, 3, 4), (5, 4), (5,))
case("linear", (4,), (5, 4))
both("einsum", lambda o, x, y: o.einsum("ij,jk->ik", x, y), (2, 3), (3, 4))
both("einsum", lambda o, x, y: o.einsum("bij,bjk", x, y), (2, 3, 4), (2, 4, 5))
both("einsum", lambda o, x: o.einsum("iij->j", x), (3, 3, 2))
both("einsum", lambda o, x, y, z: o.einsum("abi,ij,j->ba", x, y, z), (2, 5, 3), (3, 4), (4,))

# -- convolution ---------------------------------------------------------------------------------
case("conv1d", (2, 4, 9), (6, 4, 3), (6,))
case("conv1d", (2, 4, 9), (6, 2, 3), stride=2, padding=1, groups=2, dilation=2)
case("conv1d", (2, 4, 9), (6, 4, 4), padding="same")
case("conv2d", (2, 3, 8, 7), (4, 3, 3, 3), (4,))
case("conv2d", (2, 3, 8, 7), (4, 3, 5, 3), (4,), stride=(2, 3), padding=(2, 1))
case("conv2d", (2, 3, 8, 7), (4, 3, 3, 3), dilation=(2, 1), padding=2)
case("conv2d", (2, 4, 8, 7), (6, 2, 3, 3), (6,), groups=2)
case("conv2d", (2, 4, 8, 7), (8, 1, 3, 3), (8,), groups=4, stride=2, padding=1)
case("conv2d", (2, 3, 8, 7), (4, 3, 3, 4), padding="same")
case("conv2d", (2, 3, 8, 7), (4, 3, 4, 3), padding="same", dilation=2)
case("conv2d", (2, 3, 8, 7), (4, 3, 3, 3), padding="valid")
case("conv2d", (2, 3, 1, 1), (4, 3, 1, 1), (4,))
case("conv2d", (0, 3, 8, 7), (4, 3, 3, 3), (4,))
case("conv_transpose1d", (2, 4, 9), (4, 3, 3), (6,), groups=2, stride=2, output_padding=1)
case("conv_transpose2d", (2, 4, 5, 6), (4, 3, 3, 3), (3,))
case("conv_transpose2d", (2, 4, 5, 6), (4, 3, 3, 2), stride=(2, 3), padding=(1, 0))
case("conv_transpose2d", (2, 4, 5, 6), (4, 3, 3, 3), (6,), stride=2, output_padding=1, groups=2)
case("conv_transpose2d", (2, 4, 5, 6), (4, 3, 3, 3), stride=2, padding=1, dilation=2)

# -- pooling -------------------------------------------------------------------------------------
case("max_pool1d", (2, 3, 9), 3, 2)
case("max_pool1d", (2, 3, 9), 2, stride=2, ceil_mode=True)
case("avg_pool1d", (2, 3, 9), 3, stride=2, padding=1)
for name in ("max_pool2d", "avg_pool2d"):
    case(name, (2, 3, 8, 7), 2)
    case(name, (2, 3, 8, 7), kernel_size=(3, 2), stride=(2, 1))
    case(name, (2, 3, 8, 7), 3, stride=2, padding=1)
    case(name, (2, 3, 8, 7), 3, stride=2, ceil_mode=True)
    case(name, (2, 3, 7, 7), 3, stride=3, padding=1, ceil_mode=True)
    case(name, (2, 3, 6, 6), 2, stride=4, ceil_mode=True)
case("max_pool2d", (2, 3, 8, 7), 3, stride=2, dilation=2, padding=1)
case("max_pool2d", np.zeros((1, 1, 4, 4)), 2)
case("max_pool2d", -np.abs(np.random.default_rng(0).normal(size=(1, 2, 4, 4))), 3, 2, 1)
case("avg_pool2d", (2, 3, 8, 7), 3, stride=2, padding=1, count_include_pad=False)
case("avg_pool2d", (2, 3, 8, 7), 3, 2, 1, ceil_mode=True, count_include_pad=False)
for size in (1, 3, (2, 5), (None, 4), (8, 7)):
    case("adaptive_avg_pool2d", (2, 3, 8, 7), output_size=size)
    pair(
        "adaptive_max_pool2d",
        G.adaptive_max_pool2d,
        F.adaptive_max_pool2d,
        (2, 3, 8, 7),
        output_size=size,
    )
case("adaptive_avg_pool1d", (2, 3, 7), 3)

# -- normalisation -------------------------------------------------------------------------------
layer = "layer_norm"
functional(layer, lambda f, x, w, b: f.layer_norm(x, (4,), w, b), (2, 3, 4), (4,), (4,))
functional(layer, lambda f, x, w: f.layer_norm(x, (3, 4), w, None, 0.1), (2, 3, 4), (3, 4))
functional(layer, lambda f, x: f.layer_norm(x, (4,)), (2, 3, 4))
group = "group_norm"
functional(group, lambda f, x, w, b: f.group_norm(x, 2, w, b), (2, 6, 4, 5), (6,), (6,))
functional(group, lambda f, x: f.group_norm(x, 3, eps=0.1), (2, 6, 4))
functional("instance_norm", lambda f, x: f.instance_norm(x), (2, 3, 4, 5))


def batch_norm(f: Any, x: Any, w: Any, b: Any) -> Any:
    """Training, then evaluation with the statistics that it left."""
    mean, var = constant(x, np.zeros(3)), constant(x, np.ones(3))
    y = f.batch_norm(x, mean, var, w, b, training=True, momentum=0.3)
    return y, f.batch_norm(x, mean, var, w, b, training=False, eps=0.1), mean, var


functional("batch_norm", batch_norm, (4, 3, 5, 2), (3,), (3,))
functional("batch_norm", batch_norm, (4, 3), (3,), (3,))
functional("batch_norm", lambda f, x: f.batch_norm(x, None, None, training=True), (4, 3, 5))
case("local_response_norm", (2, 7, 3, 4), 3, alpha=0.5, beta=0.75, k=2.0)
case("local_response_norm", (2, 7, 3, 4), 4, alpha=0.5)
case("local_response_norm", (2, 7, 3), 5)

# -- losses --------------------------------------------------------------------------------------
labels, soft = integers(6, high=4), np.random.default_rng(2).dirichlet(np.ones(4), 6)
gaps = np.where(np.arange(6) % 3 == 0, -100, labels)
weights = array(0.5, 1, 2, 0.1)


def weighted(name: str, *inputs: Any, key: str = "weight", **options: Any) -> None:
    """A loss with class weights, which have no gradient."""
    functional(
        f"{name}({key}, {options})",
        lambda f, x, y: getattr(f, name)(x, y, **{key: constant(x, weights)}, **options),
        *inputs,
    )


for reduction in ("mean", "sum", "none"):
    case("mse_loss", (6, 4), (6, 4), reduction=reduction)
    case("l1_loss", (6, 4), (6, 4), reduction=reduction)
    case("huber_loss", (6, 4), (6, 4), reduction=reduction, delta=0.7)
    case("smooth_l1_loss", (6, 4), (6, 4), reduction=reduction, beta=0.7)
    case("multi_margin_loss", (6, 4), labels, reduction=reduction)
    case("multi_margin_loss", (6, 4), labels, p=2, margin=0.5, reduction=reduction)
    case("binary_cross_entropy_with_logits", (6, 4), soft, reduction=reduction)
    weighted("binary_cross_entropy_with_logits", (6, 4), soft, reduction=reduction)
    weighted("binary_cross_entropy_with_logits", (6, 4), soft, key="pos_weight")
    weighted("multi_margin_loss", (6, 4), labels, reduction=reduction)
    for target in (labels, gaps, soft):
        case("cross_entropy", (6, 4), target, reduction=reduction)
        case("cross_entropy", (6, 4), target, reduction=reduction, label_smoothing=0.1)
        weighted("cross_entropy", (6, 4), target, reduction=reduction)
        weighted("cross_entropy", (6, 4), target, reduction=reduction, label_smoothing=0.1)
    case("cross_entropy", (6, 4, 3, 2), integers(6, 3, 2, high=4), reduction=reduction)
    case("cross_entropy", (4,), np.array(2), reduction=reduction)
for reduction in ("mean", "batchmean", "sum", "none"):
    case("kl_div", (6, 4), soft, reduction=reduction)
    case("kl_div", (6, 4), (6, 4), reduction=reduction, log_target=True)
functional("kl_div", lambda f, x: f.kl_div(x, constant(x, np.eye(4)), reduction="sum"), (4, 4))
case("cross_entropy", (6, 4), labels, ignore_index=2)
case("binary_cross_entropy_with_logits", kinks, np.linspace(0, 1, len(kinks)))

# -- cells and attention -------------------------------------------------------------------------
for name, gates in (("rnn_tanh_cell", 1), ("rnn_relu_cell", 1), ("gru_cell", 3)):
    kind = name.split("_")[1]
    extra = (kind,) if gates == 1 else ()
    cell: Any = ops.rnn_cell if gates == 1 else ops.gru_cell
    pair(
        name,
        lambda *t, cell=cell, extra=extra: cell(*t, *extra),
        getattr(torch, name),
        *((2, 3), (2, 5), (5 * gates, 3), (5 * gates, 5), (5 * gates,), (5 * gates,)),
    )
pair(
    "lstm_cell",
    ops.lstm_cell,
    lambda x, h, c, *weights: torch.lstm_cell(x, (h, c), *weights),
    *((2, 3), (2, 5), (2, 5), (20, 3), (20, 5), (20,), (20,)),
)
attention = "scaled_dot_product_attention"
case(attention, (2, 3, 4, 5), (2, 3, 6, 5), (2, 3, 6, 7))
case(attention, (2, 4, 5), (2, 4, 5), (2, 4, 5), is_causal=True)
case(attention, (2, 4, 5), (2, 6, 5), (2, 6, 5), scale=0.3)
case(attention, (2, 4, 5), (2, 6, 5), (2, 6, 5), integers(4, 6, high=3) > 0)
case(attention, (2, 4, 5), (2, 6, 5), (2, 6, 5), (4, 6))


@pytest.mark.filterwarnings("ignore:reduction:UserWarning")
@pytest.mark.filterwarnings("ignore:Using padding:UserWarning")
@pytest.mark.parametrize(("ours", "theirs", "inputs", "options"), CASES)
def test_it_is_theirs(ours: Any, theirs: Any, inputs: Any, options: Any) -> None:
    same(ours, theirs, *inputs, **options)
