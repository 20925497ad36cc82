"""The vocabulary of the kernels: vectors of LANES numbers, memory, and what one instruction does.

A vector is what one register of the processor holds: 16 float32 with AVX-512, 8 with AVX2, 4 with
NEON or SSE; kernels say LANES and are translated for the machine at hand. `+ - * /`, comparisons
and mixtures with single numbers work on vectors as on numbers; a comparison gives a mask, for
`select`. `p` is a pointer (`Floats`, `Ints`, ... as a kernel's parameters are annotated), `p + i`
one further on, `p[i]` the number there, to read and to write.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from llvmlite import ir

from glassnet.kernels.language import Translator
from glassnet.kernels.values import (
    ADDRESS,
    BIT,
    F32,
    F64,
    I8,
    I32,
    I64,
    POINTERS,
    KernelError,
    Part,
    Pointer,
    Word,
    is_float,
    runtime,
    scalar,
)

# What a kernel's parameters may be: addresses of numbers, int (int64), float (float32).
Floats: TypeAlias = Any
Doubles: TypeAlias = Any
Longs: TypeAlias = Any  # int64
Ints: TypeAlias = Any  # int32
Bytes: TypeAlias = Any  # uint8, bool
Vector: TypeAlias = Any
Mask: TypeAlias = Any


def unroll(*bounds: int) -> range:
    """The numbers of a loop that is written out: `for m in unroll(MB)`."""
    return range(*bounds)


def word(emit: Callable[..., Any]) -> Any:
    """Make a function that writes code down a word of the vocabulary."""
    return Word(emit)


def part(function: Callable[..., Any]) -> Any:
    """Make a function of kernels a part: written out wherever a kernel calls it."""
    return Part(function)


@word
def lanes(t: Translator) -> int:
    """LANES, the numbers in a vector; known now."""
    return t.lanes


# -- memory ----------------------------------------------------------------------------------------
@word
def load(t: Translator, p: Pointer, count: int | None = None) -> Any:
    """The numbers from p on, of any alignment: LANES, or as many as are said (4, 8, ...)."""
    kind = ir.VectorType(p.element, count or t.lanes)
    return t.b.load(p.value, align=_size(p.element), typ=kind)


@word
def store(t: Translator, p: Pointer, v: Any) -> None:
    """Write a vector from p on, as wide as it is; of a number LANES."""
    v = t.convert(v, ir.VectorType(p.element, _width(t, v)))
    t.b.store(v, p.value, align=_size(p.element))


@word
def load_part(t: Translator, p: Pointer, count: Any) -> Any:
    """The first `count` numbers (0 to LANES), 0 in the other lanes; nothing else is read."""
    kind = ir.VectorType(p.element, t.lanes)
    if not runtime(count) and count >= t.lanes:
        return load.emit(t, p)
    name = f"llvm.masked.load.v{t.lanes}{_short(p.element)}.p0"
    arguments = (p.value, ir.Constant(I32, _size(p.element)), _first(t, count), t.number(0, kind))
    return call(t, name, kind, *arguments)


@word
def store_part(t: Translator, p: Pointer, v: Any, count: Any) -> None:
    """Write the first `count` numbers (0 to LANES) of a vector; nothing else is touched."""
    v = t.convert(v, ir.VectorType(p.element, t.lanes))
    if runtime(count):
        name = f"llvm.masked.store.v{t.lanes}{_short(p.element)}.p0"
        align = ir.Constant(I32, _size(p.element))
        call(t, name, ir.VoidType(), v, p.value, align, _first(t, count))
        return
    done, width = 0, t.lanes  # a known count in pieces of 8, 4, 2, 1: faster than a mask on AVX2
    while width:
        if count - done >= width:
            order = ir.Constant(ir.VectorType(I32, width), list(range(done, done + width)))
            piece = t.b.shuffle_vector(v, ir.Constant(v.type, ir.Undefined), order)
            t.b.store(piece, t.offset(p, done).value, align=_size(p.element))
            done += width
        width //= 2


@word
def prefetch(t: Translator, p: Pointer, near: int = 3) -> None:
    """Ask for the cache line at p, to be read soon, into the first cache (3) or the second (2)."""
    hints = [ir.Constant(I32, n) for n in (0, near, 1)]  # to read, keep, data
    call(t, "llvm.prefetch.p0", ir.VoidType(), p.value, *hints)


@word
def scratch(t: Translator, count: int) -> Pointer:
    """`count` float32 of this call's own, on the stack; a few kilobytes at most."""
    return Pointer(t.room(F32, count), F32)


