"""Module: what it owns, its modes, its weights out and in, its errors."""

import numpy as np
import pytest

import glassnet as gn
from glassnet import CheckpointError, GlassnetError, GlassnetWarning, GraphError, ShapeError, nn
from glassnet.optim import SGD


class Pair(nn.Module):
    """Two layers that may share their weight, and a buffer."""

    def __init__(self, shared=False):
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3, bias=False)
        self.scale = nn.Parameter([2.0])
        self.register_buffer("seen", np.zeros(2, np.int64))
        self.register_buffer("table", np.ones(4, np.float32), persistent=False)
        if shared:
            self.second.weight = self.first.weight

    def forward(self, x):
        return self.second(self.first(x)) * self.scale


def names(pairs):
    return [name for name, _ in pairs]


def test_parameters_and_buffers_are_found_by_assigning_them():
    net = Pair()
    own_then_inner = ["scale", "first.weight", "first.bias", "second.weight"]
    assert names(net.named_parameters()) == own_then_inner
    assert names(net.named_buffers()) == ["seen", "table"]
    assert list(net.state_dict()) == ["scale", "seen", *own_then_inner[1:]]
    assert net.num_parameters() == 1 + 9 + 3 + 9
    assert names(net.named_children()) == ["first", "second"]
    assert names(net.named_modules()) == ["", "first", "second"]
    assert [type(m) for m in net.children()] == [nn.Linear, nn.Linear]
    assert sum(b.numel() for b in net.buffers()) == 6


def test_a_layer_works_without_calling_the_constructor_of_module():
    class Bare(nn.Module):
        def __init__(self):
            self.inner = nn.Linear(2, 2)

    assert names(Bare().named_parameters()) == ["inner.weight", "inner.bias"]
    with pytest.raises(TypeError, match="2 were given"):
        nn.ReLU(5)


def test_replacing_and_removing_is_plain_assignment():
    net = Pair()
    net.first = nn.Identity()
    net.scale = None
    assert names(net.named_parameters()) == ["second.weight"]
    del net.second
    assert names(net.named_children()) == ["first"]
    net.seen = gn.tensor([1.0])
    assert net.state_dict()["seen"].tolist() == [1.0]
    net.register_buffer("seen", None)
    assert list(net.state_dict()) == []


def test_a_shared_parameter_counts_once_and_its_gradients_add_up():
    net = Pair(shared=True)
    assert names(net.named_parameters()) == ["scale", "first.weight", "first.bias"]
    assert "second.weight" in net.state_dict()
    assert net.num_parameters() == 13
    x = gn.tensor(np.eye(3, dtype=np.float32))
    net(x).sum().backward()
    shared = net.first.weight.grad.data
    other = Pair()
    other.load_state_dict(net.state_dict())
    other(x).sum().backward()
    parts = other.first.weight.grad.data + other.second.weight.grad.data
    np.testing.assert_allclose(shared, parts, rtol=1e-5)
    SGD(net.parameters(), lr=0.1).step()
    np.testing.assert_array_equal(net.first.weight.data, net.second.weight.data)


