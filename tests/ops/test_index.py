from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

import glassnet as gn
from glassnet import ops
from glassnet.errors import ShapeError
from glassnet.ops._samples import integers, normal
from glassnet.ops.index import add_entries, add_rows
from tests.helpers import check

X = normal(3, 4, 5)
ROWS = np.array([2, 0, 2, -1])


@pytest.mark.parametrize(
    "index",
    [
        0,
        -1,
        slice(None, None, -1),
        (1, 2, 3),
        (slice(1, 3), 0),
        (..., None, 2),
        ROWS,
        ROWS.reshape(2, 2),
        [0, 0, 1],
        (slice(None), ROWS),
        (ROWS, slice(1, 3), np.array([0, 1, 0, 1])),
        (ROWS[:, None], np.array([0, 3])),
        X > 0,
        (slice(None), np.array([True, False, True, True])),
        np.array([True, False, True]),
        np.array([], dtype=int),
        (np.array(1), ROWS),
    ],
    ids=str,
)
def test_getitem(index: Any) -> None:
    check(lambda x: x[index], X, expected=X[tuple(index) if isinstance(index, tuple) else index])


@given(hnp.basic_indices(X.shape, allow_ellipsis=True, allow_newaxis=True))
def test_basic_indices(index: Any) -> None:
    y = gn.Tensor(X, requires_grad=True)[index]
    np.testing.assert_array_equal(y.detach(), X[index])
    assert y.data.base is not None or not y.data.size  # a view


def test_tensors_as_indices() -> None:
    x = gn.Tensor(X)
    rows = gn.tensor([2, 0])
    np.testing.assert_array_equal(x[rows], X[[2, 0]])
    np.testing.assert_array_equal(x[:, rows, 1], X[:, [2, 0], 1])
    np.testing.assert_array_equal(x[x > 0], X[X > 0])


def test_an_entry_picked_twice_adds_up() -> None:
    x = gn.zeros(3, requires_grad=True)
    (x[[0, 0, 2]] * gn.tensor([1.0, 2.0, 4.0])).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [3, 0, 4]


def test_iteration() -> None:
    assert [row.tolist() for row in gn.tensor([[1, 2], [3, 4]])] == [[1, 2], [3, 4]]
    with pytest.raises(ShapeError, match="without axes"):
        list(gn.tensor(1.0))


def test_out_of_range() -> None:
    with pytest.raises(ShapeError, match="index 3 is out of bounds"):
        gn.Tensor(X)[3]


class TestSums:
    def test_rows_agree_with_add_at(self) -> None:
        index, rows = integers(50, high=7), normal(50, 3)
        want = np.zeros((9, 3))
        np.add.at(want, index, rows)
        np.testing.assert_allclose(add_rows(rows, index, 9), want, atol=1e-12)

    def test_entries_agree_with_add_at(self) -> None:
        index = (integers(50, high=4), slice(None))
        values = normal(50, 3).astype(np.float32)
        want = np.zeros((4, 3))
        np.add.at(want, index, values)
        got = add_entries(values, index, (4, 3))
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, want, atol=1e-5)

    def test_of_nothing(self) -> None:
        assert not add_rows(np.zeros((0, 3)), np.zeros(0, int), 4).any()


class TestGather:
    def test_along_each_axis(self) -> None:
        for dim in (0, 1, -1):
            index = integers(3, 4, 5, high=3)
            check(ops.gather, X, dim, index, expected=np.take_along_axis(X, index, dim))

    def test_an_index_smaller_than_x(self) -> None:
        x = gn.Tensor(X)
        index = gn.tensor([[[3], [0]]])
        np.testing.assert_array_equal(x.gather(1, index), [[[X[0, 3, 0]], [X[0, 0, 0]]]])

    def test_the_score_of_each_label(self) -> None:
        labels = integers(6, 1, high=4)
        scores = normal(6, 4)
        check(ops.gather, scores, 1, labels, expected=scores[np.arange(6)[:, None], labels])

    def test_other_numbers_of_axes(self) -> None:
        with pytest.raises(ShapeError, match="same number of axes"):
            gn.Tensor(X).gather(1, gn.tensor([0]))


class TestEmbedding:
    TABLE = normal(6, 3)

    def test_rows(self) -> None:
        index = integers(4, 5, high=6)
        check(ops.embedding, index, self.TABLE, expected=self.TABLE[index])

    def test_no_index(self) -> None:
        check(ops.embedding, np.zeros((0, 2), int), self.TABLE, expected=np.zeros((0, 2, 3)))

    def test_padding_has_no_gradient(self) -> None:
        table = gn.Tensor(self.TABLE, requires_grad=True)
        ops.embedding(gn.tensor([1, 2, 1]), table, padding_idx=1).sum().backward()
        assert table.grad is not None
        np.testing.assert_array_equal(table.grad[1], [0, 0, 0])
        np.testing.assert_array_equal(table.grad[2], [1, 1, 1])

    @pytest.mark.parametrize("index", [[-1], [6]])
    def test_indices_outside_the_table(self, index: Any) -> None:
        with pytest.raises(ShapeError, match="rows 0 to 5"):
            ops.embedding(gn.tensor(index), gn.Tensor(self.TABLE))


class TestOneHot:
    def test_rows(self) -> None:
        y = ops.one_hot(gn.tensor([[0, 2], [1, 0]]), 3)
        assert y.tolist() == [[[1, 0, 0], [0, 0, 1]], [[0, 1, 0], [1, 0, 0]]]
        assert y.dtype == np.int64

    def test_as_many_classes_as_needed(self) -> None:
        assert ops.one_hot(gn.tensor([0, 3])).shape == (2, 4)

    @pytest.mark.parametrize("index", [[0, 3], [-1], [0.0]])
    def test_what_names_no_class(self, index: Any) -> None:
        with pytest.raises(ShapeError, match="whole numbers from 0"):
            ops.one_hot(gn.tensor(index), 3)


class TestSetitem:
    @pytest.mark.parametrize(
        ("index", "value"),
        [
            (0, normal(4, 5)),
            ((slice(None), 1), normal(5)),
            ((slice(0, 2), slice(None), 3), normal(2, 1)),
            (X > 0, np.array(2.0)),
            ((..., slice(0, 2)), normal(1, 1, 2)),
            ((1, 2, 3), np.array(7.0)),
            (np.array([2, 0]), normal(2, 4, 5)),
            (0, normal(1, 4, 5)),  # more axes than the place has
        ],
        ids=str,
    )
    def test_value_and_gradients(self, index: Any, value: Any) -> None:
        def assign(x: gn.Tensor, v: gn.Tensor) -> gn.Tensor:
            y = x * 2
            y[index] = v * 3
            return y * y

        want = 2 * X
        want[index] = 3 * value
        check(assign, X, value, expected=want**2)
