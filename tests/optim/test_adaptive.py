"""Adagrad, Adadelta and RMSprop: first steps by hand, and what their papers promise."""

import numpy as np

from glassnet.optim import adadelta_update, adagrad_update, rmsprop_update


def test_adagrads_first_step_is_lr_and_later_ones_shrink_with_the_root_of_the_step() -> None:
    p, sums = np.zeros(2), np.zeros(2)
    previous = p.copy()
    for step in range(1, 10):
        adagrad_update(p, np.array([5.0, -0.01]), sums, step, lr=0.1)
        np.testing.assert_allclose(np.abs(p - previous), 0.1 / np.sqrt(step), rtol=1e-6)
        previous = p.copy()


def test_adagrads_lr_decay_counts_from_the_second_step() -> None:
    p, sums = np.zeros(1), np.zeros(1)
    adagrad_update(p, np.ones(1), sums, 1, lr=0.1, lr_decay=0.5)
    np.testing.assert_allclose(p, -0.1)
    adagrad_update(p, np.ones(1), sums, 2, lr=0.1, lr_decay=0.5)
    np.testing.assert_allclose(p, -0.1 - 0.1 / 1.5 / np.sqrt(2))


def test_adadeltas_first_step() -> None:
    p, squares, deltas = np.ones(1), np.zeros(1), np.zeros(1)
    adadelta_update(p, np.array([2.0]), squares, deltas, lr=1.0, rho=0.9, eps=1e-6)
    step = np.sqrt(1e-6) / np.sqrt(0.1 * 4 + 1e-6) * 2
    np.testing.assert_allclose(p, 1 - step)
    np.testing.assert_allclose(deltas, 0.1 * step**2)


def test_adadeltas_steps_do_not_depend_on_the_scale_of_the_gradient() -> None:
    """The units of the update are those of the parameter (section 3.2 of the paper)."""
    ends = []
    for scale in (1.0, 1000.0):
        p, squares, deltas = np.zeros(1), np.zeros(1), np.zeros(1)
        for _ in range(20):
            adadelta_update(p, np.array([scale]), squares, deltas, lr=1.0)
        ends.append(p[0])
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-4)


def test_rmsprops_first_steps() -> None:
    p, squares, b = np.zeros(1), np.zeros(1), np.zeros(1)
    g = np.array([3.0])
    rmsprop_update(p, g, squares, None, None, lr=0.1, alpha=0.99, eps=0.0)
    np.testing.assert_allclose(p, -0.1 / np.sqrt(0.01))
    p[...] = 0
    rmsprop_update(p, g, squares, None, b, lr=0.1, alpha=0.99, eps=0.0, momentum=0.5)
    d = 3 / np.sqrt(9 * (0.01 + 0.99 * 0.01))
    np.testing.assert_allclose(p, -0.1 * d)
    rmsprop_update(p, g, squares, None, b, lr=0.1, alpha=1.0, eps=0.0, momentum=0.5)
    np.testing.assert_allclose(p, -0.1 * d - 0.1 * 1.5 * d)


def test_rmsprop_centered_divides_by_the_deviation() -> None:
    p, squares, mean = np.zeros(1), np.zeros(1), np.zeros(1)
    rmsprop_update(p, np.array([3.0]), squares, mean, None, lr=0.1, alpha=0.9, eps=0.0)
    np.testing.assert_allclose(p, -0.1 * 3 / np.sqrt(0.1 * 9 - 0.3**2))
