"""SGD's first steps by hand."""

import numpy as np

from glassnet.optim import sgd_update


def test_plain_and_with_decay() -> None:
    p = np.array([1.0, -2.0])
    sgd_update(p, np.array([0.5, 0.5]), None, 0, lr=0.1)
    np.testing.assert_allclose(p, [0.95, -2.05])
    sgd_update(p, np.zeros(2), None, 0, lr=0.1, weight_decay=0.2)
    np.testing.assert_allclose(p, [0.95 * 0.98, -2.05 * 0.98])


def test_momentum_starts_with_the_gradient_and_dampens_after() -> None:
    p, b, g = np.array([1.0]), np.zeros(1), np.array([1.0])
    sgd_update(p, g, b, 1, lr=0.1, momentum=0.9, dampening=0.5)
    np.testing.assert_allclose([p[0], b[0]], [0.9, 1.0])
    sgd_update(p, g, b, 2, lr=0.1, momentum=0.9, dampening=0.5)
    np.testing.assert_allclose([p[0], b[0]], [0.9 - 0.14, 1.4])


def test_nesterov_looks_one_step_ahead() -> None:
    p, b, g = np.array([1.0]), np.zeros(1), np.array([1.0])
    sgd_update(p, g, b, 1, lr=0.1, momentum=0.9, nesterov=True)
    np.testing.assert_allclose(p, 1 - 0.1 * 1.9)
    sgd_update(p, g, b, 2, lr=0.1, momentum=0.9, nesterov=True)
    np.testing.assert_allclose(p, 0.81 - 0.1 * (1 + 0.9 * 1.9))


def test_with_a_steady_gradient_momentum_speeds_up_tenfold() -> None:
    """The buffer's limit is g / (1 - momentum)."""
    p, b = np.zeros(1), np.zeros(1)
    for step in range(1, 500):
        sgd_update(p, np.ones(1), b, step, lr=0.1, momentum=0.9)
    np.testing.assert_allclose(b, 10.0)
