"""Compiled updates against the pages of the optimisers, over several steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from glassnet import optim
from glassnet.kernels import optim as compiled
from tests.kernels.twins import guarded

SIZES = [0, 1, 7, 8, 29, 100_003]
CASES: list[tuple[str, int, dict[str, Any]]] = [
    ("sgd_update", 0, {}),
    ("sgd_update", 0, {"weight_decay": 0.1}),
    ("sgd_update", 1, {"momentum": 0.9, "weight_decay": 0.1}),
    ("sgd_update", 1, {"momentum": 0.9, "dampening": 0.3}),
    ("sgd_update", 1, {"momentum": 0.9, "nesterov": True}),
    ("adam_update", 2, {"weight_decay": 0.1}),
    ("adam_update", 2, {"weight_decay": 0.1, "decoupled": True}),
    ("adam_update", 3, {"beta1": 0.8}),
    ("adagrad_update", 1, {"lr_decay": 0.1, "weight_decay": 0.1}),
    ("adadelta_update", 2, {"weight_decay": 0.1}),
    ("rmsprop_update", 1, {"weight_decay": 0.1}),
    ("rmsprop_update", 3, {"momentum": 0.9}),
    ("lion_update", 1, {"weight_decay": 0.1}),
]
PAGES: dict[str, Any] = {
    "sgd_update": optim.sgd.sgd_update,
    "adam_update": optim.adam.adam_update,
    "adagrad_update": optim.adaptive.adagrad_update,
    "adadelta_update": optim.adaptive.adadelta_update,
    "rmsprop_update": optim.adaptive.rmsprop_update,
    "lion_update": optim.lion.lion_update,
}
TAKES_STEP = {"sgd_update", "adam_update", "adagrad_update"}


def many(name: str) -> Any:
    """The compiled update of lists p, g and state (or None), with the page's signature."""
    states = {"sgd_update": 1, "adam_update": 3, "adadelta_update": 2, "rmsprop_update": 3}

    def call(p: Any, g: Any, *others: Any, **options: Any) -> None:
        count = states.get(name, 1)
        table = compiled.Table(p, others[:count])
        assert not table.others
        compiled.UPDATES[name](table, g, *others[count:], **options)

    return call


def one(name: str) -> Any:
    """The same of single arrays."""

    def call(*arrays: Any, **options: Any) -> None:
        many(name)(*([a] if isinstance(a, np.ndarray) else a for a in arrays), **options)

    return call


def test_layouts_that_do_not_matter_and_one_that_does() -> None:
    draw = np.random.default_rng(0)
    filters = draw.random((8, 5, 5, 1), np.float32).transpose(0, 3, 1, 2)  # channels last
    state = np.zeros_like(filters), np.zeros_like(filters)
    assert filters.strides != state[0].strides  # of the one channel; the numbers lie alike
    assert compiled.serves(filters, *state)
    assert not compiled.serves(draw.random((8, 5), np.float32), draw.random((5, 8), np.float32).T)
    weight = draw.random((40, 30), np.float32)
    turned = np.asfortranarray(draw.random((40, 30), np.float32))
    expected = weight - np.float32(0.5) * turned
    many("sgd_update")([weight], [turned], None, 1, 0.5)
    np.testing.assert_allclose(weight, expected, rtol=1e-6)
    turned = draw.random((3, 4, 5, 6), np.float32).transpose(1, 0, 3, 2)  # a block of its own order
    expected = turned - np.float32(0.5) * np.ones((4, 3, 6, 5), np.float32)
    many("sgd_update")([turned], [np.ones((4, 3, 6, 5), np.float32)], None, 1, 0.5)
    np.testing.assert_allclose(turned, expected, rtol=1e-6)


def test_many_parameters_in_one_call() -> None:
    draw = np.random.default_rng(0)
    sizes = [5, 0, 40_000, 1, 13, 20_001]
    p, g, m, v = ([draw.random(n, np.float32) for n in sizes] for _ in range(4))
    by_one = [[a.copy() for a in arrays] for arrays in (p, g, m, v)]
    many("adam_update")(*map(list, (p, g, m, v)), None, 3, 0.1)
    for a, b, c, d in zip(*by_one, strict=True):
        many("adam_update")([a], [b], [c], [d], None, 3, 0.1)
    for together, alone in zip((p, m, v), (by_one[0], *by_one[2:]), strict=True):
        for x, y in zip(together, alone, strict=True):
            assert np.array_equal(x, y)


def steps(update: Any, name: str, size: int, states: int, options: Any, dtype: Any) -> list[Any]:
    """The parameter and its state after five steps."""
    draw = np.random.default_rng(size)
    p = guarded(draw.standard_normal(size).astype(dtype))
    state: list[Any] = [guarded(np.zeros(size, dtype)) for _ in range(states)]
    room = {"adam_update": 3, "rmsprop_update": 3, "sgd_update": 1}.get(name, states)
    held = [*state, *[None] * (room - states)]
    for number in range(1, 6):
        g = guarded(draw.standard_normal(size).astype(dtype))
        before = g.copy()
        given = (number,) if name in TAKES_STEP else ()
        update(p, g, *held, *given, lr=0.01, **options)
        assert np.array_equal(g, before), "the gradient was changed"
    return [p, *state]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("name", "states", "options"), CASES)
def test_five_steps(name: str, states: int, options: Any, size: int) -> None:
    ours = steps(one(name), name, size, states, options, np.float32)
    page = steps(PAGES[name], name, size, states, options, np.float32)
    for a, b in zip(ours, page, strict=True):
        largest = np.max(np.abs(b), initial=1)
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-6 * largest)


@pytest.mark.parametrize(
    ("mean", "b"), [(True, False), (False, True), (True, True), (False, False)]
)
def test_the_four_kinds_of_rmsprop(mean: bool, b: bool) -> None:
    results = []
    for update in (one("rmsprop_update"), PAGES["rmsprop_update"]):
        draw = np.random.default_rng(0)
        p, squares = draw.standard_normal(37).astype(np.float32), np.zeros(37, np.float32)
        held = [squares.copy() if wanted else None for wanted in (mean, b)]
        for _ in range(4):
            g = draw.standard_normal(37).astype(np.float32)
            update(p, g, squares, *held, lr=0.01, momentum=0.9 if b else 0.0)
        results.append([p, squares, *[h for h in held if h is not None]])
    for a, c in zip(*results, strict=True):
        np.testing.assert_allclose(a, c, rtol=1e-4, atol=2e-6)


def test_which_arrays_it_takes() -> None:
    x = np.zeros((4, 3, 2, 2), np.float32)
    last = np.zeros((4, 2, 2, 3), np.float32).transpose(0, 3, 1, 2)
    assert compiled.serves(x, x, None)
    assert compiled.serves(last, last)
    assert not compiled.serves(x, last)
    assert not compiled.serves(x[::2], x[::2])
    assert not compiled.serves(x.astype(np.float64))
