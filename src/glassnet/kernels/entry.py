"""The LLVM module of a task: the task itself, and its entry, a built-in function of Python.

    task_name(arguments, begin, end, slot)     the kernel; arguments: one field of 8 bytes for each
    task_name_entry(self, objects, count)      called by Python with (units, parts, *arguments)

The entry reads arrays' addresses, whole numbers and floats out of Python's objects into fields and
hands them to the launcher, a tenth of a microsecond in all. Where several parts run it gives up
the interpreter's lock meanwhile: one part alone is soon done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llvmlite import ir

from glassnet.kernels.language import Translator
from glassnet.kernels.values import (
    ADDRESS,
    F32,
    F64,
    I64,
    POINTERS,
    Pointer,
    untyped,
)

if TYPE_CHECKING:
    from glassnet.kernels.compile import Parameter, Task
    from glassnet.kernels.target import Target

VOID = ir.VoidType()
HEAD = object.__basicsize__  # bytes of every Python object before what is its own
TYPE_AT = HEAD - 8  # where in them its type stands
TASK = ir.FunctionType(VOID, [ADDRESS, I64, I64, I64])
ENTRY = ir.FunctionType(ADDRESS, [ADDRESS, ADDRESS, I64])


def empty_module(name: str, target: Target) -> ir.Module:
    """A module without functions."""
    made = ir.Module(name, context=ir.Context())
    made.triple = target.triple
    return made


def module(task: Task, constants: tuple[tuple[str, Any], ...], target: Target) -> str:
    """LLVM's text for a task with these constants."""
    name = task.symbol(constants)
    made = empty_module(name, target)
    body = ir.Function(made, TASK, name)
    body.linkage = "internal"
    t = Translator(body, target.lanes)
    place = dict(zip(("begin", "end", "slot"), body.args[1:], strict=True))
    fields = [_field(t, body.args[0], i, p) for i, p in enumerate(task.parameters)]
    t.run(task.function, (*(place[n] for n in task.place), *fields), dict(constants))
    t.finish()
    _Entry(made, name, task.parameters).write(body)
    return str(made)


def _field(t: Translator, arguments: Any, index: int, parameter: Parameter) -> Any:
    """Argument `index` as the task's source sees it."""
    at = t.offset(Pointer(arguments, I64), index).value
    if parameter.kind == "int":
        return t.b.load(at, typ=I64, align=8)
    if parameter.kind == "float":
        return t.b.fptrunc(t.b.load(at, typ=F64, align=8), F32)
    return Pointer(t.b.load(at, typ=ADDRESS, align=8), POINTERS[parameter.kind])


class _Entry:
    """Writes the function that Python calls."""

    def __init__(self, made: ir.Module, name: str, parameters: tuple[Parameter, ...]) -> None:
        self.module, self.parameters = made, parameters
        self.function = ir.Function(made, ENTRY, f"{name}_entry")
        self.b = ir.IRBuilder(self.function.append_basic_block("start"))
        self.array_type = self._global("glassnet_array_type", ir.IntType(8))
        self.nothing = self._global("_Py_NoneStruct", ir.IntType(8))

    def write(self, body: ir.Function) -> None:
        """(units, parts, *arguments) to the launcher."""
        b, (_, objects, count) = self.b, self.function.args
        wanted = len(self.parameters) + 2
        right = b.icmp_signed("==", count, ir.Constant(I64, wanted))
        with b.if_then(b.not_(right), likely=False):
            self._fail("PyExc_TypeError", f"expected {wanted} arguments: units, parts and its own")
        given = [self._at(objects, 8 * i, ADDRESS) for i in range(wanted)]
        units, parts = (self._whole(o) for o in given[:2])
        fields = untyped(b.alloca(I64, size=ir.Constant(I64, max(1, len(self.parameters)))))
        for i, (parameter, value) in enumerate(zip(self.parameters, given[2:], strict=True)):
            self._put(fields, i, parameter, value)
        failed = b.icmp_unsigned("!=", self._call("PyErr_Occurred", ADDRESS), _null())
        with b.if_then(failed, likely=False):
            b.ret(_null())
        where = b.ptrtoint(body, I64), b.ptrtoint(fields, I64)
        several = b.icmp_signed(">", parts, ir.Constant(I64, 1))
        with b.if_else(several) as (together, alone):
            with together:
                thread = self._call("PyEval_SaveThread", ADDRESS)
                self._call("glassnet_launch", VOID, *where, units, parts)
                self._call("PyEval_RestoreThread", VOID, thread)
            with alone:
                self._call("glassnet_launch", VOID, *where, units, parts)
        self._call("Py_IncRef", VOID, self.nothing)
        b.ret(self.nothing)

    def _put(self, fields: Any, index: int, parameter: Parameter, value: Any) -> None:
        at = self.b.gep(fields, [ir.Constant(I64, index)], source_etype=I64)
        if parameter.kind == "int":
            self.b.store(self._whole(value), at)
        elif parameter.kind == "float":
            self.b.store(self._call("PyFloat_AsDouble", F64, value), at)
        else:
            self.b.store(self._address(value, parameter), at)

    def _address(self, value: Any, parameter: Parameter) -> Any:
        """Where an array's numbers lie; 0 for None."""
        b = self.b
        kind = self._at(value, TYPE_AT, ADDRESS)
        array = b.icmp_unsigned("==", kind, self.array_type)
        none = b.icmp_unsigned("==", value, self.nothing)
        with b.if_then(b.not_(b.or_(array, none)), likely=False):
            self._fail("PyExc_TypeError", f"'{parameter.name}' must be an array or None")
        data = self._at(value, HEAD, ADDRESS)  # of None these are other bytes, which nobody uses
        return b.select(none, _null(), data)

    def _whole(self, value: Any) -> Any:
        return self._call("PyLong_AsLongLong", I64, value)

    def _at(self, base: Any, offset: int, kind: ir.Type) -> Any:
        where = self.b.gep(base, [ir.Constant(I64, offset)], source_etype=ir.IntType(8))
        return self.b.load(where, typ=kind, align=8)

    def _call(self, name: str, result: ir.Type, *arguments: Any) -> Any:
        function = self.module.globals.get(name)
        if function is None:
            kind = ir.FunctionType(result, [a.type for a in arguments])
            function = ir.Function(self.module, kind, name)
        return self.b.call(function, arguments)

    def _global(self, name: str, kind: ir.Type) -> Any:
        """The address of a variable outside of this module."""
        there = self.module.globals.get(name)
        return there or untyped(ir.GlobalVariable(self.module, kind, name))

    def _fail(self, kind: str, message: str) -> None:
        """Raise a Python exception and return."""
        text = bytearray(message.encode() + b"\0")
        words = ir.Constant(ir.ArrayType(ir.IntType(8), len(text)), text)
        name = f"message{len(self.module.globals)}"
        kept = untyped(ir.GlobalVariable(self.module, words.type, name))
        kept.global_constant, kept.linkage, kept.initializer = True, "internal", words
        thrown = self.b.load(self._global(kind, ADDRESS), typ=ADDRESS)
        self._call("PyErr_SetString", VOID, thrown, kept)
        self.b.ret(_null())


def _null() -> Any:
    return ir.Constant(ADDRESS, None)
