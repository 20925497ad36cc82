"""Fine-tuning by backpropagation: the machines' weights as the first ones of a classifier.

A stack of Boltzmann machines that learned without labels becomes an ordinary network, layer by
layer, with a fresh output layer; from there on labels alone teach it. [Hinton & Salakhutdinov 2006,
"Reducing the dimensionality of data with neural networks"; with dropout: Srivastava et al. 2014,
"Dropout: a simple way to prevent neural networks from overfitting", section 6.1.1 and table 2]
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from glassnet import nn, random
from glassnet.dreams.rbm import RBM
from glassnet.errors import GlassnetError, ShapeError

_HEAD = 0xF7


def unrolled(
    stack: Sequence[RBM],
    classes: int,
    dropout: float = 0.0,
    input_dropout: float = 0.0,
    seed: int = 0,
) -> nn.Sequential:
    """Machines, bottom to top, as a network of sigmoid layers: x (N, ...) -> logits (N, classes).

    Weights are copies: fine-tuning leaves the machines as they were. Label units are left out; the
    output layer is fresh, decided by `seed`. dropout  the probability with which a hidden unit is
    left out of a training step, input_dropout  that of a pixel. Raises GlassnetError for an empty
    stack, ShapeError for machines that do not fit on one another.
    """
    if not stack:
        raise GlassnetError("there are no machines to make a network of")
    for below, above in pairwise(stack):
        if below.hidden != above.visible:
            raise ShapeError(f"{above!r} does not fit on {below!r}")
    layers: list[nn.Module] = [nn.Flatten()]
    layers += [nn.Dropout(input_dropout)] if input_dropout else []
    for rbm in stack:
        layers += [_linear(rbm), nn.Sigmoid()]
        layers += [nn.Dropout(dropout)] if dropout else []
    with random.using(random.derive(seed, _HEAD)):
        return nn.Sequential(*layers, nn.Linear(stack[-1].hidden, classes))


def _linear(rbm: RBM) -> nn.Linear:
    """p(h | v) before its sigmoid: v W + c."""
    with random.using(random.derive(0)):  # first weights, which the machine's replace
        layer = nn.Linear(rbm.visible, rbm.hidden)
    assert layer.bias is not None
    layer.weight.data[...] = rbm.weight.T
    layer.bias.data[...] = rbm.hidden_bias
    return layer
