"""Expressions as C or C++ text: precedences, literals, and the base printer.

`ExprPrinter` prints what C and C++ have in common: index arithmetic, floating point, loads, conditions.
A back end overrides the methods of the types that it stores differently.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tracealloc.emit.common.names import member
from tracealloc.trace.ir.dtype import DType, Fixed, Float, Index, Integer, float32, float64
from tracealloc.trace.ir.expr import (
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
from tracealloc.trace.ir.intervals import Ranges, is_integral
from tracealloc.trace.ir.program import Array

__all__ = [
    "ExprPrinter",
    "Text",
    "atom",
    "call",
    "float_literal",
    "infix",
    "prefix",
    "ternary",
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
        if is_integral(expr.left) and self.ranges.of(expr.left)[0] >= 0 and self.ranges.of(expr.right)[0] > 0:
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
