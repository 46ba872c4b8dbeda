"""The interpreter's arithmetic against Python's integers and fractions: random types and corner values."""

from __future__ import annotations

import math
import operator
import random
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from tracealloc.check.interpret.arith import bits_of, conversion, from_bits, integer_range
from tracealloc.check.interpret.operators import binary_operator, comparison, unary_operator
from tracealloc.trace.ir.dtype import (
    OVERFLOWS,
    ROUNDINGS,
    DType,
    Fixed,
    Float,
    Integer,
    bfloat16,
    boolean,
    float16,
    float32,
    float64,
    index,
    result_type,
    union_type,
)

WIDTHS = [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 256, 1000, 1024]
FLOATS = [float16, bfloat16, float32, float64]
CASES = 3000


def random_integer(rng: random.Random) -> Integer:
    return Integer(rng.choice(WIDTHS), rng.random() < 0.5)


def random_fixed(rng: random.Random, modes: bool = False) -> Fixed:
    width = rng.choice([1, 2, 4, 8, 12, 16, 20, 33, 64, 70])
    frac = rng.randint(-3, width + 3)
    if modes:
        return Fixed(width, frac, rng.random() < 0.5, rng.choice(ROUNDINGS), rng.choice(OVERFLOWS))
    return Fixed(width, frac, rng.random() < 0.5)


