"""A network as plain data, and back; what cannot be, with the layer and the argument named."""

import json
import sys

import numpy as np
import pytest

import glassnet as gn
from glassnet import CheckpointError, nn, random


class Block(nn.Module):
    """A user's layer: sizes, a layer as argument, a tuple, a dictionary, options."""

    def __init__(self, width, act, *, sizes=(1, 2), extra=None):
        super().__init__()
        self.sizes, self.extra = sizes, extra
        self.fc, self.act, self.out = nn.Linear(width, width), act, nn.Linear(width, 2)

    def forward(self, x):
        return self.out(self.act(self.fc(x)))


class Hidden(nn.Module):
    """Makes inside what could not be written down."""

    def __init__(self):
        super().__init__()
        self.loss = nn.CrossEntropyLoss(np.ones(3))
        self.head = nn.Linear(2, 2)


class Three(nn.Sequential):
    def __init__(self, width):
        super().__init__(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))


def through_json(net):
    return nn.build(json.loads(json.dumps(nn.architecture(net))))


def same_state(one, two):
    a, b = one.state_dict(), two.state_dict()
    return list(a) == list(b) and all(
        (a[k].shape, a[k].dtype) == (b[k].shape, b[k].dtype) for k in a
    )


def test_a_description_is_short_and_readable():
    net = nn.Sequential(nn.Conv2d(1, 8, 5, padding=2), nn.ReLU())
    assert nn.architecture(net) == {
        "class": "Sequential",
        "args": [
            {"class": "Conv2d", "args": [1, 8, 5], "kwargs": {"padding": 2}},
            {"class": "ReLU"},
        ],
    }


def test_arguments_of_every_kind_come_back_as_they_were():
    net = Block(np.int64(3), nn.GELU(), sizes=(4, [5, 6.5]), extra={"a": None, "b": ("x", True)})
    again = through_json(net)
    assert repr(again) == repr(net)
    assert again.sizes == (4, [5, 6.5])
    assert again.extra == {"a": None, "b": ("x", True)}
    assert nn.architecture(net)["class"] == f"{Block.__module__}.Block"


def test_containers_are_described_by_what_they_hold_now():
    net = nn.Sequential({"conv": nn.Linear(2, 3), "act": nn.ReLU()})
    net.append(nn.Linear(3, 1))
    lists = nn.Sequential(nn.ModuleList([nn.ReLU()]).append(nn.Tanh()), nn.ModuleDict())
    lists[1]["x"] = nn.Linear(1, 1)
    for made in (net, net[1:], lists):
        assert repr(through_json(made)) == repr(made)
        assert same_state(through_json(made), made)


def test_a_subclass_of_a_container_is_described_by_its_own_arguments():
    description = nn.architecture(Three(4))
    assert description == {"class": f"{Three.__module__}.Three", "args": [4]}
    assert repr(nn.build(description)) == repr(Three(4))


def test_layers_exchanged_after_construction_are_part_of_the_description():
    net = nn.Sequential(Block(3, nn.ReLU()), Three(4))
    net[0].out = nn.Linear(3, 7)
    net[0].act = nn.Dropout(0.2)
    net[1][1] = nn.ELU(0.5)
    net[1].append(nn.Linear(1, 2))
    again = through_json(net)
    assert repr(again) == repr(net)
    assert same_state(again, net)
    assert again[1][1].alpha == 0.5


def test_what_a_constructor_hides_need_not_be_written():
    net = Hidden()
    assert set(nn.architecture(net)) == {"class"}
    net.head = nn.Linear(2, 5)
    assert through_json(net).head.out_features == 5


def test_ties_frozen_layers_fixed_parameters_and_dtype_come_back():
    net = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 3)).double()
    net[2].weight = net[0].weight
    net[1].freeze()
    net[0].bias.requires_grad_(False)
    again = through_json(net)
    assert again[2].weight is again[0].weight
    assert [m.frozen for m in again.modules()] == [False, False, True, False]
    assert [p.requires_grad for p in again.parameters()] == [True, False, False, False, True]
    assert {p.dtype for p in again.parameters()} == {np.dtype(np.float64)}


def test_one_layer_in_two_places_shares_its_weights_again():
    layer = nn.BatchNorm1d(3)
    again = through_json(nn.Sequential(layer, nn.ReLU(), layer))
    assert again[0].weight is again[2].weight
    assert again[0].running_mean is again[2].running_mean


def test_describing_leaves_the_randomness_and_the_network_alone():
    net = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)).eval()
    before, draws = net.state_dict(), random.manual_seed(3).bit_generator.state
    nn.architecture(net)
    assert random.generator().bit_generator.state["state"]["counter"].tolist() == (
        draws["state"]["counter"].tolist()
    )
    assert all(np.array_equal(v, before[k]) for k, v in net.state_dict().items())
    assert not net.training


def test_an_argument_that_is_no_data_is_named_with_its_layer():
    net = nn.Sequential(nn.ReLU(), nn.Sequential(Block(2, nn.ReLU(), extra=np.sin)))
    with pytest.raises(CheckpointError, match=r"argument 'extra' of layer '1\.0' \(Block\) is of"):
        nn.architecture(net)
    with pytest.raises(
        CheckpointError, match=r"argument 'weight' of layer '' \(CrossEntropyLoss\)"
    ):
        nn.architecture(nn.CrossEntropyLoss(np.ones(3)))
    net[1][0].extra = None  # the constructor's argument counts, not what became of it
    with pytest.raises(CheckpointError, match="of type ufunc"):
        nn.architecture(net)


def test_parameters_that_no_constructor_makes_are_an_error():
    net = nn.Linear(2, 2)
    net.extra = nn.Parameter([1.0])
    with pytest.raises(CheckpointError, match=r"cannot be rebuilt.*'extra': \(1,\), rebuilt None"):
        nn.architecture(net)


def test_an_unknown_class_says_what_to_import():
    with pytest.raises(CheckpointError, match=r"'my\.nets\.Net' is not known.*import my\.nets"):
        nn.build({"class": "my.nets.Net"})
    with pytest.raises(CheckpointError, match="update glassnet"):
        nn.build({"class": "Linear9000"})
    assert "my" not in sys.modules


@pytest.mark.parametrize(
    "description",
    [
        {},
        [],
        "Linear",
        {"class": "Linear", "args": [1]},
        {"class": "Linear", "args": 5},
        {"class": "Conv2d", "args": [3, 3, 3], "kwargs": {"groups": 2}},
        {"class": "Sequential", "args": [{"no": "class"}]},
        {"class": ["Linear"]},
    ],
)
def test_what_is_no_description_is_an_error_for_people(description):
    with pytest.raises(CheckpointError):
        nn.build(description)


def test_nothing_but_modules_can_be_built():
    for name in ("builtins.eval", "os.system", "Parameter", "glassnet.Tensor", "Described"):
        with pytest.raises(CheckpointError, match="not known"):
            nn.build({"class": name, "args": ["1"]})


def test_a_class_defined_anew_takes_the_place_of_the_old_one():
    def define(size):
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.fc = nn.Linear(size, size)

        return Net

    old, new = define(2), define(3)
    assert old is not new
    assert nn.build(nn.architecture(new())).fc.in_features == 3
    assert isinstance(nn.build(nn.architecture(new())), new)


def test_weights_fit_the_rebuilt_network():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 2))
    x = gn.tensor(np.random.default_rng(0).normal(size=(3, 1, 4, 4)).astype(np.float32))
    net(x)
    again = through_json(net)
    again.load_state_dict(net.state_dict())
    np.testing.assert_array_equal(again.eval()(x).data, net.eval()(x).data)
