"""Between NumPy arrays and the flat lists of values that the interpreter works on."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracealloc.check.arith import conversion, float_class, integer_range
from tracealloc.trace.dtype import Boolean, DType, Fixed, Float, Struct, float64
from tracealloc.trace.errors import ArgumentError

__all__ = ["container", "from_numpy", "scalar_from_python", "to_numpy", "write_back", "zero_of"]


def container(dtype: DType) -> np.dtype[Any]:
    """The NumPy type of arrays of `dtype`: the smallest that holds it; Python integers over 64 bits."""
    if isinstance(dtype, Float):
        scalar: np.dtype[Any] = np.dtype(float_class(dtype))
        return scalar
    if isinstance(dtype, Boolean):
        return np.dtype(np.bool_)
    if isinstance(dtype, Struct):
        return np.dtype([(name, container(inner)) for name, inner in dtype.fields])
    signed = integer_range(dtype)[0] < 0
    for width in (8, 16, 32, 64):
        if dtype.bits <= width:
            name = f"{'int' if signed else 'uint'}{width}"
            return np.dtype(name)
    return np.dtype(object)


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


def from_numpy(data: np.ndarray, dtype: DType, name: str) -> list[Any]:
    """The elements of `data` in C order as values of `dtype`.

    Raises:
        ArgumentError: an element is outside the range of `dtype`, or of another kind.
    """
    flat = np.ascontiguousarray(data).reshape(-1)
    match dtype:
        case Struct(fields=fields):
            if data.dtype.names != tuple(field for field, _ in fields):
                raise _unfit(name, dtype, f"an array of {data.dtype}")
            columns = [from_numpy(flat[field], inner, f"{name}.{field}") for field, inner in fields]
            return list(zip(*columns, strict=True))
        case Float():
            scalar = np.dtype(float_class(dtype))
            if flat.dtype != scalar:
                raise _unfit(name, dtype, f"an array of {data.dtype}")
            return flat.tolist() if dtype == float64 else list(flat)
        case Boolean():
            return [bool(item) for item in flat.tolist()]
        case Fixed() if flat.dtype.kind == "f":
            scale = conversion(float64, dtype)
            assert scale is not None
            return [scale(float(item)) for item in flat]
        case _:
            return _integers(flat, dtype, name)


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


def to_numpy(cells: list[Any], dtype: DType, shape: tuple[int, ...]) -> np.ndarray:
    """A new array of the values; elements that were never stored are zero."""
    if isinstance(dtype, Struct):
        found = np.zeros(len(cells), container(dtype))
        whole = [zero_of(dtype) if cell is None else cell for cell in cells]
        for position, (field, inner) in enumerate(dtype.fields):
            found[field] = to_numpy([cell[position] for cell in whole], inner, (len(cells),))
        return found.reshape(shape)
    zero = zero_of(dtype)
    found = np.empty(len(cells), container(dtype))
    if cells:
        found[:] = [zero if cell is None else cell for cell in cells]
    return found.reshape(shape)


def write_back(cells: list[Any], dtype: DType, target: np.ndarray) -> None:
    """Store the values to the caller's array."""
    found = to_numpy(cells, dtype, target.shape)
    if isinstance(dtype, Fixed) and target.dtype.kind == "f":
        target[...] = found.astype(np.float64) / 2.0**dtype.frac
    else:
        target[...] = found


def scalar_from_python(item: Any, dtype: DType, name: str) -> Any:
    """A scalar argument (a Python or NumPy number) as a value of `dtype`."""
    if isinstance(item, np.ndarray):
        return from_numpy(item, dtype, name)[0]
    if isinstance(dtype, Float):
        return float_class(dtype)(item)
    if isinstance(dtype, Boolean):
        return bool(item)
    if isinstance(dtype, Fixed) and isinstance(item, float | np.floating):
        return from_numpy(np.array([float(item)]), dtype, name)[0]
    if isinstance(dtype, Struct):
        return from_numpy(np.array([item], container(dtype)), dtype, name)[0]
    return _integers(np.array([int(item)], object), dtype, name)[0]
