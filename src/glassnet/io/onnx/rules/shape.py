"""Rules for shapes: the same numbers in other places."""

from __future__ import annotations

from typing import Any

from glassnet.io.onnx.build import Builder
from glassnet.io.onnx.rules.base import number, rule
from glassnet.nn.trace import Batch, Constant, Step


@rule("reshape")
def _reshape(b: Builder, step: Step) -> str:
    """N stays where it stands (0), or is what is left (-1)."""
    x, shape = step.arguments["x"], step.shapes[0]
    if -1 in step.arguments["shape"] and Batch() not in shape:
        return b.node("Reshape", x, b.sizes(tuple(step.arguments["shape"])))
    if shape[:1] == b.shape(x)[:1] == (Batch(),):
        shape = (0, *shape[1:])
    elif shape.count(Batch()) == 1:
        shape = tuple(-1 if isinstance(n, Batch) else n for n in shape)
    return b.node("Reshape", x, b.sizes(shape))


@rule("permute")
def _permute(b: Builder, step: Step) -> str:
    count = len(b.shape(step.arguments["x"]))
    return b.node(
        "Transpose", step.arguments["x"], perm=[d % count for d in step.arguments["dims"]]
    )


@rule("expand")
def _expand(b: Builder, step: Step) -> str:
    return b.node("Expand", step.arguments["x"], b.sizes(step.shapes[0]))


@rule("concatenate")
def _concatenate(b: Builder, step: Step) -> str:
    return b.node("Concat", *step.arguments["xs"], axis=step.arguments["dim"])


@rule("stack")
def _stack(b: Builder, step: Step) -> str:
    dim = step.arguments["dim"] % len(step.shapes[0])
    parts = [b.node("Unsqueeze", x, b.integers(dim)) for x in step.arguments["xs"]]
    return b.node("Concat", *parts, axis=dim)


@rule("split")
def _split(b: Builder, step: Step) -> list[str]:
    dim = step.arguments["dim"] % len(step.shapes[0])
    lengths = b.integers(*(shape[dim] for shape in step.shapes))
    return b.nodes_of("Split", [step.arguments["x"], lengths], len(step.shapes), axis=dim)


@rule("flip")
def _flip(b: Builder, step: Step) -> str:
    dims = step.arguments["dims"]
    axes = [dims] if isinstance(dims, int) else list(dims)
    count = len(axes)
    starts, ends, steps = (b.integers(*[v] * count) for v in (-1, -(2**63) + 1, -1))
    return b.node("Slice", step.arguments["x"], starts, ends, b.integers(*axes), steps)


@rule("pad")
def _pad(b: Builder, step: Step) -> str:
    widths = step.arguments["widths"]
    modes = {"constant": "constant", "reflect": "reflect", "replicate": "edge"}
    pads = b.integers(*(before for before, _ in widths), *(after for _, after in widths))
    value = number(b, step.arguments["value"])
    return b.node("Pad", step.arguments["x"], pads, value, mode=modes[step.arguments["mode"]])


@rule("getitem")
def _getitem(b: Builder, step: Step) -> str:
    """Slices, then the axes that a whole number took away, then the new ones."""
    index, count = step.arguments["index"], len(b.shape(step.arguments["x"]))
    parts = list(index) if isinstance(index, tuple) else [index]
    if any(isinstance(part, Constant) or not _is_basic(part) for part in parts):
        raise b.unsupported(step, "it is indexed by an array")
    given = sum(part is not None and part is not Ellipsis for part in parts)
    where = next((i for i, p in enumerate(parts) if p is Ellipsis), len(parts))
    parts[where : where + 1] = [slice(None)] * (count - given)
    cuts, gone, new, axis, place = [], [], [], 0, 0
    for part in parts:
        if part is None:
            new.append(place)
        elif isinstance(part, slice):
            if part != slice(None):
                cuts.append((axis, part))
        else:
            cuts.append((axis, slice(part, part + 1 or None)))
            gone.append(axis)
        axis += part is not None
        place += part is None or isinstance(part, slice)
    y = step.arguments["x"]
    if cuts:
        y = _slice(b, y, cuts)
    if gone:
        y = b.node("Squeeze", y, b.integers(*gone))
    if new:
        y = b.node("Unsqueeze", y, b.integers(*new))
    return y if isinstance(y, str) else b.node("Identity", y)


def _is_basic(part: Any) -> bool:
    return part is None or part is Ellipsis or isinstance(part, int | slice)


def _slice(b: Builder, x: Any, cuts: list[tuple[int, slice]]) -> str:
    """x cut along axes; open ends are the farthest numbers that there are."""
    far = 2**63 - 1
    steps = [cut.step or 1 for _, cut in cuts]
    starts = [(0 if s > 0 else far) if c.start is None else c.start
              for (_, c), s in zip(cuts, steps, strict=True)]  # fmt: skip
    ends = [(far if s > 0 else -far) if c.stop is None else c.stop
            for (_, c), s in zip(cuts, steps, strict=True)]  # fmt: skip
    axes = [axis for axis, _ in cuts]
    return b.node("Slice", x, *(b.integers(*v) for v in (starts, ends, axes, steps)))
