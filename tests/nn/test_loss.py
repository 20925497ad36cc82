"""Losses as layers: the operation's value, with what the layer keeps."""

import numpy as np
import pytest

import glassnet as gn
from glassnet import ShapeError, nn, ops
from glassnet.ops._samples import integers, normal

X, LABELS = normal(5, 3), integers(5, high=3)


def test_options_reach_the_operation():
    x, t = gn.Tensor(X), gn.Tensor(LABELS)
    weight = np.array([1.0, 2.0, 0.5])
    layer = nn.CrossEntropyLoss(weight, ignore_index=1, reduction="sum", label_smoothing=0.2)
    expected = ops.cross_entropy(x, t, weight, 1, "sum", 0.2)
    assert layer(x, t).item() == pytest.approx(expected.item())
    hinge = nn.MultiMarginLoss(p=2, margin=0.5, weight=weight, reduction="none")
    np.testing.assert_allclose(
        hinge(x, t).data, ops.multi_margin_loss(x, t, 2, 0.5, weight, "none").data
    )


def test_weights_do_not_widen_float32():
    x = gn.tensor(X.astype(np.float32))
    layer = nn.CrossEntropyLoss(np.array([1.0, 2.0, 0.5]))
    assert layer(x, gn.Tensor(LABELS)).dtype == np.float32
    assert layer.double().weight.dtype == np.float64
    assert list(layer.parameters()) == []


@pytest.mark.parametrize(
    "loss", [nn.MSELoss(), nn.L1Loss(), nn.HuberLoss(), nn.SmoothL1Loss(), nn.BCEWithLogitsLoss()]
)
def test_nothing_broadcasts(loss):
    with pytest.raises(ShapeError, match=r"^in \w+Loss\(\): "):
        loss(gn.tensor(X[:, :1]), gn.tensor(X[:, 0]))
