"""The table of rules, and what they share.

rule(b, step) -> the names of the step's outputs, after adding its nodes to the builder b
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from glassnet.io.onnx.build import Builder
from glassnet.nn.trace import Step

Rule = Callable[[Builder, Step], "str | Sequence[str]"]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Enter a function as the rule of the operations with these names."""

    def enter(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return enter


def number(b: Builder, value: float) -> str:
    """A number as a value of the graph."""
    return b.array(value, np.float32)


def add_step(b: Builder, place: int, step: Step) -> None:
    """Add the nodes of one step, which stands at `place`.

    Raises GlassnetError for an operation without a rule.
    """
    b.begin(step)
    if step.operation not in RULES:
        raise b.unsupported(step)
    values = RULES[step.operation](b, step)
    b.end(place, step, [values] if isinstance(values, str) else values)
