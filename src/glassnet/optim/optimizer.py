"""What every optimiser shares: groups of parameters, their state, and its way into a checkpoint.

A subclass says which state a parameter has (`initial_state`) and which plain NumPy function updates
it with which numbers (`rule`); all parameters whose numbers are the same then go to the function's
compiled twin in one call, where there is one. Penalties are the user's choice and enter here or in
the page exactly as given: nothing is scaled by a batch size, which an optimiser cannot know and
must not.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from glassnet import kernels
from glassnet.errors import CheckpointError, GlassnetError, ShapeError
from glassnet.tape import Array
from glassnet.tensor import Tensor, keep_grad

Group = dict[str, Any]  # {"params": list of Tensor, "lr": float, ...}
State = dict[str, Any]  # {name: array of the parameter's shape | int}
Params = Iterable[Tensor] | Iterable[Mapping[str, Any]]

# Options lie in [0, bound); an option that is not listed is free.
BOUNDS = {"lr": math.inf, "weight_decay": math.inf, "l1": math.inf, "eps": math.inf}
BOUNDS |= {"momentum": math.inf, "betas": 1.0, "rho": 1.0, "alpha": 1.0, "lr_decay": math.inf}
BOUNDS |= {"initial_accumulator_value": math.inf}


class OptimError(GlassnetError, ValueError):
    """A parameter or an option that an optimiser or a schedule cannot work with."""


class Rule(NamedTuple):
    """How a parameter is updated: page(p, g, *arrays, *numbers), in place of p and the arrays.

    arrays: their names in the parameter's state; one that it has not is passed as None.
    """

    page: Callable[..., None]
    arrays: tuple[str, ...]
    numbers: tuple[Any, ...]

    def update(self, p: Array, g: Array, state: State) -> None:
        """Run the page."""
        self.page(p, g, *map(state.get, self.arrays), *self.numbers)


class Optimizer(ABC):
    """Updates parameters in place from their `.grad`; a parameter without one is left alone.

    `params` is an iterable of Tensors, or of dictionaries `{"params": [...], "lr": 0.1, ...}`:
    groups with options of their own. `defaults` holds the options of groups that say nothing.
    `param_groups` may be changed between steps; that is how a schedule changes `lr`.

    Every optimiser takes `l1`, a penalty l1 * sum |p|: its subgradient l1 * sign(p) is added to the
    gradient before anything else (so a rule that divides by past gradients divides it too), and
    `maximize`, which climbs instead of descending.

    Raises OptimError for no parameters, a parameter given twice, a tensor that an operation made,
    and an option that is unknown or out of range.
    """

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.param_groups: list[Group] = []
        self.state: dict[Tensor, State] = {}
        self._tables: dict[Any, Any] = {}  # of parameters that a compiled update takes together
        self.stepped = False  # whether step() ran yet: a schedule must not be ahead of it
        if isinstance(params, Tensor) or not isinstance(params, Iterable):
            raise OptimError(
                f"an optimiser takes a list of parameters, not a {type(params).__name__}; "
                f"pass net.parameters(), or a list"
            )
        groups: list[Any] = list(params)
        if not groups:
            raise OptimError("an optimiser needs parameters, and this list is empty")
        if not isinstance(groups[0], Mapping):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    @abstractmethod
    def initial_state(self, p: Array, group: Group) -> State:
        """The state of a parameter before its first step; `np.zeros_like` keeps the layout."""

    def rule(self, state: State, group: Group) -> Rule:
        """The rule of a step, for all parameters of a group with a state like this.

        Where a state has a "step", that counts the steps of the parameter, this one among them.
        """
        raise NotImplementedError(f"{type(self).__name__} needs a method rule, or update")

    def update(self, p: Array, g: Array, state: State, group: Group) -> None:
        """Change `p` and `state` in place by the gradient `g`, which stays as it is.

        A subclass that redefines it is called for each parameter by itself.
        """
        _count(state)
        self.rule(state, group).update(p, g, state)

    def __repr__(self) -> str:
        groups = ", ".join(
            f"{len(group['params'])} parameters with lr={group['lr']:g}"
            for group in self.param_groups
        )
        return f"{type(self).__name__}({groups})"

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add parameters with options of their own, {"params": Tensor or list, option: value}."""
        if not isinstance(group, Mapping) or "params" not in group:
            raise OptimError(
                "a parameter group is a dictionary with the key 'params': "
                '{"params": [...], "lr": 0.1}'
            )
        unknown = sorted(set(group) - set(self.defaults) - {"params"})
        if unknown:
            raise OptimError(
                f"{type(self).__name__} has no option {', '.join(map(repr, unknown))}; "
                f"its options are {', '.join(self.defaults)}"
            )
        params = group["params"]
        params = [params] if isinstance(params, Tensor) else list(params)
        options = {name: _plain(v) for name, v in (self.defaults | dict(group)).items()}
        options["params"] = params
        self.check(options)
        self.param_groups.append(options)

    def check(self, group: Group) -> None:
        """Raise OptimError for parameters or options of a new group that this cannot work with."""
        known = {id(p) for other in self.param_groups for p in other["params"]}
        for p in group["params"]:
            if not isinstance(p, Tensor):
                raise OptimError(f"a parameter is a Tensor, not a {type(p).__name__}")
            if not p.is_leaf:
                raise OptimError(
                    f"a tensor of shape {p.shape} was made by an operation, so no gradient is kept "
                    f"for it; optimise the tensor that it was made from, or a .detach()"
                )
            if id(p) in known:
                raise OptimError(
                    f"a parameter of shape {p.shape} was given twice; "
                    f"it would be updated twice in a step, so list it in one group, once"
                )
            known.add(id(p))
        for name, bound in BOUNDS.items():
            values = group.get(name, ())
            for value in values if isinstance(values, tuple) else (values,):
                if not 0 <= value < bound:
                    raise OptimError(
                        f"{type(self).__name__}: {name} is {value}, expected 0 <= {name} < {bound}"
                    )

    # -- a step ----------------------------------------------------------------------------------
    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or fill them with zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none or p.grad is None:
                    keep_grad(p, None)
                else:
                    p.grad = Tensor(np.zeros_like(p.grad.data))

    def step(self) -> None:
        """Update every parameter that has a gradient. Raises ShapeError for one of other shape."""
        self.stepped = True
        one_by_one = type(self).update is not Optimizer.update
        for place, group in enumerate(self.param_groups):
            params = [p for p in group["params"] if p.grad is not None]
            gradients = [self._gradient(p, group) for p in params]
            states = [self._state(p, group) for p in params]
            if one_by_one:
                for p, g, state in zip(params, gradients, states, strict=True):
                    self.update(p.data, g, state, group)
            else:
                self._update_all([p.data for p in params], gradients, states, place)
            for p in params:
                p._version.bump(p.data)

    def _gradient(self, p: Any, group: Group) -> Array:
        """The gradient of what is minimised: of the other sign to climb, with the l1 penalty's."""
        g: Array = p.grad.data
        if g.shape != p.data.shape:
            raise ShapeError(f"a parameter of shape {p.shape} has a gradient of shape {g.shape}")
        if group["maximize"]:
            g = -g
        if group["l1"]:
            g = g + group["l1"] * np.sign(p.data)
        return g

    def _state(self, p: Tensor, group: Group) -> State:
        """The state of a parameter, which begins with its first step."""
        state = self.state.get(p)
        if not state:
            state = self.state[p] = self.initial_state(p.data, group)
        return state

    def _update_all(
        self, params: list[Array], gradients: list[Array], states: list[State], place: int
    ) -> None:
        """Update the parameters of the group at `place`, those with a state alike by one rule."""
        kinds: dict[Any, list[int]] = {}
        for i, state in enumerate(states):
            _count(state)
            kinds.setdefault((state.get("step"), *state), []).append(i)
        for kind, members in kinds.items():
            some = [states[i] for i in members]
            rule = self.rule(some[0], self.param_groups[place])
            arrays = [params[i] for i in members], [gradients[i] for i in members]
            self._update_alike(rule, *arrays, some, (place, *kind[1:]))

    def _update_alike(
        self, rule: Rule, params: list[Array], gradients: list[Array], states: list[State], key: Any
    ) -> None:
        """Update parameters by one rule: by its page's compiled twin those that this serves."""
        twin = kernels.update(rule.page.__name__)
        if twin is None:
            for p, g, state in zip(params, gradients, states, strict=True):
                rule.update(p, g, state)
            return
        arrays = [[s[name] for s in states] if name in states[0] else None for name in rule.arrays]
        table = self._tables.get(key)
        if table is None or not table.holds(params, arrays):
            table = self._tables[key] = twin[1](params, arrays)
        twin[0](table, gradients, *rule.numbers)
        for i in table.others:
            rule.update(params[i], gradients[i], states[i])

    # -- checkpoints -----------------------------------------------------------------------------
    def state_dict(self) -> dict[str, Any]:
        """Everything that the next steps depend on besides the parameters, as copies.

        {"state": {index: {name: array | int}}, "param_groups": [{option: value, "params":
        [index, ...]}, ...]}; the index counts the parameters of all groups in order.
        """
        index = {p: i for i, p in enumerate(self._params())}
        groups = [
            {k: v for k, v in group.items() if k != "params"}
            | {"params": [index[p] for p in group["params"]]}
            for group in self.param_groups
        ]
        state = {
            index[p]: {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in kept.items()}
            for p, kept in self.state.items()
            if kept
        }
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave: the next steps are the same, bit for bit.

        Raises CheckpointError, and changes nothing, where the groups, the number of parameters,
        the options, the names or the shapes of the state are not those of this optimiser.
        """
        if not {"state", "param_groups"} <= state_dict.keys():
            raise CheckpointError(
                f"an optimiser's state holds 'state' and 'param_groups', not {sorted(state_dict)}"
            )
        saved_groups = state_dict["param_groups"]
        sizes = [len(group["params"]) for group in self.param_groups]
        saved_sizes = [len(group["params"]) for group in saved_groups]
        if sizes != saved_sizes:
            raise CheckpointError(
                f"the saved optimiser has groups of {saved_sizes} parameters, this one of {sizes}; "
                f"make it with the parameters and groups of the run that was saved"
            )
        groups = [self._options(group) for group in saved_groups]
        options = [group for group, size in zip(groups, sizes, strict=True) for _ in range(size)]
        params = self._params()
        state: dict[Tensor, State] = {}
        for key, saved in state_dict["state"].items():
            i = int(key)
            if not 0 <= i < len(params):
                raise CheckpointError(f"a saved state is of parameter {i}, of {len(params)} here")
            state[params[i]] = self._restored(i, params[i], saved, options[i])
        for mine, new in zip(self.param_groups, groups, strict=True):
            mine.update(new)
        self.state = state

    def _params(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    def _options(self, saved: Mapping[str, Any]) -> Group:
        """The options of a saved group; JSON made lists of its tuples."""
        missing = sorted(set(self.defaults) - set(saved))
        if missing:
            raise CheckpointError(
                f"the saved optimiser has no {', '.join(missing)}, so it is no "
                f"{type(self).__name__}; make the optimiser that was saved"
            )
        return {
            name: tuple(v) if isinstance(self.defaults.get(name), tuple) else v
            for name, v in saved.items()
            if name != "params"
        }

    def _restored(self, i: int, p: Tensor, saved: Mapping[str, Any], group: Group) -> State:
        """The saved state of parameter `i`, in the memory layout that it has here."""
        state = self.initial_state(p.data, group)
        if state.keys() != saved.keys():
            raise CheckpointError(
                f"the saved state of parameter {i} holds {sorted(saved)}, {type(self).__name__} "
                f"keeps {sorted(state)}; make the optimiser that was saved"
            )
        for name, fresh in state.items():
            if not isinstance(fresh, np.ndarray):
                state[name] = type(fresh)(saved[name])
                continue
            value = np.asarray(saved[name])
            if value.shape != fresh.shape:
                raise CheckpointError(
                    f"the saved '{name}' of parameter {i} has shape {value.shape}, "
                    f"the parameter here {fresh.shape}; load it into the network that was saved"
                )
            fresh[...] = value
        return state


def _count(state: State) -> None:
    """One step more, where steps are counted."""
    if "step" in state:
        state["step"] += 1


def _plain(value: Any) -> Any:
    """NumPy's numbers as Python's, which never widen a float32 array; lists as tuples."""
    if isinstance(value, np.generic):
        return value.item()
    return tuple(value) if isinstance(value, list) else value
