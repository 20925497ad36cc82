from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import glassnet as gn
from glassnet import ops
from glassnet.errors import ShapeError
from glassnet.ops._samples import normal
from tests.helpers import check

X = normal(2, 3, 4)


@pytest.mark.parametrize(
    ("op", "value"),
    [
        (lambda x: x.reshape(4, -1), X.reshape(4, -1)),
        (lambda x: x.view((6, 4)), X.reshape(6, 4)),
        (lambda x: x.flatten(), X.reshape(-1)),
        (lambda x: x.flatten(1), X.reshape(2, 12)),
        (lambda x: x.flatten(0, 1), X.reshape(6, 4)),
        (lambda x: x.permute(2, 0, 1), X.transpose(2, 0, 1)),
        (lambda x: x.permute((1, -1, 0)), X.transpose(1, 2, 0)),
        (lambda x: x.transpose(0, -1), X.swapaxes(0, 2)),
        (lambda x: x.mT, X.swapaxes(1, 2)),
        (lambda x: x[0].T, X[0].T),
        (lambda x: x.unsqueeze(1), X[:, None]),
        (lambda x: x.unsqueeze(-1), X[..., None]),
        (lambda x: x[:1, :, :1].squeeze(), X[0, :, 0]),
        (lambda x: x[:1, :, :1].squeeze(0), X[0, :, :1]),
        (lambda x: x.squeeze(0), X),
        (lambda x: x[:, :1].expand(2, 5, 4), np.repeat(X[:, :1], 5, 1)),
        (lambda x: x[0, :, :1].expand(2, -1, 4), np.broadcast_to(X[0, :, :1], (2, 3, 4))),
        (lambda x: ops.broadcast_to(x, (5, 2, 3, 4)), np.broadcast_to(X, (5, 2, 3, 4))),
        (lambda x: x.flip(0), X[::-1]),
        (lambda x: x.flip((0, -1)), X[::-1, :, ::-1]),
        (lambda x: ops.concatenate([x, x * 2, x[:, :1]], dim=1), np.hstack([X, 2 * X, X[:, :1]])),
        (lambda x: ops.cat([x, x], -1), np.concatenate([X, X], -1)),
        (lambda x: ops.stack([x, 2 * x], dim=-1), np.stack([X, 2 * X], -1)),
        (lambda x: ops.stack([x.sum(), x.mean()]), np.stack([X.sum(), X.mean()])),
        (lambda x: x.split(3, dim=-1), (X[..., :3], X[..., 3:])),
        (lambda x: x.split([1, 0, 2], dim=1), (X[:, :1], X[:, 1:1], X[:, 1:])),
        (lambda x: x.chunk(2, dim=1), (X[:, :2], X[:, 2:])),
    ],
)
def test_value_and_gradient(op: Any, value: Any) -> None:
    check(op, X, expected=value)


def test_only_some_parts_of_a_split_are_used() -> None:
    check(lambda x: x.split(1, dim=1)[1] ** 2, X)


def test_an_empty_batch_is_flattened() -> None:
    assert gn.zeros(0, 3, 4).flatten(1).shape == (0, 12)
    assert gn.tensor(1.0).flatten().shape == (1,)


def test_views_share_memory() -> None:
    x = gn.zeros(2, 3)
    for view in (x.reshape(3, 2), x.T, x.unsqueeze(0), x.expand(4, 2, 3), x.split(2, dim=1)[0]):
        assert np.shares_memory(view.data, x.data)


class TestPad:
    IMAGE = normal(2, 3, 4, 5)

    def test_last_axis_first_as_in_pytorch(self) -> None:
        widths = ((0, 0), (0, 0), (3, 0), (1, 2))
        check(ops.pad, self.IMAGE, (1, 2, 3, 0), expected=np.pad(self.IMAGE, widths))

    def test_pairs_in_the_order_of_the_axes(self) -> None:
        widths = ((0, 0), (0, 0), (3, 0), (1, 2))
        check(ops.pad, self.IMAGE, ((3, 0), (1, 2)), expected=np.pad(self.IMAGE, widths))

    def test_value(self) -> None:
        want = np.pad(X, ((0, 0), (0, 0), (1, 1)), constant_values=-2)
        check(ops.pad, X, (1, 1), value=-2.0, expected=want)

    @pytest.mark.parametrize(("mode", "numpy"), [("reflect", "reflect"), ("replicate", "edge")])
    @given(widths=st.tuples(*[st.integers(0, 4)] * 4))
    def test_modes(self, mode: str, numpy: Any, widths: Any) -> None:
        left, right, top, bottom = widths
        pairs = ((0, 0), (top, bottom), (left, right))
        check(ops.pad, X, widths, mode=mode, expected=np.pad(X, pairs, mode=numpy))

    def test_keeps_channels_last_memory(self) -> None:
        image = gn.Tensor(self.IMAGE.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2))
        for mode in ("constant", "reflect", "replicate"):
            y = ops.pad(image, (1, 1, 1, 1), mode=mode)
            assert y.data.transpose(0, 2, 3, 1).flags.c_contiguous

    @pytest.mark.parametrize("pad", [(1,), (1, -1), (1,) * 8, ((1, 2, 3),)])
    def test_what_does_not_fit(self, pad: Any) -> None:
        with pytest.raises(ShapeError, match="pairs of numbers"):
            ops.pad(gn.Tensor(X), pad)

    def test_an_unknown_mode(self) -> None:
        with pytest.raises(ShapeError, match="reflect or replicate"):
            ops.pad(gn.Tensor(X), (1, 1), mode="mirror")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda x: x.reshape(5, 5), "reshape"),
        (lambda x: x.permute(0, 1), "permute"),
        (lambda x: x.permute(0, 0, 1), "repeated"),
        (lambda x: x.transpose(0, 3), "axis 3"),
        (lambda x: x.flatten(7), "axis 7"),
        (lambda x: x.unsqueeze(9), "axis 9"),
        (lambda x: x.expand(3, 3, 4), "expand"),
        (lambda x: x.expand(3, 4), "expand"),
        (lambda x: ops.concatenate([x, x[:1]], dim=1), "concatenate"),
        (lambda x: ops.stack([x, x[:1]]), "stack"),
        (lambda x: x.split([1, 1], dim=1), "they sum to 2"),
        (lambda x: x.split(0), "size of 1 or more"),
        (lambda x: x.split(1, dim=4), "axis 4"),
        (lambda x: x.T, "mT"),
    ],
)
def test_what_does_not_fit(wrong: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        wrong(gn.Tensor(X))
