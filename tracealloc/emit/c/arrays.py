"""Arrays in C: pointers, declarations, tables, and what lives on the heap."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tracealloc.emit.c.fifos import Fifos
from tracealloc.emit.c.integers.integer_printer import Printer
from tracealloc.emit.c.integers.integers import element_machine
from tracealloc.emit.c.unit import Unit
from tracealloc.emit.common.parameters import element_bytes
from tracealloc.emit.common.scope import Scope
from tracealloc.emit.common.text import float_literal
from tracealloc.trace.ir.dtype import Boolean, DType, Float, Struct, bfloat16
from tracealloc.trace.ir.program import Array

__all__ = ["Arrays"]


class Arrays:
    """Declares the arrays of one function.

    Args:
        scope: the function. `unit`: its file.
        printer: prints integers.
        fifos: declares queues.
        restrict: ``restrict`` with a blank, or nothing where a store to one array may change another.
    """

    def __init__(self, scope: Scope, unit: Unit, printer: Printer, fifos: Fifos, restrict: str) -> None:
        self.scope = scope
        self.unit = unit
        self.printer = printer
        self.fifos = fifos
        self.restrict = restrict

    def type_of(self, array: Array) -> str:
        """The type of an array, as ``sizeof`` takes it."""
        return self.unit.type_name(array.dtype) + _dimensions(array.shape)

    def pointer(self, array: Array, name: str, const: bool) -> str:
        """The declaration of a pointer to an array."""
        type_ = ("const " if const else "") + self.unit.type_name(array.dtype)
        if array.rank <= 1:
            return f"{type_} *{self.restrict}{name}"
        return f"{type_} (*{self.restrict}{name})" + _dimensions(array.shape[1:])

    def declare(self, array: Array) -> None:
        """Write the declaration of a local array; its name is in scope already."""
        name, dimensions = self.scope.array_name(array), _dimensions(array.shape)
        type_ = self.unit.type_name(array.dtype)
        self.scope.line(f"{type_} {name}{dimensions};{self.scope.origin(array)}")

    def element_loops(self, shape: Sequence[int], statement: Callable[[str], str]) -> None:
        """A nest over all elements; `statement` gives the line for the subscripts."""
        scope = self.scope
        scope.names.open()
        names = [scope.names.declare("", f"e{axis}") for axis in range(len(shape))]
        for name, extent in zip(names, shape, strict=True):
            scope.line(f"for (int64_t {name} = 0; {name} < {extent}; ++{name})")
            scope.depth += 1
        scope.line(statement("".join(f"[{name}]" for name in names)))
        scope.depth -= len(shape)
        scope.names.close()

    # The heap.

    def allocate(self, arrays: Sequence[Array], failed: Sequence[str]) -> None:
        """Heap arrays come into being, all or none."""
        if not arrays:
            return
        self.unit.needs.add("stdlib")
        for array in arrays:
            if array.kind == "stream":
                self.scope.name_array(array)
                self.fifos.declare(array)
        names = [self._allocate(array) for array in arrays if array.kind != "stream"]
        if not names:
            return
        self.scope.line(f"if ({' || '.join('!' + name for name in names)}) {{")
        with self.scope.deeper():
            for line in (*(f"free({name});" for name in names), *failed):
                self.scope.line(line)
        self.scope.line("}")

    def _allocate(self, array: Array) -> str:
        name = self.scope.name_array(array)
        type_ = self.pointer(array, name, False)
        if not self.restrict:
            type_ = type_.replace(name, f"restrict {name}", 1)
        size = f"sizeof({self.type_of(array)})"
        if array.size * element_bytes(array.dtype) % 64:  # some systems insist
            size = f"{size} + 63 & ~(size_t)63"
        self.scope.line(f"{type_} = aligned_alloc(64, {size});{self.scope.origin(array)}")
        return name

    def release(self, arrays: Sequence[Array]) -> None:
        """Heap arrays end."""
        for array in arrays:
            if array.kind == "stream":
                self.fifos.end(array)
            else:
                self.scope.line(f"free({self.scope.array_name(array)});")

    # Tables.

    def constant(self, array: Array) -> None:
        """A table, of the whole file."""
        assert array.data is not None
        key = ("constant", id(self.scope.program), array.key)
        name = self.unit.names.declare(key, array.name)
        self.scope.names.bind(("array", array.key), name)
        body = self._initialiser(np.asarray(array.data), array.dtype)
        type_ = self.unit.type_name(array.dtype)
        self.unit.constants += ["", f"static const {type_} {name}{_dimensions(array.shape)} = {body};"]

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
        return self.printer.constant(number)


def _dimensions(shape: Sequence[int]) -> str:
    return "".join(f"[{extent}]" for extent in shape)
