"""Between NumPy arrays and the flat lists of values that the interpreter works on."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from tracealloc.check.interpret.arith import float_class, integer_range, quantise, scaled_to_double
from tracealloc.trace.diagnostics.errors import ArgumentError
from tracealloc.trace.ir.dtype import Boolean, DType, Fixed, Float, Struct, float64

__all__ = [
    "container",
    "from_numpy",
    "scalar_from_python",
    "scalar_to_python",
    "to_numpy",
    "write_back",
    "zero_of",
]


def container(dtype: DType, exact: bool = False) -> np.dtype[Any]:
    """The NumPy type of arrays of `dtype`: the smallest that holds it; Python integers over 64 bits.

    Fixed point is float64 there, or (`exact`) fractions.
    """
    match dtype:
        case Float():
            scalar: np.dtype[Any] = np.dtype(float_class(dtype))
            return scalar
        case Boolean():
            return np.dtype(np.bool_)
        case Fixed():
            return np.dtype(object if exact else np.float64)
        case Struct(fields=fields):
            return np.dtype([(name, container(inner, exact)) for name, inner in fields])
        case _:
            signed = integer_range(dtype)[0] < 0
            width = next((w for w in (8, 16, 32, 64) if dtype.bits <= w), None)
            return np.dtype(object if width is None else f"{'int' if signed else 'uint'}{width}")


def zero_of(dtype: DType) -> Any:
    """The value whose bits are all zero."""
    match dtype:
        case Struct(fields=fields):
            return tuple(zero_of(inner) for _, inner in fields)
        case Float():
            return float_class(dtype)(0.0)
        case Boolean():
            return False
        case _:
            return 0


def from_numpy(
    data: np.ndarray, dtype: DType, name: str, scaled: bool = False, holes: bool = False
) -> list[Any]:
    """The elements of `data` in C order as values of `dtype`.

    `scaled`: fixed point is so already. `holes`: what has no value in fixed point counts as never stored.

    Raises:
        ArgumentError: an element is outside the range of `dtype`, or of another kind.
    """
    flat = np.ascontiguousarray(data).reshape(-1)
    match dtype:
        case Struct(fields=fields):
            if data.dtype.names != tuple(field for field, _ in fields):
                raise _unfit(name, dtype, f"an array of {data.dtype}")
            columns = [
                from_numpy(flat[field], inner, f"{name}.{field}", scaled, holes) for field, inner in fields
            ]
            return list(zip(*columns, strict=True))
        case Float():
            scalar = np.dtype(float_class(dtype))
            if flat.dtype != scalar:
                raise _unfit(name, dtype, f"an array of {data.dtype}")
            return flat.tolist() if dtype == float64 else list(flat)
        case Boolean():
            return [bool(item) for item in flat.tolist()]
        case Fixed() if not scaled:
            items = flat if flat.dtype.kind == "V" else flat.tolist()
            return [None if holes and item != item else _scaled(item, dtype, name) for item in items]
        case _:
            return _integers(flat, dtype, name)


def _scaled(item: Any, dtype: Fixed, name: str) -> int:
    """A number as a scaled integer, by the checker's own rule: apart from `trace.ir.quantise` on purpose."""
    if isinstance(item, bool) or not isinstance(item, int | float | Fraction | Decimal | np.number):
        item = float(item) if hasattr(item, "dtype") else item
        if isinstance(item, bool) or not isinstance(item, float):
            raise _unfit(name, dtype, f"{item!r}")
    if isinstance(item, np.integer):
        item = int(item)
    if not isinstance(item, int | Fraction) and not math.isfinite(item):
        raise _unfit(name, dtype, f"{item}")
    exact = Fraction(float(item) if isinstance(item, np.floating) else item)
    # What is behind the last bit that any rounding looks at only matters by being there.
    places = max(dtype.frac, 0) + 3
    value, rest = divmod(exact.numerator << places, exact.denominator)
    value = value << 1 | (rest != 0)
    return quantise(value, places + 1, max(value.bit_length(), dtype.width) + places + 2, True, dtype)


def _number(scaled: int, dtype: Fixed, exact: bool) -> Any:
    if exact:
        return Fraction(scaled) / Fraction(2) ** dtype.frac
    return scaled_to_double(scaled, dtype.frac)


def _integers(flat: np.ndarray, dtype: DType, name: str) -> list[int]:
    if flat.dtype.kind not in "iubO" and flat.dtype.kind != "V":
        raise _unfit(name, dtype, f"an array of {flat.dtype}")
    low, high = integer_range(dtype)
    items = [int(item) for item in (flat if flat.dtype.kind == "V" else flat.tolist())]
    if items and (min(items) < low or max(items) > high):
        worst = next(item for item in items if not low <= item <= high)
        raise _unfit(name, dtype, f"{worst}")
    return items


def _unfit(name: str, dtype: DType, came: str) -> ArgumentError:
    return ArgumentError("TA603", f"argument {name!r} takes elements of {dtype}, not {came}")


def to_numpy(cells: list[Any], dtype: DType, shape: tuple[int, ...], exact: bool = False) -> np.ndarray:
    """A new array of the values; elements that were never stored are zero."""
    if isinstance(dtype, Struct):
        found = np.zeros(len(cells), container(dtype, exact))
        whole = [zero_of(dtype) if cell is None else cell for cell in cells]
        for position, (field, inner) in enumerate(dtype.fields):
            found[field] = to_numpy([cell[position] for cell in whole], inner, (len(cells),), exact)
        return found.reshape(shape)
    zero = zero_of(dtype)
    found = np.empty(len(cells), container(dtype, exact))
    whole = [zero if cell is None else cell for cell in cells]
    if isinstance(dtype, Fixed):
        whole = [_number(int(cell), dtype, exact) for cell in whole]
    if cells:
        found[:] = whole
    return found.reshape(shape)


def write_back(cells: list[Any], dtype: DType, target: np.ndarray) -> None:
    """Store the values to the caller's array."""
    if isinstance(dtype, Struct):
        for at, (field, inner) in enumerate(dtype.fields):
            write_back([None if cell is None else cell[at] for cell in cells], inner, target[field])
        return
    found = to_numpy(cells, dtype, target.shape, target.dtype.kind == "O")
    target[...] = found


def scalar_from_python(item: Any, dtype: DType, name: str) -> Any:
    """A scalar argument (a Python or NumPy number) as a value of `dtype`."""
    if isinstance(item, np.ndarray):
        return from_numpy(item, dtype, name)[0]
    match dtype:
        case Float():
            return float_class(dtype)(item)
        case Boolean():
            return bool(item)
        case Fixed():
            return _scaled(item, dtype, name)
        case Struct(fields=fields):
            return tuple(
                scalar_from_python(item[at], inner, f"{name}.{field}")
                for at, (field, inner) in enumerate(fields)
            )
        case _:
            return _integers(np.array([int(item)], object), dtype, name)[0]


def scalar_to_python(value: Any, dtype: DType, exact: bool = False) -> Any:
    """A value as an element that a queue holds on NumPy's side."""
    return to_numpy([value], dtype, (1,), exact)[0]
