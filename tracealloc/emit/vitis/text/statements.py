"""Statements of HLS C++: declarations, fills, stores, queues and calls."""

from __future__ import annotations

from tracealloc.emit.common.scope import Scope
from tracealloc.emit.common.text import Text
from tracealloc.emit.common.walk import Where
from tracealloc.emit.vitis.text.arrays import Arrays
from tracealloc.emit.vitis.text.calls import CallPrinter
from tracealloc.emit.vitis.text.loops import Loops
from tracealloc.emit.vitis.text.nests import dimensions, element_loops
from tracealloc.emit.vitis.text.processes import Processes
from tracealloc.emit.vitis.text.unit import Unit
from tracealloc.emit.vitis.values.convert import Value
from tracealloc.emit.vitis.values.expressions import Expressions
from tracealloc.emit.vitis.values.types import INT, INT64, UINT64, carrier_of, inside
from tracealloc.trace.ir.dtype import Boolean, Fixed, Float, Index, as_integer
from tracealloc.trace.ir.expr import Load
from tracealloc.trace.ir.program import Alloc, Array, Call, Store, reduction_of

__all__ = ["Statements"]

_IN_PLACE = frozenset({"+", "-", "*", "/", "&", "|", "^"})


class Statements:
    """Writes what is no loop and no condition, of one function.

    Args:
        scope: the function. `unit`: its file.
        expressions: prints expressions.
        arrays: declares arrays.
        loops: knows whether a pipelined loop is around.
        processes: of a network, writes calls where it is simulated.
    """

    def __init__(
        self,
        scope: Scope,
        unit: Unit,
        expressions: Expressions,
        arrays: Arrays,
        loops: Loops,
        processes: Processes,
    ) -> None:
        self.scope = scope
        self.unit = unit
        self.words = unit.words
        self.expressions = expressions
        self.arrays = arrays
        self.loops = loops
        self.processes = processes

    # Arrays.

    def declares(self, array: Array) -> bool:
        """Whether an array has no name yet."""
        return not self.scope.is_named(array)

    def declare(self, array: Array) -> None:
        """Write the declaration of an array or scalar; its name is in scope already."""
        if array not in self.processes.outputs:
            self.arrays.declare(array)

    def alloc(self, node: Alloc, where: Where) -> None:
        """An array comes into being."""
        scope, array = self.scope, node.array
        if node.fill is not None and array.rank == 0 and self.declares(array):
            value = self.expressions.stored_as(node.fill, array.dtype)
            comment = scope.origin(array) or scope.comment(node.place)
            name, type_ = scope.name_array(array), self.words.type_name(array.dtype)
            scope.line(f"{type_} {name} = {value.text.text};{comment}")
            self.arrays.write_pragmas(array)
            return
        if self.declares(array):
            scope.name_array(array)
            self.declare(array)
        if node.fill is None:
            return
        name, comment = scope.array_name(array), scope.comment(node.place)
        filled = self.expressions.stored_as(node.fill, array.dtype).text.text
        if array.rank == 0:
            scope.line(f"{name} = {filled};{comment}")
            return
        element_loops(
            scope,
            array.shape,
            f"fill_{name}",
            lambda at: f"{name}{dimensions(at)} = {filled};{comment}",
            pipelined=self.loops.pipelined,
        )

    # Stores.

    def store(self, node: Store) -> None:
        """``A[i][j] = value;``, ``A[i][j] += value;``, ``q.write(value);`` or ``const T t = value;``."""
        array, comment = node.array, self.scope.comment(node.place)
        if array.kind == "stream":
            value = self.expressions.stored_as(node.value, array.dtype)
            value = self.expressions.convert.converted(value, carrier_of(array.dtype))
            target = self.expressions.elements.target(node).text
            self.scope.line(f"{target}.write({value.text.text});{comment}")
        elif not self.scope.is_named(array):
            self._named_value(node, comment)
        else:
            target = self.expressions.elements.target(node).text
            update = self._in_place(node)
            op, text = update if update is not None else ("", self._stored(node).text)
            self.scope.line(f"{target} {op}= {text.text};{comment}")

    def _named_value(self, node: Store, comment: str) -> None:
        """``const T t = value;``, in the type that C++ computes it in where that is wider."""
        array, expressions = node.array, self.expressions
        value, type_ = self._stored(node), None
        if as_integer(array.dtype) is not None and not isinstance(array.dtype, Boolean):
            found = expressions.range_of(node.value)
            self.scope.ranges.of_value[array] = found
            usual = carrier_of(array.dtype)
            odd = usual.kind == "ap" and (value.carrier.builtin or usual.width > 64)
            if isinstance(array.dtype, Index) or odd:
                narrow = (INT, INT64, UINT64)
                expressions.carriers[array] = usual = next((c for c in narrow if inside(found, c)), usual)
                type_ = "int" if usual == INT else self.words.spell(usual)
        name = self.scope.name_array(array)
        type_ = type_ or self.words.type_name(array.dtype)
        self.scope.line(f"const {type_} {name} = {value.text.text};{comment}")
        self.arrays.write_pragmas(array)

    def _stored(self, node: Store) -> Value:
        """The value of a store; the assignment itself may convert it to the element's type."""
        dtype = node.array.field_type(node.path)
        value = self.expressions.stored_as(node.value, dtype)
        if isinstance(dtype, Fixed) and value.carrier.kind == "ap":
            value = self.expressions.convert.converted(value, carrier_of(dtype))
        return value

    def _in_place(self, node: Store) -> tuple[str, Text] | None:
        """``(op, operand)`` where the store may be printed as ``A[x] op= operand``."""
        found = reduction_of(node)
        if found is None or found[0] not in _IN_PLACE:
            return None
        op, operand = found
        dtype = node.array.field_type(node.path)
        target = Load(node.array, node.indices, node.path)
        integer = as_integer(dtype)
        if integer is None:
            if op == "/" and not isinstance(dtype, Float):
                return None
            return (op, self.expressions.value(operand).text) if operand.dtype == dtype else None
        if op == "/" or as_integer(operand.dtype) is None or carrier_of(dtype).kind == "bool":
            return None
        mine, other = (
            self.expressions.value(target, integer.width),
            self.expressions.value(operand, integer.width),
        )
        ranges = self.expressions.range_of(target), self.expressions.range_of(operand)
        _, left, right = self.expressions.operators.operate(
            op, mine, other, *ranges, integer.width, keep_left=True
        )
        return (op, right) if left == mine.text else None

    # Calls.

    def call(self, node: Call) -> None:
        """A call, with copies of views that are not contiguous."""
        parts = self.scope, self.unit, self.expressions, node, self.processes
        CallPrinter(*parts, pipelined=self.loops.pipelined).emit()
