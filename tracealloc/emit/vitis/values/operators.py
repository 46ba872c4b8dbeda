"""Operators as HLS C++: exact integers although C++ promotes, and no more casts than that needs.

Every piece of text comes with its carrier (the C++ type that the text has). Where the exact result of an
operator fits the type in which C++ computes it, the text is plain (``A[i] * B[j]`` on ``int8_t``). Where
only the low bits are kept (``C[i] += A[i] * B[i]`` on ``int32_t``), it is plain too and wraps: the text is
compiled with ``-fwrapv``, everywhere. Else an operand is cast to a wider type.
"""

from __future__ import annotations

from dataclasses import replace

from tracealloc.emit.common.text import ATOM, Text, atom, call, infix, prefix, ternary
from tracealloc.emit.vitis.values.convert import Conversions, Value
from tracealloc.emit.vitis.values.operands import Operands
from tracealloc.emit.vitis.values.types import (
    BOOL,
    INT,
    INT64,
    UINT64,
    Carrier,
    carrier_of,
    common,
    grown,
    inside,
    promoted,
)
from tracealloc.trace.ir.dtype import (
    Boolean,
    DType,
    Fixed,
    Float,
    Index,
    Integer,
    as_fixed,
    as_integer,
    bfloat16,
    boolean,
    float16,
    float32,
    index,
    union_type,
)
from tracealloc.trace.ir.expr import (
    Binary,
    Compare,
    Expr,
    Select,
    Unary,
)
from tracealloc.trace.ir.interval_rules import Range, binary_range
from tracealloc.trace.queries.affine import constant, expression, linear
from tracealloc.trace.queries.intervals import type_range

__all__ = ["Operators"]

_RING = frozenset({"+", "-", "*"})
_BITWISE = frozenset({"&", "|", "^"})


