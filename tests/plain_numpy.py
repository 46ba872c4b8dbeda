"""Elements of NumPy arrays as the numbers of plain Python's kernels, and back."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from tests.plain_value import convert
from tracealloc.check.interpret.arith import float_class
from tracealloc.trace.ir.dtype import (
    Boolean,
    DType,
    Fixed,
    Float,
    Integer,
    Struct,
    bfloat16,
    boolean,
    float16,
    float32,
    float64,
)

__all__ = ["container", "dtype_of", "from_numpy", "round_in_place", "to_numpy"]


def from_numpy(item: Any, dtype: DType) -> Any:
    """An element as a number."""
    match dtype:
        case Float():
            return float_class(dtype)(item)
        case Fixed():
            return convert(Fraction(int(item) if isinstance(item, int | np.integer) else float(item)), dtype)
        case Boolean():
            return bool(item)
        case _:
            return int(item)


def to_numpy(number: Any, dtype: DType) -> Any:
    """A number as an element."""
    return float(number) if isinstance(dtype, Fixed) else number


def container(dtype: DType) -> Any:
    """The NumPy type of elements."""
    match dtype:
        case Float():
            return float_class(dtype)
        case Boolean():
            return np.bool_
        case Fixed():
            return np.float64
        case Struct(fields=fields):
            return np.dtype([(name, container(inner)) for name, inner in fields])
        case _:
            integer = Integer(dtype.bits, getattr(dtype, "signed", True))
            for bits in (8, 16, 32, 64):
                if integer.width <= bits:
                    return np.dtype(f"{'int' if integer.signed else 'uint'}{bits}")
            return np.dtype(object)


def dtype_of(data: Any) -> DType:
    """The element type that an array is for, where nothing says another."""
    kind, bits = data.dtype.kind, data.dtype.itemsize * 8
    if kind in "iu":
        return Integer(bits, kind == "i")
    if kind == "b":
        return boolean
    if kind == "V" and data.dtype.names:
        empty = np.zeros((), data.dtype)
        return Struct(tuple((name, dtype_of(empty[name])) for name in data.dtype.names))
    floats = (bfloat16, float16, float32, float64)
    return {np.dtype(float_class(dtype)): dtype for dtype in floats}[data.dtype]


def round_in_place(data: np.ndarray, dtype: DType) -> None:
    """Make the numbers of fixed point those that its type has."""
    if isinstance(dtype, Struct):
        for name, inner in dtype.fields:
            round_in_place(data[name], inner)
    elif isinstance(dtype, Fixed) and data.dtype.kind == "f":
        for at, item in np.ndenumerate(data):
            data[at] = to_numpy(from_numpy(item, dtype), dtype)
