"""Attention: the masks, the weights, and the two ways through that must agree."""

import numpy as np
import pytest

import glassnet as gn
from glassnet import GlassnetError, ShapeError, nn
from glassnet.ops._samples import normal

X = normal(2, 4, 6)  # (N, L, E)


@pytest.fixture
def net():
    return nn.MultiheadAttention(6, 3, batch_first=True).double()


def attend(net, x=X, **options):
    return net(gn.Tensor(x), gn.Tensor(x + 1), gn.Tensor(x - 1), **options)


def test_names_and_shapes_are_pytorchs(net):
    assert {k: v.shape for k, v in net.state_dict().items()} == {
        "in_proj_weight": (18, 6),
        "in_proj_bias": (18,),
        "out_proj.weight": (6, 6),
        "out_proj.bias": (6,),
    }


@pytest.mark.parametrize(
    "masks",
    [
        {},
        {"is_causal": True},
        {"attn_mask": normal(4, 4)},
        {"attn_mask": normal(4, 4) > 0.5},
        {"attn_mask": normal(6, 4, 4) > 1},
        {"key_padding_mask": np.array([[False] * 4, [False, True, False, True]])},
        {"key_padding_mask": np.array([[False] * 4, [True] * 4]), "is_causal": True},
    ],
)
def test_with_and_without_weights_the_output_is_the_same(net, masks):
    y, weights = attend(net, **masks)
    z, none = attend(net, need_weights=False, **masks)
    np.testing.assert_allclose(y.data, z.data, rtol=1e-10, atol=1e-12)
    assert none is None
    assert weights.shape == (2, 4, 4)
    sums = weights.data.sum(-1)
    assert np.all((np.abs(sums - 1) < 1e-12) | (sums == 0))
    _, by_head = attend(net, average_attn_weights=False, **masks)
    np.testing.assert_allclose(by_head.data.mean(1), weights.data, rtol=1e-12)


def test_a_masked_key_changes_nothing(net):
    hidden = np.array([[False, False, True, False]] * 2)
    y, weights = attend(net, key_padding_mask=hidden)
    assert not weights.data[:, :, 2].any()
    other = X.copy()
    other[:, 2] = 99.0
    z, _ = net(gn.Tensor(X), gn.Tensor(other + 1), gn.Tensor(other - 1), key_padding_mask=hidden)
    np.testing.assert_allclose(y.data, z.data, rtol=1e-12)


def test_causal_attention_does_not_see_what_comes_later():
    net = nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0, batch_first=True).double()
    later = X.copy()
    later[:, 3] += 5
    a, b = (net(gn.Tensor(x), is_causal=True).data for x in (X, later))
    np.testing.assert_array_equal(a[:, :3], b[:, :3])
    assert not np.allclose(a[:, 3], b[:, 3])


def test_batch_first_is_a_matter_of_layout(net):
    other = nn.MultiheadAttention(6, 3).double()
    other.load_state_dict(net.state_dict())
    y, _ = attend(net)
    z, _ = attend(other, X.swapaxes(0, 1))
    np.testing.assert_allclose(z.data.swapaxes(0, 1), y.data, rtol=1e-12)


def test_self_attention_in_one_product_is_that_in_three(net):
    x = gn.Tensor(X)
    np.testing.assert_allclose(
        net(x, x, x)[0].data, net(x, gn.Tensor(X), gn.Tensor(X))[0].data, rtol=1e-12
    )


def test_errors(net):
    with pytest.raises(ShapeError, match="embed_dim 6 is no multiple of num_heads 4"):
        nn.MultiheadAttention(6, 4)
    with pytest.raises(ShapeError, match=r"with E = 6, got \(2, 4, 5\)"):
        attend(net, normal(2, 4, 5))
    with pytest.raises(ShapeError, match=r"key_padding_mask has shape \(4,\), expected \(2, 4\)"):
        attend(net, key_padding_mask=np.zeros(4, bool))
    with pytest.raises(ShapeError, match=r"attn_mask has .* expected \(4, 4\) or \(6, 4, 4\)"):
        attend(net, attn_mask=np.zeros((4, 5)))
    with pytest.raises(GlassnetError, match="'relu' or 'gelu'"):
        nn.TransformerEncoderLayer(6, 2, activation="tanh")
