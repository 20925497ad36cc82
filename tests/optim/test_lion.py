"""Lion's first steps by hand."""

import numpy as np

from glassnet.optim import lion_update


def test_every_entry_moves_by_lr_whatever_the_gradient() -> None:
    p, m = np.array([1.0, 1.0, 1.0]), np.zeros(3)
    lion_update(p, np.array([1e-9, -1e9, 0.0]), m, lr=0.1)
    np.testing.assert_allclose(p, [0.9, 1.1, 1.0])
    np.testing.assert_allclose(m, [1e-11, -1e7, 0.0])


def test_the_update_uses_beta1_and_the_memory_beta2() -> None:
    p, m = np.zeros(1), np.array([1.0])
    lion_update(p, np.array([-5.0]), m, lr=0.1, beta1=0.9, beta2=0.5)
    np.testing.assert_allclose(p, -0.1)  # 0.9 * 1 - 0.1 * 5 > 0
    np.testing.assert_allclose(m, -2.0)  # 0.5 * 1 - 0.5 * 5


def test_decay_is_decoupled_from_the_sign() -> None:
    p, m = np.array([2.0]), np.zeros(1)
    lion_update(p, np.array([1.0]), m, lr=0.1, weight_decay=0.5)
    np.testing.assert_allclose(p, 2 - 0.1 * (1 + 0.5 * 2))