def test_a_layer_that_stands_twice_is_visited_once():
    layer = nn.Linear(2, 2)
    net = nn.Sequential(layer, nn.ReLU(), layer)
    assert names(net.named_modules()) == ["", "0", "1"]
    assert len(list(net.children())) == 2
    assert list(net.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_layers_in_a_plain_list_are_warned_of():
    class Lost(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = [nn.Linear(2, 2)]

    with pytest.warns(GlassnetWarning, match=r"'layers' of Lost.*nn\.ModuleList"):
        assert list(Lost().parameters()) == []


# -- state_dict -----------------------------------------------------------------------------------
def test_state_dict_is_a_copy_in_logical_order():
    net = nn.Conv2d(2, 3, 3)
    state = net.state_dict()
    assert state["weight"].shape == (3, 2, 3, 3)
    assert state["weight"].flags.c_contiguous
    state["weight"][...] = 0
    assert net.weight.data.any()


def test_state_dict_round_trip_keeps_filters_channels_last():
    one, two = nn.Conv2d(2, 3, 3), nn.Conv2d(2, 3, 3)
    strides = two.weight.data.strides
    assert two.weight.data.transpose(2, 3, 1, 0).flags.c_contiguous
    assert two.load_state_dict(one.state_dict()) == ([], [])
    np.testing.assert_array_equal(one.weight.data, two.weight.data)
    assert two.weight.data.strides == strides


def test_load_lists_everything_that_does_not_fit_and_changes_nothing():
    net = Pair()
    before = net.state_dict()
    state = {**before, "first.bias": np.zeros(4), "extra": np.zeros(1), "seen": np.zeros(2)}
    state["first.weight"] = np.zeros((3, 3))
    del state["scale"]
    with pytest.raises(CheckpointError) as caught:
        net.load_state_dict(state)
    message = str(caught.value)
    for line in (
        "missing: 'scale'",
        "unexpected: 'extra'",
        "other shape: 'first.bias' is (3,) here, (4,) in the weights",
        "other kind: 'seen' holds int64 here, float64 in the weights",
    ):
        assert line in message
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_load_without_strict_takes_what_fits_but_no_other_shape():
    net = Pair()
    loaded = net.load_state_dict({"scale": [5.0], "extra": 1.0}, strict=False)
    assert net.scale.item() == 5.0
    assert loaded.unexpected == ["extra"]
    assert "first.weight" in loaded.missing
    with pytest.raises(CheckpointError, match="other shape"):
        net.load_state_dict({"scale": [5.0, 6.0]}, strict=False)


def test_loading_between_forward_and_backward_is_noticed():
    net = nn.Linear(2, 2)
    y = net(gn.tensor([[1.0, 2.0]], requires_grad=True)).sum()
    net.load_state_dict(net.state_dict())
    with pytest.raises(GraphError, match="changed in place"):
        y.backward()


# -- modes and freezing ---------------------------------------------------------------------------
def test_train_and_eval_reach_every_layer():
    net = nn.Sequential(nn.Dropout(), nn.Sequential(nn.Dropout()))
    assert all(m.training for m in net.modules())
    assert not any(m.training for m in net.eval().modules())
    assert all(m.training for m in net.train().modules())


def test_frozen_layers_stay_bit_for_bit_as_they_are_through_a_training_step():
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2)
    )
    net[:3].freeze()
    before = net.state_dict()
    x = gn.tensor(np.random.default_rng(0).normal(3, 2, (4, 1, 4, 4)).astype(np.float32))
    optimizer = SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    net.train()
    for _ in range(3):
        net.zero_grad()
        nn.CrossEntropyLoss()(net(x), gn.tensor([0, 1, 0, 1])).backward()
        optimizer.step()
    after = net.state_dict()
    moved = {name for name in before if not np.array_equal(before[name], after[name])}
    assert moved == {"4.weight", "4.bias"}
    assert net.num_parameters(trainable=True) == 26
    net.unfreeze()
    net(x)
    assert net[1].num_batches_tracked.item() == 1
    assert net.num_parameters(trainable=True) == net.num_parameters()


def test_freezing_uses_running_statistics_but_leaves_dropout_alone():
    norm = nn.BatchNorm1d(2).freeze()
    x = gn.tensor([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_allclose(norm(x).data, x.data, rtol=1e-4)
    dropout = nn.Dropout(1.0).freeze()
    assert not dropout(x).data.any()
    assert dropout.eval()(x) is x


def test_parameters_fixed_by_hand_beside_moving_statistics_are_warned_of():
    norm = nn.BatchNorm1d(2)
    norm.weight.requires_grad_(False)
    x = gn.tensor([[1.0, 2.0], [3.0, 4.0]])
    with pytest.warns(GlassnetWarning, match=r"BatchNorm1d\(2\).*use freeze\(\)"):
        norm(x)
    norm.eval()(x)  # says nothing


# -- converting, applying, hooks ------------------------------------------------------------------
def test_to_converts_parameters_buffers_and_gradients_but_no_integers():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    weight = net[0].weight
    net(gn.tensor(np.ones((2, 1, 4, 4), np.float32))).sum().backward()
    assert net.double() is net
    assert net[0].weight is weight
    assert {p.dtype for p in net.parameters()} == {np.dtype(np.float64)}
    assert weight.grad.dtype == np.float64
    assert weight.data.transpose(2, 3, 1, 0).flags.c_contiguous
    assert (net[1].running_var.dtype, net[1].num_batches_tracked.dtype) == (np.float64, np.int64)
    assert net.float()[1].running_mean.dtype == np.float32
    net.zero_grad()
    assert weight.grad is None


def test_apply_goes_from_the_inside_out():
    seen = []
    net = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Tanh()))
    assert net.apply(lambda m: seen.append(type(m).__name__)) is net
    assert seen == ["ReLU", "Tanh", "Sequential", "Sequential"]


