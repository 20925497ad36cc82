"""The base of all rules: groups, state, checkpoints, and penalties that nothing scales."""

import json
from typing import Any

import numpy as np
import pytest

from glassnet import optim
from glassnet.errors import CheckpointError, GlassnetError, GraphError, ShapeError
from glassnet.optim.optimizer import OptimError
from glassnet.tensor import Tensor
from tests.optim.rules import RULES, parameter, set_grads, walk

every_rule = pytest.mark.parametrize(("rule", "options"), RULES.values(), ids=RULES)


# -- every rule ----------------------------------------------------------------------------------
@every_rule
def test_a_quadratic_is_minimised(rule: Any, options: dict[str, Any]) -> None:
    target = np.random.default_rng(1).normal(size=(3, 4))
    p = parameter(3, 4)
    optimizer = rule([p], **options | {"weight_decay": 0.0})
    first = np.abs(p.data - target).max()
    steps = 3000 if rule is optim.Adadelta else 1500
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = options["lr"] * (1 - step / steps)
        p.grad = Tensor(p.data - target)
        optimizer.step()
    assert np.abs(p.data - target).max() < 0.02 * first


@pytest.mark.parametrize(
    ("rule", "options"),
    [
        (optim.SGD, {"lr": 2e-4, "momentum": 0.95, "nesterov": True}),
        (optim.RMSprop, {"lr": 0.01}),
        (optim.Adam, {"lr": 0.02}),
        (optim.AdamW, {"lr": 0.02, "weight_decay": 0.0}),
        (optim.Lion, {"lr": 0.01}),
    ],
)
def test_rosenbrocks_valley_is_followed_to_its_end(rule: Any, options: dict[str, Any]) -> None:
    p = Tensor(np.array([-1.5, 2.0]), requires_grad=True)
    optimizer = rule([p], **options)
    schedule = optim.CosineAnnealingLR(optimizer, T_max=5000)
    for _ in range(5000):
        x, y = p.data
        p.grad = Tensor(np.array([2 * (x - 1) - 400 * x * (y - x * x), 200 * (y - x * x)]))
        optimizer.step()
        schedule.step()
    np.testing.assert_allclose(p.data, 1.0, atol=0.03)


@every_rule
def test_a_run_that_was_saved_goes_on_bit_for_bit(rule: Any, options: dict[str, Any]) -> None:
    def fresh() -> tuple[list[Tensor], optim.Optimizer]:
        params = [parameter(3, 4, dtype=np.float32), parameter(2, 3, 5, 5, dtype=np.float32)]
        params[1].data = params[1].data.transpose(2, 3, 1, 0).copy().transpose(3, 2, 0, 1)  # HWIO
        groups = [{"params": [params[0]], "lr": 0.5 * options["lr"]}, {"params": [params[1]]}]
        return params, rule(groups, **options)

    whole, optimizer = fresh()
    walk(optimizer, whole, range(7))
    state = optimizer.state_dict()
    state["param_groups"] = json.loads(json.dumps(state["param_groups"]))
    weights = [p.data.copy() for p in whole]
    walk(optimizer, whole, range(7, 12))

    resumed, optimizer = fresh()
    for p, w in zip(resumed, weights, strict=True):
        p.data[...] = w
    optimizer.load_state_dict(state)
    walk(optimizer, resumed, range(7, 12))
    for a, b in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(a.data, b.data)


@every_rule
def test_the_state_dict_is_a_copy_and_its_round_trip_exact(rule: Any, options: Any) -> None:
    params = [parameter(3, 4), parameter(4, 2)]
    optimizer = rule(params, **options)
    walk(optimizer, params, range(3))
    saved = optimizer.state_dict()
    again = rule([parameter(3, 4), parameter(4, 2)])
    again.load_state_dict(saved)
    walk(optimizer, params, range(3, 4))
    loaded = again.state_dict()
    assert loaded["param_groups"] == saved["param_groups"]
    assert loaded["state"].keys() == saved["state"].keys()
    for i, state in saved["state"].items():
        for name, value in state.items():
            np.testing.assert_array_equal(loaded["state"][i][name], value)
            assert type(loaded["state"][i][name]) is type(value)


@every_rule
def test_float32_stays_and_so_does_the_memory_layout(rule: Any, options: Any) -> None:
    p = parameter(2, 3, 5, 5, dtype=np.float32)
    p.data = p.data.transpose(2, 3, 1, 0).copy().transpose(3, 2, 0, 1)
    strides, memory = p.data.strides, p.data
    optimizer = rule([p], **options | {"lr": np.float64(0.01), "l1": np.float64(0.1)})
    walk(optimizer, [p], range(3))
    assert p.data is memory
    assert p.dtype == np.float32
    for value in optimizer.state.get(p, {}).values():
        if isinstance(value, np.ndarray):
            assert value.dtype == np.float32
            assert value.strides == strides


@every_rule
def test_the_gradient_is_left_as_it_is(rule: Any, options: Any) -> None:
    p = parameter(3, 4)
    optimizer = rule([p], **options | {"l1": 0.1, "weight_decay": 0.1})
    set_grads([p], 0)
    assert p.grad is not None
    before = p.grad.data.copy()
    optimizer.step()
    optimizer.step()
    np.testing.assert_array_equal(p.grad.data, before)


