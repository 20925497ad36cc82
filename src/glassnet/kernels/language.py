"""The language of the kernels: a part of Python, translated into LLVM's code.

A kernel is a Python function that is never run by Python: `Translator` walks over its syntax tree
once and writes down machine-independent code for what it meets; LLVM makes machine code of that.
Two kinds of values meet in it, and which is which decides everything:

- what is known now (numbers, lists, functions: `MB = 6`, `unroll(MB)`, `if bias:` with a flag) is
  computed by Python while it translates; such an `if` leaves one branch, such a loop is written out
- what is known when the kernel runs (arguments, what was read from memory and all made from it) is
  a number or vector in a register; `range` loops, `while` and `if` on these become jumps

A name that is bound once to something known now is a constant; a name bound again (`i = 0`, later
`i += 8`) is a variable. A list holds one variable for each entry that is not known now, which is
how `acc[m][j] = fma(...)` in a loop keeps a whole tile in registers. Functions marked `@part` are
written out where they are called. There are no exceptions, no objects, no memory management and no
checks: whoever calls a kernel has checked shapes. `and`, `or` and `a if c else b` on values of the
second kind evaluate both sides. `//` and `%` are those of numbers that are not negative.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import operator
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import FunctionType
from typing import Any, NamedTuple

from llvmlite import ir

from glassnet.kernels.values import (
    BIT,
    COMPARE,
    F32,
    I64,
    Emitter,
    KernelError,
    Part,
    Pointer,
    Slot,
    Word,
    is_float,
    runtime,
)


class _Located(KernelError):
    """One that says where."""


class _Returned(Exception):
    """How `return` leaves the parts of the tree that surround it."""

    def __init__(self, value: Any) -> None:
        self.value = value


class Source(NamedTuple):
    """The tree of a function, and what the names in it mean."""

    tree: ast.FunctionDef
    names: dict[str, Any]  # of its module and of the functions around it
    variables: frozenset[str]  # bound more than once
    file: str
    first_line: int


@cache
def source(function: FunctionType) -> Source:
    """Read a function's source."""
    lines, first = inspect.getsourcelines(function)
    tree = ast.parse(textwrap.dedent("".join(lines))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    names = {**function.__globals__, **{name: cell.cell_contents for name, cell in cells}}
    bound = Counter(a.arg for a in (*tree.args.args, *tree.args.kwonlyargs))
    bound.update(_bindings(tree))
    again = frozenset(name for name, times in bound.items() if times > 1)
    return Source(tree, names, again, inspect.getfile(function), first)


def _bindings(tree: ast.FunctionDef) -> Iterator[str]:
    """Every place where a name is bound, but for those that loops count with."""
    counters = {
        id(name)
        for node in ast.walk(tree)
        if isinstance(node, (ast.For, ast.comprehension))
        for name in ast.walk(node.target)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield from (node.id,) if id(node) not in counters else ()
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


class Translator(Emitter):
    """Walks over a kernel's syntax tree and writes its code down."""

    def __init__(self, function: ir.Function, lanes: int) -> None:
        super().__init__(function, lanes)
        self._names: dict[str, Any] = {}
        self._source: Source | None = None
        self._loops: list[tuple[ir.Block, ir.Block]] = []  # (where `continue` goes, `break`)
        self._depth = 0  # of jumps around the present place

    # -- functions -----------------------------------------------------------------------------
    def run(self, function: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Write out the body of `function` for these arguments; returns what it returns."""
        new = source(function)
        bound = inspect.signature(function).bind(*arguments, **named)
        bound.apply_defaults()
        outer = self._source, self._names
        names = {
            name: self.variable(value) if name in new.variables and runtime(value) else value
            for name, value in bound.arguments.items()
        }
        self._source, self._names = new, names
        try:
            self._block(new.tree.body)
        except _Returned as end:
            return end.value
        finally:
            self._source, self._names = outer
        return None

    def error(self, node: ast.AST, message: str) -> KernelError:
        """An error that says where in the kernel's file it is."""
        assert self._source is not None
        line = self._source.first_line + getattr(node, "lineno", 1) - 1
        return _Located(f"{self._source.file}:{line}: {message}")

    def _bind(self, name: str, value: Any, node: ast.AST) -> None:
        assert self._source is not None
        held, again = self._names.get(name), name in self._source.variables
        if isinstance(held, Slot):
            self.write(held, value)
        elif runtime(value):
            self._names[name] = self.variable(value)
        elif again and isinstance(value, (bool, int, float)):
            self._names[name] = self.variable(self.number(value))
        elif again and self._depth and name in self._names:
            raise self.error(node, f"'{name}' changes what it means inside a loop or branch")
        else:
            self._names[name] = value

    # -- statements ----------------------------------------------------------------------------
    def _block(self, body: list[ast.stmt]) -> None:
        for node in body:
            if self.b.block.is_terminated:
                return
            try:
                self._visit("_do_", node)
            except (_Returned, _Located):
                raise
            except Exception as error:
                raise self.error(node, str(error)) from error

    def _visit(self, kind: str, node: ast.AST) -> Any:
        method = getattr(self, kind + type(node).__name__, None)
        if method is None:
            raise self.error(node, f"a kernel cannot say {ast.unparse(node)!r}")
        return method(node)

    def value(self, node: ast.AST) -> Any:
        """What an expression gives."""
        return self._visit("_", node)

    def _do_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self.value(node.value)

    def _do_Pass(self, node: ast.Pass) -> None:
        pass

    def _do_Return(self, node: ast.Return) -> None:
        if self._depth:
            raise self.error(node, "return stands at the end of a function, outside of loops")
        raise _Returned(None if node.value is None else self.value(node.value))

    def _do_Assign(self, node: ast.Assign) -> None:
        value = self.value(node.value)
        for target in node.targets:
            self._assign(target, value)

    def _do_AugAssign(self, node: ast.AugAssign) -> None:
        now = self.value(node.target)
        self._assign(node.target, self.arithmetic(type(node.op), now, self.value(node.value)))

    def _assign(self, target: ast.expr, value: Any) -> None:
        if isinstance(target, ast.Name):
            self._bind(target.id, value, target)
        elif isinstance(target, (ast.Tuple, ast.List)):
            for one, part in zip(target.elts, value, strict=True):
                self._assign(one, self.read(part))
        elif isinstance(target, ast.Subscript):
            self._put(self.value(target.value), self.value(target.slice), value)
        else:
            raise self.error(target, "a kernel assigns to names, lists and memory alone")

    def _put(self, holder: Any, index: Any, value: Any) -> None:
        if isinstance(holder, Pointer):
            self.store(self.offset(holder, index), value)
        elif isinstance(holder[index], Slot):
            self.write(holder[index], value)
        else:
            holder[index] = self.variable(value) if runtime(value) else value

    def _do_If(self, node: ast.If) -> None:
        test = self.value(node.test)
        if not runtime(test):
            self._block(node.body if test else node.orelse)
            return
        with self._jumps(), self.b.if_else(test) as (then, otherwise):
            with then:
                self._block(node.body)
            with otherwise:
                self._block(node.orelse)

    @contextmanager
    def _jumps(self) -> Iterator[None]:
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def _do_While(self, node: ast.While) -> None:
        self._loop(lambda: self.value(node.test), node.body, lambda: None)

    def _do_For(self, node: ast.For) -> None:
        call = node.iter
        if isinstance(call, ast.Call) and self.value(call.func) is range:
            self._range(node, [self.value(a) for a in call.args])
            return
        for item in self.value(call):
            self._count(node.target, item)
            self._block(node.body)

    def _count(self, target: ast.expr, item: Any) -> None:
        """Give the counter of a loop that is written out its next meaning."""
        for name in ast.walk(target):
            self._names.pop(getattr(name, "id", ""), None)
        self._assign(target, self.read(item))

    def _range(self, node: ast.For, bounds: list[Any]) -> None:
        start, stop, step = (0, bounds[0], 1) if len(bounds) == 1 else (*bounds, 1)[:3]
        down = not runtime(step) and step < 0
        assert isinstance(node.target, ast.Name)
        counter = self.variable(self.convert(start, I64))
        stop, step = self.convert(stop, I64), self.convert(step, I64)
        self._names[node.target.id] = counter

        def more() -> ir.Value:
            return self.b.icmp_signed(">" if down else "<", self.read(counter), stop)

        def onward() -> None:
            further = self.b.add(self.read(counter), step, flags=("nsw",))
            self.b.store(further, counter.place)

        self._loop(more, node.body, onward)

    def _loop(
        self, more: Callable[[], Any], body: list[ast.stmt], onward: Callable[[], None]
    ) -> None:
        """while more(): body; onward()."""
        test, inside, last, after = (
            self.b.append_basic_block(n) for n in ("test", "body", "onward", "after")
        )
        self.b.branch(test)
        self.b.position_at_end(test)
        self.b.cbranch(self.convert(more(), BIT), inside, after)
        self.b.position_at_end(inside)
        self._loops.append((last, after))
        with self._jumps():
            self._block(body)
        self._loops.pop()
        if not self.b.block.is_terminated:
            self.b.branch(last)
        self.b.position_at_end(last)
        onward()
        self.b.branch(test)
        self.b.position_at_end(after)

    def _do_Break(self, node: ast.Break) -> None:
        self.b.branch(self._loops[-1][1])

    def _do_Continue(self, node: ast.Continue) -> None:
        self.b.branch(self._loops[-1][0])

    # -- expressions ---------------------------------------------------------------------------
    def _Constant(self, node: ast.Constant) -> Any:
        return node.value

    def _Name(self, node: ast.Name) -> Any:
        assert self._source is not None
        for names in (self._names, self._source.names, vars(builtins)):
            if node.id in names:
                return self.read(names[node.id])
        raise self.error(node, f"'{node.id}' means nothing here")

    def _Tuple(self, node: ast.Tuple) -> Any:
        return tuple(self.value(e) for e in node.elts)

    def _List(self, node: ast.List) -> Any:
        values: list[Any] = []
        for e in node.elts:
            values += self.value(e.value) if isinstance(e, ast.Starred) else [self.value(e)]
        return [self.variable(v) if runtime(v) else v for v in map(self.read, values)]

    def _ListComp(self, node: ast.ListComp) -> Any:
        before = dict(self._names)  # its counters are its own
        made = list(self._comprehended(node.elt, node.generators))
        self._names = before
        return made

    def _comprehended(self, element: ast.expr, clauses: list[ast.comprehension]) -> Iterator[Any]:
        if not clauses:
            value = self.value(element)
            yield self.variable(value) if runtime(value) else value
            return
        for item in self.value(clauses[0].iter):
            self._count(clauses[0].target, item)
            if all(self.value(test) for test in clauses[0].ifs):
                yield from self._comprehended(element, clauses[1:])

    def _BinOp(self, node: ast.BinOp) -> Any:
        return self.arithmetic(type(node.op), self.value(node.left), self.value(node.right))

    def _UnaryOp(self, node: ast.UnaryOp) -> Any:
        value = self.value(node.operand)
        if not runtime(value):
            known: dict[type, Callable[[Any], Any]] = {
                ast.USub: operator.neg,
                ast.Not: operator.not_,
                ast.Invert: operator.invert,
            }
            return known[type(node.op)](value)
        if isinstance(node.op, ast.USub):
            return self.b.fneg(value) if is_float(value.type) else self.b.neg(value)
        return self.b.not_(value)

    def _BoolOp(self, node: ast.BoolOp) -> Any:
        both = isinstance(node.op, ast.And)
        result: Any = both
        for term in node.values:
            value = self.value(term)
            if not runtime(value):
                if bool(value) is not both:
                    return value
            elif not runtime(result):
                result = value
            else:
                result = (self.b.and_ if both else self.b.or_)(*self.match(result, value))
        return result

    def _Compare(self, node: ast.Compare) -> Any:
        values = [self.value(v) for v in (node.left, *node.comparators)]
        result: Any = True
        for op, one, other in zip(node.ops, values, values[1:], strict=False):
            if isinstance(op, (ast.Is, ast.IsNot)):
                op = ast.Eq() if isinstance(op, ast.Is) else ast.NotEq()
            known, sign = COMPARE[type(op)]
            some = runtime(one) or runtime(other)
            holds = self.compare(sign, one, other) if some else known(one, other)
            result = holds if result is True else self.b.and_(result, holds)
        return result

    def _IfExp(self, node: ast.IfExp) -> Any:
        test = self.value(node.test)
        if not runtime(test):
            return self.value(node.body if test else node.orelse)
        return self.select(test, self.value(node.body), self.value(node.orelse))

    def _Subscript(self, node: ast.Subscript) -> Any:
        holder, index = self.value(node.value), self.value(node.slice)
        if isinstance(holder, Pointer):
            return self.load(self.offset(holder, index))
        return self.read(holder[index])

    def _Slice(self, node: ast.Slice) -> Any:
        return slice(*(n and self.value(n) for n in (node.lower, node.upper, node.step)))

    def _Attribute(self, node: ast.Attribute) -> Any:
        return getattr(self.value(node.value), node.attr)

    def _Call(self, node: ast.Call) -> Any:
        function = self.value(node.func)
        arguments = tuple(self.value(a) for a in node.args)
        named = {k.arg: self.value(k.value) for k in node.keywords if k.arg}
        if isinstance(function, Part):
            return self._call_part(function, arguments, named)
        if isinstance(function, Word):
            return function.emit(self, *arguments, **named)
        if function is list:  # with variables of its own
            values = map(self.read, *arguments)
            return [self.variable(v) if runtime(v) else v for v in values]
        if not any(map(runtime, (*arguments, *named.values()))):
            return function(*arguments, **named)
        return self._builtin(node, function, arguments)

    def _call_part(self, part: Part, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        depth, self._depth = self._depth, 0  # `return` may stand at the end of the part
        try:
            return self.run(part.function, arguments, named)
        finally:
            self._depth = depth

    def _builtin(self, node: ast.Call, function: Any, arguments: tuple[Any, ...]) -> Any:
        if function in (min, max) and len(arguments) == 2:
            one, other = arguments
            return self.select(
                self.compare("<" if function is min else ">", one, other), *arguments
            )
        if function is float and not is_float(arguments[0].type):
            return self.b.sitofp(arguments[0], F32)
        if function is float:
            return arguments[0] if arguments[0].type == F32 else self.b.fptrunc(arguments[0], F32)
        if function is int and is_float(arguments[0].type):
            return self.b.fptosi(arguments[0], I64)
        if function is int:
            return self.convert(arguments[0], I64)
        name = getattr(function, "__name__", function)
        raise self.error(node, f"'{name}' is no word of kernels (mark a function with @part)")
