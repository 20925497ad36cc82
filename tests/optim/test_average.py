"""The moving average of a network's weights."""

import json

import numpy as np
import pytest

from glassnet import nn, optim
from glassnet.errors import CheckpointError
from glassnet.optim.optimizer import OptimError
from glassnet.tensor import Tensor


def network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3))


def learn(net: nn.Sequential, step: int) -> None:
    """Move every parameter, and the batch statistics by a forward pass."""
    draw = np.random.default_rng(step).normal
    net(Tensor(draw(size=(4, 1, 4, 4)).astype(np.float32)))
    for p in net.parameters():
        p.data += 0.1 * draw(size=p.shape).astype(np.float32)


def everything(net: nn.Sequential) -> dict[str, np.ndarray]:
    return {name: array.copy() for name, array in net.state_dict().items()}


def test_parameters_are_averaged_and_buffers_copied() -> None:
    net = network()
    ema = optim.EMA(net, decay=0.9)
    expected = everything(net)
    for step in range(5):
        learn(net, step)
        ema.update()
        for name, p in net.named_parameters():
            expected[name] = 0.9 * expected[name] + 0.1 * p.data
        for name, buffer in net.named_buffers():
            expected[name] = buffer.data.copy()
    own = everything(net)
    with ema.applied() as inside:
        assert inside is net
        for name, array in everything(net).items():
            np.testing.assert_allclose(array, expected[name], rtol=1e-5, atol=1e-6)
            assert array.dtype == own[name].dtype
    for name, array in everything(net).items():
        np.testing.assert_array_equal(array, own[name])


def test_the_weights_come_back_after_an_error_too() -> None:
    net = network()
    ema = optim.EMA(net)
    learn(net, 0)
    own = everything(net)

    def stop() -> None:
        with ema.applied():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    for name, array in everything(net).items():
        np.testing.assert_array_equal(array, own[name])


def test_warm_up_forgets_the_first_weights() -> None:
    net = nn.Linear(1, 1, bias=False)
    net.weight.data[...] = 100.0
    cold, warm = optim.EMA(net, decay=0.999), optim.EMA(net, decay=0.999, warm_up=True)
    net.weight.data[...] = 1.0
    for _ in range(50):
        cold.update()
        warm.update()
    assert cold.average["weight"].item() == pytest.approx(1 + 99 * 0.999**50, rel=1e-4)
    assert warm.average["weight"].item() == pytest.approx(1.0, abs=1e-4)


def test_a_saved_average_goes_on_bit_for_bit() -> None:
    net, other = network(), network()
    ema = optim.EMA(net, decay=0.9, warm_up=True)
    for step in range(3):
        learn(net, step)
        ema.update()
    resumed = optim.EMA(other, decay=0.9, warm_up=True)
    saved = ema.state_dict()
    assert json.loads(json.dumps(saved["updates"])) == 3
    resumed.load_state_dict(saved)
    other.load_state_dict(net.state_dict())
    for step in range(3, 6):
        learn(net, step)
        learn(other, step)
        ema.update()
        resumed.update()
    for name, array in ema.average.items():
        np.testing.assert_array_equal(array, resumed.average[name])
    assert saved["average"]["0.weight"] is not ema.average["0.weight"]


def test_another_networks_average_is_refused() -> None:
    ema = optim.EMA(network())
    saved = ema.state_dict()
    saved["average"]["3.weight"] = np.zeros((4, 8))
    del saved["average"]["0.bias"]
    with pytest.raises(CheckpointError, match=r"0\.bias, 3\.weight"):
        ema.load_state_dict(saved)


@pytest.mark.parametrize("decay", [-0.1, 1.1, float("nan")])
def test_decay_out_of_range(decay: float) -> None:
    with pytest.raises(OptimError, match="decay"):
        optim.EMA(network(), decay)
