"""Dropout: follows the mode, keeps the mean, and draws from the current generator."""

import numpy as np
import pytest

import glassnet as gn
from glassnet import GlassnetError, nn


def test_inverted_dropout_keeps_the_mean_and_eval_does_nothing():
    gn.manual_seed(0)
    x = gn.Tensor(np.ones((100, 100), np.float32))
    layer = nn.Dropout(0.2)
    y = layer(x).data
    assert set(np.unique(y)) == {np.float32(0), np.float32(1.25)}  # 1 / (1 - p), not 1 / p
    assert y.mean() == pytest.approx(1.0, abs=0.02)
    assert layer.eval()(x) is x


def test_dropout2d_drops_whole_channels():
    gn.manual_seed(0)
    y = nn.Dropout2d(0.5)(gn.Tensor(np.ones((8, 16, 3, 3), np.float32))).data
    assert (np.ptp(y, axis=(2, 3)) == 0).all()
    assert 0.3 < (y[:, :, 0, 0] == 0).mean() < 0.7


def test_p_is_a_probability():
    with pytest.raises(GlassnetError, match=r"Dropout2d: p is a probability in \[0, 1\], not 1.5"):
        nn.Dropout2d(1.5)
