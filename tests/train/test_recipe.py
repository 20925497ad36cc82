"""The recipe: an optimiser as plain data and back."""

import pytest

from glassnet import nn, optim
from glassnet.errors import CheckpointError
from glassnet.optim import Optimizer
from glassnet.train.recipe import build_optimizer, describe_optimizer, plain


@pytest.mark.parametrize(
    "name", ["SGD", "Adagrad", "Adadelta", "RMSprop", "Adam", "AdamW", "Lion", "Muon"]
)
def test_an_optimizer_is_made_again(name: str) -> None:
    net = nn.Linear(3, 2, bias=False)
    optimizer: Optimizer = getattr(optim, name)(net.parameters(), lr=0.125)
    optim.ConstantLR(optimizer, 0.5)  # what a schedule does to it is not its recipe
    assert optimizer.param_groups[0]["lr"] == 0.0625
    described = plain(describe_optimizer(net, optimizer))
    again = build_optimizer(net, described)
    assert type(again) is type(optimizer)
    assert again.param_groups[0]["lr"] == 0.125
    assert plain(describe_optimizer(net, again)) == described
    assert again.param_groups[0]["params"][0] is net.weight


def test_an_optimizer_that_cannot_be_made() -> None:
    class Mine(optim.SGD):
        pass

    net = nn.Linear(3, 2)
    described = plain(describe_optimizer(net, Mine(net.parameters(), lr=0.1)))
    with pytest.raises(CheckpointError, match=r"Mine, is not one of glassnet\.optim.*resume=True"):
        build_optimizer(net, described)
    foreign = optim.SGD([*net.parameters(), *nn.Linear(1, 1).parameters()], lr=0.1)
    with pytest.raises(CheckpointError, match="were not the network's"):
        build_optimizer(net, plain(describe_optimizer(net, foreign)))
