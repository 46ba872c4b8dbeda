"""Affine forms of index expressions: recognise, normalise, and ask for their range.

An expression is *affine* here when isl can hold it exactly: sums of iterators times constants, floored
division and remainder by positive constants, ``min``, ``max`` and ``abs`` of such, and conditions made
of their comparisons. Integer arithmetic is exact in `trace.expr`, so widths never matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tracealloc.trace.dtype import Index, Integer, index
from tracealloc.trace.expr import (
    Binary,
    Cast,
    Compare,
    Const,
    Expr,
    Iter,
    IterRef,
    Load,
    Logical,
    Unary,
    map_children,
)

__all__ = ["Linear", "constant", "expression", "is_affine", "linear", "range_of", "simplify"]


@dataclass(frozen=True, slots=True)
class Linear:
    """``sum(coefficient * atom) + constant``; an atom is an iterator, ``//``, ``%``, ``min``, ``max``, ``abs``."""

    terms: tuple[tuple[Expr, int], ...]
    constant: int

    def plus(self, other: Linear, factor: int = 1) -> Linear:
        """``self + factor * other``."""
        terms = dict(self.terms)
        for atom, coefficient in other.terms:
            terms[atom] = terms.get(atom, 0) + factor * coefficient
        kept = tuple((atom, coefficient) for atom, coefficient in terms.items() if coefficient)
        return Linear(kept, self.constant + factor * other.constant)

    def times(self, factor: int) -> Linear:
        """``factor * self``."""
        return Linear((), 0).plus(self, factor)


def constant(value: int) -> Const:
    """An index constant."""
    return Const(value, index)


def linear(expr: Expr) -> Linear | None:
    """The linear form of an affine expression over iterators, or None."""
    match expr:
        case Const(value=value, type=Integer() | Index()):
            return Linear((), int(value))
        case IterRef():
            return Linear(((expr, 1),), 0)
        case Unary(op="-", operand=operand):
            inner = linear(operand)
            return None if inner is None else inner.times(-1)
        case Unary(op="abs", operand=operand):
            inner = linear(operand)
            return None if inner is None else _atom_abs(inner)
        case Cast(operand=operand, type=Index()) if isinstance(operand.dtype, Index | Integer):
            return linear(operand)
        case Binary(op=op, left=left, right=right, type=Integer() | Index()):
            a, b = linear(left), linear(right)
            return None if a is None or b is None else _combine(op, a, b)
        case _:
            return None


def _combine(op: str, a: Linear, b: Linear) -> Linear | None:
    match op:
        case "+":
            return a.plus(b)
        case "-":
            return a.plus(b, -1)
        case "*" if not b.terms:
            return a.times(b.constant)
        case "*" if not a.terms:
            return b.times(a.constant)
        case "//" if not b.terms and b.constant > 0:
            return _divide(a, b.constant)
        case "%" if not b.terms and b.constant > 0:
            # a % n == a - n * (a // n), but the remainder itself prints better.
            return _remainder(a, b.constant)
        case "<<" if not b.terms and 0 <= b.constant < 63:
            return a.times(1 << b.constant)
        case "min" | "max":
            return _extreme(op, a, b)
        case _:
            return None


def _extreme(op: str, a: Linear, b: Linear) -> Linear:
    difference = a.plus(b, -1)
    if not difference.terms:
        return a if (difference.constant <= 0) == (op == "min") else b
    return Linear(((Binary(op, expression(a), expression(b), index), 1),), 0)


def _atom_abs(a: Linear) -> Linear:
    if not a.terms:
        return Linear((), abs(a.constant))
    return Linear(((Unary("abs", expression(a), index), 1),), 0)


