"""Convolution, batch norm, residual and activation in training: the twin of `conv2d_norm_act`.

The convolution adds up its channels while it makes them (`statistics.py`), so the norm behind it
reads its numbers once, to write the result (`fused.py`). Backward is that of the parts. A filter
for each channel (`depthwise.py`) takes no sums along; then they are a walk of their own.
"""

from __future__ import annotations

from typing import Any

from glassnet.kernels import conv, fused
from glassnet.kernels.dispatch import register
from glassnet.kernels.exact import is_exact
from glassnet.kernels.layout import Array, nhwc, single
from glassnet.kernels.norm import sums_of
from glassnet.kernels.ready import Launch, run_all
from glassnet.kernels.threads import get_num_threads
from glassnet.kernels.winograd import finite


def conv2d_norm_act_forward(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    norm_weight: Array | None = None,
    norm_bias: Array | None = None,
    residual: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    eps: float = 1e-5,
    activation: str = "relu",
) -> tuple[tuple[Array, Array, Array], Any]:
    """y = activation(batch_norm(conv2d(x)) + residual), with the statistics of the batch."""
    made = conv.convolution(x.shape, weight.shape, stride, padding, dilation, groups,
                            get_num_threads())  # fmt: skip
    assert made is not None
    x, norm = nhwc(x), (norm_weight, norm_bias, residual, eps, activation)
    for fast in (made.winograd and not is_exact(), False):  # a second time where it has to be
        todo: list[Launch] = []
        z, bad, sums = conv.convolved(x, weight, bias, made, fast, todo, sums=True)
        if sums is None:
            run_all(todo)
            todo, sums = [], sums_of(z)
        outputs, kept = fused.normalised(z, sums, *norm, todo)
        run_all(todo)
        if bad is None or finite(bad):
            break
    return outputs, ((x, weight, made, bias is not None, fast), kept)


def conv2d_norm_act_backward(
    dys: tuple[Array, Array, Array], cache: Any, needs: tuple[bool, ...] = (True,) * 6
) -> tuple[Array | None, ...]:
    """The gradients of the parts, from the last to the first."""
    (inner, norm), todo = cache, list[Launch]()
    dz, *others = fused.gather_back(dys, norm, todo)
    finish = conv.gather_back(dz, inner, needs[:3], todo)
    run_all(todo)
    return (*finish(), *others)


def _serves(
    x: Any,
    weight: Any,
    bias: Any = None,
    norm_weight: Any = None,
    norm_bias: Any = None,
    residual: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    eps: float = 1e-5,
    activation: str = "relu",
) -> bool:
    options = (stride, padding, dilation, groups)
    if not conv._serves(x, weight, bias, *options) or activation not in fused.CURVES:
        return False
    made = conv.convolution(x.shape, weight.shape, *options, get_num_threads())
    if made is None or made.batch * made.out[0] * made.out[1] == 1:  # the page says what is wrong
        return False
    if any(v is not None and v.shape != (made.outputs,) for v in (norm_weight, norm_bias)):
        return False
    if residual is not None and activation not in fused.FROM_Y:
        return False
    shape = (made.batch, made.outputs, *made.out)
    return single(norm_weight, norm_bias, residual) and (
        residual is None or residual.shape == shape
    )


register("conv2d_norm_act", conv2d_norm_act_forward, conv2d_norm_act_backward, _serves)
