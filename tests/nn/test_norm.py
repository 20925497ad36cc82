"""Batch normalisation as published, and what the other norms refuse."""

import numpy as np
import pytest

import glassnet as gn
from glassnet import ShapeError, nn
from glassnet.ops._samples import normal


def test_running_statistics_move_by_the_published_rule():
    norm, x = nn.BatchNorm2d(3, momentum=0.3).double(), normal(4, 3, 5, 2) * 2 + 1
    mean, var = np.zeros(3), np.ones(3)
    for _ in range(3):
        norm(gn.Tensor(x))
        mean = 0.7 * mean + 0.3 * x.mean((0, 2, 3))
        var = 0.7 * var + 0.3 * x.var((0, 2, 3), ddof=1)  # unbiased
    np.testing.assert_allclose(norm.running_mean.data, mean, rtol=1e-12)
    np.testing.assert_allclose(norm.running_var.data, var, rtol=1e-12)
    assert norm.num_batches_tracked.item() == 3


def test_training_normalises_with_the_biased_variance_of_the_batch():
    norm, x = nn.BatchNorm1d(4, eps=0.0).double(), normal(5, 4)
    y = norm(gn.Tensor(x)).data
    np.testing.assert_allclose(y, (x - x.mean(0)) / x.std(0), rtol=1e-10)


def test_eval_uses_the_running_statistics_and_moves_nothing():
    norm, x = nn.BatchNorm1d(4, eps=0.5).double(), normal(5, 4)
    norm(gn.Tensor(x))
    before = norm.eval().state_dict()
    y = norm(gn.Tensor(x)).data
    expected = (x - before["running_mean"]) / np.sqrt(before["running_var"] + 0.5)
    np.testing.assert_allclose(y, expected, rtol=1e-12)
    assert all(np.array_equal(v, before[k]) for k, v in norm.state_dict().items())


def test_momentum_none_is_the_mean_over_all_batches():
    norm = nn.BatchNorm1d(2, momentum=None).double()
    batches = [normal(6, 2, key=k) for k in range(4)]
    for x in batches:
        norm(gn.Tensor(x))
    mean = np.mean([x.mean(0) for x in batches], axis=0)
    var = np.mean([x.var(0, ddof=1) for x in batches], axis=0)
    np.testing.assert_allclose(norm.running_mean.data, mean, rtol=1e-12)
    np.testing.assert_allclose(norm.running_var.data, var, rtol=1e-12)


def test_without_running_statistics_the_batch_counts_in_eval_too():
    norm, x = nn.BatchNorm1d(4, track_running_stats=False).double(), gn.Tensor(normal(5, 4))
    train, evaluated = norm(x), norm.eval()(x)
    np.testing.assert_array_equal(train.data, evaluated.data)
    assert list(norm.state_dict()) == ["weight", "bias"]


def test_a_refused_batch_leaves_the_statistics_alone():
    norm = nn.BatchNorm1d(2)
    before = norm.state_dict()
    with pytest.raises(ShapeError, match=r"in BatchNorm1d\(2\): .*larger batch"):
        norm(gn.tensor([[1.0, 2.0]]))
    assert all(np.array_equal(v, before[k]) for k, v in norm.state_dict().items())


def test_shapes_are_checked():
    x = gn.Tensor(normal(2, 6, 3))
    for layer, expected in [
        (nn.BatchNorm2d(6), r"expected x \(N, C, H, W\), C = 6, got \(2, 6, 3\)"),
        (nn.GroupNorm(2, 4), r"expected x \(N, 4, \.\.\.\)"),
        (nn.LayerNorm((6, 4)), r"expected x \(\.\.\., 6, 4\)"),
        (nn.BatchNorm1d(5), "channels"),
    ]:
        with pytest.raises(ShapeError, match=expected):
            layer.double()(x)
    with pytest.raises(ShapeError, match="4 channels cannot be split into 3"):
        nn.GroupNorm(3, 4)


def test_layer_norm_without_parameters_over_several_axes():
    x = normal(2, 3, 4)
    y = nn.LayerNorm((3, 4), eps=0.0, elementwise_affine=False)(gn.Tensor(x)).data
    np.testing.assert_allclose(y.mean((1, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(y.var((1, 2)), 1, rtol=1e-12)