class Operators:
    """Prints operators; `values` prints operands, `convert` converts them."""

    def __init__(self, values: Operands, convert: Conversions) -> None:
        self.values = values
        self.convert = convert
        self.words = convert.words
        self.converted, self.helper = convert.converted, convert.helper

    def unary(self, expr: Unary, low: int | None) -> Value:
        """``- ~ not abs``"""
        if expr.op == "not":
            return Value(prefix("!", self.values.value(expr.operand).text), BOOL)
        if expr.op == "abs":
            return self._abs(expr)
        operand = self.values.value(expr.operand, low)
        carrier = operand.carrier
        if carrier.kind in ("float", "fixed"):
            if carrier.kind == "fixed":
                return self._fixed_unary(expr, operand)
            return Value(prefix(expr.op, operand.text), carrier)
        if expr.op == "~" and isinstance(expr.operand.dtype, Boolean):
            return Value(prefix("!", operand.text), BOOL)
        if expr.op == "~":
            return self.converted(Value(prefix("~", operand.text), promoted(carrier)), carrier_of(expr.type))
        if carrier.kind == "ap":
            return Value(prefix("-", operand.text), grown("-", Carrier("ap", Integer(1, False)), carrier))
        zero = Value(atom("0"), INT)
        least, greatest = self.values.range_of(expr.operand)
        found, _, right = self.operate("-", zero, operand, (0, 0), (least, greatest), low, keep_left=True)
        if found.carrier.kind == "ap":
            wide = self.converted(operand, Carrier("ap", _ap_type(carrier)))
            return Value(prefix("-", wide.text), grown("-", Carrier("ap", Integer(1, False)), wide.carrier))
        return Value(prefix("-", right), found.carrier, found.wraps)

    def _fixed_unary(self, expr: Unary, operand: Value) -> Value:
        target = carrier_of(expr.type)
        if expr.op == "~":
            return self.converted(Value(prefix("~", operand.text), operand.carrier), target)
        wide = self.converted(operand, target) if operand.carrier != target else operand
        return self.convert.wrapped(target, prefix("-", wide.text))

    def _abs(self, expr: Unary) -> Value:
        operand = self.values.value(expr.operand)
        target = carrier_of(expr.type)
        if target.kind == "float":
            if expr.type in (float16, bfloat16):
                return Value(self.helper("absolute", operand.text), target)
            self.words.helpers.add("math")
            return Value(call("math::fabs", operand.text), target)
        wide = self.converted(operand, INT64 if target.builtin and target.width == 64 else target)
        if operand.carrier.builtin and target.builtin and target.width < 32:
            wide = operand
        zero = self.convert.zero(expr.operand.dtype)
        if wide.simple:
            minus = Value(prefix("-", wide.text), promoted(wide.carrier) if target.builtin else target)
            text = ternary(infix("<", wide.text, zero), self.converted(minus, target).text, wide.text)
            return Value(text, target)
        return self.converted(Value(self.helper("absolute", wide.text), wide.carrier), target)

    def binary(self, expr: Binary, low: int | None) -> Value:
        """An arithmetic operator; `low` bits of the result are kept."""
        op = expr.op
        if op in ("min", "max"):
            return self._extreme(expr)
        if as_integer(expr.type) is None:
            return self._real(expr)
        if op in ("//", "%"):
            return self._moved_up(expr) or self._floored(expr)
        if op in ("<<", ">>"):
            return self._shift(expr, low)
        keep = low if op in _RING | _BITWISE else None
        left, right = self.values.value(expr.left, keep), self.values.value(expr.right, keep)
        ranges = self.values.range_of(expr.left), self.values.range_of(expr.right)
        return self.operate(op, left, right, *ranges, keep)[0]

    def operate(
        self,
        op: str,
        left: Value,
        right: Value,
        a: Range,
        b: Range,
        low: int | None,
        *,
        keep_left: bool = False,
    ) -> tuple[Value, Text, Text]:
        """``left op right`` on integers, with the texts of both operands as they were cast.

        `keep_left`: cast the right operand where either would do.
        """
        if not (left.carrier.builtin and right.carrier.builtin):
            if left.carrier.kind == "bool":
                left = self.converted(left, INT)
            if right.carrier.kind == "bool":
                right = self.converted(right, INT)
            text = infix(op, left.text, right.text)
            return Value(text, grown(op, left.carrier, right.carrier)), left.text, right.text
        target, wraps = self._target(op, left, right, a, b, low)
        if target.kind == "ap":
            left = self.converted(left, Carrier("ap", _ap_type(left.carrier)))
            text = infix(op, left.text, right.text)
            return Value(text, grown(op, left.carrier, right.carrier)), left.text, right.text
        if common(left.carrier, right.carrier) != target:
            if keep_left or (left.text.level > right.text.level and op != "*"):
                right = self.converted(right, target)
            else:
                left = self.converted(left, target)
            if common(left.carrier, right.carrier) != target:
                left, right = self.converted(left, target), self.converted(right, target)
        return Value(infix(op, left.text, right.text), target, wraps), left.text, right.text

    def _target(
        self, op: str, left: Value, right: Value, a: Range, b: Range, low: int | None
    ) -> tuple[Carrier, bool]:
        """The type in which to compute, and whether the result is right in its low bits only."""
        usual = common(left.carrier, right.carrier)
        wraps = left.wraps or right.wraps
        result = binary_range(op, a, b)
        assert result is not None
        if not wraps and all(inside(values, usual) for values in (a, b, result)):
            return usual, False
        if low is not None and low <= 64:
            return (usual if usual.width >= low else INT64), True
        for candidate in (INT64, UINT64):
            if all(inside(values, candidate) for values in (a, b, result)):
                return candidate, False
        return Carrier("ap", Integer(1, False)), False

    def _moved_up(self, expr: Binary) -> Value | None:
        """``(i - 14) % 28`` as ``(i + 14) % 28``: no correction for a dividend that is negative."""
        form = linear(expr.left) if isinstance(expr.type, Index) else None
        (low, high), (by, same) = self.values.range_of(expr.left), self.values.range_of(expr.right)
        if form is None or by != same or by < 1 or by & (by - 1) == 0 or not -(1 << 20) < low < 0:
            return None
        count = -(low // by)
        moved = Binary(
            expr.op, expression(replace(form, constant=form.constant + count * by)), expr.right, index
        )
        if high + count * by >= 1 << 31:
            return None
        return self.values.value(moved if expr.op == "%" else Binary("-", moved, constant(count), index))

    def _floored(self, expr: Binary) -> Value:
        a, b = self.values.range_of(expr.left), self.values.range_of(expr.right)
        power = b[0] == b[1] and 0 < b[0] <= 1 << 31 and b[0] & (b[0] - 1) == 0 and a[0] < 0
        bits = b[0].bit_length() - 1
        left = self.values.value(expr.left, max(bits, 1) if power and expr.op == "%" else None)
        right = self.values.value(expr.right)
        if left.carrier.builtin and right.carrier.builtin:
            if power:
                # Of a power of two the floored forms are a shift and a mask, whatever the sign.
                op, by = (">>", bits) if expr.op == "//" else ("&", b[0] - 1)
                return Value(infix(op, left.text, atom(str(by))), promoted(left.carrier))
            if a[0] >= 0 and b[0] > 0:
                target = common(left.carrier, right.carrier)
                if not (inside(a, target) and inside(b, target)):
                    left, right, target = *(self.converted(v, UINT64) for v in (left, right)), UINT64
                return Value(infix("/" if expr.op == "//" else "%", left.text, right.text), target)
        found = self._floored_helper(expr, left, right, a, b)
        if expr.op == "%" and b[0] <= 0 <= b[1]:
            return self.converted(found, carrier_of(expr.type))
        return found

    def _floored_helper(self, expr: Binary, left: Value, right: Value, a: Range, b: Range) -> Value:
        # One type that holds both operands, the negated quotient and the remainder.
        name = "floor_div" if expr.op == "//" else "floor_mod"
        low, high = min(a[0], b[0], -a[1] - 1, -b[1] - 1), max(a[1], b[1], -a[0], -b[0])
        target = next((c for c in (INT, INT64) if inside((low, high), c)), None)
        if target is None:
            width = max(low.bit_length(), high.bit_length()) + 1
            target = Carrier("ap", Integer(width, True))
            name += "_wide" if width > 64 else ""
        return Value(self.helper(name, left.text, right.text, of=self.words.spell(target)), target)

    def _shift(self, expr: Binary, low: int | None) -> Value:
        left, right = self.values.value(expr.left), self.values.value(expr.right)
        a, b = self.values.range_of(expr.left), self.values.range_of(expr.right)
        target, limits = carrier_of(expr.type), type_range(expr.type)
        builtin = left.carrier.kind == "native" and target.builtin
        if builtin and b[0] >= 0 and expr.op == ">>" and b[1] < max(32, left.carrier.width):
            return Value(infix(">>", left.text, right.text), promoted(left.carrier))
        if builtin and b[0] >= 0 and expr.op == "<<" and b[1] < max(32, target.width):
            if promoted(left.carrier).width < target.width:
                left = self.converted(left, INT64)
            wide = promoted(left.carrier)
            plain = Value(infix("<<", left.text, right.text), wide, True)
            ends = [x << n for x in a for n in b]
            if all(inside((x, x), wide) and limits[0] <= x <= limits[1] for x in ends):
                return plain._replace(wraps=False)
            if low is not None and low <= target.width:
                return plain
            return self.converted(plain, target)
        name = "shift_left" if expr.op == "<<" else "shift_right"
        count = right if right.carrier.builtin else self.converted(right, INT64)
        if right.carrier == UINT64 or (right.carrier.kind == "ap" and right.carrier.width > 63):
            signed = Carrier("ap", Integer(right.carrier.width + (not right.carrier.signed), True))
            count = Value(self.helper("shift_count", self.converted(right, signed).text), INT64)
        return Value(
            self.helper(name, left.text, count.text, of=f"{target.width}, {self.words.spell(target)}"),
            target,
        )

    def _real(self, expr: Binary) -> Value:
        """Floating-point and fixed-point arithmetic."""
        left, right = self.values.value(expr.left), self.values.value(expr.right)
        target = carrier_of(expr.type)
        if isinstance(expr.type, Float):
            if expr.op in ("//", "%"):
                name = "floor_div_real" if expr.op == "//" else "floor_mod_real"
                work = carrier_of(float32) if expr.type in (float16, bfloat16) else target
                operands = [self.converted(side, work).text for side in (left, right)]
                found = Value(self.helper(name, *operands, of=self.words.spell(work)), work)
                return self.converted(found, target)
            return Value(infix(expr.op, left.text, right.text), target)
        if expr.op in ("<<", ">>"):
            name = "shift_left" if expr.op == "<<" else "shift_right"
            count = self.converted(right, INT64) if right.carrier.kind == "ap" else right
            return Value(
                self.helper(name, left.text, count.text, of=f"{target.width}, {self.words.spell(target)}"),
                target,
            )
        left, right = self._as_fixed(left, expr.left), self._as_fixed(right, expr.right)
        if expr.op == "/":
            return self._fixed_quotient(expr)
        return Value(infix(expr.op, left.text, right.text), target)

    def _fixed_quotient(self, expr: Binary) -> Value:
        a, b, result = as_fixed(expr.left.dtype), as_fixed(expr.right.dtype), expr.type
        assert a is not None and b is not None and isinstance(result, Fixed)
        up = result.frac - a.frac + b.frac
        wide = max(a.width + max(up, 0), b.width + max(-up, 0), result.width) + 2
        texts = []
        for side, dtype in ((expr.left, a), (expr.right, b)):
            value = self._as_fixed(self.values.value(side), side)
            whole = self.converted(value, carrier_of(dtype)).text.at(ATOM)
            raw = Carrier("ap", Integer(dtype.width, dtype.signed))
            texts.append(self.convert.wrapped(raw, atom(f"{whole}.range()")).text)
        target = carrier_of(result)
        name = "divide_wide" if wide > 64 else "divide"
        of = f"{self.words.spell(target)}, {up}, {wide}"
        return Value(self.helper(name, *texts, of=of), target)

    def _as_fixed(self, value: Value, expr: Expr) -> Value:
        if value.carrier.kind == "fixed":
            return value
        dtype = as_fixed(expr.dtype)
        assert dtype is not None
        return self.converted(value, carrier_of(dtype))

    def _unified(self, left: Expr, right: Expr, dtype: DType) -> tuple[Value, Value, Carrier]:
        """Two operands in one C++ type that holds the values of both."""
        a, b = self.values.value(left), self.values.value(right)
        target = carrier_of(dtype)
        if a.carrier == b.carrier and a.carrier.kind != "fixed":
            return a, b, a.carrier
        if a.carrier.builtin and b.carrier.builtin:
            usual = common(a.carrier, b.carrier)
            if inside(self.values.range_of(left), usual) and inside(self.values.range_of(right), usual):
                return a, b, usual
        return self.converted(a, target), self.converted(b, target), target

    def _extreme(self, expr: Binary) -> Value:
        left, right, carrier = self._unified(expr.left, expr.right, expr.type)
        if isinstance(expr.type, Float):
            name = ("first_" if expr.type == float16 else "") + ("lesser" if expr.op == "min" else "greater")
            return Value(self.helper(name, left.text, right.text, of=self.words.spell(carrier)), carrier)
        sign = "<" if expr.op == "min" else ">"
        if left.simple and right.simple:
            return Value(ternary(infix(sign, right.text, left.text), right.text, left.text), carrier)
        name = "minimum" if expr.op == "min" else "maximum"
        return Value(self.helper(name, left.text, right.text, of=self.words.spell(carrier)), carrier)

    def select(self, expr: Select) -> Value:
        """``cond ? then : orelse``"""
        then, orelse, carrier = self._unified(expr.then, expr.orelse, expr.dtype)
        return Value(ternary(self.values.value(expr.cond).text, then.text, orelse.text), carrier)

    def compare(self, expr: Compare) -> Text:
        """``left < right``, of equal signs."""
        left, right = self.values.value(expr.left), self.values.value(expr.right)
        if left.carrier.builtin and right.carrier.builtin:
            a, b = self.values.range_of(expr.left), self.values.range_of(expr.right)
            usual = common(left.carrier, right.carrier)
            if not (inside(a, usual) and inside(b, usual)):
                if inside(a, INT64) and inside(b, INT64):
                    left, right = self.converted(left, INT64), self.converted(right, INT64)
                else:
                    left, right = self._same_sign(left, right)
        elif left.carrier.kind == "fixed" or right.carrier.kind == "fixed":
            left, right = self._same_fixed(self._as_fixed(left, expr.left), self._as_fixed(right, expr.right))
        elif left.carrier.kind == "ap" or right.carrier.kind == "ap":
            left, right = self._same_sign(left, right)
        return infix(expr.op, left.text, right.text)

    def _same_fixed(self, left: Value, right: Value) -> tuple[Value, Value]:
        """Both in one fixed-point type where only one has a sign."""
        if left.carrier.signed == right.carrier.signed:
            return left, right
        found = union_type(left.carrier.dtype, right.carrier.dtype)
        assert isinstance(found, Fixed)
        return self.converted(left, carrier_of(found)), self.converted(right, carrier_of(found))

    def _same_sign(self, left: Value, right: Value) -> tuple[Value, Value]:
        """Both in one ``ap_int`` where only one has a sign: AMD's headers compare such as unsigned."""
        if left.carrier.signed == right.carrier.signed and left.carrier.kind == right.carrier.kind:
            return left, right
        found = union_type(left.carrier.dtype, right.carrier.dtype)
        target = Carrier("ap", _ap_type(Carrier("ap", found if found is not None else boolean)))
        return self.converted(left, target), self.converted(right, target)


def _ap_type(carrier: Carrier) -> Integer:
    found = as_integer(carrier.dtype)
    assert found is not None
    return found