@word
def cast(t: Translator, p: Pointer, like: str) -> Pointer:
    """The same address, to numbers of another kind: cast(p, "Ints")."""
    return Pointer(p.value, POINTERS[like])


@word
def pointer(t: Translator, address: Any, like: str) -> Pointer:
    """An address that came as a whole number, as a pointer: pointer(n, "Floats")."""
    return Pointer(t.b.inttoptr(address, ADDRESS), POINTERS[like])


@word
def address(t: Translator, p: Pointer) -> Any:
    """Where a pointer points, as a whole number."""
    return t.b.ptrtoint(p.value, I64)


# -- numbers in every lane -------------------------------------------------------------------------
@word
def splat(t: Translator, x: Any, count: int | None = None) -> Any:
    """The number x (float32, or int32 for a whole one) in every lane of a vector."""
    if runtime(x):
        x = t.b.trunc(x, I32) if x.type == I64 else x
        return t.spread(x, count or t.lanes)
    return t.number(x, ir.VectorType(I32 if isinstance(x, int) else F32, count or t.lanes))


@word
def width(t: Translator, v: Any) -> int:
    """The numbers in this vector; known now."""
    return _width(t, v)


@word
def lowest(t: Translator, v: Any, count: int) -> Any:
    """The first `count` numbers of a vector."""
    order = ir.Constant(ir.VectorType(I32, count), list(range(count)))
    return t.b.shuffle_vector(v, ir.Constant(v.type, ir.Undefined), order)


@word
def widened(t: Translator, v: Any) -> Any:
    """This vector, with 0 in the lanes that it has not."""
    count = _width(t, v)
    order = [min(k, count) for k in range(t.lanes)]
    zero = t.number(0, v.type)
    return t.b.shuffle_vector(v, zero, ir.Constant(ir.VectorType(I32, t.lanes), order))


@word
def steps(t: Translator) -> Any:
    """0, 1, 2, ..., LANES - 1, as int32."""
    return ir.Constant(ir.VectorType(I32, t.lanes), list(range(t.lanes)))


@word
def first(t: Translator, count: Any) -> Any:
    """A mask of the first `count` lanes."""
    return _first(t, count)


# -- arithmetic ------------------------------------------------------------------------------------
@word
def fma(t: Translator, a: Any, b: Any, c: Any) -> Any:
    """a b + c, in one instruction and one rounding."""
    if not runtime(c):
        a, b = t.match(a, b)
        c = t.convert(c, a.type)
    elif runtime(a) or runtime(b):
        a, c = t.match(a, c)
        b, c = t.match(b, c)
        a, c = t.match(a, c)
    else:
        a, b = t.convert(a, c.type), t.convert(b, c.type)
    return call(t, f"llvm.fma.{_suffix(a.type)}", a.type, a, b, c)


@word
def larger(t: Translator, a: Any, b: Any) -> Any:
    """a where a > b, else b (where one is NaN: b); one instruction."""
    return t.select(t.compare(">", a, b), a, b)


@word
def smaller(t: Translator, a: Any, b: Any) -> Any:
    """a where a < b, else b (where one is NaN: b); one instruction."""
    return t.select(t.compare("<", a, b), a, b)


@word
def select(t: Translator, mask: Any, a: Any, b: Any) -> Any:
    """a where the mask holds, else b."""
    return t.select(mask, a, b)


def _unary(name: str, meaning: str) -> Any:
    def emit(t: Translator, v: Any) -> Any:
        v = v if runtime(v) else t.number(float(v))
        return call(t, f"llvm.{name}.{_suffix(v.type)}", v.type, v)

    emit.__name__, emit.__doc__ = name, meaning
    return Word(emit)


