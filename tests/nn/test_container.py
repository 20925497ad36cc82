"""Sequential, ModuleList, ModuleDict."""

import pytest

import glassnet as gn
from glassnet import GlassnetError, nn


def make():
    return nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))


def test_sequential_runs_its_layers_in_order():
    net, x = make(), gn.tensor([[1.0, 2.0]])
    expected = net[2](net[1](net[0](x)))
    assert net(x).item() == expected.item()
    assert nn.Sequential()(x) is x


def test_indexing_and_slicing_share_the_layers():
    net = make()
    assert len(net) == 3
    assert net[-1] is net[2]
    tail = net[1:]
    assert isinstance(tail, nn.Sequential)
    assert tail[1] is net[2]
    assert list(tail.state_dict()) == ["2.weight", "2.bias"]  # the names stay
    assert list(net) == [net[0], net[1], net[2]]
    with pytest.raises(IndexError, match="Sequential of 3 layers has no layer 3"):
        net[3]


def test_append_replace_and_delete():
    net = make()
    assert net.append(nn.Tanh()) is net
    net[1] = nn.ELU()
    assert [type(m).__name__ for m in net] == ["Linear", "ELU", "Linear", "Tanh"]
    del net[0]
    net.append(nn.ReLU6())
    assert list(net.named_layers()) == ["1", "2", "3", "4"]


def test_layers_by_name():
    net = nn.Sequential({"inner": nn.Linear(2, 2), "act": nn.ReLU()})
    assert net.inner is net[0]
    net.append(nn.Tanh())
    assert list(net.named_layers()) == ["inner", "act", "2"]


def test_a_layer_that_stands_twice_runs_twice():
    double = nn.Linear(1, 1, bias=False)
    double.load_state_dict({"weight": [[2.0]]})
    assert nn.Sequential(double, double)(gn.tensor([[1.0]])).item() == 4.0


def test_what_is_no_layer_is_refused():
    with pytest.raises(TypeError, match=r"did you mean ReLU\(\.\.\.\)"):
        nn.Sequential(nn.ReLU)
    with pytest.raises(TypeError, match="not function"):
        nn.Sequential(lambda x: x)
    with pytest.raises(TypeError, match="ModuleList holds layers, not str"):
        nn.ModuleList(["relu"])
    for name in ("", "a.b", "train"):
        with pytest.raises(GlassnetError, match="cannot be the name"):
            nn.ModuleDict({name: nn.ReLU()})


def test_module_list_is_found_and_iterated():
    layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(2)).extend([nn.ReLU()])
    assert len(layers) == 3
    assert len(list(layers.parameters())) == 4
    assert isinstance(layers[:2], nn.ModuleList)
    assert layers[:2][1] is layers[1]
    with pytest.raises(NotImplementedError):
        layers(1)


def test_module_dict():
    heads = nn.ModuleDict({"a": nn.Linear(1, 1)})
    heads["b"] = nn.ReLU()
    assert list(heads) == ["a", "b"]
    assert "a" in heads
    assert "c" not in heads
    assert len(heads) == 2
    assert [name for name, _ in heads.items()] == ["a", "b"]
    assert heads["b"] is heads.b
    assert list(heads.state_dict()) == ["a.weight", "a.bias"]
