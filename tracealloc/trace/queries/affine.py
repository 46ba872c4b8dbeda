"""Affine forms of index expressions: recognise, normalise, and ask for their range.

An expression is *affine* here when isl can hold it exactly: sums of iterators and parameters (integer
arguments that nothing writes) times constants, floored division and remainder by positive constants (also
as shifts and masks), ``min``, ``max`` and ``abs`` of such, and conditions made of their comparisons.
Integer arithmetic is exact in `trace.ir.expr`, so widths never matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tracealloc.trace.ir.dtype import Index, Integer, index
from tracealloc.trace.ir.expr import (
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
from tracealloc.trace.ir.interval_rules import Range, binary_range, unary_range

__all__ = ["Linear", "Ranges", "constant", "expression", "is_affine", "linear", "range_of", "simplify"]


Ranges: TypeAlias = Mapping[Iter, Range]
_ANY = (-(1 << 63), (1 << 63) - 1)


@dataclass(frozen=True, slots=True)
class Linear:
    """``sum(coefficient * atom) + constant``.

    An atom is an iterator, a parameter (as an index), ``//``, ``%``, ``min``, ``max`` or ``abs``.
    """

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


def linear(expr: Expr, ranges: Ranges | None = None) -> Linear | None:
    """The linear form of an affine expression over iterators, or None.

    `ranges` (least, greatest value of each iterator) decide floored divisions where they can.
    """
    if ranges is not None:
        return _linear(expr, ranges)
    known = expr.__dict__
    if "_linear" not in known:
        object.__setattr__(expr, "_linear", _linear(expr, None))
    found: Linear | None = known["_linear"]
    return found


def _linear(expr: Expr, ranges: Ranges | None) -> Linear | None:
    match expr:
        case Const(value=value, type=Integer() | Index()):
            return Linear((), int(value))
        case IterRef():
            return Linear(((expr, 1),), 0)
        case Load(array=array) if array.parameter is not None:
            return Linear(((Cast(Load(array), index), 1),), 0)
        case Unary(op="-", operand=operand):
            inner = linear(operand, ranges)
            return None if inner is None else inner.times(-1)
        case Unary(op="~", operand=operand, type=Index()):
            inner = linear(operand, ranges)
            return None if inner is None else inner.times(-1).plus(Linear((), -1))
        case Unary(op="abs", operand=operand):
            inner = linear(operand, ranges)
            return None if inner is None else _atom_abs(inner)
        case Cast(operand=operand, type=Index()) if isinstance(operand.dtype, Index | Integer):
            return linear(operand, ranges)
        case Binary(op=op, left=left, right=right, type=Integer() | Index()):
            a, b = linear(left, ranges), linear(right, ranges)
            return None if a is None or b is None else _combine(op, a, b, ranges or {})
        case _:
            return None


def _combine(op: str, a: Linear, b: Linear, ranges: Ranges) -> Linear | None:
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
            return _divide(a, b.constant, ranges)
        case "%" if not b.terms and b.constant > 0:
            # a % n == a - n * (a // n), but the remainder itself prints better.
            return _remainder(a, b.constant, ranges)
        case "<<" if not b.terms and 0 <= b.constant < 63:
            return a.times(1 << b.constant)
        case ">>" if not b.terms and 0 <= b.constant < 63:
            return _divide(a, 1 << b.constant, ranges)
        case "&" if not b.terms and _is_mask(b.constant):
            return _remainder(a, b.constant + 1, ranges)
        case "&" if not a.terms and _is_mask(a.constant):
            return _remainder(b, a.constant + 1, ranges)
        case "min" | "max":
            return _extreme(op, a, b, ranges)
        case _:
            return None


def _is_mask(value: int) -> bool:
    """Whether all set bits are the lowest ones, so that ``x & value`` is a remainder."""
    return value >= 0 and value & (value + 1) == 0


def _extreme(op: str, a: Linear, b: Linear, ranges: Ranges) -> Linear:
    difference = _range(a.plus(b, -1), ranges)
    if difference is not None and (difference[1] <= 0 or difference[0] >= 0):
        return a if (difference[1] <= 0) == (op == "min") else b
    return Linear(((Binary(op, expression(a), expression(b), index), 1),), 0)


def _atom_abs(a: Linear) -> Linear:
    if not a.terms:
        return Linear((), abs(a.constant))
    return Linear(((Unary("abs", expression(a), index), 1),), 0)


def _split(a: Linear, n: int) -> tuple[Linear, Linear]:
    """``a == n * first + second``, with everything divisible by `n` in `first`."""
    whole = Linear(tuple((t, c // n) for t, c in a.terms if c % n == 0), a.constant // n)
    return whole, a.plus(whole, -n)


def _quotient(rest: Linear, n: int, ranges: Ranges) -> int | None:
    """``rest // n`` where it is the same for all values in range."""
    bounds = _range(rest, ranges)
    if bounds is None or bounds[0] // n != bounds[1] // n:
        return None
    return bounds[0] // n


def _divide(a: Linear, n: int, ranges: Ranges) -> Linear:
    if n == 1:
        return a
    whole, rest = _split(a, n)
    known = _quotient(rest, n, ranges)
    if known is not None:
        return whole.plus(Linear((), known))
    atom = Binary("//", expression(rest), constant(n), index)
    return whole.plus(Linear(((atom, 1),), 0))


def _remainder(a: Linear, n: int, ranges: Ranges) -> Linear:
    _, rest = _split(a, n)
    known = _quotient(rest, n, ranges)
    if known is not None:
        return rest.plus(Linear((), -n * known))
    return Linear(((Binary("%", expression(rest), constant(n), index), 1),), 0)