sqrt = _unary("sqrt", "The square root.")
absolute = _unary("fabs", "|v|.")
floor = _unary("floor", "The largest whole number that is not larger.")
nearest = _unary("rint", "The nearest whole number, halves to even.")


@word
def copysign(t: Translator, size: Any, sign: Any) -> Any:
    """|size| with the sign of `sign`."""
    size, sign = t.match(size, sign)
    return call(t, f"llvm.copysign.{_suffix(size.type)}", size.type, size, sign)


# -- from one kind to another ----------------------------------------------------------------------
@word
def to_ints(t: Translator, v: Any) -> Any:
    """Each float32 without its fraction, as int32."""
    return t.b.fptosi(v, ir.VectorType(I32, t.lanes))


@word
def to_floats(t: Translator, v: Any) -> Any:
    """Each int32 (or lane of a mask: 1 or 0) as float32."""
    kind = ir.VectorType(F32, t.lanes)
    return t.b.uitofp(v, kind) if v.type.element == BIT else t.b.sitofp(v, kind)


@word
def to_doubles(t: Translator, v: Any) -> Any:
    """Each float32 as a float64: a vector twice as wide in bits, in two registers."""
    return t.b.fpext(v, _alike(v, F64))


@word
def narrow(t: Translator, v: Any) -> Any:
    """Each float64 rounded to float32."""
    return t.b.fptrunc(v, _alike(v, F32))


@word
def to_bytes(t: Translator, v: Any) -> Any:
    """Each int32 from 0 to 255 as a byte."""
    return t.b.trunc(v, ir.VectorType(I8, t.lanes))


@word
def from_bytes(t: Translator, v: Any) -> Any:
    """Each byte, without a sign, as int32."""
    return t.b.zext(v, ir.VectorType(I32, t.lanes))


@word
def bits(t: Translator, v: Any) -> Any:
    """The bit patterns of float32, as int32."""
    return t.b.bitcast(v, ir.VectorType(I32, t.lanes))


@word
def from_bits(t: Translator, v: Any) -> Any:
    """The float32 that int32 bit patterns stand for."""
    return t.b.bitcast(v, ir.VectorType(F32, t.lanes))


# -- across lanes ----------------------------------------------------------------------------------
@word
def lane(t: Translator, v: Any, i: Any) -> Any:
    """The number in lane i."""
    return t.b.extract_element(v, t.convert(i, I64))


@word
def shuffle(t: Translator, a: Any, b: Any, order: Any) -> Any:
    """Lane i of the result is lane order[i] of a followed by b; the order is known now."""
    kind = ir.VectorType(I32, len(order))
    return t.b.shuffle_vector(a, b, ir.Constant(kind, list(order)))


def _across(name: str, meaning: str, join: Callable[[Translator, Any, Any], Any]) -> Any:
    def emit(t: Translator, v: Any) -> Any:
        width = v.type.count
        while width > 1:
            width //= 2
            halves = []
            for begin in (0, width):
                order = ir.Constant(ir.VectorType(I32, width), list(range(begin, begin + width)))
                halves.append(t.b.shuffle_vector(v, ir.Constant(v.type, ir.Undefined), order))
            v = join(t, *halves)
        return t.b.extract_element(v, ir.Constant(I64, 0))

    emit.__name__, emit.__doc__ = name, meaning
    return Word(emit)


sum_lanes = _across(
    "sum_lanes",
    "The sum of all lanes, in a tree: halves, quarters, and so on.",
    lambda t, a, b: t.b.fadd(a, b) if is_float(a.type) else t.b.add(a, b),
)
max_lanes = _across(
    "max_lanes",
    "The largest of all lanes.",
    lambda t, a, b: t.b.select(t.compare(">", a, b), a, b),
)


@word
def any_lane(t: Translator, mask: Any) -> Any:
    """Whether the mask holds in some lane."""
    whole = ir.IntType(mask.type.count)
    return t.b.icmp_unsigned("!=", t.b.bitcast(mask, whole), ir.Constant(whole, 0))