def sample(dtype: DType, rng: random.Random) -> int:
    low, high = integer_range(dtype)
    corners = [low, low + 1, high, high - 1, 0, 1, -1, 2, low // 2, high // 2, high // 2 + 1]
    value = rng.choice(corners) if rng.random() < 0.5 else rng.randint(low, high)
    return max(low, min(high, value))


def fraction(value: int, dtype: DType) -> Fraction:
    frac = dtype.frac if isinstance(dtype, Fixed) else 0
    return Fraction(value) / Fraction(2) ** frac


EXACT = {"+": operator.add, "-": operator.sub, "*": operator.mul, "//": operator.floordiv, "%": operator.mod}
EXACT |= {"&": operator.and_, "|": operator.or_, "^": operator.xor}


@pytest.mark.parametrize("op", sorted(EXACT))
def test_integer_operators_are_exact_in_their_result_type(op: str) -> None:
    rng = random.Random(op)
    for _ in range(CASES):
        a, b = random_integer(rng), random_integer(rng)
        result = result_type(op, a, b)
        assert isinstance(result, Integer)
        x, y = sample(a, rng), sample(b, rng)
        found = binary_operator(op, a, b, result)(x, y)
        if y == 0 and op in ("//", "%"):
            expected = 0 if op == "//" else result.wrap(x)
        else:
            expected = EXACT[op](x, y)
        assert found == expected, (op, a, b, x, y)
        assert result.low <= found <= result.high, (op, a, b, x, y, result)


@pytest.mark.parametrize("op", ["<<", ">>"])
def test_shifts(op: str) -> None:
    rng = random.Random(op)
    for _ in range(CASES):
        a, b = random_integer(rng), random_integer(rng)
        x, count = sample(a, rng), sample(b, rng)
        if rng.random() < 0.5:
            count = rng.randint(max(-2 * a.width, b.low), min(2 * a.width, b.high))
        left = (count >= 0) == (op == "<<")
        distance = min(abs(count), 3000)
        expected = a.wrap(x << distance) if left else x >> distance
        assert binary_operator(op, a, b, a)(x, count) == expected, (a, b, x, count)


def test_integer_conversions_wrap() -> None:
    rng = random.Random(1)
    for _ in range(CASES):
        a, b = random_integer(rng), random_integer(rng)
        x = sample(a, rng)
        convert = conversion(a, b)
        found = x if convert is None else convert(x)
        assert b.low <= found <= b.high
        assert (found - x) % (1 << b.width) == 0
        to_boolean = conversion(a, boolean)
        assert to_boolean is not None
        assert to_boolean(x) is (x != 0)
        from_boolean = conversion(boolean, b)
        assert from_boolean is not None
        assert from_boolean(True) == b.wrap(1)


@pytest.mark.parametrize("op", ["+", "-", "*", "&", "|", "^", "min", "max"])
def test_fixed_operators_are_exact_in_their_result_type(op: str) -> None:
    rng = random.Random(op)
    for _ in range(CASES):
        a = random_fixed(rng)
        b: DType = random_fixed(rng) if rng.random() < 0.8 else random_integer(rng)
        if op in ("min", "max"):
            b = a
        result = union_type(a, b) if op in ("min", "max") else result_type(op, a, b)
        assert isinstance(result, Fixed)
        x, y = sample(a, rng), sample(b, rng)
        found = binary_operator(op, a, b, result)(x, y)
        p, q = fraction(x, a), fraction(y, b)
        if op in ("&", "|", "^"):
            scale = Fraction(2) ** result.frac
            expected = EXACT[op](int(p * scale), int(q * scale)) / scale
        else:
            expected = {**EXACT, "min": min, "max": max}[op](p, q)
        assert fraction(found, result) == expected, (op, a, b, x, y)
        assert integer_range(result)[0] <= found <= integer_range(result)[1]


def test_fixed_division_truncates() -> None:
    rng = random.Random(5)
    for _ in range(CASES):
        a, b = random_fixed(rng), random_fixed(rng)
        result = result_type("/", a, b)
        assert isinstance(result, Fixed)
        x, y = sample(a, rng), sample(b, rng)
        found = binary_operator("/", a, b, result)(x, y)
        exact = fraction(x, a) / fraction(y, b) * Fraction(2) ** result.frac if y else Fraction(0)
        assert found == Integer(result.width, result.signed).wrap(math.trunc(exact)), (a, b, x, y)


def round_fraction(value: Fraction, mode: str) -> int:
    """The seven modes by their definitions (UG1399, table of quantization modes)."""
    down, rest = math.floor(value), value - math.floor(value)
    if mode == "TRN" or rest == 0:
        return down
    if mode == "TRN_ZERO":
        return math.trunc(value)
    if rest != Fraction(1, 2):
        return down + (rest > Fraction(1, 2))
    match mode:
        case "RND":
            return down + 1
        case "RND_MIN_INF":
            return down
        case "RND_ZERO":
            return math.trunc(value)
        case "RND_INF":
            return down + 1 if value > 0 else down
        case _:
            return down + down % 2


def overflow_fraction(value: int, target: Fixed, source_signed: bool) -> int | None:
    """The overflow modes by their definitions; None: WRAP_SM, which the headers define by bits."""
    low, high = integer_range(target)
    if target.overflow == "SAT_SYM" and target.signed and source_signed and target.width > 1:
        low = -high
    if low <= value <= high:
        return value
    match target.overflow:
        case "WRAP":
            return Integer(target.width, target.signed).wrap(value)
        case "SAT_ZERO":
            return 0
        case "WRAP_SM" if target.signed:
            return None
        case _:
            return low if value < low else high


def test_conversions_to_fixed_point() -> None:
    rng = random.Random(6)
    seen = set()
    for _ in range(20_000):
        source: DType = random_fixed(rng) if rng.random() < 0.8 else random_integer(rng)
        target = random_fixed(rng, modes=True)
        x = sample(source, rng)
        convert = conversion(source, target)
        found = x if convert is None else convert(x)
        rounded = round_fraction(fraction(x, source) * Fraction(2) ** target.frac, target.rounding)
        expected = overflow_fraction(rounded, target, source.signed)  # type: ignore[attr-defined]
        assert found in (expected, found if expected is None else expected), (source, target, x)
        low, high = integer_range(target)
        assert low <= found <= high
        seen.add((target.rounding, target.overflow, target.signed))
    assert len(seen) == len(ROUNDINGS) * len(OVERFLOWS) * 2


def test_fixed_point_to_integers_goes_towards_zero() -> None:
    rng = random.Random(7)
    for _ in range(CASES):
        a, b = random_fixed(rng), random_integer(rng)
        x = sample(a, rng)
        convert = conversion(a, b)
        assert convert is not None
        assert convert(x) == b.wrap(math.trunc(fraction(x, a))), (a, b, x)


def float_corners(dtype: Float, rng: random.Random) -> float:
    top = 2.0 ** (2 ** (dtype.exponent - 1) - 1)
    tiny = 2.0 ** (2 - 2 ** (dtype.exponent - 1) - dtype.mantissa)
    corners = [0.0, -0.0, 1.0, -1.5, 0.5, top, -top, tiny, 3 * tiny, math.inf, -math.inf, 2.0**63, -(2.0**31)]
    kind = rng.random()
    if kind < 0.3:
        return rng.choice(corners)
    if kind < 0.6:
        return rng.uniform(-200, 200)
    return math.ldexp(rng.uniform(-1, 1), rng.randint(-30, 70))


def value_class(dtype: Float) -> Any:
    return {float16: np.float16, bfloat16: ml_dtypes.bfloat16, float32: np.float32, float64: float}[dtype]


def test_floats_to_integers_and_fixed_point() -> None:
    rng = random.Random(8)
    with np.errstate(all="ignore"):
        for _ in range(CASES):
            dtype, integer, fixed = rng.choice(FLOATS), random_integer(rng), random_fixed(rng, modes=True)
            value = value_class(dtype)(float_corners(dtype, rng))
            number = float(value)
            to_integer, to_fixed = conversion(dtype, integer), conversion(dtype, fixed)
            assert to_integer is not None
            assert to_fixed is not None
            finite = math.isfinite(number)
            assert to_integer(value) == (integer.wrap(math.trunc(number)) if finite else 0), (value, integer)
            exact = Fraction(number) * Fraction(2) ** fixed.frac if finite else Fraction(0)
            rounded = round_fraction(exact, fixed.rounding)
            expected = overflow_fraction(rounded, fixed, True)
            if expected is not None:
                assert to_fixed(value) == expected, (value, fixed)


def nearest(value: Fraction, dtype: Float) -> float:
    """The nearest number of the type, ties to even, by search among neighbours in exact arithmetic."""
    if value == 0:
        return 0.0
    bias = 2 ** (dtype.exponent - 1) - 1
    exponent = max(
        1 - bias, math.floor(math.log2(abs(value.numerator))) - math.floor(math.log2(value.denominator))
    )
    candidates = set()
    for scale in (exponent - 2, exponent - 1, exponent, exponent + 1):
        if scale < 1 - bias:
            continue
        unit = Fraction(2) ** (scale - dtype.mantissa)
        down = math.floor(value / unit)
        candidates |= {(m * unit, m % 2, m) for m in (down, down + 1) if abs(m) <= 2 ** (dtype.mantissa + 1)}
    best = min(candidates, key=lambda c: (abs(c[0] - value), c[1]))[0]
    if abs(best) >= Fraction(2) ** (bias + 1):
        return math.copysign(math.inf, value)
    return float(best)


def test_integers_and_fixed_point_to_floats_round_once() -> None:
    rng = random.Random(9)
    for _ in range(CASES):
        dtype = rng.choice(FLOATS)
        source: DType = random_fixed(rng) if rng.random() < 0.5 else random_integer(rng)
        if source.bits > 300:
            continue
        x = sample(source, rng)
        convert = conversion(source, dtype)
        assert convert is not None
        assert float(convert(x)) == nearest(fraction(x, source), dtype), (source, x, dtype)


def test_between_floats_rounds_once() -> None:
    rng = random.Random(10)
    with np.errstate(all="ignore"):
        for _ in range(CASES):
            source, target = rng.sample(FLOATS, 2)
            value = value_class(source)(float_corners(source, rng))
            if rng.random() < 0.5 and source == float64:  # just beside a tie of the narrow type
                exponent = rng.randint(-8, 8)
                tie = 1 + 2.0 ** -(target.mantissa + 1)
                value = math.ldexp(tie, exponent) * (1 + rng.choice([-1, 0, 1]) * 2.0**-52)
            convert = conversion(source, target)
            assert convert is not None
            found, number = float(convert(value)), float(value)
            expected = nearest(Fraction(number), target) if math.isfinite(number) else number
            assert found == expected, (source, target, value)
            assert math.copysign(1, found) == math.copysign(1, number)


@pytest.mark.parametrize("dtype", [float16, bfloat16, float32])
@pytest.mark.parametrize("op", ["+", "-", "*", "/"])
def test_float_operators_round_the_exact_result(dtype: Float, op: str) -> None:
    rng = random.Random(11)
    apply = binary_operator(op, dtype, dtype, dtype)
    with np.errstate(all="ignore"):
        for _ in range(400):
            a, b = (value_class(dtype)(float_corners(dtype, rng)) for _ in range(2))
            x, y = float(a), float(b)
            if not (math.isfinite(x) and math.isfinite(y)) or (op == "/" and y == 0):
                continue
            exact = {**EXACT, "/": operator.truediv}[op](Fraction(x), Fraction(y))
            assert float(apply(a, b)) == nearest(exact, dtype), (a, b)


def test_division_by_zero_and_nan_in_doubles() -> None:
    divide = binary_operator("/", float64, float64, float64)
    assert divide(1.0, 0.0) == math.inf
    assert divide(1.0, -0.0) == -math.inf
    assert math.isnan(divide(0.0, 0.0))
    least, greatest = (binary_operator(op, float64, float64, float64) for op in ("min", "max"))
    for pick in (least, greatest):
        assert math.isnan(pick(math.nan, 1.0))
        assert math.isnan(pick(1.0, math.nan))
    assert math.copysign(1, greatest(0.0, -0.0)) == -1  # of equal ones the second
    for op in ("//", "%"):
        for dtype in (float32, float64):
            apply = binary_operator(op, dtype, dtype, dtype)
            scalar = value_class(dtype)
            for x in (7.5, -7.5, 0.3, -0.0):
                for y in (2.0, -2.0, 0.1):
                    a, b = scalar(x), scalar(y)
                    assert float(apply(a, b)) == float(EXACT[op](a, b))


def test_comparisons_are_exact() -> None:
    rng = random.Random(12)
    signs = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
    for _ in range(CASES):
        a, b = ((random_fixed if rng.random() < 0.5 else random_integer)(rng) for _ in range(2))
        op, x, y = rng.choice(list(signs)), sample(a, rng), sample(b, rng)
        expected = getattr(operator, signs[op])(fraction(x, a), fraction(y, b))
        assert comparison(op, a, b)(x, y) is expected


def test_unary_operators() -> None:
    rng = random.Random(13)
    for _ in range(CASES):
        a = random_integer(rng)
        x = sample(a, rng)
        grown = Integer(a.width + 1, True)
        assert unary_operator("-", a, grown)(x) == -x
        assert unary_operator("abs", a, grown)(x) == abs(x)
        assert unary_operator("~", a, a)(x) == a.wrap(~x)
    assert unary_operator("not", boolean, boolean)(True) is False
    assert unary_operator("-", index, index)(5) == -5


def test_bits_round_trip() -> None:
    rng = random.Random(14)
    for dtype in [*FLOATS, index, boolean, *(random_fixed(rng) for _ in range(50))]:
        for _ in range(20):
            bits = rng.getrandbits(dtype.bits)
            value = from_bits(dtype)(bits)
            if isinstance(dtype, Float) and math.isnan(float(value)):
                continue
            assert bits_of(dtype)(value) == bits
