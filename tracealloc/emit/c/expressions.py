"""C expressions of every element type.

How a value of each type looks in an expression: integers, fixed point (the scaled integer) and index are
C integers (see `numbers`); boolean is ``bool``; float16 and bfloat16 are C floats that hold exactly such a
value (each operation rounds); structs are C structs.
"""

from __future__ import annotations

from tracealloc.emit.c.clock import Clock
from tracealloc.emit.c.elements import Elements
from tracealloc.emit.c.fifos import Fifos
from tracealloc.emit.c.floats import Floats
from tracealloc.emit.c.guards import Guards
from tracealloc.emit.c.integers.integer_printer import Printer
from tracealloc.emit.c.integers.integers import Num, element_machine, literal, shift_left
from tracealloc.emit.c.numbers import Machines, Numbers, scale_of
from tracealloc.emit.c.unit import Unit
from tracealloc.emit.common.scope import Scope
from tracealloc.emit.common.text import (
    Text,
    atom,
    call,
    field_of,
    float_literal,
    infix,
    logical,
    prefix,
    ternary,
)
from tracealloc.trace.ir.dtype import Boolean, Float, Struct, as_fixed, bfloat16, float32
from tracealloc.trace.ir.expr import (
    Bitcast,
    Cast,
    Compare,
    Const,
    Expr,
    GetField,
    Load,
    Logical,
    MakeStruct,
    Select,
    Unary,
)

__all__ = ["Expressions"]


class Expressions:
    """Prints the expressions of one function.

    Its parts print numbers, floats, elements and queues, and ask it for their operands.

    Args:
        scope: the function. `unit`: its file.
        guards: which accesses are checked.
        machines: the types that its iterators and values have.
        clock: says when something is taken from a queue.
    """

    def __init__(self, scope: Scope, unit: Unit, guards: Guards, machines: Machines, clock: Clock) -> None:
        self.unit = unit
        self.printer = Printer(unit.helpers.add)
        self.fifos = Fifos(self, scope, unit, guards.status, clock)
        self.elements = Elements(self, scope, guards, self.fifos, self.printer)
        self._numbers = Numbers(self, scope, unit, machines, self.printer)
        self._floats = Floats(self, unit, self.printer)

    def number(self, expr: Expr) -> Num:
        """The (scaled) integer of an integer, fixed-point, index or boolean expression."""
        return self._numbers.of(expr)

    def floating(self, expr: Expr) -> Text:
        """A floating-point expression, as a C float (double for float64)."""
        return self._floats.of(expr)

    def bitcast(self, expr: Bitcast) -> Text:
        """The bits of a value as a floating-point number."""
        return self._numbers.bitcast(expr)

    def read(self, expr: Load | GetField) -> Text:
        """An element, as it is stored."""
        if isinstance(expr, Load):
            return self.elements.load(expr)
        return field_of(self.expr(expr.operand), expr.name)

    def text(self, expr: Expr) -> str:
        """Any expression, as text that stands alone."""
        return self.expr(expr).text

    def expr(self, expr: Expr) -> Text:
        """Any expression."""
        dtype = expr.dtype
        if isinstance(dtype, Boolean):
            return self.condition(expr)
        if isinstance(dtype, Float):
            return self.floating(expr)
        if isinstance(dtype, Struct):
            return self.record(expr)
        return self.printer.exact(self.number(expr)).text

    def converted(self, expr: Expr) -> Text:
        """`expr` where C itself converts to the element's type: an assignment, an argument."""
        dtype = expr.dtype
        if dtype == bfloat16:
            if isinstance(expr, Load):
                return self.read(expr)
            self.unit.helpers.add("ta_bf16")
            return call("ta_bf16_store", self.floating(expr))
        if as_fixed(dtype) is None or isinstance(dtype, Boolean):
            return self.expr(expr)
        machine = element_machine(dtype)
        number = self.number(expr)
        native = machine.bits == dtype.bits and not machine.wide
        piece = self.printer.emit(number, machine.bits) if native else self.printer.exact(number)
        if machine.wide or piece.type.wide:
            piece = self.printer.cast(piece, machine)
        return piece.text

    def subscript(self, index: Expr) -> str:
        """An index between brackets."""
        return self.elements.subscript(index)

    # Booleans.

    def condition(self, expr: Expr) -> Text:
        """A boolean expression."""
        match expr:
            case Const(value=value):
                return atom("true" if value else "false")
            case Compare(op=op, left=left, right=right):
                return self._comparison(op, left, right)
            case Logical(op=op, operands=operands):
                return logical(op, map(self.expr, operands))
            case Unary(op="not" | "~", operand=operand):
                return prefix("!", self.condition(operand))
            case Select(cond=cond, then=then, orelse=orelse):
                return ternary(self.condition(cond), self.condition(then), self.condition(orelse))
            case Cast(operand=operand) if isinstance(operand.dtype, Float):
                return infix("!=", self.floating(operand), float_literal(0.0, float32))
            case Cast(operand=operand):
                return self.printer.compare("!=", self.number(operand), literal(0))
            case Load() | GetField():
                return self.read(expr)
            case _:
                return self.printer.compare("!=", self.number(expr), literal(0))

    def _comparison(self, op: str, left: Expr, right: Expr) -> Text:
        """``left op right``, exact for integers and fixed point of any widths."""
        if isinstance(left.dtype, Float) or isinstance(right.dtype, Float):
            return infix(op, self.floating(left), self.floating(right))
        up = max(scale_of(left.dtype), scale_of(right.dtype))
        a, b = (shift_left(self.number(side), up - scale_of(side.dtype)) for side in (left, right))
        return self.printer.compare(op, a, b)

    # Structs.

    def record(self, expr: Expr) -> Text:
        """A struct value."""
        match expr:
            case MakeStruct(values=values, type=Struct() as dtype):
                parts = ", ".join(self.converted(value).text for value in values)
                return atom(f"({self.unit.type_name(dtype)}){{{parts}}}")
            case Select(cond=cond, then=then, orelse=orelse):
                return ternary(self.condition(cond), self.record(then), self.record(orelse))
            case Load() | GetField():
                return self.read(expr)
            case _:
                raise AssertionError(f"{type(expr).__name__} of {expr.dtype}")