# -- threads ---------------------------------------------------------------------------------------
@word
def read_now(t: Translator, p: Pointer) -> Any:
    """The int64 at p as other threads left it."""
    return t.b.load_atomic(p.value, "seq_cst", 8, typ=I64)


@word
def write_now(t: Translator, p: Pointer, value: Any) -> None:
    """Write an int64 for other threads to see, after everything that was written before it."""
    t.b.atomic_rmw("xchg", p.value, t.convert(value, I64), "seq_cst")


@word
def add_now(t: Translator, p: Pointer, value: Any) -> Any:
    """Add to the int64 at p in one step; gives what was there."""
    return t.b.atomic_rmw("add", p.value, t.convert(value, I64), "seq_cst")


@word
def swap_now(t: Translator, p: Pointer, value: Any) -> Any:
    """Put an int64 at p in one step; gives what was there."""
    return t.b.atomic_rmw("xchg", p.value, t.convert(value, I64), "seq_cst")


@word
def swap_if(t: Translator, p: Pointer, before: Any, value: Any) -> Any:
    """Put an int64 at p if `before` is there, in one step; gives whether it was."""
    pair = t.b.cmpxchg(p.value, t.convert(before, I64), t.convert(value, I64), "seq_cst", "seq_cst")
    return t.b.extract_value(pair, 1)


@word
def pause(t: Translator) -> None:
    """Tell the processor that this is a loop that waits."""
    if t.module.triple.startswith(("x86_64", "i686")):
        call(t, "llvm.x86.sse2.pause", ir.VoidType())


@word
def c_function(t: Translator, name: str, *arguments: Any) -> Any:
    """Call a function of the C library that takes pointers and gives an int."""
    given = [a.value if isinstance(a, Pointer) else t.convert(a, I64) for a in arguments]
    return t.b.sext(call(t, name, I32, *given), I64)


@word
def run_task(t: Translator, task: Any, arguments: Any, begin: Any, end: Any, slot: Any) -> None:
    """Call the task at an address: task(arguments, begin, end, slot)."""
    kind = ir.FunctionType(ir.VoidType(), [ADDRESS, I64, I64, I64])
    where = t.b.inttoptr(task, kind.as_pointer())
    numbers = [t.convert(n, I64) for n in (begin, end, slot)]
    t.b.call(where, [t.b.inttoptr(arguments, ADDRESS), *numbers])


# -- helpers of the words --------------------------------------------------------------------------
def call(t: Translator, name: str, result: ir.Type, *arguments: Any) -> Any:
    """Call an LLVM intrinsic or a C function by name."""
    function = t.module.globals.get(name)
    if function is None:
        kind = ir.FunctionType(result, [a.type for a in arguments])
        function = ir.Function(t.module, kind, name)
    return t.b.call(function, arguments)


def _width(t: Translator, v: Any) -> int:
    """How many numbers a vector holds; LANES where v is one number."""
    wide = runtime(v) and isinstance(v.type, ir.VectorType)
    return int(v.type.count) if wide else t.lanes


def _alike(v: Any, element: ir.Type) -> ir.Type:
    """The type of v with other numbers in it."""
    return ir.VectorType(element, v.type.count) if isinstance(v.type, ir.VectorType) else element


def _size(element: ir.Type) -> int:
    return {I8: 1, I64: 8, F64: 8}.get(element, 4)


def _short(kind: ir.Type) -> str:
    return {F32: "f32", F64: "f64", I32: "i32", I64: "i64", I8: "i8"}[kind]


def _suffix(kind: ir.Type) -> str:
    if isinstance(kind, ir.VectorType):
        return f"v{kind.count}{_short(scalar(kind))}"
    return _short(kind)


def _first(t: Translator, count: Any) -> Any:
    if not runtime(count):
        return ir.Constant(ir.VectorType(BIT, t.lanes), [i < count for i in range(t.lanes)])
    if count.type != I64:
        raise KernelError("a count of lanes is an int")
    order = ir.Constant(ir.VectorType(I32, t.lanes), list(range(t.lanes)))
    return t.b.icmp_signed("<", order, t.spread(t.b.trunc(count, I32), t.lanes))
