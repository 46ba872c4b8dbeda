"""Exact arithmetic on the interpreter's values: conversions between types and operators.

How a value of each type is represented:

- boolean: `bool`; integers and index: `int`; fixed point: the scaled `int`;
- float64: `float`; float32 and float16: NumPy's scalar; bfloat16: ml_dtypes' scalar;
- struct: a tuple of the fields' values.

Nothing here looks at programs; a function of this module takes types and returns a plain function of
values, so that the choice by type is made once, when a program is compiled.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any, TypeAlias, assert_never

import numpy as np

from tracealloc.trace.ir.dtype import (
    Boolean,
    DType,
    Fixed,
    Float,
    Index,
    Integer,
    Struct,
    as_fixed,
    bfloat16,
    float16,
    float32,
    float64,
)

__all__ = ["Conversion", "bits_of", "conversion", "float_class", "from_bits", "integer_range", "quantise"]
__all__ += ["scaled_to_double", "wrapping"]

Conversion: TypeAlias = Callable[[Any], Any]


def float_class(dtype: Float) -> Any:
    """The class of the values of a floating-point type."""
    if dtype == float64:
        return float
    if dtype == float32:
        return np.float32
    if dtype == float16:
        return np.float16
    assert dtype == bfloat16, dtype
    import ml_dtypes

    return ml_dtypes.bfloat16


def integer_range(dtype: DType) -> tuple[int, int]:
    """The least and the greatest value (scaled, of fixed point) of a type that counts as an integer."""
    signed = not isinstance(dtype, Boolean) and (isinstance(dtype, Index) or dtype.signed)  # type: ignore[attr-defined]
    width = dtype.bits
    return (-(1 << (width - 1)) if signed else 0), (1 << (width - signed)) - 1


def conversion(source: DType, target: DType) -> Conversion | None:
    """The function that converts a value of `source` to `target`; None where values stay as they are."""
    if source == target:
        return None
    match target:
        case Boolean():
            return _to_boolean
        case Integer() | Index():
            return _to_integer(source, target)
        case Fixed():
            return _to_fixed(source, target)
        case Float():
            return _to_float(source, target)
        case Struct():
            raise TypeError(f"no conversion from {source} to {target}")
        case DType():
            raise TypeError(f"unknown type {target!r}")
        case _:
            assert_never(target)


def _to_boolean(value: Any) -> bool:
    return bool(value != 0)


def wrapping(target: Integer | Index | Fixed | Boolean) -> Callable[[int], int]:
    """The function that reduces an integer modulo two to the type's width."""
    low = integer_range(target)[0]
    mask = (1 << target.bits) - 1
    if low == 0:
        return lambda value: value & mask
    half = -low
    return lambda value: ((value + half) & mask) - half


def _to_integer(source: DType, target: Integer | Index) -> Conversion | None:
    wrap = wrapping(target)
    if isinstance(source, Float):

        def from_float(value: Any) -> int:
            number = float(value)
            return wrap(int(number)) if math.isfinite(number) else 0

        return from_float
    if isinstance(source, Fixed):
        frac = source.frac

        def from_fixed(value: int) -> int:
            # Towards zero, as ap_fixed's own conversion to ap_int (and C's of a float) does.
            if frac <= 0:
                return wrap(value << -frac)
            return wrap(value >> frac if value >= 0 else -(-value >> frac))

        return from_fixed
    if isinstance(source, Struct):
        raise TypeError(f"no conversion from {source} to {target}")
    low, high = integer_range(source)
    least, greatest = integer_range(target)
    if isinstance(source, Boolean):
        return (lambda value: int(value)) if greatest >= 1 else wrap
    return None if least <= low and high <= greatest else wrap


def _to_fixed(source: DType, target: Fixed) -> Conversion:
    if isinstance(source, Float):

        def from_float(value: Any) -> int:
            number = float(value)
            if number == 0.0 or not math.isfinite(number):
                return 0
            mantissa, exponent = math.frexp(number)
            # 53 bits and a sign bit above them: the source that ap_fixed's constructor from double sees.
            return quantise(int(math.ldexp(mantissa, 53)), 53 - exponent, 54, True, target)

        return from_float
    fixed = as_fixed(source)
    if fixed is None:
        raise TypeError(f"no conversion from {source} to {target}")
    frac, width, signed = fixed.frac, fixed.width, fixed.signed
    return lambda value: quantise(int(value), frac, width, signed, target)


