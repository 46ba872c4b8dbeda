"""Operators on the interpreter's values, chosen by type."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from tracealloc.check.interpret.arith import conversion, integer_range, quantise, wrapping
from tracealloc.trace.ir.dtype import (
    Boolean,
    DType,
    Fixed,
    Float,
    Index,
    as_fixed,
    as_integer,
    float16,
    float32,
    float64,
    result_type,
)

__all__ = ["binary_operator", "comparison", "unary_operator"]

Operator: TypeAlias = Callable[[Any, Any], Any]

COMPARISONS: dict[str, Operator] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

_PLAIN: dict[str, Operator] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
}


def comparison(op: str, left: DType, right: DType) -> Operator:
    """The function that compares values of two types, exactly."""
    compare = COMPARISONS[op]
    if isinstance(left, Float) and isinstance(right, Float):
        return lambda a, b: bool(compare(a, b))
    fix_a, fix_b = as_fixed(left), as_fixed(right)
    if fix_a is None or fix_b is None:
        raise TypeError(f"cannot compare {left} with {right}")
    frac = max(fix_a.frac, fix_b.frac)
    up_a, up_b = frac - fix_a.frac, frac - fix_b.frac
    if up_a == up_b:
        return compare
    return lambda a, b: compare(a << up_a, b << up_b)


def binary_operator(op: str, left: DType, right: DType, result: DType) -> Operator:
    """The function that computes ``left op right`` in the type `result`."""
    if isinstance(result, Float):
        if op in ("min", "max") or left == right == result:
            return _float_operator(op, result)
        raise TypeError(f"operands of {op} are {left} and {right}, the result {result}")
    if isinstance(left, Fixed) or isinstance(right, Fixed) or isinstance(result, Fixed):
        return _fixed_operator(op, left, right, result)
    return _integer_operator(op, left, right, result)


def _float_operator(op: str, dtype: Float) -> Operator:
    match op:
        case "+" | "-" | "*":
            return _PLAIN[op]
        case "/":
            return _divide_double if dtype == float64 else operator.truediv
        case "//" | "%":
            return _floored(op, dtype)
        case "min" | "max":
            return _numpys_extreme(op, dtype)
        case _:
            raise TypeError(f"no operator {op} on {dtype}")


def _numpys_extreme(op: str, dtype: Float) -> Operator:
    """The lesser or the greater as NumPy has it: a NaN from either side.

    Of two that are equal (zeros of either sign) the second, of float16 the first.
    """
    ahead: Operator = operator.lt if op == "min" else operator.gt
    if dtype == float16:
        ahead = operator.le if op == "min" else operator.ge
    return lambda a, b: a if a != a or ahead(a, b) else b


def minimum(a: Any, b: Any) -> Any:
    """The lesser of two integers, as they are represented."""
    return b if b < a else a


def maximum(a: Any, b: Any) -> Any:
    """The greater of two integers, as they are represented."""
    return b if b > a else a


def _divide_double(a: float, b: float) -> float:
    if b != 0.0:
        return a / b
    if a == 0.0 or math.isnan(a):
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


def _floored(op: str, dtype: Float) -> Operator:
    """``//`` or ``%`` as NumPy computes them; the narrow types in float32, then rounded once."""
    divide: Any = np.floor_divide if op == "//" else np.remainder
    if dtype == float64:
        return lambda a, b: float(divide(np.float64(a), np.float64(b)))
    if dtype == float32:
        return lambda a, b: divide(a, b)
    narrow = conversion(float32, dtype)
    assert narrow is not None
    return lambda a, b: narrow(divide(np.float32(a), np.float32(b)))


def _integer_operator(op: str, left: DType, right: DType, result: DType) -> Operator:
    apply = _exact_operator(op)
    exact = result_type(op, left, right) if op in _EXACT else None
    if exact is None or not _within(exact, result):
        to_bool = isinstance(result, Boolean)
        assert as_integer(result) is not None, (op, result)
        wrap = wrapping(result)  # type: ignore[arg-type]
        if op in ("min", "max") and _within(left, result) and _within(right, result):
            return apply
        if to_bool:
            return lambda a, b: bool(wrap(apply(a, b)))
        return lambda a, b: wrap(apply(a, b))
    return apply


