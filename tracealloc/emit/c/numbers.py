"""Integers and fixed point in C: the tree of an expression's exact value.

Fixed point is its scaled integer; index and boolean are integers too.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tracealloc.emit.c.integers.fixed import overflowed, quantised, rounded
from tracealloc.emit.c.integers.helpers import Wide
from tracealloc.emit.c.integers.integer_printer import Printer, let
from tracealloc.emit.c.integers.integers import (
    INT,
    Machine,
    Num,
    arith,
    choose,
    element_machine,
    invert,
    leaf,
    literal,
    shift_left,
    shift_right,
    variable_shift,
    wrap,
)
from tracealloc.emit.c.operands import Operands
from tracealloc.emit.c.unit import Unit
from tracealloc.emit.common.scope import Scope
from tracealloc.emit.common.text import Text, atom, call
from tracealloc.trace.ir.dtype import Boolean, DType, Fixed, Float, as_fixed, bfloat16
from tracealloc.trace.ir.expr import (
    Binary,
    Bitcast,
    Bits,
    Cast,
    Const,
    Expr,
    GetField,
    Iter,
    IterRef,
    Load,
    Select,
    SetBits,
    Unary,
)
from tracealloc.trace.ir.program import Array
from tracealloc.trace.queries.intervals import type_range

__all__ = ["Machines", "Numbers", "scale_of"]

_ROUNDINGS = ("TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV")


def _width(dtype: DType) -> tuple[int, bool]:
    fixed = as_fixed(dtype)
    assert fixed is not None, dtype
    return fixed.width, fixed.signed


def scale_of(dtype: DType) -> int:
    """The number of binary places of a type."""
    return dtype.frac if isinstance(dtype, Fixed) else 0


@dataclass
class Machines:
    """The C types of iterators, and of named values whose range tells more than their type."""

    iters: dict[Iter, Machine] = field(default_factory=dict)
    values: dict[Array, Machine] = field(default_factory=dict)


class Numbers:
    """Makes the trees of one function's expressions.

    Args:
        values: prints operands.
        scope: the function. `unit`: its file.
        machines: the types that its iterators and values have.
        printer: prints the trees.
    """

    def __init__(
        self, values: Operands, scope: Scope, unit: Unit, machines: Machines, printer: Printer
    ) -> None:
        self.values = values
        self.scope = scope
        self.unit = unit
        self.machines = machines
        self.printer = printer

    def of(self, expr: Expr) -> Num:
        """The (scaled) integer of an integer, fixed-point, index or boolean expression."""
        dtype = expr.dtype
        if isinstance(dtype, Boolean) and not isinstance(expr, Const | Binary | Bits | Bitcast):
            return leaf(self.values.condition(expr), Machine(8, False), (0, 1))
        match expr:
            case Const(value=value):
                return literal(int(value))
            case IterRef(iter=iter_):
                values = self.scope.ranges.of(expr)
                return leaf(atom(self.scope.iter_name(iter_)), self.machines.iters.get(iter_, INT), values)
            case Load(array=array) if array in self.machines.values:
                text = atom(self.scope.array_name(array))
                return leaf(text, self.machines.values[array], self.scope.ranges.of_value[array])
            case Load() | GetField():
                return leaf(self.values.read(expr), element_machine(dtype), type_range(dtype))
            case Unary():
                return self._unary_number(expr)
            case Binary():
                return self._binary_number(expr)
            case Select(cond=cond, then=then, orelse=orelse):
                return choose(self.values.condition(cond), self.of(then), self.of(orelse))
            case Cast():
                return self._cast_number(expr)
            case Bitcast(operand=operand):
                return wrap(self.raw_bits(operand), *_width(dtype))
            case Bits():
                return self._bits_number(expr)
            case SetBits():
                return self._set_bits_number(expr)
            case _:
                raise AssertionError(f"{type(expr).__name__} of {dtype}")

    def _unary_number(self, expr: Unary) -> Num:
        inner = self.of(expr.operand)
        match expr.op:
            case "-":
                found = arith("-", literal(0), inner) if inner.op == "lit" else self._negated(inner)
            case "~":
                found = invert(inner)
            case "abs":
                found = let(self.printer, inner, self._absolute)
            case _:
                raise AssertionError(expr.op)
        found = shift_left(found, max(0, scale_of(expr.type) - scale_of(expr.operand.dtype)))
        return wrap(found, *_width(expr.type))

    def _negated(self, inner: Num) -> Num:
        return arith("-", literal(0), inner)

    def _absolute(self, value: Num) -> Num:
        if value.range[0] >= 0:
            return value
        negative = self.printer.compare("<", value, literal(0))
        found = choose(negative, self._negated(value), value)
        top = max(-value.range[0], value.range[1])
        return Num(found.op, (0, top), found.args, found.text)

    def _binary_number(self, expr: Binary) -> Num:
        left, right, dtype = expr.left, expr.right, expr.type
        a, b = self.of(left), self.of(right)
        width, signed = _width(dtype)
        if expr.op in {"<<", ">>"}:
            return variable_shift(expr.op, a, b, width, signed)
        if expr.op in {"//", "%", "min", "max"} and not isinstance(dtype, Fixed):
            return wrap(arith(expr.op, a, b), width, signed)
        fa, fb = scale_of(left.dtype), scale_of(right.dtype)
        if expr.op == "/":
            up = scale_of(dtype) - fa + fb
            return wrap(arith("quot", shift_left(a, max(up, 0)), shift_left(b, max(-up, 0))), width, signed)
        if expr.op == "*":
            return self._requantised(arith("*", a, b), fa + fb, dtype)
        up = max(fa, fb)
        found = arith(expr.op, shift_left(a, up - fa), shift_left(b, up - fb))
        return self._requantised(found, up, dtype)

    def _requantised(self, num: Num, frac: int, dtype: DType) -> Num:
        if isinstance(dtype, Fixed) and frac != dtype.frac:
            return quantised(self.printer, num, frac, dtype, True)
        return wrap(num, *_width(dtype))

    def _cast_number(self, expr: Cast) -> Num:
        source, target = expr.operand.dtype, expr.type
        if isinstance(source, Float):
            return self._from_float(expr.operand, source, target)
        num = self.of(expr.operand)
        if isinstance(target, Fixed):
            return quantised(self.printer, num, scale_of(source), target, _width(source)[1])
        if isinstance(source, Fixed):
            if source.frac > 0:  # towards zero, as ap_fixed converts to ap_int
                num = let(self.printer, num, lambda x: rounded(self.printer, x, source.frac, "TRN_ZERO"))
            else:
                num = shift_left(num, -source.frac)
        return wrap(num, *_width(target))

    def _from_float(self, operand: Expr, source: Float, target: DType) -> Num:
        value = self.values.floating(operand)
        width, signed = _width(target)
        if not isinstance(target, Fixed):
            if width <= 64:
                self.unit.helpers.add("ta_int_from_double")
                found = leaf(
                    call("ta_int_from_double", value), Machine(64, True), (-(1 << 63), (1 << 63) - 1)
                )
                return wrap(found, width, signed)
            return wrap(self._scaled_double(value, 0, 1, width), width, signed)
        mode = _ROUNDINGS.index(target.rounding)
        rounded = self._scaled_double(value, target.frac, mode, width)
        floor = self._scaled_double(value, target.frac, 0, width)
        return overflowed(self.printer, rounded, floor, target, True)

    def _scaled_double(self, value: Text, frac: int, mode: int, width: int) -> Num:
        args = (value, atom(str(frac)), atom(str(mode)))
        self.unit.helpers.add("ta_fixed_from_double")
        if width <= 64:
            return leaf(call("ta_fixed_from_double", *args), Machine(128, True), (-(1 << 124), 1 << 124))
        words = -(-(width + 64) // 64)
        self.unit.helpers.add(Wide(words))
        bits = 64 * words
        text = call(f"ta_w{words}_from_double", *args)
        return leaf(text, Machine(bits, True), (-(1 << (bits - 1)), (1 << (bits - 1)) - 1))

    # Bits.

    def raw_bits(self, operand: Expr) -> Num:
        """The bits of any value as a number (for a signed type, a signed one)."""
        dtype = operand.dtype
        if not isinstance(dtype, Float):
            return self.of(operand)
        machine = Machine(dtype.bits, False)
        values = (0, (1 << dtype.bits) - 1)
        if dtype == bfloat16:
            return leaf(self.values.converted(operand), machine, values)
        self.unit.helpers.add(f"ta_bits_f{dtype.bits}")
        return leaf(call(f"ta_bits_f{dtype.bits}", self.values.floating(operand)), machine, values)

    def bitcast(self, expr: Bitcast) -> Text:
        """The bits of a value as a floating-point number."""
        assert isinstance(expr.type, Float)
        bits = wrap(self.raw_bits(expr.operand), expr.type.bits, False)
        text = self.printer.exact(bits).text
        if expr.type == bfloat16:
            self.unit.helpers.add("ta_bf16")
            return call("ta_bf16_load", text)
        self.unit.helpers.add(f"ta_bits_f{expr.type.bits}")
        return call(f"ta_f{expr.type.bits}_bits", text)

    def _pattern(self, operand: Expr) -> Num:
        return wrap(self.of(operand), operand.dtype.bits, False)

    def _bits_number(self, expr: Bits) -> Num:
        width, signed = _width(expr.type)
        low = self.of(expr.low)
        source = self.of(expr.operand)
        if low.op == "lit" and low.range[0] >= 0 and low.range[0] + width <= expr.operand.dtype.bits:
            return wrap(shift_right(source, low.range[0]), width, signed)
        pattern = self._pattern(expr.operand)
        return wrap(variable_shift(">>", pattern, low, expr.operand.dtype.bits, False), width, signed)

    def _set_bits_number(self, expr: SetBits) -> Num:
        bits, signed = _width(expr.dtype)
        width = expr.value.dtype.bits
        value = wrap(self.of(expr.value), width, False)
        low = self.of(expr.low)
        mask = variable_shift("<<", wrap(literal((1 << width) - 1), bits, False), low, bits, False)
        moved = variable_shift("<<", wrap(value, bits, False), low, bits, False)
        kept = arith("&", self.of(expr.operand), wrap(invert(mask), bits, signed))
        return wrap(arith("|", kept, moved), bits, signed)
