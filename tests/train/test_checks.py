"""Nothing is silent: mistakes are told before training, NaN by its step and its layer."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet import data, nn, optim
from glassnet.errors import GlassnetWarning, TrainingError
from glassnet.train import Callback, Training
from tests.train import small
from tests.train.small import fit, images, network, weights


class Break(Callback):
    """Puts a value into a parameter, or into what the training holds, after some steps."""

    def __init__(self, step: int, name: str, value: float) -> None:
        self.step, self.name, self.value = step, name, value

    def on_step(self, training: Training, loss: float) -> None:
        if training.step == self.step:
            dict(training.net.named_state())[self.name].data[...] = self.value


class Root(nn.Module):
    """sqrt(x): NaN where x < 0, and at 0 an infinite gradient of a finite value."""

    def forward(self, x: gn.Tensor) -> gn.Tensor:
        return x.sqrt()


def test_parameters_that_nothing_updates() -> None:
    net = network()
    with pytest.warns(GlassnetWarning, match=r"no optimizer has '0\.weight', '0\.bias'.*freeze"):
        fit(net=net, optimizer=optim.SGD(net[1:].parameters(), lr=0.1), epochs=1)


def test_an_optimizer_of_another_network() -> None:
    with pytest.raises(TrainingError, match=r"no parameter of this network.*net\.parameters"):
        fit(optimizer=optim.SGD(network().parameters(), lr=0.1))
    net = network()
    more = [*net.parameters(), *network().parameters()]
    with pytest.warns(GlassnetWarning, match="6 of the optimizer's parameters are not"):
        fit(net=net, optimizer=optim.SGD(more, lr=0.1), epochs=1)


def test_a_fixed_layer_whose_statistics_would_move() -> None:
    net = network()
    for parameter in net[1].parameters():
        parameter.requires_grad_(False)
    with pytest.warns(GlassnetWarning) as told:  # by fit with its name, by the layer without
        fit(net=net, epochs=1)
    assert re.search(r"layer '1' \(BatchNorm2d\).*statistics.*freeze", str(told[0].message))
    assert told[0].filename == small.__file__
    net[1].freeze()
    before = net[1].running_mean.data.copy()
    fit(net=net, epochs=1)
    np.testing.assert_array_equal(net[1].running_mean.data, before)


def test_the_loss_does_not_depend_on_a_layer() -> None:
    class Forgetful(nn.Module):
        def __init__(self) -> None:
            self.used, self.unused = nn.Linear(64, 3), nn.Linear(3, 3)

        def forward(self, x: gn.Tensor) -> gn.Tensor:
            return self.used(x.flatten(1))

    with pytest.warns(GlassnetWarning, match=r"does not depend on 'unused\.weight'"):
        fit(net=Forgetful(), epochs=1)


@pytest.mark.parametrize("outputs", [2, 4])
def test_outputs_that_are_not_the_classes(outputs: int, tmp_path: Path) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, outputs))
    expected = "3 classes ('left', 'middle', 'right')"
    with pytest.raises(TrainingError, match=re.escape(expected) + rf".*\(2, {outputs}\).*3 out"):
        fit(tmp_path, net)
    assert not list(tmp_path.iterdir())


def test_a_loss_that_is_not_a_number_names_the_layer(tmp_path: Path) -> None:
    gn.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 9), Root(), nn.Linear(9, 3))
    with pytest.raises(TrainingError, match=r"step 1 \(epoch 1\): .* is nan.*layer '2' \(Root"):
        fit(net=net)


def test_broken_weights_are_named_and_the_good_checkpoint_stays(tmp_path: Path) -> None:
    options: dict[str, Any] = {"schedule": None, "ema": None, "clip_norm": None}
    good = fit(tmp_path / "good", epochs=1, **options)
    with pytest.raises(
        TrainingError, match=r"step 9 \(epoch 2\): the loss is nan.*'6\.weight'.*epoch 1 is kept"
    ):
        fit(tmp_path / "bad", callbacks=[Break(8, "6.weight", np.nan)], **options)
    assert weights(gn.load(tmp_path / "bad", which="last")) == weights(good)
    with pytest.raises(TrainingError, match=r"update made weights.*'1\.running_mean'"):
        fit(tmp_path / "end", callbacks=[Break(6, "1.running_mean", np.inf)], **options)


def test_gradients_that_are_not_finite() -> None:
    gn.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 9), Root(), nn.Linear(9, 3))
    for parameter in net[1].parameters():
        parameter.data[...] = 0
    with pytest.raises(TrainingError, match=r"gradients are not finite.*'1\.bias', '1\.weight'"):
        fit(net=net)


def test_images_that_are_not_finite() -> None:
    values = np.ones((12, 4), np.float32)
    values[7, 2] = np.nan
    train = data.arrays(values, np.arange(12) % 2)
    net = nn.Sequential(nn.Linear(4, 2))
    with pytest.raises(TrainingError, match="the input: 1 of 12 images hold NaN"):
        gn.fit(net, train, epochs=1, preprocess=data.Preprocessing(channels=4))


def test_a_loss_of_ones_own_that_is_not_finite() -> None:
    def infinite(logits: gn.Tensor, labels: gn.Tensor) -> gn.Tensor:
        return nn.functional.cross_entropy(logits, labels) * float("inf")

    with pytest.raises(TrainingError, match=r"the loss is inf.*in the loss itself"):
        gn.fit(network(), images(30), loss=infinite, epochs=1, progress=False)
