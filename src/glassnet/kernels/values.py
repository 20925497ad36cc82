"""Values of the kernels' language, and what LLVM's code does with them.

A value is known now (anything of Python's) or when the kernel runs: a number or vector in a
register (`ir.Value`, of LLVM's type) or a `Pointer`. An `Emitter` writes code down for the latter:
variables, conversions, arithmetic, comparisons, memory.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

from llvmlite import ir

F32, F64 = ir.FloatType(), ir.DoubleType()
I64, I32, I8, BIT = ir.IntType(64), ir.IntType(32), ir.IntType(8), ir.IntType(1)
ADDRESS = ir.PointerType()
RANK = {BIT: 0, I32: 1, I64: 2, F32: 3, F64: 4}  # of two numbers the one of higher rank wins
POINTERS = {"Floats": F32, "Doubles": F64, "Longs": I64, "Ints": I32, "Bytes": I8}

BINARY: dict[type, tuple[Callable[[Any, Any], Any], str, str]] = {
    ast.Add: (operator.add, "add", "fadd"),
    ast.Sub: (operator.sub, "sub", "fsub"),
    ast.Mult: (operator.mul, "mul", "fmul"),
    ast.Div: (operator.truediv, "", "fdiv"),
    ast.FloorDiv: (operator.floordiv, "sdiv", ""),
    ast.Mod: (operator.mod, "srem", ""),
    ast.LShift: (operator.lshift, "shl", ""),
    ast.RShift: (operator.rshift, "ashr", ""),
    ast.BitAnd: (operator.and_, "and_", ""),
    ast.BitOr: (operator.or_, "or_", ""),
    ast.BitXor: (operator.xor, "xor", ""),
    ast.Pow: (operator.pow, "", ""),
}
COMPARE: dict[type, tuple[Callable[[Any, Any], Any], str]] = {
    ast.Lt: (operator.lt, "<"),
    ast.LtE: (operator.le, "<="),
    ast.Gt: (operator.gt, ">"),
    ast.GtE: (operator.ge, ">="),
    ast.Eq: (operator.eq, "=="),
    ast.NotEq: (operator.ne, "!="),
}


class KernelError(Exception):
    """A kernel says something that the language does not have: a defect of the kernel's source."""


class Pointer(NamedTuple):
    """The address of numbers in memory, and what they are."""

    value: ir.Value
    element: ir.Type


class Slot(NamedTuple):
    """A variable: a place on the stack, which LLVM turns into a register."""

    place: ir.Value
    type: ir.Type
    element: ir.Type | None  # of a pointer


class Word:
    """A word of the vocabulary: `emit(translator, *arguments)` writes its code down."""

    def __init__(self, emit: Callable[..., Any]) -> None:
        self.emit, self.__doc__, self.__name__ = emit, emit.__doc__, emit.__name__

    def __call__(self, *arguments: Any) -> Any:
        raise KernelError(f"'{self.__name__}' is a word of kernels; Python cannot run it")


class Part:
    """A function of kernels that is written out wherever a kernel calls it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.__doc__, self.__name__ = function, function.__doc__, function.__name__

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        raise KernelError(f"'{self.__name__}' is a part of kernels; Python cannot run it")


def runtime(value: Any) -> bool:
    """Whether a value is known only when the kernel runs."""
    return isinstance(value, (ir.Value, Pointer))


def scalar(kind: ir.Type) -> ir.Type:
    """The type of a vector's lanes; of anything else, itself."""
    return kind.element if isinstance(kind, ir.VectorType) else kind


def is_float(kind: ir.Type) -> bool:
    """Whether numbers of this type, or lanes of this vector, have a fraction."""
    return scalar(kind) in (F32, F64)


def untyped(address: Any) -> Any:
    """An address as LLVM has it today; llvmlite still gives some the type of what they point to."""
    address.type = ADDRESS
    return address


