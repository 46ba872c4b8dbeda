"""Typed numbers for kernels that run as ordinary Python: see `plain`.

Integers are exact and grow by the width rules, floating-point numbers round as their type says, and
`convert` is what a store does. Only the type rules (`tracealloc.trace.ir.dtype`) are shared with the
package.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from tracealloc.trace.ir import dtype as types_of
from tracealloc.trace.ir.dtype import Boolean, DType, Fixed, Float, Index, Integer

__all__ = ["MATH", "METHODS", "Value", "active", "binary", "bit_range", "convert", "float_class"]
__all__ += ["from_bits", "is_number", "lift", "to_bits"]

_FLOATS: dict[str, Any] = {"float16": np.float16, "float32": np.float32, "float64": np.float64}

# Whether stores take effect: the conditions of the `ta.when` around the statement that is running.
active = [True]


def float_class(dtype: Float) -> Any:
    """The NumPy scalar class of a floating-point type."""
    if dtype.name == "bfloat16":
        import ml_dtypes

        return ml_dtypes.bfloat16
    return _FLOATS[dtype.name]


def convert(number: Any, dtype: DType) -> Any:
    """The raw number that an element of `dtype` holds after `number` was stored to it."""
    match dtype:
        case Float():
            return _to_float(number, dtype)
        case Boolean():
            return bool(number != 0)
        case Integer() | Index():
            integer = Integer(64, True) if isinstance(dtype, Index) else dtype
            if isinstance(number, int):
                return integer.wrap(int(number))
            if isinstance(number, Fraction):
                return integer.wrap(math.trunc(number))  # as ap_fixed converts to ap_int
            return integer.wrap(int(float(number))) if np.isfinite(number) else 0
        case Fixed():
            if not isinstance(number, int | Fraction) and not np.isfinite(number):
                return Fraction(0)
            return _to_fixed(Fraction(number if isinstance(number, int | Fraction) else float(number)), dtype)
        case _:
            raise TypeError(f"no conversion to {dtype!r}")


def _to_float(number: Any, dtype: Float) -> Any:
    """The nearest number of the type, rounded once (NumPy and ml_dtypes go through wider types)."""
    cls = float_class(dtype)
    if isinstance(number, int):
        number = Fraction(int(number))
    elif isinstance(number, np.float64 | float) and dtype.name == "bfloat16" and np.isfinite(number):
        number = Fraction(float(number)) or number
    if not isinstance(number, Fraction):
        return cls(number)
    if dtype.name == "float64":
        try:
            return cls(number.numerator / number.denominator)
        except OverflowError:
            return cls(math.copysign(math.inf, number))
    # Few enough bits for an exact float, the last one set where bits are lost: rounding again is exact.
    keep = 53 if dtype.name == "float32" else 22
    drop = abs(number.numerator).bit_length() - number.denominator.bit_length() - keep
    scaled = number / Fraction(2) ** drop
    whole = math.floor(abs(scaled))
    odd = whole | (whole != abs(scaled))
    exact = math.ldexp(-odd if number < 0 else odd, drop)
    return cls(np.float32(exact)) if keep == 22 else cls(exact)


def _to_fixed(number: Fraction, dtype: Fixed) -> Fraction:
    scaled = number * Fraction(2) ** dtype.frac
    down, half = math.floor(scaled), Fraction(1, 2)
    rest = scaled - down
    match dtype.rounding:
        case "TRN":
            whole = down
        case "TRN_ZERO":
            whole = math.trunc(scaled)
        case "RND":
            whole = down + (rest >= half)
        case "RND_MIN_INF":
            whole = down + (rest > half)
        case "RND_INF":
            whole = down + (rest > half or (rest == half and scaled > 0))
        case "RND_ZERO":
            whole = down + (rest > half or (rest == half and scaled < 0))
        case "RND_CONV":
            whole = down + (rest > half or (rest == half and down % 2 == 1))
    box = Integer(dtype.width, dtype.signed)
    low = -box.high if dtype.overflow == "SAT_SYM" and dtype.signed and dtype.width > 1 else box.low
    if not low <= whole <= box.high:
        match dtype.overflow:
            case "SAT" | "SAT_SYM":
                whole = low if whole < 0 else box.high
            case "SAT_ZERO":
                whole = 0
            case "WRAP":
                whole = box.wrap(whole)
            case other:
                raise NotImplementedError(other)
    return whole / Fraction(2) ** dtype.frac


class Value:
    """A number and its type."""

    __slots__ = ("dtype", "number")

    def __init__(self, number: Any, dtype: DType) -> None:
        self.number = number
        self.dtype = dtype

    @property
    def value(self) -> Value:
        return self

    def astype(self, dtype: DType) -> Value:
        return Value(convert(self.value.number, dtype), dtype)

    def bitcast(self, dtype: DType) -> Value:
        return Value(from_bits(to_bits(self.value), dtype), dtype)

    def __bool__(self) -> bool:
        return bool(self.value.number != 0)

    def __index__(self) -> int:
        return operator.index(self.value.number)

    def __int__(self) -> int:
        return int(self.value.number)

    def __float__(self) -> float:
        return float(self.value.number)

    def __getitem__(self, key: Any) -> Value:
        low, width = bit_range(key, self.value.dtype)
        bits = (to_bits(self.value) >> low) & ((1 << width) - 1)
        return Value(bits, Integer(width, False))

    def __neg__(self) -> Value:
        return _unary("-", self.value)

    def __pos__(self) -> Value:
        return self.value

    def __invert__(self) -> Value:
        return _unary("~", self.value)

    def __abs__(self) -> Value:
        return _unary("abs", self.value)

    def __hash__(self) -> int:
        return hash(self.value.number)

    def __repr__(self) -> str:
        return f"{self.value.number}:{self.value.dtype}"

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        name = {"absolute": "abs", "power": "pow"}.get(ufunc.__name__, ufunc.__name__)
        if method == "__call__" and not options:
            if name in _BINARY_UFUNCS:
                return binary(_BINARY_UFUNCS[name], *inputs)
            if name in MATH:
                return MATH[name](*inputs)
        return NotImplemented


_BINARY_UFUNCS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "floor_divide": "//"}
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "<<": operator.lshift,
    ">>": operator.rshift,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
}
_COMPARISONS = {"eq": operator.eq, "ne": operator.ne, "lt": operator.lt}
_COMPARISONS |= {"le": operator.le, "gt": operator.gt, "ge": operator.ge}
METHODS = {"add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%"}
METHODS |= {"lshift": "<<", "rshift": ">>", "and": "&", "or": "|", "xor": "^"}


def lift(item: Any, other: Any = None) -> Value:
    """`item` as a value; a literal takes its type from the value it meets."""
    if isinstance(item, Value):
        return item.value
    partner = other.value.dtype if isinstance(other, Value) else None
    if isinstance(item, bool | np.bool_):
        return Value(bool(item), types_of.boolean)
    if isinstance(item, int | np.integer):
        if isinstance(partner, Float | Index):
            return Value(convert(int(item), partner), partner)
        return Value(int(item), types_of.literal_type(int(item)))
    if isinstance(item, float | np.floating):
        dtype = partner if isinstance(partner, Float) else types_of.float64
        return Value(convert(item, dtype), dtype)
    raise TypeError(f"not a number: {item!r}")


def binary(op: str, left: Any, right: Any) -> Value:
    a, b = lift(left, right), lift(right, left)
    dtype = types_of.result_type(op, a.dtype, b.dtype)
    if dtype is None:
        raise TypeError(f"no {op} of {a.dtype} and {b.dtype}")
    x, y = a.number, b.number
    if isinstance(dtype, Float):
        x, y = convert(x, dtype), convert(y, dtype)
        with np.errstate(all="ignore"):
            return Value(float_class(dtype)(_OPERATORS[op](x, y)), dtype)
    if op in ("/", "//", "%") and y == 0 and not active[-1]:
        return Value(0, dtype)
    if isinstance(dtype, Fixed):
        exact = _fixed_operation(op, Fraction(x), Fraction(y), a.dtype)
        return Value(convert(exact, dtype), dtype)
    return Value(convert(_OPERATORS[op](int(x), int(y)), dtype), dtype)


def _fixed_operation(op: str, x: Fraction, y: Fraction, left: DType) -> Fraction:
    if op == "<<":
        return x * 2 ** int(y)
    if op == ">>":
        return x / 2 ** int(y)
    if op in "&|^":
        raise NotImplementedError(op)
    return Fraction(_OPERATORS[op](x, y))


def _unary(op: str, a: Value) -> Value:
    if isinstance(a.dtype, Float):
        return Value(-a.number if op == "-" else abs(a.number), a.dtype)
    if op == "~":
        integer = types_of.as_integer(a.dtype)
        assert integer is not None
        return Value(integer.wrap(~int(a.number)), integer)
    zero = Value(0, types_of.index if isinstance(a.dtype, Index) else Integer(1, False))
    negative = binary("-", zero, a)
    return a if op == "abs" and a.number >= 0 else negative


def _install_operators() -> None:
    def forward(op: str) -> Callable[[Value, Any], Any]:
        return lambda self, other: binary(op, self, other) if is_number(other) else NotImplemented

    def backward(op: str) -> Callable[[Value, Any], Any]:
        return lambda self, other: binary(op, other, self) if is_number(other) else NotImplemented

    def compare(test: Callable[[Any, Any], Any]) -> Callable[[Value, Any], Any]:
        def method(self: Value, other: Any) -> Any:
            if not is_number(other):
                return NotImplemented
            a, b = lift(self, other), lift(other, self)
            x, y = a.number, b.number
            if isinstance(a.dtype, Float) or isinstance(b.dtype, Float):
                common = types_of.union_type(a.dtype, b.dtype)
                assert common is not None
                x, y = convert(x, common), convert(y, common)
            return Value(bool(test(x, y)), types_of.boolean)

        return method

    for name, op in METHODS.items():
        setattr(Value, f"__{name}__", forward(op))
        setattr(Value, f"__r{name}__", backward(op))
    for name, test in _COMPARISONS.items():
        setattr(Value, f"__{name}__", compare(test))
    Value.__pow__ = _power  # type: ignore[attr-defined]


def _power(base: Value, exponent: Any) -> Any:
    """A product where the exponent is a small literal, as the width rules give it; else ``pow``."""
    whole = isinstance(exponent, int) and exponent >= 0
    if whole and (exponent == 2 or not isinstance(base.value.dtype, Float)):
        product = lift(1) if exponent == 0 else base.value
        for _ in range(exponent - 1):
            product = binary("*", product, base)
        return product
    return MATH["pow"](base, exponent)


def is_number(item: Any) -> bool:
    return isinstance(item, Value | int | float | np.number | np.bool_)


def to_bits(value: Value) -> int:
    mask = (1 << value.dtype.bits) - 1
    match value.dtype:
        case Float():
            return int.from_bytes(np.asarray(value.number).tobytes(), "little") & mask
        case Fixed(frac=frac):
            return int(value.number * 2**frac) & mask
        case _:
            return int(value.number) & mask


def from_bits(bits: int, dtype: DType) -> Any:
    match dtype:
        case Float():
            raw = bits.to_bytes(dtype.bits // 8, "little")
            return np.frombuffer(raw, float_class(dtype))[0]
        case Fixed(width=width, frac=frac, signed=signed):
            return Fraction(Integer(width, signed).wrap(bits), 2**frac)
        case _:
            return convert(bits, dtype)


def bit_range(key: Any, dtype: DType) -> tuple[int, int]:
    if isinstance(key, slice):
        low = 0 if key.start is None else operator.index(key.start)
        stop = dtype.bits if key.stop is None else operator.index(key.stop)
    else:
        low = operator.index(key)
        stop = low + 1
    if not 0 <= low < stop <= dtype.bits:
        raise IndexError(f"bits {low}:{stop} of {dtype}")
    return low, stop - low


def _mathematical(name: str, exact: Callable[..., Any]) -> Callable[..., Value]:
    def function(*args: Any) -> Value:
        lifted = [lift(arg) for arg in args]
        dtype = next((v.dtype for v in lifted if isinstance(v.dtype, Float)), types_of.float64)
        numbers = [convert(v.number, dtype) for v in lifted]
        with np.errstate(all="ignore"):
            return Value(float_class(dtype)(exact(*numbers)), dtype)

    function.__name__ = name
    return function


MATH: dict[str, Callable[..., Value]] = {
    "exp": _mathematical("exp", np.exp),
    "log": _mathematical("log", np.log),
    "log2": _mathematical("log2", np.log2),
    "log10": _mathematical("log10", np.log10),
    "sqrt": _mathematical("sqrt", np.sqrt),
    "rsqrt": _mathematical("rsqrt", lambda x: type(x)(1) / np.sqrt(x)),
    "sin": _mathematical("sin", np.sin),
    "cos": _mathematical("cos", np.cos),
    "tan": _mathematical("tan", np.tan),
    "tanh": _mathematical("tanh", np.tanh),
    "pow": _mathematical("pow", np.power),
    "floor": _mathematical("floor", np.floor),
    "ceil": _mathematical("ceil", np.ceil),
    "erf": _mathematical("erf", math.erf),
}
MATH["abs"] = lambda x: abs(lift(x))

_install_operators()
