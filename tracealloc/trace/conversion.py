"""Contents of a table in another element type, each element converted as a store converts it."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any, assert_never

from tracealloc.trace.dtype import Boolean, DType, Fixed, Float, Index, Integer, Struct, as_fixed

if TYPE_CHECKING:
    import numpy as np

__all__ = ["converted"]

_DOUBLE = 53
"""Bits of a double's significand; fixed point made of a float has one more for the sign."""


def converted(data: np.ndarray, source: DType, target: DType, container: Any) -> np.ndarray:
    """Elements of `source` as elements of `target`, in an array of `container` (fixed point: scaled)."""
    import numpy as np

    found = np.empty(data.shape, object)
    for position, value in np.ndenumerate(data):
        found[position] = _converted(value, source, target)
    if isinstance(target, Float):
        return _floats(found, target, container)
    return found.astype(container)


def _converted(value: Any, source: DType, target: DType) -> Any:
    match target:
        case Boolean():
            return bool(value != 0)
        case Float():
            return float(value) if isinstance(source, Float) else _exact(value, source)
        case Integer() | Index():
            whole = 0 if _is_special(value, source) else math.trunc(_exact(value, source))
            return _wrapped(whole, target.bits, isinstance(target, Index) or target.signed)
        case Fixed():
            return 0 if _is_special(value, source) else _fixed(value, source, target)
        case Struct():
            raise TypeError(f"no conversion from {source} to {target}")
        case DType():
            raise TypeError(f"unknown type {target!r}")
        case _:
            assert_never(target)


def _is_special(value: Any, source: DType) -> bool:
    return isinstance(source, Float) and not math.isfinite(float(value))


def _exact(value: Any, source: DType) -> Fraction:
    if isinstance(source, Float):
        return Fraction(float(value))
    fixed = as_fixed(source)
    assert fixed is not None, source
    return Fraction(int(value)) / Fraction(2) ** fixed.frac


def _wrapped(value: int, width: int, signed: bool) -> int:
    value &= (1 << width) - 1
    return value - (1 << width) if signed and value >> (width - 1) else value


def _fixed(value: Any, source: DType, target: Fixed) -> int:
    """A number as a scaled integer, rounded and brought into range as ``ap_fixed`` does (UG1399)."""
    scaled = _exact(value, source) * Fraction(2) ** target.frac
    rounded = _rounded(scaled, target.rounding)
    low, high = (-(1 << (target.width - 1)), (1 << (target.width - 1)) - 1)
    if not target.signed:
        low, high = 0, (1 << target.width) - 1
    origin = as_fixed(source)
    symmetric = target.overflow == "SAT_SYM" and target.signed and target.width > 1
    least = low + (symmetric and (origin is None or origin.signed))
    if least <= rounded <= high:
        return rounded
    match target.overflow:
        case "WRAP":
            return _wrapped(rounded, target.width, target.signed)
        case "SAT_ZERO":
            return 0
        case "WRAP_SM" if target.signed:
            wrapped = _wrapped(rounded, target.width, True)
            return wrapped if _lowest_deleted(value, source, target) == (wrapped < 0) else ~wrapped
        case "SAT" | "SAT_SYM" | "WRAP_SM":
            return max(least, min(high, rounded))
        case _:
            assert_never(target.overflow)


def _lowest_deleted(value: Any, source: DType, target: Fixed) -> bool:
    """The lowest bit of the source above those that the target keeps, as the headers look at it."""
    if isinstance(source, Float):
        mantissa, exponent = math.frexp(float(value))
        bits, frac, width = int(math.ldexp(mantissa, _DOUBLE)), _DOUBLE - exponent, _DOUBLE + 1
    else:
        fixed = as_fixed(source)
        assert fixed is not None, source
        bits, frac, width = int(value), fixed.frac, fixed.width
    position = frac - target.frac + target.width
    return 0 <= position < width and bool(bits >> position & 1)


def _rounded(value: Fraction, rounding: str) -> int:
    floor = math.floor(value)
    rest = value - floor
    half = Fraction(1, 2)
    match rounding:
        case "TRN":
            up = False
        case "TRN_ZERO":
            up = rest > 0 and value < 0
        case "RND":
            up = rest >= half
        case "RND_ZERO":
            up = rest > half or (rest == half and value < 0)
        case "RND_INF":
            up = rest > half or (rest == half and value >= 0)
        case "RND_MIN_INF":
            up = rest > half
        case "RND_CONV":
            up = rest > half or (rest == half and floor % 2 == 1)
        case _:
            raise ValueError(rounding)
    return floor + up


def _floats(values: np.ndarray, target: Float, container: Any) -> np.ndarray:
    import numpy as np

    def number(value: float | Fraction) -> float:
        special = isinstance(value, float) and (value == 0 or not math.isfinite(value))  # -0.0 among them
        return float(value) if special else _nearest(Fraction(value), target)

    found = np.array([number(value) for value in values.ravel()], np.float64)
    return found.reshape(values.shape).astype(container)


def _nearest(value: Fraction, target: Float) -> float:
    """The nearest number of a floating-point type, ties to even; infinity beyond the greatest."""
    if value == 0:
        return 0.0
    size = abs(value)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    exponent -= Fraction(2) ** exponent > size
    bias = (1 << (target.exponent - 1)) - 1
    last = max(exponent, 1 - bias) - target.mantissa
    scaled = _rounded(value / Fraction(2) ** last, "RND_CONV")
    whole = Fraction(scaled) * Fraction(2) ** last
    if abs(whole) >= Fraction(2) ** (bias + 1):
        return math.copysign(math.inf, value)
    return float(whole)