def _split(a: Linear, n: int) -> tuple[Linear, Linear]:
    """``a == n * first + second``, with everything divisible by `n` in `first`."""
    whole = Linear(tuple((t, c // n) for t, c in a.terms if c % n == 0), a.constant // n)
    return whole, a.plus(whole, -n)


def _divide(a: Linear, n: int) -> Linear:
    if n == 1:
        return a
    whole, rest = _split(a, n)
    if not rest.terms:
        return whole
    atom = Binary("//", expression(rest), constant(n), index)
    return whole.plus(Linear(((atom, 1),), 0))


def _remainder(a: Linear, n: int) -> Linear:
    _, rest = _split(a, n)
    if not rest.terms:
        return Linear((), rest.constant % n)
    return Linear(((Binary("%", expression(rest), constant(n), index), 1),), 0)


def expression(form: Linear) -> Expr:
    """The index expression of a linear form, positive terms first."""
    result: Expr | None = None
    for atom, coefficient in sorted(form.terms, key=lambda term: term[1] < 0):
        size = abs(coefficient)
        part: Expr = atom if size == 1 else Binary("*", constant(size), atom, index)
        if result is None:
            result = part if coefficient > 0 else _negated(atom, size)
        else:
            result = Binary("+" if coefficient > 0 else "-", result, part, index)
    if result is None:
        return constant(form.constant)
    if form.constant:
        op = "+" if form.constant > 0 else "-"
        return Binary(op, result, constant(abs(form.constant)), index)
    return result


def _negated(atom: Expr, size: int) -> Expr:
    if size == 1:
        return Unary("-", atom, index)
    return Binary("*", constant(-size), atom, index)


def simplify(expr: Expr) -> Expr:
    """`expr` with every index subexpression in its normal form."""
    if isinstance(expr.dtype, Index) and not isinstance(expr, IterRef | Const | Load):
        form = linear(expr)
        if form is not None:
            return expression(form)
    return map_children(expr, simplify)


def is_affine(expr: Expr) -> bool:
    """Whether an index expression or a condition is affine over iterators."""
    match expr:
        case Compare(op=op, left=left, right=right):
            return op != "/" and linear(left) is not None and linear(right) is not None
        case Logical(operands=operands):
            return all(is_affine(operand) for operand in operands)
        case Unary(op="not", operand=operand):
            return is_affine(operand)
        case Const(value=bool()):
            return True
        case _:
            return linear(expr) is not None


def range_of(expr: Expr, ranges: Mapping[Iter, tuple[int, int]]) -> tuple[int, int] | None:
    """Bounds (least, greatest) of an affine expression where its iterators lie in `ranges`."""
    form = linear(expr)
    if form is None:
        return None
    low = high = form.constant
    for atom, coefficient in form.terms:
        bounds = _atom_range(atom, ranges)
        if bounds is None:
            return None
        ends = (coefficient * bounds[0], coefficient * bounds[1])
        low, high = low + min(ends), high + max(ends)
    return low, high


def _atom_range(atom: Expr, ranges: Mapping[Iter, tuple[int, int]]) -> tuple[int, int] | None:
    match atom:
        case IterRef(iter=it):
            return ranges.get(it)
        case Binary(op="%", right=Const(value=n), left=left):
            inner = range_of(left, ranges)
            if inner is not None and inner[0] // int(n) == inner[1] // int(n):
                return inner[0] % int(n), inner[1] % int(n)
            return 0, int(n) - 1
        case Binary(op="//", left=left, right=Const(value=n)):
            inner = range_of(left, ranges)
            return None if inner is None else (inner[0] // int(n), inner[1] // int(n))
        case Binary(op=("min" | "max") as op, left=left, right=right):
            a, b = range_of(left, ranges), range_of(right, ranges)
            if a is None or b is None:
                return None
            pick = min if op == "min" else max
            return pick(a[0], b[0]), pick(a[1], b[1])
        case Unary(op="abs", operand=operand):
            inner = range_of(operand, ranges)
            if inner is None:
                return None
            ends = (abs(inner[0]), abs(inner[1]))
            return (0 if inner[0] <= 0 <= inner[1] else min(ends)), max(ends)
        case _:
            return None
