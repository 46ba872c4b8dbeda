"""Pieces of expressions as C or C++ text: precedences, operators, literals, elements."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import reduce
from typing import NamedTuple

import numpy as np

from tracealloc.emit.common.names import member
from tracealloc.trace.ir.dtype import Float, float64

__all__ = [
    "Text",
    "atom",
    "call",
    "element",
    "field_of",
    "float_literal",
    "infix",
    "logical",
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


def logical(op: str, operands: Iterable[Text]) -> Text:
    """Operands joined by ``&&`` (`op` is ``and``) or ``||``."""
    return reduce(lambda left, right: infix("&&" if op == "and" else "||", left, right), operands)


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


def element(name: str, subscripts: Iterable[str], path: tuple[str, ...] = ()) -> Text:
    """``A[i][j].x``: an element of an array, or a field of one."""
    inside = "".join(f"[{text}]" for text in subscripts)
    return atom(f"{name}{inside}{''.join(f'.{member(field)}' for field in path)}")


def field_of(operand: Text, name: str) -> Text:
    """``p.x``"""
    return atom(f"{operand.at(ATOM)}.{member(name)}")
