"""Lookahead: slow weights by the formula, and a run that goes on from its checkpoint."""

from pathlib import Path
from typing import Any

import numpy as np

from glassnet import optim
from glassnet.train import Callback, Lookahead, Training
from tests.train.small import fit, network, weights


class Watch(Callback):
    """Notes the weights after each step, before and after the callback between."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_step(self, training: Training, loss: float) -> None:
        self.seen.append(training.net.state_dict()["0.weight"])


def test_the_slow_weights_follow_by_the_formula() -> None:
    before, after = Watch(), Watch()
    net = network(dropout=0)
    start = net.state_dict()["0.weight"]
    look = Lookahead(every=2, decay=0.9, power=1.0)
    fit(
        net=net, epochs=1, ema=None, callbacks=[before, look, after], schedule=None,
        optimizer=optim.SGD(net.parameters(), lr=0.1),
    )  # fmt: skip
    slow, steps = start, len(before.seen)
    assert steps == 6
    for step in range(1, steps + 1):
        fast = before.seen[step - 1]
        if step % 2:
            np.testing.assert_array_equal(after.seen[step - 1], fast)
        else:
            d = 0.9**2 * step / steps
            slow = slow + (1 - d) * (fast - slow)
            np.testing.assert_allclose(after.seen[step - 1], slow, rtol=1e-5, atol=1e-7)


def test_it_begins_after_start_and_holds_the_slow_weights_at_the_end_of_an_epoch() -> None:
    before, after = Watch(), Watch()
    fit(epochs=2, ema=None, callbacks=[before, Lookahead(every=5, start=6), after])
    for step in range(1, 7):
        np.testing.assert_array_equal(after.seen[step - 1], before.seen[step - 1])
    assert not np.array_equal(after.seen[-1], before.seen[-1])


class Interrupt(Callback):
    """Presses Ctrl-C in the middle of the third epoch."""

    def on_step(self, training: Training, loss: float) -> None:
        if training.step == 15:
            raise KeyboardInterrupt


def test_a_run_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    whole = fit(ema=None, callbacks=[Lookahead(every=4, start=6)])
    fit(tmp_path, ema=None, callbacks=[Lookahead(every=4, start=6), Interrupt()])
    resumed = fit(tmp_path, ema=None, callbacks=[Lookahead(every=4, start=6)], resume=True)
    assert len(resumed.history) == 4
    assert weights(resumed) == weights(whole)
