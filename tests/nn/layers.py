"""Every layer once or more, with inputs that it accepts; and gradcheck with its parameters."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import glassnet as gn
from glassnet import nn, random
from glassnet.ops._samples import distinct, integers, normal, uniform

IMAGES = distinct(2, 4, 6, 5)
SEQUENCES = distinct(2, 4, 7)
ROWS = distinct(3, 4)
STEPS = normal(5, 2, 4)
LABELS = integers(3, high=4)
SHARES = uniform(3, 4) / uniform(3, 4).sum(1, keepdims=True)
LOGP = np.log(uniform(3, 4, low=0.1, key=1))


class Case(NamedTuple):
    make: Callable[[], nn.Module]
    inputs: tuple[NDArray[Any], ...]

    def tensors(self) -> list[gn.Tensor]:
        return [gn.Tensor(x) for x in self.inputs]


def _cases() -> dict[str, Case]:
    layers: list[tuple[Callable[[], nn.Module], *tuple[NDArray[Any], ...]]] = [
        (lambda: nn.Linear(4, 3), ROWS),
        (lambda: nn.Linear(4, 3, bias=False), STEPS),
        (lambda: nn.Conv1d(4, 6, 3, stride=2, padding=1, groups=2), SEQUENCES),
        (lambda: nn.Conv2d(4, 3, (3, 2), padding=((1, 0), (2, 1)), dilation=2), IMAGES),
        (lambda: nn.Conv2d(4, 4, 3, padding="same", groups=4, bias=False), IMAGES),
        (lambda: nn.ConvTranspose1d(4, 2, 3, stride=2), SEQUENCES),
        (lambda: nn.ConvTranspose2d(4, 6, 3, 2, 1, output_padding=1, groups=2), IMAGES),
        (lambda: nn.MaxPool1d(2), SEQUENCES),
        (lambda: nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True), IMAGES),
        (lambda: nn.AvgPool1d(2, padding=1), SEQUENCES),
        (lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False), IMAGES),
        (lambda: nn.AdaptiveAvgPool2d((3, 2)), IMAGES),
        (lambda: nn.AdaptiveMaxPool2d(2), IMAGES),
        (lambda: nn.GlobalAvgPool2d(), IMAGES),
        (lambda: nn.BatchNorm1d(4), ROWS),
        (lambda: nn.BatchNorm1d(4, affine=False, track_running_stats=False), SEQUENCES),
        (lambda: nn.BatchNorm2d(4, momentum=None), IMAGES),
        (lambda: nn.BatchNorm2d(4).eval(), IMAGES),
        (lambda: nn.LayerNorm(4), ROWS),
        (lambda: nn.LayerNorm((6, 5), bias=False), IMAGES),
        (lambda: nn.LayerNorm((6, 5), elementwise_affine=False), IMAGES),
        (lambda: nn.GroupNorm(2, 4), IMAGES),
        (lambda: nn.LocalResponseNorm(3, alpha=0.5), IMAGES),
        (lambda: nn.ReLU(), ROWS),
        (lambda: nn.ReLU6(), ROWS),
        (lambda: nn.LeakyReLU(0.2), ROWS),
        (lambda: nn.ELU(0.5), ROWS),
        (lambda: nn.GELU(), ROWS),
        (lambda: nn.GELU("tanh"), ROWS),
        (lambda: nn.SiLU(), ROWS),
        (lambda: nn.Sigmoid(), ROWS),
        (lambda: nn.Tanh(), ROWS),
        (lambda: nn.Softplus(2.0), ROWS),
        (lambda: nn.Softmax(1), ROWS),
        (lambda: nn.LogSoftmax(), ROWS),
        (lambda: nn.Maxout(2), IMAGES),
        (lambda: nn.Dropout(0.3), ROWS),
        (lambda: nn.Dropout2d(0.5), IMAGES),
        (lambda: nn.Embedding(5, 3), integers(3, 4, high=5)),
        (lambda: nn.RNNCell(4, 3, nonlinearity="relu"), ROWS),
        (lambda: nn.LSTMCell(4, 3), ROWS),
        (lambda: nn.GRUCell(4, 3, bias=False), ROWS, normal(3, 3)),
        (lambda: nn.RNN(4, 3, bidirectional=True), STEPS),
        (lambda: nn.LSTM(4, 3, num_layers=2, batch_first=True, dropout=0.4), STEPS),
        (lambda: nn.GRU(4, 3, num_layers=2, bidirectional=True, bias=False), STEPS),
        (lambda: nn.MultiheadAttention(4, 2, dropout=0.2), STEPS, STEPS[:3], STEPS[:3]),
        (lambda: nn.TransformerEncoderLayer(4, 2, 6, activation="gelu"), STEPS),
        (lambda: nn.TransformerEncoderLayer(4, 2, 6, 0.0, norm_first=True, bias=False), STEPS),
        (lambda: nn.Flatten(1, 2), IMAGES),
        (lambda: nn.Unflatten(1, (2, -1)), IMAGES),
        (lambda: nn.Identity(), ROWS),
        (lambda: nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)), ROWS),
        (lambda: nn.CrossEntropyLoss([1.0, 2.0, 0.5, 1.0], label_smoothing=0.1), ROWS, LABELS),
        (lambda: nn.BCEWithLogitsLoss(pos_weight=[1.0, 2.0, 0.5, 1.0]), ROWS, SHARES),
        (lambda: nn.MSELoss(), ROWS, SHARES),
        (lambda: nn.L1Loss("sum"), ROWS, SHARES),
        (lambda: nn.HuberLoss(delta=0.6), ROWS, SHARES),
        (lambda: nn.SmoothL1Loss(beta=0.6), ROWS, SHARES),
        (lambda: nn.MultiMarginLoss(p=2, weight=[1.0, 2.0, 0.5, 1.0]), ROWS, LABELS),
        (lambda: nn.KLDivLoss("batchmean"), LOGP, SHARES),
    ]
    return {f"{i}-{make()._call()}": Case(make, tuple(xs)) for i, (make, *xs) in enumerate(layers)}


CASES = _cases()


def run(net: nn.Module, *inputs: Any) -> list[gn.Tensor]:
    """All tensors that `net` gives, with the same chance every time."""
    with random.using(random.derive(5)):
        return list(_tensors(net(*inputs)))


def _tensors(output: Any) -> Any:
    if isinstance(output, gn.Tensor):
        yield output
    elif isinstance(output, tuple):
        for part in output:
            yield from _tensors(part)


def gradcheck_layer(net: nn.Module, *inputs: NDArray[Any]) -> None:
    """Central differences against the gradients of the inputs and of every parameter."""
    net.double()
    places = [(m, name) for m in net.modules() for name, _ in m.own_parameters()]
    values = [getattr(module, name).data for module, name in places]

    def function(*tensors: gn.Tensor) -> Any:
        for (module, name), tensor in zip(places, tensors[len(inputs) :], strict=True):
            setattr(module, name, tensor)
        return run(net, *tensors[: len(inputs)])

    function.__name__ = repr(net)
    gn.gradcheck(function, *inputs, *values)
