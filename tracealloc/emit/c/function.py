"""Readable C for a program: one function per kernel, static ones for callees."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tracealloc.emit.c.access_checks import FAULT_SHIFT, can_leave, checks_of
from tracealloc.emit.c.calls import CallWriter
from tracealloc.emit.c.fifos import FifoWriter, fifo_definition
from tracealloc.emit.c.helpers import preamble
from tracealloc.emit.c.integers import machine_for
from tracealloc.emit.c.loops import CLoops, function_head, returned_status
from tracealloc.emit.c.numbers import element_machine
from tracealloc.emit.c.storage import aliased_calls, can_fail, can_run_out, heap_arrays, view_copies
from tracealloc.emit.common.backend import identifier_comment
from tracealloc.emit.common.expr import UNARY, Text, atom, float_literal
from tracealloc.emit.common.names import Names, change_comment, entry_name, member
from tracealloc.emit.common.parameters import INLINE_CONSTANT, Parameter, by_value, element_bytes, parameters
from tracealloc.trace.ir.dtype import (
    Boolean,
    DType,
    Float,
    Index,
    Integer,
    Struct,
    as_integer,
    bfloat16,
    float32,
    float64,
)
from tracealloc.trace.ir.expr import Const, Expr
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Call,
    Loop,
    Program,
    Store,
    While,
    reduction_of,
    walk_nodes,
)
from tracealloc.trace.ir.summary import returned, summary_of
from tracealloc.trace.ir.typing_rules import negate

__all__ = ["CFunction", "c_source", "entry_name"]

LIBM_ARITY = {"pow": 2, "powf": 2}


def c_source(program: Program) -> str:
    """The C text of `program` and of everything that it calls; the same text for the same program."""
    return _Module(program).source()


class _Module:
    """One file: the names and helpers that its functions share."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.names = Names()
        self.functions: dict[int, str] = {}
        self.aliased = aliased_calls(program)
        self.helpers: set[str] = set()
        self.libm: set[str] = set()
        self.structs: dict[Struct, str] = {}
        self.struct_text: list[str] = []
        self.constants: list[str] = []
        self.flags: set[str] = set()
        self.fifos: set[str] = set()
        self.checked = 0  # accesses that the functions so far check

    def source(self) -> str:
        programs = (*self.program.callees(), self.program)
        top = self.names.declare_function(("function", id(self.program)), self.program.name)
        self.functions[id(self.program)] = top
        for callee in programs[:-1]:
            self.functions[id(callee)] = self.names.declare_function(("function", id(callee)), callee.name)
        bodies = [line for item in programs for line in ("", *CFunction(item, self).lines())]
        return "\n".join([*self._head(), *self.struct_text, *self.constants, *bodies, ""])

    def _head(self) -> list[str]:
        place = self.program.place
        origin = f", from {identifier_comment(place.short)}" if place is not None else ""
        lines = [
            f"// {identifier_comment(self.program.name)}: written by tracealloc{origin}.",
            "// Compile with -fwrapv -ffp-contract=off"
            + (" and -fopenmp" if "openmp" in self.flags else "")
            + ".",
            *change_comment(self.names.changed),
            "#include <stdbool.h>",
            "#include <stdint.h>",
        ]
        lines += [f"#include <{name}.h>" for name in ("stdlib", "string") if name in self.flags]
        for name in sorted(self.libm):
            kind = "float" if name.endswith("f") and name not in {"erf"} else "double"
            lines.append(f"{kind} {name}({', '.join([kind] * LIBM_ARITY.get(name, 1))});")
        helpers = preamble(self.helpers).rstrip("\n")
        return [*lines, "", *helpers.split("\n")] if helpers else lines


def has_loops(program: Program) -> bool:
    """Whether a function has loops of its own; one without should be inlined."""
    return any(isinstance(node, Loop | While) for node in walk_nodes(program.body))


