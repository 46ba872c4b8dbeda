"""Intervals of integer expressions: the least and greatest value that each can have."""

from __future__ import annotations

from collections.abc import Callable

from tracealloc.trace.ir.dtype import DType, Fixed, Integer, as_integer
from tracealloc.trace.ir.expr import Binary, Cast, Const, Expr, Iter, IterRef, Load, Select, Unary
from tracealloc.trace.ir.interval_rules import Range, binary_range, unary_range
from tracealloc.trace.ir.program import Array, Loop
from tracealloc.trace.queries.affine import expression, linear

__all__ = [
    "INT32",
    "INT64",
    "Ranges",
    "ZeroDivisorRanges",
    "fixed_trips",
    "is_integral",
    "span",
    "trips",
    "type_range",
    "values_between",
]

INT32 = (-(1 << 31), (1 << 31) - 1)
INT64 = (-(1 << 63), (1 << 63) - 1)


class Ranges:
    """Interval analysis: the least and greatest value that an integer expression can have."""

    def __init__(self) -> None:
        self.of_iter: dict[Iter, Range] = {}
        self.of_value: dict[Array, Range] = {}  # of named values, and of scalar arguments

    def enter(self, loop: Loop) -> Range:
        """Note the values that `loop`'s iterator takes inside its body, and return them."""
        start, stop = self.of(loop.start), self.of(loop.stop)
        found = (start[0], stop[1] - 1) if loop.step > 0 else (stop[0] + 1, start[1])
        if start[0] == start[1]:  # the last iteration, not only the bound, is known
            away = (found[1] - start[0]) if loop.step > 0 else (start[0] - found[0])
            last = start[0] + max(away, 0) // abs(loop.step) * loop.step
            found = (found[0], min(found[1], last)) if loop.step > 0 else (max(found[0], last), found[1])
        if found[0] > found[1]:  # never runs
            found = (found[0], found[0])
        self.of_iter[loop.iter] = found
        return found

    def of(self, expr: Expr) -> Range:
        """The interval of an index, integer or boolean expression (exact integers, no overflow)."""
        limits = type_range(expr.dtype)
        match expr:
            case Const(value=value):
                return int(value), int(value)
            case IterRef(iter=iter_):
                return self.of_iter.get(iter_, INT64)
            case Load(array=array):
                low, high = self.of_value.get(array, limits)
                own = array.parameter
                return (low, high) if own is None else (max(low, own.low), min(high, own.high))
            case Cast(operand=operand) if as_integer(operand.dtype) is not None:
                found = self.of(operand)
            case Unary(op=("-" | "abs") as op, operand=operand):
                found = unary_range(op, self.of(operand))
            case Binary(op=op, left=left, right=right) if is_integral(left) and is_integral(right):
                known = binary_range(op, self.of(left), self.of(right))
                if known is None:
                    return limits
                found = known
            case Select(then=then, orelse=orelse):
                a, b = self.of(then), self.of(orelse)
                found = (min(a[0], b[0]), max(a[1], b[1]))
            case _:
                return limits
        return found if limits[0] <= found[0] and found[1] <= limits[1] else limits


def is_integral(expr: Expr) -> bool:
    """Whether an expression is a whole number."""
    return as_integer(expr.dtype) is not None


def type_range(dtype: DType) -> Range:
    """The least and greatest value of an integer type (of the scaled integer, for fixed point)."""
    if isinstance(dtype, Fixed):
        dtype = Integer(dtype.width, dtype.signed)
    integer = as_integer(dtype)
    return (integer.low, integer.high) if integer is not None else INT64


class ZeroDivisorRanges(Ranges):
    """Interval analysis that knows what a remainder by zero is: the dividend."""

    def of(self, expr: Expr) -> Range:
        if isinstance(expr, Binary) and expr.op == "%":
            low, high = self.of(expr.right)
            if low <= 0 <= high:
                return type_range(expr.type)
        return super().of(expr)


def values_between(start: Expr, stop: Expr, step: int, bound: Callable[[Expr], Range | None]) -> Range | None:
    """The least value of a loop's iterator and one past the greatest; `bound` gives the ranges of its bounds.

    None: one of these is not known. Where the loop may not run at all, the second may be below the first.
    """
    first, last = bound(start), bound(stop)
    if first is None or last is None:
        return None
    return (first[0], last[1]) if step > 0 else (last[0] + 1, first[1] + 1)


def fixed_trips(loop: Loop) -> int | None:
    """How often a loop runs each time that it is reached; None: that varies."""
    start, stop = linear(loop.start), linear(loop.stop)
    if start is None or stop is None or start.terms or stop.terms:
        return None
    return max(0, -((start.constant - stop.constant) // loop.step))


def trips(loop: Loop, ranges: Ranges) -> Range | None:
    """How often a loop runs, at least and at most; None where only the type of a bound limits it."""
    low, high = span(*((loop.start, loop.stop) if loop.step > 0 else (loop.stop, loop.start)), ranges)
    step = abs(loop.step)
    known = linear(loop.start) is not None and linear(loop.stop) is not None
    if high >= (1 << 31 if known else 1 << 15):
        return None
    return max(0, -(-low // step)), max(0, -(-high // step))


def span(start: Expr, stop: Expr, ranges: Ranges) -> Range:
    """The range of ``stop - start``; what both share cancels in each branch of a minimum."""
    for end, op in ((stop, "min"), (start, "max")):
        if isinstance(end, Binary) and end.op == op:
            sides = (end.left, end.right)
            spans = [span(start, s, ranges) if end is stop else span(s, stop, ranges) for s in sides]
            return min(each[0] for each in spans), min(each[1] for each in spans)
    first, last = linear(start), linear(stop)
    if first is not None and last is not None:
        return ranges.of(expression(last.plus(first, -1)))
    a, b = ranges.of(start), ranges.of(stop)
    return b[0] - a[1], b[1] - a[0]