def quantise(value: int, frac: int, width: int, signed: bool, target: Fixed) -> int:
    """`value` / 2**`frac`, of a source `width` bits wide, as a scaled integer of `target`.

    Rounding and overflow are those of ``ap_fixed`` as AMD's open headers carry them out; in particular
    ``WRAP_SM`` looks at the lowest deleted bit of the source before rounding and saturates where the
    target has no sign.
    """
    shift = frac - target.frac
    if shift > 0:
        scaled = (value >> shift) + _round_up(value, shift, target.rounding)
    else:
        scaled = value << -shift
    low, high = integer_range(target)
    if low <= scaled <= high:
        symmetric = target.overflow == "SAT_SYM" and signed and target.signed and target.width > 1
        symmetric = symmetric and scaled == low
        return low + 1 if symmetric else scaled
    match target.overflow:
        case "WRAP":
            return wrapping(target)(scaled)
        case "SAT_ZERO":
            return 0
        case "SAT_SYM" if target.signed and signed and target.width > 1:
            return max(low + 1, min(high, scaled))
        case "WRAP_SM" if target.signed:
            wrapped = wrapping(target)(scaled)
            position = shift + target.width
            deleted = bool(0 <= position < width and value >> position & 1)
            return wrapped if deleted == (wrapped < 0) else ~wrapped
        case "SAT" | "SAT_SYM" | "WRAP_SM":
            return max(low, min(high, scaled))
        case _:
            assert_never(target.overflow)


def _round_up(value: int, shift: int, rounding: str) -> int:
    """Whether dropping `shift` > 0 bits of `value` rounds up (1) from the floor or not (0)."""
    if rounding == "TRN":
        return 0
    half = value >> (shift - 1) & 1
    rest = value & ((1 << (shift - 1)) - 1) != 0
    negative = value < 0
    match rounding:
        case "RND":
            return half
        case "RND_ZERO":
            return half & (negative or rest)
        case "RND_MIN_INF":
            return half & rest
        case "RND_INF":
            return half & (not negative or rest)
        case "RND_CONV":
            return half & (value >> shift & 1 or rest)
        case "TRN_ZERO":
            return int(negative and (half or rest))
        case _:
            raise ValueError(rounding)


def _to_float(source: DType, target: Float) -> Conversion:
    if isinstance(source, Float):
        return _between_floats(source, target)
    fixed = as_fixed(source)
    if fixed is None:
        raise TypeError(f"no conversion from {source} to {target}")
    frac = fixed.frac
    scalar = float_class(target)
    if target != float64:
        return lambda value: scalar(_rounded_ratio(int(value), frac, target))
    if frac == 0 and fixed.width <= 1000:
        return float
    return lambda value: scaled_to_double(int(value), frac)


def _between_floats(source: Float, target: Float) -> Conversion:
    scalar: Conversion = float_class(target)
    if target == bfloat16 and source == float64:
        # ml_dtypes goes through float32, which rounds twice.
        def once(value: float) -> Any:
            if value == 0.0 or not math.isfinite(value):
                return scalar(value)
            top, bottom = value.as_integer_ratio()
            return scalar(_rounded_ratio(top, bottom.bit_length() - 1, target))

        return once
    if source in (float16, bfloat16) and target != float64:
        return lambda value: scalar(float(value))
    return scalar


def scaled_to_double(value: int, frac: int) -> float:
    """`value` / 2**`frac` rounded to the nearest double, ties to even."""
    try:
        return value / (1 << frac) if frac >= 0 else float(value << -frac)
    except OverflowError:
        return math.copysign(math.inf, value)


def _rounded_ratio(value: int, frac: int, target: Float) -> float:
    """`value` / 2**`frac` rounded once to a value of a narrow `target`, as a double."""
    if value == 0:
        return 0.0
    bias = (1 << (target.exponent - 1)) - 1
    exponent = abs(value).bit_length() - 1 - frac
    # The weight of the last place that the target keeps, subnormals included.
    last = max(exponent, 1 - bias) - target.mantissa
    shift = frac + last
    if shift > 0:
        scaled = (value >> shift) + _round_up(value, shift, "RND_CONV")
    else:
        scaled = value << -shift
    top = ((2 << target.mantissa) - 1) << (bias - target.mantissa)
    whole = scaled << last if last >= 0 else scaled >> -last
    if abs(whole) > top:
        return math.copysign(math.inf, value)
    return math.copysign(math.ldexp(scaled, last), value)


def bits_of(dtype: DType) -> Callable[[Any], int]:
    """The function that gives a value's bits as an unsigned integer."""
    if isinstance(dtype, Float):
        width = dtype.bits // 8
        return lambda value: int.from_bytes(_float_bytes(value, width), "little")
    if isinstance(dtype, Struct):
        raise TypeError(f"{dtype} has no bits to read")
    mask = (1 << dtype.bits) - 1
    return lambda value: value & mask


def _float_bytes(value: Any, width: int) -> bytes:
    return struct.pack("<d", value) if width == 8 else bytes(np.asarray(value).tobytes())


def from_bits(dtype: DType) -> Callable[[int], Any]:
    """The function that makes a value of a type of its bits (an unsigned integer)."""
    match dtype:
        case Boolean():
            return bool
        case Integer() | Index() | Fixed():
            return wrapping(dtype)
        case Float():
            return _float_from_bits(dtype)
        case _:
            raise TypeError(f"{dtype} cannot be made of bits")


def _float_from_bits(dtype: Float) -> Callable[[int], Any]:
    if dtype == float64:
        return lambda bits: float(struct.unpack("<d", struct.pack("<Q", bits))[0])
    container = np.dtype(float_class(dtype))
    width = dtype.bits // 8
    return lambda bits: np.frombuffer(bits.to_bytes(width, "little"), container)[0]