@every_rule
def test_maximize_is_the_negated_gradient(rule: Any, options: Any) -> None:
    down, up = parameter(3, 4), parameter(3, 4)
    descend, climb = rule([down], **options), rule([up], **options, maximize=True)
    for step in range(3):
        set_grads([down, up], step)
        assert down.grad is not None
        up.grad = Tensor(-down.grad.data)
        descend.step()
        climb.step()
    np.testing.assert_array_equal(down.data, up.data)


# -- penalties: chosen by the user, scaled by nothing ----------------------------------------------
def mean_loss_gradient(batch: int) -> np.ndarray:
    """The gradient of a loss that is zero for every sample, averaged over a batch."""
    return np.zeros((batch, 3, 4)).mean(axis=0)


@pytest.mark.parametrize("batch", [1, 8, 256])
@pytest.mark.parametrize("rule", [optim.SGD, optim.AdamW, optim.Lion, optim.Muon])
def test_weight_decay_shrinks_by_lr_times_decay_whatever_the_batch(rule: Any, batch: int) -> None:
    """ConvNetJS divides the decay by the batch size: the penalty fades as batches grow."""
    p = parameter(3, 4)
    before = p.data.copy()
    optimizer = rule([p], lr=0.1, weight_decay=0.5)
    p.grad = Tensor(mean_loss_gradient(batch))
    optimizer.step()
    np.testing.assert_allclose(p.data, before * (1 - 0.1 * 0.5), rtol=1e-12)


@pytest.mark.parametrize("batch", [1, 8, 256])
def test_l1_shrinks_by_lr_times_l1_whatever_the_batch_and_the_weight(batch: int) -> None:
    p = Tensor(np.array([[3.0, -2.0, 0.0, 1e-3]]), requires_grad=True)
    optimizer = optim.SGD([p], lr=0.1, l1=0.5)
    p.grad = Tensor(np.zeros((batch, 1, 4)).mean(axis=0))
    optimizer.step()
    np.testing.assert_allclose(p.data, [[2.95, -1.95, 0.0, 1e-3 - 0.05]], rtol=1e-12)


@every_rule
def test_l1_is_its_subgradient_added_to_the_gradient(rule: Any, options: Any) -> None:
    ours, by_hand = parameter(3, 4), parameter(3, 4)
    penalised, plain = rule([ours], **options, l1=0.3), rule([by_hand], **options)
    for step in range(4):
        set_grads([ours, by_hand], step)
        assert ours.grad is not None
        by_hand.grad = Tensor(ours.grad.data + 0.3 * np.sign(by_hand.data))
        penalised.step()
        plain.step()
    np.testing.assert_array_equal(ours.data, by_hand.data)


@pytest.mark.parametrize(
    "rule", [optim.SGD, optim.Adagrad, optim.Adadelta, optim.RMSprop, optim.Adam]
)
def test_coupled_decay_is_the_gradient_of_half_the_squares(rule: Any) -> None:
    ours, by_hand = parameter(3, 4), parameter(3, 4)
    penalised, plain = rule([ours], weight_decay=0.3), rule([by_hand])
    for step in range(4):
        set_grads([ours, by_hand], step)
        assert ours.grad is not None
        by_hand.grad = Tensor(ours.grad.data + 0.3 * by_hand.data)
        penalised.step()
        plain.step()
    np.testing.assert_allclose(ours.data, by_hand.data, rtol=1e-12)


# -- parameters and groups -------------------------------------------------------------------------
def test_a_parameter_without_gradient_is_skipped() -> None:
    a, b = parameter(3), parameter(3)
    before = b.data.copy()
    optimizer = optim.AdamW([a, b], weight_decay=0.5)
    set_grads([a], 0)
    optimizer.step()
    np.testing.assert_array_equal(b.data, before)
    assert list(optimizer.state_dict()["state"]) == [0]


def test_groups_have_options_of_their_own() -> None:
    a, b = Tensor(np.ones(2), requires_grad=True), Tensor(np.ones(2), requires_grad=True)
    optimizer = optim.SGD([{"params": a}, {"params": [b], "lr": 0.5}], lr=0.1)
    a.grad = b.grad = Tensor(np.ones(2))
    optimizer.step()
    np.testing.assert_allclose(a.data, 0.9)
    np.testing.assert_allclose(b.data, 0.5)
    optimizer.param_groups[0]["lr"] = 1.0
    optimizer.step()
    np.testing.assert_allclose(a.data, -0.1)


def test_a_group_can_come_later() -> None:
    a, b = parameter(2), parameter(2)
    optimizer = optim.SGD([a], lr=0.1, momentum=0.9)
    walk(optimizer, [a], range(2))
    optimizer.add_param_group({"params": [b], "momentum": 0.5})
    walk(optimizer, [a, b], range(2, 4))
    assert optimizer.param_groups[1]["momentum"] == 0.5
    assert sorted(optimizer.state_dict()["state"]) == [0, 1]


