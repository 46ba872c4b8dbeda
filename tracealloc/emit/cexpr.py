"""Expressions as C or C++ text: precedences, literals, ranges of index expressions, and the base printer.

`ExprPrinter` prints what C and C++ have in common: index arithmetic, floating point, loads, conditions.
A back end overrides the methods of the types that it stores differently.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tracealloc.emit.names import member
from tracealloc.trace.dtype import DType, Fixed, Float, Index, Integer, as_integer, float32, float64
from tracealloc.trace.expr import (
    Binary,
    Bitcast,
    Bits,
    Cast,
    Compare,
    Const,
    Expr,
    GetField,
    Intrinsic,
    Iter,
    IterRef,
    Load,
    Logical,
    MakeStruct,
    Select,
    SetBits,
    Unary,
)
from tracealloc.trace.program import Array, Loop

__all__ = [
    "ExprPrinter",
    "Range",
    "Ranges",
    "Text",
    "atom",
    "call",
    "float_literal",
    "infix",
    "prefix",
    "ternary",
    "INT32",
]

# C's precedence levels, tightest first.
ATOM, UNARY, MUL, ADD, SHIFT, ORDER, EQUAL, BITAND, BITXOR, BITOR, AND, OR, TERNARY = range(16, 3, -1)
_LEVELS = {
    "*": MUL, "/": MUL, "%": MUL, "+": ADD, "-": ADD, "<<": SHIFT, ">>": SHIFT,
    "<": ORDER, "<=": ORDER, ">": ORDER, ">=": ORDER, "==": EQUAL, "!=": EQUAL,
    "&": BITAND, "^": BITXOR, "|": BITOR, "&&": AND, "||": OR,
}  # fmt: skip
# Levels at which a reader (and gcc -Wall) wants parentheses although the grammar does not.
_CAREFUL = {SHIFT, BITAND, BITXOR, BITOR}

INT32 = (-(1 << 31), (1 << 31) - 1)
INT64 = (-(1 << 63), (1 << 63) - 1)


class Text(NamedTuple):
    """A piece of an expression and the precedence of its outermost operator."""

    text: str
    level: int = ATOM

    def at(self, level: int) -> str:
        """The text, in parentheses unless it binds at least as tightly as `level`."""
        return self.text if self.level >= level else f"({self.text})"


def atom(text: str) -> Text:
    """An identifier, a literal, a call, anything that never needs parentheses."""
    return Text(text)


def infix(op: str, left: Text, right: Text) -> Text:
    """``left op right`` with the parentheses that are needed, and those that help a reader."""
    level = _LEVELS[op]

    def side(part: Text, least: int) -> str:
        careful = part.level != ATOM and part.level != UNARY
        if careful and part.level != level and (level in _CAREFUL or part.level in _CAREFUL):
            return f"({part.text})"
        if level == OR and part.level == AND:
            return f"({part.text})"
        return part.at(least)

    right_text = side(right, level + 1)
    if op in "+-" and right_text.startswith(("-", "+")):
        right_text = f"({right_text})"
    return Text(f"{side(left, level)} {op} {right_text}", level)


def prefix(op: str, operand: Text) -> Text:
    """``-x``, ``!x``, ``(T)x``."""
    inner = operand.at(UNARY)
    if op in {"-", "+"} and inner.startswith(op):
        inner = f"({inner})"
    return Text(f"{op}{inner}", UNARY)


def ternary(cond: Text, then: Text, orelse: Text) -> Text:
    """``cond ? then : orelse``."""
    return Text(f"{cond.at(OR)} ? {then.at(OR)} : {orelse.at(OR)}", TERNARY)


def call(function: str, *args: Text) -> Text:
    """``function(args)``."""
    return Text(f"{function}({', '.join(part.text for part in args)})")


def float_literal(value: float, dtype: Float) -> Text:
    """The shortest decimal literal that gives exactly `value` in `dtype` (float32: with an ``f``)."""
    suffix = "f" if dtype.bits <= 32 else ""
    if math.isnan(value):
        return Text(f'__builtin_nan{suffix}("")')
    if math.isinf(value):
        inf = Text(f"__builtin_inf{suffix}()")
        return inf if value > 0 else prefix("-", inf)
    digits = repr(float(value)) if dtype == float64 else str(np.float32(value))
    if not any(mark in digits for mark in ".en"):
        digits += ".0"
    return Text(digits + suffix, UNARY if digits.startswith("-") else ATOM)


Range = tuple[int, int]


def _corners(values: list[int]) -> Range:
    return min(values), max(values)


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
            case Unary(op="-", operand=operand):
                low, high = self.of(operand)
                found = (-high, -low)
            case Binary(op=op, left=left, right=right) if _integral(left) and _integral(right):
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


def _integral(expr: Expr) -> bool:
    return as_integer(expr.dtype) is not None


def type_range(dtype: DType) -> Range:
    """The least and greatest value of an integer type (of the scaled integer, for fixed point)."""
    if isinstance(dtype, Fixed):
        dtype = Integer(dtype.width, dtype.signed)
    integer = as_integer(dtype)
    return (integer.low, integer.high) if integer is not None else INT64


def binary_range(op: str, a: Range, b: Range) -> Range | None:
    """The interval of ``a op b``, or None where only the type limits it."""
    match op:
        case "+":
            return a[0] + b[0], a[1] + b[1]
        case "-":
            return a[0] - b[1], a[1] - b[0]
        case "*":
            return _corners([x * y for x in a for y in b])
        case "min":
            return min(a[0], b[0]), min(a[1], b[1])
        case "max":
            return max(a[0], b[0]), max(a[1], b[1])
        case "//" if b[0] > 0 or b[1] < 0:
            return _corners([x // y for x in a for y in b])
        case "//":
            most = max(abs(a[0]), abs(a[1]), 0)
            return -most, most
        case "%" if b[0] <= 0 <= b[1]:  # x % 0 is x
            return min(b[0] + 1, 0, a[0]), max(b[1] - 1, 0, a[1])
        case "%" if b[0] >= 0:
            high = max(b[1] - 1, 0)
            return (0, min(high, a[1])) if a[0] >= 0 else (0, high)
        case "%":
            return min(b[0] + 1, 0), max(b[1] - 1, 0)
        case "&" if a[0] >= 0 or b[0] >= 0:
            return 0, min(side[1] for side in (a, b) if side[0] >= 0)
        case "|" | "^" if a[0] >= 0 and b[0] >= 0:
            return 0, (1 << max(a[1].bit_length(), b[1].bit_length())) - 1
        case "&" | "|" | "^":
            bits = max((x if x >= 0 else -x - 1).bit_length() for x in (*a, *b))
            return -(1 << bits), (1 << bits) - 1
        case _:
            return None


class ExprPrinter:
    """Prints expressions. Subclasses say how arrays, types and helpers are spelt.

    `helpers` collects the names of helper functions that were used, for the preamble.
    """

    def __init__(self) -> None:
        self.ranges = Ranges()
        self.helpers: set[str] = set()

    # What a back end must say.

    def type_name(self, dtype: DType) -> str:
        """How an element type is spelt."""
        raise NotImplementedError

    def array_name(self, array: Array) -> str:
        """The name of an array, a scalar or a value, as it is in scope here."""
        raise NotImplementedError

    def iter_name(self, iter_: Iter) -> str:
        """The name of a loop's iterator."""
        raise NotImplementedError

    # What it may say otherwise.

    def expr(self, expr: Expr) -> Text:
        """Any expression."""
        match expr:
            case Const():
                return self.const(expr)
            case IterRef(iter=iter_):
                return atom(self.iter_name(iter_))
            case Load():
                return self.load(expr)
            case Unary():
                return self.unary(expr)
            case Binary():
                return self.binary(expr)
            case Compare():
                return self.compare(expr)
            case Logical():
                return self.logical(expr)
            case Select(cond=cond, then=then, orelse=orelse):
                return ternary(self.expr(cond), self.expr(then), self.expr(orelse))
            case Cast():
                return self.cast(expr)
            case Bitcast():
                return self.bitcast(expr)
            case Bits():
                return self.bits(expr)
            case SetBits():
                return self.set_bits(expr)
            case Intrinsic():
                return self.intrinsic(expr)
            case MakeStruct():
                return self.make_struct(expr)
            case GetField(operand=operand, name=name):
                return atom(f"{self.expr(operand).at(ATOM)}.{member(name)}")
            case _:
                raise AssertionError(f"no such expression: {type(expr).__name__}")

    def text(self, expr: Expr) -> str:
        """Any expression, as text that stands alone."""
        return self.expr(expr).text

    def element(self, array: Array, indices: tuple[Expr, ...], path: tuple[str, ...] = ()) -> Text:
        """``A[i][j].x``."""
        return self.at(array, [self.subscript(index) for index in indices], path)

    def at(self, array: Array, texts: Sequence[str], path: tuple[str, ...] = ()) -> Text:
        """An element whose subscripts are printed."""
        subscripts = "".join(f"[{text}]" for text in texts)
        fields = "".join(f".{member(name)}" for name in path)
        return atom(f"{self.array_name(array)}{subscripts}{fields}")

    def subscript(self, index: Expr) -> str:
        """An index between brackets."""
        return self.text(index)

    def load(self, load: Load) -> Text:
        """An element that is read."""
        return self.element(load.array, load.indices, load.path)

    def const(self, const: Const) -> Text:
        """A literal."""
        match const.type:
            case Float() as dtype:
                return float_literal(float(const.value), dtype)
            case Index() | Integer() | Fixed():
                value = int(const.value)
                return Text(str(value), UNARY if value < 0 else ATOM)
            case _:
                return atom("true" if const.value else "false")

    def unary(self, expr: Unary) -> Text:
        """``- ~ not abs``."""
        operand = self.expr(expr.operand)
        if expr.op == "abs":
            if isinstance(expr.type, Float):
                return call("fabsf" if expr.type == float32 else "fabs", operand)
            return self.absolute(expr, operand)
        return prefix("!" if expr.op == "not" else expr.op, operand)

    def absolute(self, expr: Unary, operand: Text) -> Text:
        """``abs`` of an integer or a fixed-point number."""
        return ternary(infix("<", operand, atom("0")), prefix("-", operand), operand)

    def binary(self, expr: Binary) -> Text:
        """An arithmetic operator; index arithmetic is divided by sign here."""
        left, right = self.expr(expr.left), self.expr(expr.right)
        if expr.op in {"min", "max"}:
            return self.min_max(expr, left, right)
        if expr.op in {"//", "%"}:
            return self.floor_division(expr, left, right)
        return infix(expr.op, left, right)

    def min_max(self, expr: Binary, left: Text, right: Text) -> Text:
        """Python's rule: ``min(a, b)`` is ``b if b < a else a``."""
        return ternary(infix("<" if expr.op == "min" else ">", right, left), right, left)

    def floor_division(self, expr: Binary, left: Text, right: Text) -> Text:
        """``//`` or ``%`` of integers: C's own operator where the signs allow, else a helper."""
        if _integral(expr.left) and self.ranges.of(expr.left)[0] >= 0 and self.ranges.of(expr.right)[0] > 0:
            return infix("/" if expr.op == "//" else "%", left, right)
        return self.helper("ta_floordiv" if expr.op == "//" else "ta_floormod", left, right)

    def helper(self, name: str, *args: Text) -> Text:
        """A call of a function of the preamble."""
        self.helpers.add(name)
        return call(name, *args)

    def compare(self, expr: Compare) -> Text:
        """A comparison."""
        return infix(expr.op, self.expr(expr.left), self.expr(expr.right))

    def logical(self, expr: Logical) -> Text:
        """``&&`` or ``||``."""
        found = self.expr(expr.operands[0])
        for operand in expr.operands[1:]:
            found = infix("&&" if expr.op == "and" else "||", found, self.expr(operand))
        return found

    def cast(self, expr: Cast) -> Text:
        """A conversion by value."""
        return prefix(f"({self.type_name(expr.type)})", self.expr(expr.operand))

    def bitcast(self, expr: Bitcast) -> Text:
        """A conversion by bits."""
        raise NotImplementedError

    def bits(self, expr: Bits) -> Text:
        """A range of bits that is read."""
        raise NotImplementedError

    def set_bits(self, expr: SetBits) -> Text:
        """A value with some of its bits replaced."""
        raise NotImplementedError

    def intrinsic(self, expr: Intrinsic) -> Text:
        """A mathematical function."""
        raise NotImplementedError

    def make_struct(self, expr: MakeStruct) -> Text:
        """A record."""
        raise NotImplementedError
