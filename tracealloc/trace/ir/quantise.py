"""The one rule by which a number becomes fixed point, and the exact value of what NumPy and Python hold.

Tables, arguments, elements of streams, fields, literals, casts of tables and data files all come here. What
runs has the rule as text (`emit.c.integers.fixed`). The checker has its own (`check.interpret.arith`), on
purpose: an oracle that shared this one would share its faults.
"""

from __future__ import annotations

import math
import numbers
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeAlias, assert_never

from tracealloc.trace.ir.dtype import Fixed, Float, Integer

if TYPE_CHECKING:
    import numpy as np

__all__ = ["fixed_text", "is_finite", "is_real", "nearest", "quantised", "quantised_one", "ratio", "value_of"]

_EXACT = 62  # bits of numbers that int64 holds with room for one more
Ints: TypeAlias = "np.ndarray[Any, Any]"


def is_real(value: object) -> bool:
    """Whether `value` is a number with an exact value: of Python, NumPy, `fractions` or `decimal`."""
    if isinstance(value, numbers.Rational | float | Decimal):
        return True
    return type(value).__module__ in ("numpy", "ml_dtypes") and _is_numpy_real(value)


def _is_numpy_real(value: Any) -> bool:
    return hasattr(value, "dtype") and value.shape == () and (value.dtype.kind in "iufb" or _narrow(value))


def _narrow(value: Any) -> bool:
    """Whether `value` is one of ml_dtypes' numbers."""
    return value.dtype.kind == "V" and value.dtype.names is None and hasattr(value, "__float__")


def is_finite(value: Any) -> bool:
    """Whether a real number is neither a NaN nor infinite."""
    return isinstance(value, numbers.Rational) or math.isfinite(value)


def ratio(value: Any) -> tuple[int, int]:
    """A finite real number as an exact quotient; the divisor is positive."""
    if isinstance(value, numbers.Rational):
        return int(value.numerator), int(value.denominator)
    if type(value).__module__ == "ml_dtypes":
        value = float(value)
    top, bottom = value.as_integer_ratio()
    return int(top), int(bottom)


def value_of(scaled: int, dtype: Fixed) -> Fraction:
    """The number that a scaled integer stands for."""
    return Fraction(scaled << max(-dtype.frac, 0), 1 << max(dtype.frac, 0))


def fixed_text(scaled: int, dtype: Fixed) -> str:
    """A fixed-point number in decimal: as a float where that is exact, else with all its digits."""
    value = value_of(scaled, dtype)
    try:
        if Fraction(float(value)) == value:
            return repr(float(value))
    except OverflowError:
        pass
    if value.denominator == 1:
        return str(value.numerator)
    whole = abs(value.numerator) * 10**dtype.frac // value.denominator
    digits = str(whole).rjust(dtype.frac + 1, "0")
    sign = "-" if value < 0 else ""
    return f"{sign}{digits[: -dtype.frac]}.{digits[-dtype.frac :]}".rstrip("0")


def quantised_one(value: Any, target: Fixed) -> int:
    """One finite real number as a scaled integer of `target`."""
    import numpy as np

    data = np.empty(1, object)
    data[0] = value
    return int(quantised(data, target)[0])


def quantised(data: np.ndarray, target: Fixed) -> Ints:
    """Finite real numbers as scaled integers of `target`, rounded and brought into range as it says.

    The result is of int64, or of Python integers where those are too small.
    """
    return _quantised(data.reshape(-1), target).reshape(data.shape)


def _quantised(data: np.ndarray, target: Fixed) -> Ints:
    import numpy as np

    floor, beyond, cut = _floored(data, target.frac)
    rounded = floor + _up(floor, beyond, cut, target.rounding)
    if target.width > _EXACT and rounded.dtype != object:
        rounded, floor = rounded.astype(object), floor.astype(object)
    box = Integer(target.width, target.signed)
    least = box.low + (target.overflow == "SAT_SYM" and target.signed and target.width > 1)
    over, under = (rounded > box.high).astype(np.bool_), (rounded < least).astype(np.bool_)
    match target.overflow:
        case "WRAP":
            return _wrapped(rounded, box)
        case "SAT_ZERO":
            return np.where(over | under, 0, rounded)
        case "WRAP_SM" if target.signed:
            # ap_fixed: where the lowest deleted bit differs from the new sign, all bits are inverted.
            wrapped = _wrapped(rounded, box)
            deleted = (floor >> target.width & 1).astype(np.bool_)
            differs = deleted != (wrapped < 0).astype(np.bool_)
            return np.where((over | under) & differs, -1 - wrapped, wrapped)
        case "SAT" | "SAT_SYM" | "WRAP_SM":
            return np.where(over, box.high, np.where(under, least, rounded))
        case _:
            assert_never(target.overflow)