def expression(form: Linear) -> Expr:
    """The index expression of a linear form, positive terms first."""
    result: Expr | None = None
    rest = form.constant
    if rest > 0 and all(coefficient < 0 for _, coefficient in form.terms):
        result, rest = constant(rest), 0  # 64 - 4 * i, not -4 * i + 64
    for atom, coefficient in sorted(form.terms, key=lambda term: term[1] < 0):
        size = abs(coefficient)
        part: Expr = atom if size == 1 else Binary("*", constant(size), atom, index)
        if result is None:
            result = part if coefficient > 0 else _negated(atom, size)
        else:
            result = Binary("+" if coefficient > 0 else "-", result, part, index)
    if result is None:
        return constant(form.constant)
    if rest:
        return Binary("+" if rest > 0 else "-", result, constant(abs(rest)), index)
    return result


def _negated(atom: Expr, size: int) -> Expr:
    if size == 1:
        return Unary("-", atom, index)
    return Binary("*", constant(-size), atom, index)


def simplify(expr: Expr, ranges: Ranges | None = None) -> Expr:
    """`expr` with every index subexpression (and comparison of such) in its normal form."""
    if isinstance(expr, IterRef | Const):
        return expr
    if isinstance(expr, Compare):
        form = linear(Binary("-", expr.left, expr.right, index), ranges)
        if form is not None and _is_index(expr.left) and _is_index(expr.right):
            return _comparison(expr.op, _tidied(form))
    if isinstance(expr.dtype, Index) and not isinstance(expr, Load):
        form = linear(expr, ranges)
        if form is not None:
            return expression(_tidied(form))
    return map_children(expr, lambda operand: simplify(operand, ranges))


def _tidied(form: Linear) -> Linear:
    """The form with floors in terms of one another, where it is shorter: ``i // 2`` and ``(i + 1) // 2``."""
    if len(form.terms) < 2 or not any(_is_division(atom) for atom, _ in form.terms):
        return form
    found = Linear((), form.constant)
    for atom, coefficient in form.terms:
        own = _canonical(atom) if _is_division(atom) else None
        found = found.plus(own or Linear(((atom, 1),), 0), coefficient)
    return found if len(found.terms) < len(form.terms) else form


def _is_division(atom: Expr) -> bool:
    return isinstance(atom, Binary) and atom.op in ("//", "%")


def _canonical(atom: Expr) -> Linear | None:
    """A quotient or remainder by way of one of all quotients that differ from it by a linear form.

    ``x // n`` with coefficients from 0 to n - 1, or ``-((n - 1 - x) // n)``, the opposite of the same.
    """
    assert isinstance(atom, Binary) and isinstance(atom.right, Const)
    inner, n = linear(atom.left), int(atom.right.value)
    if inner is None:
        return None
    ordered = sorted(inner.terms, key=lambda term: repr(term[0]))
    whole = Linear(tuple((t, c // n) for t, c in ordered if c // n), inner.constant // n)
    rest = Linear(tuple((t, c % n) for t, c in ordered if c % n), inner.constant % n)
    other = Linear(tuple((t, n - c) for t, c in rest.terms), n - 1 - rest.constant)
    if _order(other) < _order(rest):
        quotient = Linear(((Binary("//", expression(other), constant(n), index), -1),), 0)
        quotient = quotient.plus(Linear(tuple((t, 1) for t, _ in rest.terms), 0))
    else:
        quotient = Linear(((Binary("//", expression(rest), constant(n), index), 1),), 0)
    quotient = whole.plus(quotient)
    return quotient if atom.op == "//" else inner.plus(quotient, -n)


def _order(form: Linear) -> tuple[list[int], int]:
    return [coefficient for _, coefficient in form.terms], form.constant


def _is_index(expr: Expr) -> bool:
    return isinstance(expr.dtype, Index)


_MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}


def _comparison(op: str, form: Linear) -> Expr:
    """``form op 0`` with the negative terms on the right: ``i >= k`` for ``i - k >= 0``."""
    if all(coefficient < 0 for _, coefficient in form.terms):
        form, op = form.times(-1), _MIRRORED[op]
    left = Linear(tuple(t for t in form.terms if t[1] > 0), 0)
    right = Linear(tuple((a, -c) for a, c in form.terms if c < 0), -form.constant)
    if not left.terms:
        left, right = right.times(-1), left  # all constant
    return Compare(op, expression(left), expression(right))


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


def range_of(expr: Expr, ranges: Ranges) -> Range | None:
    """Bounds (least, greatest) of an affine expression where its iterators lie in `ranges`."""
    form = linear(expr)
    return None if form is None else _range(form, ranges)


def _range(form: Linear, ranges: Ranges) -> Range | None:
    low = high = form.constant
    for atom, coefficient in form.terms:
        bounds = _atom_range(atom, ranges)
        if bounds is None:
            return None
        ends = (coefficient * bounds[0], coefficient * bounds[1])
        low, high = low + min(ends), high + max(ends)
    return low, high


def _atom_range(atom: Expr, ranges: Ranges) -> Range | None:
    match atom:
        case IterRef(iter=it):
            return ranges.get(it)
        case Cast(operand=Load(array=array)) if array.parameter is not None:
            return array.parameter.low, array.parameter.high
        case Binary(op=op, left=left, right=right):
            a, b = range_of(left, ranges), range_of(right, ranges)
            if b is None or (a is None and op != "%"):
                return None
            return binary_range(op, a or _ANY, b)
        case Unary(op="abs", operand=operand):
            inner = range_of(operand, ranges)
            return None if inner is None else unary_range("abs", inner)
        case _:
            return None