def test_momentum_may_be_turned_on_between_steps() -> None:
    p = parameter(2)
    optimizer = optim.SGD([p], lr=0.1)
    walk(optimizer, [p], range(2))
    assert optimizer.state_dict()["state"] == {}
    optimizer.param_groups[0]["momentum"] = 0.9
    walk(optimizer, [p], range(2, 4))
    assert optimizer.state_dict()["state"][0]["step"] == 2


def test_zero_grad() -> None:
    a, b = parameter(2), parameter(2)
    optimizer = optim.SGD([a, b])
    set_grads([a], 0)
    optimizer.zero_grad(set_to_none=False)
    assert a.grad is not None
    assert b.grad is None
    np.testing.assert_array_equal(a.grad.data, 0)
    optimizer.zero_grad()
    assert a.grad is None


def test_the_tape_notices_a_step() -> None:
    from glassnet.operation import operation

    double = operation(lambda x: (2 * x, x), lambda dy, x: 2 * dy, name="test_double")
    p = parameter(3)
    y = double(p)
    set_grads([p], 0)
    optim.SGD([p]).step()
    with pytest.raises(GraphError, match="test_double"):
        y.backward(np.ones(3))


def test_its_repr_is_one_line() -> None:
    assert repr(optim.SGD([parameter(2)], lr=0.1)) == "SGD(1 parameters with lr=0.1)"


# -- errors ----------------------------------------------------------------------------------------
def made_by_an_operation() -> Tensor:
    from glassnet.operation import operation

    return operation(lambda x: (x + 0, None), lambda dy, _: dy, name="test_copy")(parameter(2))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (lambda: [], "empty"),
        (lambda: parameter(2), "list of parameters, not a Tensor"),
        (lambda: 3, "net.parameters()"),
        (lambda: [np.ones(2)], "a parameter is a Tensor, not a ndarray"),
        (lambda: [parameter(2)] * 2, "given twice"),
        (lambda: [{"params": [p]} for p in [parameter(2)] * 2], "given twice"),
        (lambda: [{"lr": 0.1}], "'params'"),
        (lambda: [{"params": [parameter(2)], "learning_rate": 0.1}], "'learning_rate'.*options"),
        (lambda: [{"params": [parameter(2)], "lr": -0.1}], "lr is -0.1"),
        (lambda: [made_by_an_operation()], "made by an operation"),
    ],
)
def test_what_cannot_be_optimised_is_said(params: Any, message: str) -> None:
    with pytest.raises(OptimError, match=message):
        optim.SGD(params())


@pytest.mark.parametrize(
    ("rule", "options"),
    [
        (optim.SGD, {"lr": -1.0}),
        (optim.SGD, {"lr": float("nan")}),
        (optim.SGD, {"momentum": -0.1}),
        (optim.SGD, {"weight_decay": -0.1}),
        (optim.SGD, {"l1": -0.1}),
        (optim.SGD, {"nesterov": True}),
        (optim.SGD, {"nesterov": True, "momentum": 0.9, "dampening": 0.1}),
        (optim.Adam, {"betas": (0.9, 1.0)}),
        (optim.Adam, {"eps": -1e-8}),
        (optim.Adadelta, {"rho": 1.5}),
        (optim.RMSprop, {"alpha": -0.5}),
        (optim.Adagrad, {"lr_decay": -0.5}),
        (optim.Muon, {"adjust_lr_fn": "mine"}),
    ],
)
def test_options_out_of_range_are_errors(rule: Any, options: dict[str, Any]) -> None:
    with pytest.raises(GlassnetError) as error:
        rule([parameter(2, 2)], **options)
    assert isinstance(error.value, ValueError)


def test_a_gradient_of_another_shape_is_an_error() -> None:
    p = parameter(3)
    p.grad = Tensor(np.ones(1))
    with pytest.raises(ShapeError, match=r"\(3,\).*\(1,\)"):
        optim.SGD([p]).step()


def test_a_state_that_does_not_fit_is_refused_and_nothing_changes() -> None:
    params = [parameter(3, 4), parameter(4)]
    adam = optim.Adam(params)
    walk(adam, params, range(2))
    saved = adam.state_dict()

    def refused(optimizer: optim.Optimizer, state: dict[str, Any], message: str) -> None:
        before = optimizer.state_dict()
        with pytest.raises(CheckpointError, match=message):
            optimizer.load_state_dict(state)
        assert str(optimizer.state_dict()) == str(before)

    refused(optim.Adam(params[:1]), saved, r"groups of \[2\].*\[1\]")
    refused(optim.Adam([{"params": [p]} for p in params]), saved, r"\[1, 1\]")
    refused(optim.Adam([parameter(4, 3), params[1]]), saved, r"'exp_avg' of parameter 0.*\(3, 4\)")
    refused(optim.SGD(params), saved, "no SGD")
    refused(optim.Lion(params), saved, "Lion keeps")
    refused(optim.Adam(params), {"param_groups": []}, "'state' and 'param_groups'")
    refused(optim.Adam(params), saved | {"state": {7: saved["state"][0]}}, "parameter 7, of 2")
