"""Every operation has examples, and each holds to the rules: ordinary, alone and in no batch."""

from typing import Any

import numpy as np
import pytest

import glassnet.ops
from glassnet.operation import OPERATIONS, Example, Operation
from tests.helpers import check, run

assert glassnet.ops  # the pages fill OPERATIONS

# Their first axis is no batch, or their options name a place in it.
WITHOUT_BATCH = {"amax", "amin", "einsum", "expand", "gather", "getitem", "reshape", "setitem"}
# What they are of no numbers is infinite or not a number; so is a mean of no losses.
NOT_OF_NOTHING = {"logsumexp", "mean", "std", "var"}
NOT_OF_NOTHING |= {"binary_cross_entropy_with_logits", "cross_entropy", "huber_loss", "kl_div"}
NOT_OF_NOTHING |= {"l1_loss", "mse_loss", "multi_margin_loss", "smooth_l1_loss"}


def _cases() -> list[Any]:
    return [
        pytest.param(op, case, id=f"{name}-{i}")
        for name, op in sorted(OPERATIONS.items())
        for i, case in enumerate(op.examples() if op.examples else [])
        if name != "to"  # which does not keep the dtype; see test_dtype.py
    ]


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_has_examples_and_a_formula(name: str) -> None:
    op = OPERATIONS[name]
    assert op.examples is not None
    assert op.examples()
    assert all(f.__doc__ for f in op.page)


@pytest.mark.parametrize(("op", "case"), _cases())
def test_example(op: Operation, case: Example) -> None:
    check(op, *case.args, **case.options)


def _batch_of(count: int, case: Example) -> list[Any]:
    """The arguments with the last `count` rows of those that have as many as the first."""
    rows = case.args[0].shape[0]
    return [
        a[rows - count :] if isinstance(a, np.ndarray) and a.ndim and a.shape[0] == rows else a
        for a in case.args
    ]


def _batched(count: int) -> list[Any]:
    """The examples with a batch of `count`, where their first argument is one."""
    return [
        pytest.param(op, case, id=f"{name}-{i}")
        for name, op in sorted(OPERATIONS.items())
        for i, case in enumerate(op.examples() if op.examples else [])
        if name not in {*WITHOUT_BATCH, "to"} and np.ndim(case.args[0]) > 1
    ]


@pytest.mark.parametrize(("op", "case"), _batched(1))
def test_batch_of_one(op: Operation, case: Example) -> None:
    check(op, *_batch_of(1, case), **case.options)


@pytest.mark.parametrize(("op", "case"), _batched(0))
def test_empty_batch(op: Operation, case: Example) -> None:
    args = _batch_of(0, case)
    outputs, gradients = run(op, args, case.options)
    for y in outputs:
        assert y.size == 0 or np.isfinite(y).all() or op.name in NOT_OF_NOTHING
    for gradient in gradients:  # what no sample touched has no slope
        assert not gradient.any()