# Operators whose result type holds every result, so that nothing has to be wrapped.
# (``x % 0`` is x, which may be wider than the divisor.)
_EXACT = frozenset({"+", "-", "*", "//", "&", "|", "^"})


def _within(inner: DType, outer: DType) -> bool:
    if isinstance(inner, Boolean) != isinstance(outer, Boolean):
        return False
    if isinstance(inner, Index) and isinstance(outer, Index):
        # Address arithmetic is kept within 64 bits by bounds, not by wrapping.
        return True
    low, high = integer_range(inner)
    least, greatest = integer_range(outer)
    return least <= low and high <= greatest


def _exact_operator(op: str) -> Operator:
    plain = _PLAIN.get(op)
    if plain is not None:
        return plain
    match op:
        case "//":
            return lambda a, b: a // b if b else 0
        case "%":
            return lambda a, b: a % b if b else a
        case "<<":
            return shift_left
        case ">>":
            return shift_right
        case "min":
            return minimum
        case "max":
            return maximum
        case _:
            raise TypeError(f"no operator {op} on integers")


_WIDEST = 1 << 14  # no value is wider: shifting further gives zero, or the sign


def shift_left(a: int, b: int) -> int:
    """``a << b``; a negative count shifts right, as in ``ap_int``. The caller wraps."""
    if b < 0:
        return shift_right(a, -b)
    return a << b if b < _WIDEST else 0


def shift_right(a: int, b: int) -> int:
    """``a >> b``, keeping the sign; a negative count shifts left. The caller wraps."""
    if b < 0:
        return shift_left(a, -b)
    return a >> min(b, _WIDEST)


def _fixed_operator(op: str, left: DType, right: DType, result: DType) -> Operator:
    a_type, b_type = as_fixed(left), as_fixed(right)
    if a_type is None or b_type is None or not isinstance(result, Fixed):
        raise TypeError(f"no operator {op} on {left} and {right} giving {result}")
    fa, fb = a_type.frac, b_type.frac
    if op in ("<<", ">>"):
        shift = shift_left if op == "<<" else shift_right
        wrap = wrapping(result)
        return lambda a, b: wrap(shift(a, b))
    if op == "/":
        up = result.frac - fa + fb
        wrap = wrapping(result)
        return lambda a, b: wrap(_truncated_quotient(a, b, up))
    apply = _exact_operator(op)
    if op == "*":
        return _requantised(apply, fa + fb, a_type.width + b_type.width, result)
    frac = max(fa, fb)
    up_a, up_b = frac - fa, frac - fb
    if up_a or up_b:
        aligned: Operator = lambda a, b: apply(a << up_a, b << up_b)  # noqa: E731
    else:
        aligned = apply
    return _requantised(aligned, frac, max(a_type.width + up_a, b_type.width + up_b) + 2, result)


def _requantised(apply: Operator, frac: int, width: int, result: Fixed) -> Operator:
    if frac == result.frac and width <= result.width + 1:
        return apply  # the type that result_type gives: it holds every result
    return lambda a, b: quantise(apply(a, b), frac, width, True, result)


def _truncated_quotient(a: int, b: int, up: int) -> int:
    if b == 0:
        return 0
    top, bottom = (a << up, b) if up >= 0 else (a, b << -up)
    quotient = abs(top) // abs(bottom)
    return quotient if (top < 0) == (bottom < 0) else -quotient


_UNARY: dict[str, Callable[[Any], Any]] = {"-": operator.neg, "~": operator.invert, "abs": abs}


def unary_operator(op: str, operand: DType, result: DType) -> Callable[[Any], Any]:
    """The function that computes ``- ~ not abs`` of a value in the type `result`."""
    if op == "not":
        return operator.not_
    apply = _UNARY[op]
    if isinstance(result, Float):
        return apply
    if isinstance(operand, Boolean) and op == "~" and isinstance(result, Boolean):
        return operator.not_
    shift = 0
    if isinstance(result, Fixed):
        source = as_fixed(operand)
        assert source is not None
        shift = result.frac - source.frac
    wrap = wrapping(result)  # type: ignore[arg-type]
    if shift > 0:
        return lambda value: wrap(apply(value) << shift)
    return lambda value: wrap(apply(int(value)))
