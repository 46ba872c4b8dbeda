"""Statements of C: declarations, fills, stores and calls, done only where their accesses are inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tracealloc.emit.c.arrays import Arrays
from tracealloc.emit.c.calls import Calls
from tracealloc.emit.c.expressions import Expressions
from tracealloc.emit.c.guards import Guards
from tracealloc.emit.c.integers.integers import element_machine, machine_for
from tracealloc.emit.c.numbers import Machines
from tracealloc.emit.c.unit import Unit
from tracealloc.emit.common.access_checks import Check
from tracealloc.emit.common.scope import Scope
from tracealloc.emit.common.text import Text
from tracealloc.emit.common.walk import Where
from tracealloc.trace.ir.dtype import (
    Boolean,
    DType,
    Float,
    Index,
    Integer,
    Struct,
    as_integer,
    float32,
    float64,
)
from tracealloc.trace.ir.expr import Const, Expr
from tracealloc.trace.ir.program import Alloc, Array, Call, Region, Store, reduction_of

__all__ = ["Statements"]


class Statements:
    """Writes what is no loop and no condition, of one function.

    Args:
        scope: the function. `unit`: its file.
        expressions: prints expressions.
        guards: which accesses are checked.
        arrays: declares arrays.
        calls: writes calls.
        machines: the types of named values, which are found here.
    """

    def __init__(
        self,
        scope: Scope,
        unit: Unit,
        expressions: Expressions,
        guards: Guards,
        arrays: Arrays,
        calls: Calls,
        machines: Machines,
    ) -> None:
        self.scope = scope
        self.unit = unit
        self.expressions = expressions
        self.guards = guards
        self.arrays = arrays
        self.calls = calls
        self.machines = machines

    # Arrays.

    def declares(self, array: Array) -> bool:
        """Whether an array has no name yet."""
        return not self.scope.is_named(array)

    def declare(self, array: Array) -> None:
        """Write the declaration of an array or scalar; its name is in scope already."""
        self.arrays.declare(array)

    def alloc(self, node: Alloc, where: Where) -> None:
        """An array comes into being."""
        scope, array = self.scope, node.array
        if array.kind == "stream":
            if where:  # again, in a loop: it starts empty
                self.expressions.fifos.empty(array)
            return
        if not self.declares(array):
            self._fill(node)
            return
        comment = scope.origin(array) or scope.comment(node.place)
        if node.fill is not None and array.rank == 0:
            value = self.expressions.converted(node.fill)
            name, type_ = scope.name_array(array), self.unit.type_name(array.dtype)
            scope.line(f"{type_} {name} = {value.text};{comment}")
        elif node.fill is not None and _is_zero(node.fill) and not isinstance(array.dtype, Struct):
            dims = "".join(f"[{extent}]" for extent in array.shape)
            zero = "{{0}}" if _of_words(array.dtype) else "{0}"
            name, type_ = scope.name_array(array), self.unit.type_name(array.dtype)
            scope.line(f"{type_} {name}{dims} = {zero};{comment}")
        else:
            scope.name_array(array)
            self.declare(array)
            self._fill(node)

    def _fill(self, node: Alloc) -> None:
        if node.fill is None:
            return
        array, name = node.array, self.scope.array_name(node.array)
        comment = self.scope.comment(node.place)
        if array.rank == 0:
            self.scope.line(f"{name} = {self.expressions.converted(node.fill).text};{comment}")
        elif _is_zero(node.fill):
            self.unit.needs.add("string")
            self.scope.line(f"memset({name}, 0, sizeof({self.arrays.type_of(array)}));{comment}")
        else:
            value = self.expressions.converted(node.fill)
            self.arrays.element_loops(array.shape, lambda at: f"{name}{at} = {value.text};{comment}")

    # Stores.

    def store(self, node: Store) -> None:
        """``A[i][j] = value;``, ``A[i][j] += value;`` or ``const T t = value;``."""
        check = self.guards.find(node.array, node.indices, node.place, True)
        if check is None:
            self._store(node)
        else:
            self._when_inside([check], lambda: self._store(node))

    def _store(self, node: Store) -> None:
        """A store whose subscripts are inside."""
        comment = self.scope.comment(node.place)
        if node.array.kind == "stream":
            self.expressions.fifos.put(node)
        elif not self.scope.is_named(node.array):
            self._named_value(node, comment)
        else:
            target = self.expressions.elements.at(node.array, node.indices, node.path).text
            update = self._in_place(node)
            op, value = update if update is not None else ("", self.expressions.converted(node.value))
            self.scope.line(f"{target} {op}= {value.text};{comment}")

    def _in_place(self, node: Store) -> tuple[str, Text] | None:
        """``(op, operand)`` where the store may be printed as ``A[x] op= operand``."""
        dtype = node.array.field_type(node.path)
        found = reduction_of(node)
        if found is None:
            return None
        op, operand = found
        if isinstance(dtype, Float):
            native = dtype in (float32, float64) and op in {"+", "-", "*", "/"} and operand.dtype == dtype
            return (op, self.expressions.floating(operand)) if native else None
        integer = isinstance(dtype, Integer | Index) and as_integer(operand.dtype) is not None
        if not integer or dtype.bits not in (8, 16, 32, 64) or op not in {"+", "-", "*", "&", "|", "^"}:
            return None
        piece = self.expressions.printer.emit(self.expressions.number(operand), dtype.bits)
        return None if piece.type.wide else (op, piece.text)

    def _named_value(self, node: Store, comment: str) -> None:
        """``const T t = value;``, in the narrowest type that C computes it in."""
        array, dtype = node.array, node.array.dtype
        number = None if isinstance(dtype, Float | Struct | Boolean) else self.expressions.number(node.value)
        machine = None if number is None else machine_for(number.range)
        if number is None or machine is None or element_machine(dtype).bits <= machine.bits:
            machine = None if number is None else element_machine(dtype)
            text, type_ = self.expressions.converted(node.value), self.unit.type_name(dtype)
        else:
            printer = self.expressions.printer
            type_, text = machine.name, printer.cast_exact(printer.exact(number), machine)
        name = self.scope.name_array(array)  # not in scope before: the value may not mention itself
        self.scope.line(f"const {type_} {name} = {text.text};{comment}")
        if number is not None and machine is not None:
            self.machines.values[array] = machine
            self.scope.ranges.of_value[array] = number.range

    # Calls.

    def call(self, node: Call) -> None:
        """A call, with the checks of its views."""
        regions = [part for part in (*node.args, *node.results) if isinstance(part, Region)]
        found = [self.guards.find(part.array, part.indices, node.place, True) for part in regions]
        checks = {check.number: check for check in found if check is not None}
        if checks:
            self._when_inside(list(checks.values()), lambda: self._call(node))
        else:
            self._call(node)

    def _call(self, node: Call) -> None:
        """A call whose views are inside."""
        if not self.guards.keeps_off(node):
            self.calls.write(node)
            return
        self.scope.line(f"if ({self.guards.sound().text}) {{")
        with self.scope.deeper():
            self.calls.write(node)
        self.scope.line("}")

    def _when_inside(self, checks: Sequence[Check], write: Callable[[], None]) -> None:
        """What `write` writes, done only where the accesses are inside."""
        scope, elements = self.scope, self.expressions.elements
        known, out = elements.known, scope.out
        elements.known, scope.out = dict(known), []
        scope.names.open()
        with scope.deeper():
            found = " && ".join(elements.inside(check) for check in checks)
        before, scope.out = scope.out, out
        if before:
            scope.line("{")
            scope.depth += 1
            scope.out += before
        scope.line(f"if ({found}) {{")
        with scope.deeper():
            write()
        scope.line("}")
        if before:
            scope.depth -= 1
            scope.line("}")
        scope.names.close()
        elements.known = known


def _of_words(dtype: DType) -> bool:
    """Whether elements are structs of words."""
    return not isinstance(dtype, Float | Struct) and element_machine(dtype).wide


def _is_zero(fill: Expr) -> bool:
    return isinstance(fill, Const) and repr(fill.value) in {"0", "0.0", "False"}
