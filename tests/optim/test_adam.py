"""Adam and AdamW: first steps by hand, and what their papers promise."""

import numpy as np
import pytest

from glassnet.optim import adam_update


def state(n: int = 1) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(n), np.zeros(n)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_the_first_step_has_the_size_lr_whatever_the_gradients_scale(scale: float) -> None:
    """Adam divides by the root of v; ConvNetJS's multiplied, so its steps grew with the square."""
    p = np.zeros(3)
    adam_update(p, scale * np.array([1.0, -2.0, 0.5]), *state(3), None, 1, lr=0.01)
    np.testing.assert_allclose(p, [-0.01, 0.01, -0.01], rtol=2e-5)


@pytest.mark.parametrize("scale", [1e-2, 1e4])
def test_a_whole_walk_does_not_depend_on_the_gradients_scale(scale: float) -> None:
    gradients = np.random.default_rng(0).normal(size=(20, 5))
    ends = []
    for factor in (1.0, scale):
        p, (m, v) = np.zeros(5), state(5)
        for step, g in enumerate(gradients, 1):
            adam_update(p, factor * g, m, v, None, step, lr=0.01, eps=0.0)
        ends.append(p)
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-9)


def test_two_steps_by_hand() -> None:
    p, (m, v) = np.array([1.0]), state()
    adam_update(p, np.array([1.0]), m, v, None, 1, lr=0.1, beta1=0.9, beta2=0.99, eps=0.0)
    np.testing.assert_allclose(p, 0.9)
    adam_update(p, np.array([-1.0]), m, v, None, 2, lr=0.1, beta1=0.9, beta2=0.99, eps=0.0)
    mean, square = (0.9 * 0.1 - 0.1) / (1 - 0.81), 1.0
    np.testing.assert_allclose(p, 0.9 - 0.1 * mean / square)


def test_coupled_decay_is_divided_away_and_decoupled_decay_is_not() -> None:
    """The point of AdamW: in Adam a weight's decay does not depend on how large the decay is."""
    for weight_decay in (0.01, 1.0):
        p = np.array([2.0])
        adam_update(p, np.zeros(1), *state(), None, 1, lr=0.1, weight_decay=weight_decay, eps=0.0)
        np.testing.assert_allclose(p, 1.9)
        p = np.array([2.0])
        adam_update(
            p, np.zeros(1), *state(), None, 1, lr=0.1, weight_decay=weight_decay, decoupled=True
        )
        np.testing.assert_allclose(p, 2 * (1 - 0.1 * weight_decay))


def test_amsgrad_remembers_the_largest_square() -> None:
    p, (m, v), largest = np.zeros(1), state(), np.zeros(1)
    adam_update(p, np.array([10.0]), m, v, largest, 1, lr=0.1)
    peak = largest.copy()
    for step in range(2, 200):
        adam_update(p, np.array([0.01]), m, v, largest, step, lr=0.1, beta2=0.9)
    np.testing.assert_array_equal(largest, peak)
    assert v < peak


def test_amsgrad_converges_where_adam_does_not() -> None:
    """Section 3 of Reddi et al.: minimise over [-1, 1] a loss of slope 1010, then -10 a hundred
    times; the best is -1, and Adam's short memory takes it to +1.
    """
    ends = {}
    for name, largest in (("adam", None), ("amsgrad", np.zeros(1))):
        p, (m, v) = np.zeros(1), state()
        for step in range(1, 100 * 101):
            g = np.array([1010.0 if step % 101 == 1 else -10.0])
            lr = 0.5 / np.sqrt(step)
            adam_update(p, g, m, v, largest, step, lr=float(lr), beta1=0.9, beta2=0.99)
            np.clip(p, -1, 1, out=p)
        ends[name] = p[0]
    assert ends["adam"] > 0.9
    assert ends["amsgrad"] < -0.8
