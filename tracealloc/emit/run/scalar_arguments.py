"""Scalar arguments: Python and NumPy numbers to what ctypes passes."""

from __future__ import annotations

import ctypes
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from tracealloc.emit.common.numpy_types import memory_type
from tracealloc.trace.diagnostics.errors import ArgumentError
from tracealloc.trace.ir.dtype import Boolean, DType, Fixed, Float, Index, Integer, Struct, float32
from tracealloc.trace.ir.quantise import is_finite, is_real, nearest, quantised_one
from tracealloc.trace.ir.stored import stored_type

__all__ = ["c_scalar", "quick_scalar", "scalar_value"]


_INTEGERS = frozenset(np.dtype(code).type for code in "bhilqBHILQ")


def c_scalar(dtype: DType) -> Any:
    """The ctypes type of a scalar that is passed by value."""
    match dtype:
        case Boolean():
            return ctypes.c_bool
        case Float():
            return ctypes.c_float if dtype == float32 else ctypes.c_double
        case _:
            return np.ctypeslib.as_ctypes_type(memory_type(dtype))


def quick_scalar(dtype: DType) -> Callable[[Any], Any]:
    """A function that returns a usual value of `dtype` as ctypes takes it, and None for any other."""
    if isinstance(dtype, Float):
        exact = 1 << 53

        def real(value: Any) -> float | None:
            kind = type(value)
            if kind is float or kind is np.float64 or kind is np.float32:
                return float(value)
            return float(value) if kind is int and -exact <= value <= exact else None

        return real
    if isinstance(dtype, Integer | Index):
        held = Integer(64, True) if isinstance(dtype, Index) else dtype
        low, high = held.low, held.high

        def whole(value: Any) -> int | None:
            if type(value) is int:
                return value if low <= value <= high else None
            if type(value) in _INTEGERS:
                return whole(int(value))
            return None

        return whole
    return lambda value: None


def scalar_value(kernel: str, name: str, dtype: DType, value: Any) -> Any:
    """`value` as a stored number of `dtype`: fixed point as its scaled integer.

    Raises:
        ArgumentError: it is no number, of the wrong kind, or out of range.
    """
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    match dtype:
        case Boolean():
            if isinstance(value, bool | np.bool_):
                return bool(value)
            raise _kind_error(kernel, name, dtype, value, "True or False")
        case Float():
            if isinstance(value, float | int | np.floating | np.integer) or _is_narrow_float(value):
                return _real(kernel, name, dtype, value)
            raise _kind_error(kernel, name, dtype, value, "a number")
        case Struct():
            return _record(kernel, name, dtype, value)
        case Fixed():
            return _fixed(kernel, name, dtype, value)
        case _:
            return _integer(kernel, name, dtype, value)


def _record(kernel: str, name: str, dtype: Struct, value: Any) -> Any:
    names = [field for field, _ in dtype.fields]
    known = isinstance(value, np.void) and value.dtype.names == tuple(names)
    if not known and not (isinstance(value, tuple | list) and len(value) == len(names)):
        raise _kind_error(kernel, name, dtype, value, "a record or a tuple of its fields")
    data = np.zeros((), stored_type(dtype))
    for at, (field, inner) in enumerate(dtype.fields):
        data[field] = scalar_value(kernel, f"{name}.{field}", inner, value[at])
    return data[()]


def _is_narrow_float(value: Any) -> bool:
    return isinstance(value, np.generic) and value.dtype.kind == "V" and hasattr(value, "__float__")


def _real(kernel: str, name: str, dtype: Float, number: Any) -> Any:
    try:
        value = float(number)
    except OverflowError as error:
        raise ArgumentError(
            "TA707",
            f"{kernel}: argument {name!r} is an integer of {number.bit_length()} bits, too large for {dtype}",
        ) from error
    return value if dtype.bits > 32 else nearest(number, dtype)


def _fixed(kernel: str, name: str, dtype: Fixed, value: Any) -> int:
    if isinstance(value, bool | np.bool_) or not is_real(value):
        raise _kind_error(kernel, name, dtype, value, "a number")
    if not is_finite(value):
        raise ArgumentError(
            "TA707",
            f"{kernel}: argument {name!r} is {value}, which {dtype} does not hold: expected a finite number",
        )
    return quantised_one(value, dtype)


def _integer(kernel: str, name: str, dtype: DType, value: Any) -> int:
    if isinstance(value, bool | np.bool_) or not hasattr(value, "__index__"):
        raise _kind_error(kernel, name, dtype, value, "an integer")
    try:
        number = operator.index(value)
    except TypeError as error:
        raise _kind_error(kernel, name, dtype, value, "an integer") from error
    width, signed = (64, True) if isinstance(dtype, Index) else (dtype.bits, _signed(dtype))
    limits = Integer(width, signed)
    if not limits.low <= number <= limits.high:
        raise ArgumentError(
            "TA707",
            f"{kernel}: argument {name!r} is {number}, which {dtype} does not hold: expected a value from "
            f"{limits.low} to {limits.high}",
        )
    return number


def _signed(dtype: DType) -> bool:
    assert isinstance(dtype, Integer), dtype
    return dtype.signed


def _kind_error(kernel: str, name: str, dtype: DType, value: Any, expected: str) -> ArgumentError:
    shown = type(value).__name__ if isinstance(value, np.ndarray) else f"{value!r} ({type(value).__name__})"
    return ArgumentError("TA702", f"{kernel}: argument {name!r} is {shown}, expected {expected} for {dtype}")
