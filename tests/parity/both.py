"""same(): one computation in both libraries, its values and gradients compared, a line a case."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from glassnet import nn, optim
from glassnet.random import manual_seed
from glassnet.tensor import Tensor

Array = np.ndarray[Any, Any]
TOLERANCE = {np.float64: 1e-10, np.float32: 1e-5}


def close(ours: Any, theirs: Any, tolerance: float, what: str, least: float = 1e-6) -> None:
    """Raise where an entry differs by more than `tolerance` times the largest, or the shape does.

    Infinities and NaNs have to be in the same places. What is smaller than `least` throughout is
    taken for a zero that was rounded.
    """
    a, b = np.asarray(ours), np.asarray(theirs)
    assert a.shape == b.shape, f"{what}: shape {a.shape}, theirs {b.shape}"
    assert a.dtype == b.dtype, f"{what}: {a.dtype}, theirs {b.dtype}"
    finite = np.isfinite(b)
    np.testing.assert_array_equal(a[~finite], b[~finite], err_msg=what)
    scale = float(np.abs(b[finite]).max(initial=0))
    off = float(np.abs(a[finite].astype(float) - b[finite].astype(float)).max(initial=0))
    assert off <= tolerance * max(scale, least), f"{what}: off by {off:.3g}, largest {scale:.3g}"


def same(
    ours: Callable[..., Any],
    theirs: Callable[..., Any],
    *inputs: Any,
    dtypes: Sequence[type] = (np.float64, np.float32),
    **options: Any,
) -> None:
    """Hold two functions of tensors to the same outputs, dtypes and gradients.

    Of the inputs, a tuple of integers is the shape of normal numbers, an array of floats is an
    input with a gradient, and all else is handed on as it is (integer arrays as tensors).
    """
    for dtype in dtypes:
        draw = np.random.default_rng(0).normal
        arrays = [draw(size=x) if isinstance(x, tuple) else x for x in inputs]
        ready = [a.astype(dtype) if _floats(a) else a for a in arrays]
        mine = [Tensor(a, requires_grad=_floats(a)) if _is_array(a) else a for a in ready]
        other = [torch.tensor(a, requires_grad=_floats(a)) if _is_array(a) else a for a in ready]
        compare(ours(*mine, **options), theirs(*other, **options), TOLERANCE[dtype])
        for i, (a, b) in enumerate(zip(mine, other, strict=True)):
            if isinstance(a, Tensor) and b.grad is not None:
                assert a.grad is not None, f"gradient {i}: none, theirs {b.grad}"
                close(a.grad.data, b.grad.numpy(), TOLERANCE[dtype], f"gradient {i}")


def compare(ours: Any, theirs: Any, tolerance: float) -> None:
    """Compare outputs, and let the same random gradients flow back from both."""
    outputs = list(zip(flat(ours), flat(theirs), strict=True))
    for i, (y, z) in enumerate(outputs):
        close(y.data, z.detach().numpy(), tolerance, f"output {i}")
    dys = [np.random.default_rng(9 + i).normal(size=y.shape) for i, (y, _) in enumerate(outputs)]
    for (y, z), dy in zip(outputs, dys, strict=True):
        assert y.requires_grad == z.requires_grad
        if y.requires_grad:
            y.backward(dy.astype(y.dtype), retain_graph=True)
            z.backward(torch.tensor(dy, dtype=z.dtype), retain_graph=True)


def twin_networks(make: Callable[[Any], Any], dtype: type) -> tuple[nn.Module, Any]:
    """`make(nn)` in both libraries, with our weights in both, so names and shapes are theirs."""
    manual_seed(0)
    ours, theirs = make(nn).to(dtype), make(torch.nn).to(getattr(torch, np.dtype(dtype).name))
    for p in ours.parameters():  # no zeros or ones, which would hide a mistake
        p.data += 0.1 * np.random.default_rng(p.numel()).normal(size=p.shape)
    load(theirs, ours)
    return ours, theirs


def load(theirs: Any, ours: nn.Module) -> None:
    """Put our parameters and buffers into their network."""
    theirs.load_state_dict({k: torch.tensor(v) for k, v in ours.state_dict().items()})


def same_weights(ours: nn.Module, theirs: Any, tolerance: float) -> None:
    """Compare all parameters and buffers, by name."""
    others = theirs.state_dict()
    for name, array in ours.state_dict().items():
        close(array, others[name].numpy(), tolerance, name)


def same_gradients(ours: nn.Module, theirs: Any, tolerance: float) -> None:
    """Compare the gradients of all parameters, by name.

    A bias before a batch norm has none but rounding, so the largest of the network is the measure.
    """
    others = {name: p.grad for name, p in theirs.named_parameters() if p.grad is not None}
    mine = {name: p.grad for name, p in ours.named_parameters() if p.grad is not None}
    assert mine.keys() == others.keys()
    largest = max(float(g.abs().max()) for g in others.values())
    for name, g in mine.items():
        close(g.data, others[name].numpy(), tolerance, f"{name}.grad", least=largest)


def same_network(
    make: Callable[[Any], Any],
    *inputs: Any,
    call: Callable[..., Any] = lambda net, *tensors: net(*tensors),
    training: bool = True,
    dtypes: Sequence[type] = (np.float64, np.float32),
) -> None:
    """Hold a network to the same outputs, gradients, buffers, and weights after a step of SGD."""
    for dtype in dtypes:
        ours, theirs = twin_networks(make, dtype)
        ours.train(training)
        theirs.train(training)
        same(
            lambda *tensors, net=ours: call(net, *tensors),
            lambda *tensors, net=theirs: call(net, *tensors),
            *inputs,
            dtypes=[dtype],
        )
        same_gradients(ours, theirs, TOLERANCE[dtype])
        optim.SGD(ours.parameters(), lr=0.1).step()
        torch.optim.SGD(theirs.parameters(), lr=0.1).step()
        same_weights(ours, theirs, TOLERANCE[dtype])


def flat(outputs: Any) -> list[Any]:
    """The tensors in nested tuples, in order; those that are None are left out."""
    if isinstance(outputs, (tuple, list)):
        return [y for part in outputs for y in flat(part)]
    return [] if outputs is None else [outputs]


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)


def _floats(value: Any) -> bool:
    return _is_array(value) and value.dtype.kind == "f"