def _wrapped(value: Ints, box: Integer) -> Ints:
    import numpy as np

    kept = value & ((1 << box.width) - 1)
    return np.where(kept > box.high, kept - (1 << box.width), kept)


def _up(floor: Ints, beyond: Ints, cut: Ints, rounding: str) -> Any:
    """Whether numbers round up from their floors: `beyond` is the sign of what was cut less one half."""
    negative = floor < 0  # of a number that is not whole: its own sign
    match rounding:
        case "TRN":
            return 0
        case "TRN_ZERO":
            return (cut & negative).astype(int)
        case "RND":
            return (beyond >= 0).astype(int)
        case "RND_MIN_INF":
            return (beyond > 0).astype(int)
        case "RND_ZERO":
            return ((beyond > 0) | (beyond == 0) & negative).astype(int)
        case "RND_INF":
            return ((beyond > 0) | (beyond == 0) & (floor >= 0)).astype(int)
        case "RND_CONV":
            return ((beyond > 0) | (beyond == 0) & (floor & 1 == 1)).astype(int)
        case _:
            raise ValueError(rounding)


def _floored(data: np.ndarray, frac: int) -> tuple[Ints, Ints, Ints]:
    """``floor(data * 2**frac)``, the sign of the rest less one half, and whether there is a rest."""
    import numpy as np

    if data.dtype.kind == "f" and data.dtype.itemsize <= 8:
        wide = data.astype(np.float64)
        with np.errstate(all="ignore"):
            scaled = np.ldexp(wide, frac)
            size = np.abs(scaled)
            # A power of two only moves the exponent, but for numbers that are very small or very large.
            exact = bool(np.all((size < 2.0**_EXACT) & ((size > 2.0**-1000) | (wide == 0))))
        if exact:
            floor = np.floor(scaled)
            cut = scaled != floor
            middle = floor + 0.5  # exact where something was cut
            beyond = np.where(cut, np.sign(scaled - middle), -1).astype(np.int64)
            return floor.astype(np.int64), beyond, cut
    if data.dtype.kind in "iub" and 0 <= frac < _EXACT - 8 * data.dtype.itemsize:
        whole = data.astype(np.int64) << frac
        return whole, np.full(data.shape, -1), np.zeros(data.shape, np.bool_)
    floor, beyond, cut = (
        np.empty(data.shape, object),
        np.empty(data.shape, np.int64),
        np.empty(data.shape, bool),
    )
    for at, value in np.ndenumerate(data):
        top, bottom = ratio(value)
        top, bottom = top << max(frac, 0), bottom << max(-frac, 0)
        steps, rest = divmod(top, bottom)
        floor[at], cut[at] = steps, rest != 0
        beyond[at] = (2 * rest > bottom) - (2 * rest < bottom)
    return floor, beyond, cut


def nearest(value: Any, target: Float) -> float:
    """The number of a floating-point type that is nearest, rounded once, ties to even.

    Infinite beyond the greatest; the sign of a zero and what a NaN is stay.
    """
    if not is_finite(value):
        return float(value)
    top, bottom = ratio(value)
    if top == 0:
        return math.copysign(0.0, value)
    size = Fraction(abs(top), bottom)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    exponent -= Fraction(2) ** exponent > size
    bias = (1 << (target.exponent - 1)) - 1
    last = max(exponent, 1 - bias) - target.mantissa
    steps = round(size / Fraction(2) ** last)
    whole = Fraction(steps) * Fraction(2) ** last
    return math.copysign(math.inf if whole >= Fraction(2) ** (bias + 1) else float(whole), top)