def test_hooks_see_change_and_go():
    net, seen = nn.Linear(2, 2), []
    x = gn.tensor([[1.0, 2.0]])
    plain = net(x)
    removers = [
        net.register_forward_pre_hook(lambda module, args: seen.append((module, args))),
        net.register_forward_hook(lambda module, args, output: seen.append(output)),
        net.register_forward_hook(lambda module, args, output: output * 2),
    ]
    np.testing.assert_array_equal(net(x).data, 2 * plain.data)
    assert seen[0] == (net, (x,))
    np.testing.assert_array_equal(seen[1].data, plain.data)
    for remove in removers:
        remove()
    np.testing.assert_array_equal(net(x).data, plain.data)
    assert len(seen) == 2


# -- errors and text ------------------------------------------------------------------------------
def test_a_shape_error_names_the_layer():
    net = nn.Sequential(nn.Flatten(), nn.Linear(8, 4), nn.Sequential(nn.ReLU(), nn.Linear(5, 2)))
    with pytest.raises(ShapeError, match=r"^in layer '2\.1' \(Linear\(5, 2\)\): 'linear'"):
        net(gn.tensor(np.zeros((2, 8), np.float32)))
    with pytest.raises(ShapeError, match=r"^in layer '1' \(Linear\(8, 4\)\): "):
        net(gn.tensor(np.zeros((2, 9), np.float32)))
    with pytest.raises(ShapeError, match=r"^in Linear\(2, 2, bias=False\): "):
        nn.Linear(2, 2, bias=False)(gn.tensor([1.0]))


def test_a_shape_error_in_a_forward_of_ones_own_names_it_too():
    class Wrong(nn.Module):
        def forward(self, x):
            return x @ x

    with pytest.raises(ShapeError, match=r"^in layer '0' \(Wrong\(\)\): 'matmul'"):
        nn.Sequential(Wrong())(gn.tensor([[1.0, 2.0]]))


def test_helpful_errors():
    with pytest.raises(NotImplementedError, match="Module needs a method forward"):
        nn.Module()(1)
    with pytest.raises(GlassnetError, match=r"no layer 'second\.x'; there are: first, second"):
        Pair().get_submodule("second.x")
    assert isinstance(Pair().get_submodule("first"), nn.Linear)


def test_repr_is_a_tree_of_the_calls_that_made_it():
    net = nn.Sequential(nn.Conv2d(1, 8, 5, padding=2), nn.Sequential(nn.ReLU()), Pair())
    assert repr(net).splitlines() == [
        "Sequential(",
        "  (0): Conv2d(1, 8, 5, padding=2)",
        "  (1): Sequential(",
        "    (0): ReLU()",
        "  )",
        "  (2): Pair(",
        "    (first): Linear(3, 3)",
        "    (second): Linear(3, 3, bias=False)",
        "  )",
        ")",
    ]
    assert repr(nn.CrossEntropyLoss(np.ones(3))) == "CrossEntropyLoss(array of (3,))"
    assert repr(nn.Parameter([1.0])) == "Parameter(tensor([1.], requires_grad=True))"


def test_evaluating_restores_each_mode_even_after_an_error() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
    net[1].eval()
    modes = []

    def fail() -> None:
        with nn.evaluating(net):
            modes.extend(module.training for module in net.modules())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert modes == [False] * 3
    assert [m.training for m in net.modules()] == [True, True, False]