class Emitter:
    """Writes the body of one LLVM function; `b` is the place where code goes now."""

    def __init__(self, function: ir.Function, lanes: int) -> None:
        self.module, self.lanes = function.module, lanes
        self.entry = function.append_basic_block("variables")
        self.b = ir.IRBuilder(function.append_basic_block("start"))
        self._start = self.b.block

    def finish(self) -> None:
        """Close the function."""
        self.b.ret_void()
        ir.IRBuilder(self.entry).branch(self._start)

    # -- variables -----------------------------------------------------------------------------
    def variable(self, value: Any) -> Slot:
        """A new variable that holds `value`."""
        element = value.element if isinstance(value, Pointer) else None
        held = value.value if isinstance(value, Pointer) else value
        slot = Slot(self.room(held.type), held.type, element)
        self.b.store(held, slot.place)
        return slot

    def room(self, kind: ir.Type, count: int = 1) -> ir.Value:
        """Space on the stack for `count` values, aligned for vectors."""
        place = ir.IRBuilder(self.entry).alloca(kind, size=ir.Constant(I64, count))
        place.align = 64 if count > 1 else None
        return untyped(place)

    def read(self, held: Any) -> Any:
        """What a name or an entry of a list holds: the value of a variable, or the thing itself."""
        if not isinstance(held, Slot):
            return held
        value = self.b.load(held.place, typ=held.type)
        return value if held.element is None else Pointer(value, held.element)

    def write(self, slot: Slot, value: Any) -> None:
        """Give a variable another value of its type."""
        if isinstance(value, Pointer):
            value = value.value
        self.b.store(self.convert(value, slot.type), slot.place)

    # -- numbers -------------------------------------------------------------------------------
    def number(self, value: Any, kind: ir.Type | None = None) -> ir.Value:
        """A Python number as a constant: of type `kind`, by itself an int64 or float32."""
        if kind is None:
            kind = BIT if isinstance(value, bool) else I64 if isinstance(value, int) else F32
        if isinstance(kind, ir.VectorType):
            return ir.Constant(kind, [self._plain(value, kind.element)] * kind.count)
        return ir.Constant(kind, self._plain(value, kind))

    @staticmethod
    def _plain(value: Any, kind: ir.Type) -> Any:
        if is_float(kind):
            return float(value)
        if isinstance(value, float):
            raise KernelError(f"{value} is not a whole number; say float(i) of the other one")
        return int(value)

    def convert(self, value: Any, kind: ir.Type) -> ir.Value:
        """`value` as `kind`, where nothing is lost: a number for each lane, a float as a double."""
        if not runtime(value):
            return self.number(value, kind)
        if value.type == kind:
            return value
        if isinstance(kind, ir.VectorType) and not isinstance(value.type, ir.VectorType):
            return self.spread(self.convert(value, kind.element), kind.count)
        if scalar(value.type) == F32 and scalar(kind) == F64:
            return self.b.fpext(value, kind)
        if value.type == BIT and kind == I64:
            return self.b.zext(value, kind)
        if value.type == I64 and kind == I32:
            return self.b.trunc(value, kind)
        raise KernelError(f"a {value.type} does not go as a {kind}; convert it in so many words")

    def spread(self, value: ir.Value, count: int) -> ir.Value:
        """One number in every lane."""
        kind = ir.VectorType(value.type, count)
        nothing = ir.Constant(kind, ir.Undefined)
        first = self.b.insert_element(nothing, value, ir.Constant(I32, 0))
        order = ir.Constant(ir.VectorType(I32, count), [0] * count)
        return self.b.shuffle_vector(first, nothing, order)

    def match(self, one: Any, other: Any) -> tuple[ir.Value, ir.Value]:
        """Two numbers in the type that holds both."""
        kinds = [v.type for v in (one, other) if runtime(v)]
        kind = max(map(scalar, kinds), key=RANK.__getitem__)
        counts = [k.count for k in kinds if isinstance(k, ir.VectorType)]
        if counts:
            kind = ir.VectorType(kind, counts[0])
        return self.convert(one, kind), self.convert(other, kind)

    def offset(self, pointer: Pointer, count: Any) -> Pointer:
        """The pointer `count` elements further on."""
        count = self.convert(count, I64)
        where = self.b.gep(pointer.value, [count], source_etype=pointer.element)
        return Pointer(where, pointer.element)

    def arithmetic(self, kind: type, one: Any, other: Any) -> Any:
        """one + other, say; `kind` is the class of the syntax tree."""
        known, whole, fraction = BINARY[kind]
        if not runtime(one) and not runtime(other):
            return known(one, other)
        if isinstance(one, Pointer):
            if kind is ast.Sub:
                other = self.b.neg(other) if runtime(other) else -other
            return self.offset(one, other)
        one, other = self.match(one, other)
        name = fraction if is_float(one.type) else whole
        if not name:
            raise KernelError(f"there is no {kind.__name__} of {one.type}")
        return getattr(self.b, name)(one, other)

    def compare(self, sign: str, one: Any, other: Any) -> ir.Value:
        """one < other, say; a comparison with NaN is false, but for "!="."""
        if isinstance(one, Pointer):
            null = ir.Constant(ADDRESS, None)
            other = other.value if isinstance(other, Pointer) else null
            return self.b.icmp_unsigned(sign, one.value, other)
        one, other = self.match(one, other)
        if not is_float(one.type):
            return self.b.icmp_signed(sign, one, other)
        return (self.b.fcmp_unordered if sign == "!=" else self.b.fcmp_ordered)(sign, one, other)

    def select(self, test: Any, one: Any, other: Any) -> Any:
        """`one` where `test`, else `other`; both are there already."""
        if not runtime(test):
            return one if test else other
        if isinstance(one, Pointer):
            return Pointer(self.b.select(test, one.value, other.value), one.element)
        if not runtime(one) and not runtime(other):
            one = self.number(one)
        one, other = self.match(one, other)
        if isinstance(test.type, ir.VectorType) and not isinstance(one.type, ir.VectorType):
            one, other = (self.spread(v, test.type.count) for v in (one, other))
        return self.b.select(test, one, other)

    # -- memory --------------------------------------------------------------------------------
    def load(self, pointer: Pointer) -> ir.Value:
        """The number at a pointer; narrow whole numbers widen to int64, bytes have no sign."""
        size = {I8: 1, I64: 8, F64: 8}.get(pointer.element, 4)
        value = self.b.load(pointer.value, align=size, typ=pointer.element)
        if pointer.element == I32:
            return self.b.sext(value, I64)
        return self.b.zext(value, I64) if pointer.element == I8 else value

    def store(self, pointer: Pointer, value: Any) -> None:
        """Write a number to memory."""
        if runtime(value) and pointer.element in (I8, I32) and value.type != pointer.element:
            value = self.b.trunc(self.convert(value, I64), pointer.element)
        value = self.convert(value, pointer.element)
        self.b.store(value, pointer.value, align={I8: 1, I64: 8, F64: 8}.get(pointer.element, 4))