class CFunction(CLoops):
    """The C back end: emits one function."""

    def __init__(self, program: Program, module: _Module) -> None:
        super().__init__(program, module.names.fork())
        self.module = module
        self.flags = module.flags
        self.helpers, self.libm, self.structs = module.helpers, module.libm, module.structs
        self.exported = program is module.program
        self.written = summary_of(program).writes
        self.parameters = parameters(program)
        small = program is not module.program and not has_loops(program)
        self.restrict = "" if small or id(program) in module.aliased else "restrict "
        views = view_copies(program)
        self.fifos = FifoWriter(self, self.fifo_type)
        self.calls = CallWriter(self, views, self.function_name, self.fifos.argument, self.ended)
        self.heap = heap_arrays(program, views)
        self.fails = can_fail(program, top=self.exported)
        self.faults = can_leave(program, top=self.exported)
        self.checks = checks_of(program, self.exported)
        self.first_check = module.checked
        module.checked += len(self.checks)
        self.known, self.proved, self.bounded = {}, {}, set()
        self.parallel = 0
        self.own_status = self.careful = False
        self.apart, self.cut = [], []
        self.body_of = None
        self.known_range = {}

    def function_name(self, program: Program) -> str:
        return self.module.functions[id(program)]

    # The function.

    def lines(self) -> list[str]:
        """The function's text."""
        for name in ("status", "fault", "ended") if self.fails else ():
            self.names.declare(("local", name), name)  # arrays of these names get others
        head = [self._parameter(parameter) for parameter in self.parameters]
        kind = "int" if self.fails else "void"
        name = self.module.functions[id(self.program)]
        prefix_ = "" if self.exported else "static "
        if self.restrict and not self.exported:
            # Inlined into a loop, gcc 12 moves loads through restrict over stores of earlier iterations.
            prefix_ += "__attribute__((noinline)) "
        self.out.append(function_head(f"{prefix_}{kind} {name}(", head))
        self.depth = 1
        self._unpack()
        if self._checks_status():
            self.line("int status = 0;")
        if self.faults:
            self.line("int fault = 0;  // the number of the first access outside its array")
        self._require()
        self.allocate(self.heap.get((), []), ["return 1;"])
        self.block(self.program.body, ())
        self._finish()
        self.out.append("}")
        return [*self.apart[1:], "", *self.out] if self.apart else self.out

    def _checks_status(self) -> bool:
        if any(array.kind == "stream" for array in self.program.arrays()):
            return True
        inner = any(isinstance(n, Call) and can_run_out(n.program) for n in walk_nodes(self.program.body))
        return inner or any(where for where in self.heap)

    def _require(self) -> None:
        """Leave before anything is written where an access would go outside its array."""
        first = self.first_check + len(self.checks.found) + 1
        for number, each in enumerate(self.checks.required, first):
            unmet = self.condition(negate(each.cond)).text
            self.line(f"if ({unmet}) return {number << FAULT_SHIFT};  // {identifier_comment(each.text)}")

    def _unpack(self) -> None:
        for array in self.program.args:
            scalar = array.rank == 0 and array.kind != "stream"
            if scalar and self.exported and not by_value(array):
                name = self.array_name(array)
                const = "" if array in self.written else "const "
                pointer = self.names.find(("pointer", array.key))
                self.line(f"{const}{self.type_name(array.dtype)} {name} = *{pointer};")
        for array in returned(self.program):
            at_top = any(isinstance(n, Alloc) and n.array == array for n in self.program.body)
            if array.rank == 0 and array.kind == "result" and not at_top:
                self.name_array(array)
                self.line(f"{self.type_name(array.dtype)} {self.array_name(array)};")
        for owner in (self.program,):
            for array in owner.arrays():
                if array.kind == "constant" and array.size <= INLINE_CONSTANT:
                    self._constant(array)

    def _finish(self) -> None:
        for array in returned(self.program):
            name, out = self.array_name(array), self.names.find(("out", array.key))
            if array.rank == 0:
                self.line(f"*{out} = {name};")
            elif out != name:
                self.module.flags.add("string")
                self.line(f"memcpy({out}, {name}, sizeof({self._array_type(array)}));")
        self.release(self.heap.get((), []))
        if self.fails:
            self.line(f"return {returned_status(self._checks_status(), self.faults)};")

    def _array_type(self, array: Array) -> str:
        return self.type_name(array.dtype) + "".join(f"[{extent}]" for extent in array.shape)

    def pointer(self, array: Array, name: str, const: bool) -> str:
        type_ = ("const " if const else "") + self.type_name(array.dtype)
        if array.rank <= 1:
            return f"{type_} *{self.restrict}{name}"
        return f"{type_} (*{self.restrict}{name})" + "".join(f"[{extent}]" for extent in array.shape[1:])

    def _parameter(self, parameter: Parameter) -> str:
        array = parameter.array
        if parameter.role == "result":
            own = array.kind == "result" and array.rank > 0
            name = self.name_array(array) if own else self.names.declare("", f"{array.name}_result")
            self.names.bind(("out", array.key), name)
            return self.pointer(array, name, False)
        if parameter.role == "kept":
            key = ("kept", id(parameter.owner), array.key)
            name = self.names.declare(key, array.name)
            if parameter.owner is self.program:
                self.names.bind(("array", array.key), name)
            return self.pointer(array, name, not parameter.written)
        name = self.name_array(array)
        if array.kind == "stream":
            return self.fifos.parameter(array, name)
        if array.rank > 0:
            return self.pointer(array, name, array not in self.written)
        if self.exported and not by_value(array):
            pointer = self.names.declare(("pointer", array.key), f"{array.name}_pointer")
            return f"const {self.type_name(array.dtype)} *{pointer}"
        return f"{'' if array in self.written else 'const '}{self.type_name(array.dtype)} {name}"

    def struct_name(self, dtype: Struct) -> str:
        """The name of a struct type, defined in the file where it is first used: packed, as in NumPy."""
        if dtype not in self.structs:
            texts = self.module.names.fields(field for field, _ in dtype.fields)
            fields = [(self.type_name(inner), texts[field]) for field, inner in dtype.fields]
            name = self.structs[dtype] = f"ta_struct_{len(self.structs)}"
            self.module.struct_text += ["", "typedef struct __attribute__((packed)) {"]
            self.module.struct_text += [f"  {type_} {field};" for type_, field in fields]
            size = element_bytes(dtype)
            self.module.struct_text.append(f"}} {name};")
            self.module.struct_text.append(f'_Static_assert(sizeof({name}) == {size}, "as in NumPy");')
        return self.structs[dtype]

    # Arrays.

    def needs_declaration(self, array: Array) -> bool:
        return self.names.find(("array", array.key)) is None

    def declare(self, array: Array) -> None:
        dims = "".join(f"[{extent}]" for extent in array.shape)
        self.line(f"{self.type_name(array.dtype)} {self.array_name(array)}{dims};{self._origin(array)}")

    def element(self, array: Array, indices: tuple[Expr, ...], path: tuple[str, ...] = ()) -> Text:
        if array.kind == "state" and array.rank == 0:
            fields = "".join(f".{member(name)}" for name in path)
            name = f"*{self.array_name(array)}"
            return atom(f"({name}){fields}") if fields else Text(name, UNARY)
        return super().element(array, indices, path)

    def _origin(self, array: Array) -> str:
        return f"  // buffer of {identifier_comment(array.origin)}" if array.origin else ""

    def alloc(self, node: Alloc) -> None:
        array = node.array
        if array.kind == "stream":
            if len(self.where) > 1:  # again, in a loop: it starts empty
                self.fifos.empty(array)
            return
        if node.fill is None or not self.needs_declaration(array):
            super().alloc(node)
            return
        comment = self._origin(array) or self.comment(node.place)
        if array.rank == 0:
            value = self.converted(node.fill)
            name = self.name_array(array)
            self.line(f"{self.type_name(array.dtype)} {name} = {value.text};{comment}")
        elif _is_zero(node.fill) and not isinstance(array.dtype, Struct):
            name = self.name_array(array)
            dims = "".join(f"[{extent}]" for extent in array.shape)
            wide = "{{0}}" if element_wide(array.dtype) else "{0}"
            self.line(f"{self.type_name(array.dtype)} {name}{dims} = {wide};{comment}")
        else:
            super().alloc(node)

    def fill(self, node: Alloc) -> None:
        assert node.fill is not None
        array, name = node.array, self.array_name(node.array)
        comment = self.comment(node.place)
        if array.rank == 0:
            self.line(f"{name} = {self.converted(node.fill).text};{comment}")
            return
        if _is_zero(node.fill):
            self.module.flags.add("string")
            self.line(f"memset({name}, 0, sizeof({self._array_type(array)}));{comment}")
            return
        value = self.converted(node.fill)
        self._element_loops(array.shape, lambda at: f"{name}{at} = {value.text};{comment}")

    def _element_loops(self, shape: Sequence[int], statement: object) -> None:
        assert callable(statement)
        self.names.open()
        names = [self.names.declare("", f"e{axis}") for axis in range(len(shape))]
        for name, extent in zip(names, shape, strict=True):
            self.line(f"for (int64_t {name} = 0; {name} < {extent}; ++{name})")
            self.depth += 1
        self.line(statement("".join(f"[{name}]" for name in names)))
        self.depth -= len(shape)
        self.names.close()

    def allocate(self, arrays: list[Array], failed: list[str]) -> None:
        """Heap arrays come into being, all or none."""
        if not arrays:
            return
        self.module.flags.add("stdlib")
        for array in [array for array in arrays if array.kind == "stream"]:
            self.name_array(array)
            self.fifos.declare(array)
        arrays = [array for array in arrays if array.kind != "stream"]
        if not arrays:
            return
        for array in arrays:
            name = self.name_array(array)
            type_ = self.pointer(array, name, False)
            if not self.restrict:
                type_ = type_.replace(name, f"restrict {name}", 1)
            size = f"sizeof({self._array_type(array)})"
            if array.size * element_bytes(array.dtype) % 64:  # some systems insist
                size = f"{size} + 63 & ~(size_t)63"
            self.line(f"{type_} = aligned_alloc(64, {size});{self._origin(array)}")
        names = [self.array_name(array) for array in arrays]
        self.line(f"if ({' || '.join('!' + name for name in names)}) {{")
        self.depth += 1
        for line in (*(f"free({name});" for name in names), *failed):
            self.line(line)
        self.depth -= 1
        self.line("}")

    def release(self, arrays: list[Array]) -> None:
        for array in arrays:
            if array.kind == "stream":
                self.fifos.each(array, "free(@.data);")
            else:
                self.line(f"free({self.array_name(array)});")

    def fifo_type(self, dtype: DType) -> str:
        name, lines = fifo_definition(self.type_name(dtype))
        if name not in self.module.fifos:
            self.module.fifos.add(name)
            self.module.flags.add("stdlib")
            self.module.struct_text += lines
        return name

    def _constant(self, array: Array) -> None:
        assert array.data is not None
        key = ("constant", id(self.program), array.key)
        name = self.module.names.declare(key, array.name)
        self.names.bind(("array", array.key), name)
        dims = "".join(f"[{extent}]" for extent in array.shape)
        body = self._initialiser(np.asarray(array.data), array.dtype)
        self.module.constants += ["", f"static const {self.type_name(array.dtype)} {name}{dims} = {body};"]

    def _initialiser(self, data: np.ndarray, dtype: DType, depth: int = 1) -> str:
        if data.ndim == 0:
            return self._element_text(data[()], dtype)
        parts = [self._initialiser(data[i, ...], dtype, depth + 1) for i in range(data.shape[0])]
        if data.ndim > 1:
            separator = ",\n" + " " * depth
            return "{" + separator.join(parts) + "}"
        lines, line = [], ""
        for part in parts:
            if line and len(line) + len(part) > 96:
                lines.append(line)
                line = ""
            line += (" " if line else "") + part + ","
        return "{" + ("\n" + " " * depth).join([*lines, line.rstrip(",")]) + "}"

    def _element_text(self, value: object, dtype: DType) -> str:
        if isinstance(dtype, Struct):
            fields = ((value[name], inner) for name, inner in dtype.fields)  # type: ignore[index]
            return "{" + ", ".join(self._element_text(part, inner) for part, inner in fields) + "}"
        if dtype == bfloat16:
            return str(int(np.asarray(value).view(np.uint16)))
        if isinstance(dtype, Float):
            return float_literal(float(value), dtype).text  # type: ignore[arg-type]
        if isinstance(dtype, Boolean):
            return "true" if value else "false"
        number, machine = int(value), element_machine(dtype)  # type: ignore[call-overload]
        if machine.wide:
            words = [f"{number >> (64 * i) & (1 << 64) - 1:#x}u" for i in range(machine.bits // 64)]
            return "{{" + ", ".join(words) + "}}"
        return self.printer._literal(number, None).text.text

    # Statements.

    def stored(self, node: Store) -> Text:
        return self.converted(node.value)

    def in_place(self, node: Store) -> tuple[str, Text] | None:
        dtype = node.array.field_type(node.path)
        found = reduction_of(node)
        if found is None:
            return None
        op, operand = found
        if isinstance(dtype, Float):
            native = dtype in (float32, float64) and op in {"+", "-", "*", "/"} and operand.dtype == dtype
            return (op, self.floating(operand)) if native else None
        integer = isinstance(dtype, Integer | Index) and as_integer(operand.dtype) is not None
        if not integer or dtype.bits not in (8, 16, 32, 64) or op not in {"+", "-", "*", "&", "|", "^"}:
            return None
        piece = self.printer.emit(self.number(operand), dtype.bits)
        return None if piece.type.wide else (op, piece.text)

    def named_value(self, node: Store, comment: str) -> None:
        dtype = node.array.dtype
        if isinstance(dtype, Float | Struct | Boolean):
            super().named_value(node, comment)
            return
        number = self.number(node.value)
        machine = machine_for(number.range)
        if element_machine(dtype).bits <= machine.bits:
            super().named_value(node, comment)
            self.value_machine[node.array] = element_machine(dtype)
            self.ranges.of_value[node.array] = number.range
            return
        text = self.printer.cast_exact(self.printer.exact(number), machine)
        self.value_machine[node.array] = machine
        self.ranges.of_value[node.array] = number.range
        self.line(f"const {machine.name} {self.name_array(node.array)} = {text.text};{comment}")


def element_wide(dtype: DType) -> bool:
    """Whether elements are structs of words."""
    return not isinstance(dtype, Float | Struct) and element_machine(dtype).wide


def _is_zero(fill: Expr) -> bool:
    return isinstance(fill, Const) and repr(fill.value) in {"0", "0.0", "False"}
