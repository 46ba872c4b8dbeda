"""`ta.raw` and `ta.from_raw`: between fixed-point numbers and their bits, on NumPy's side."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracealloc.emit.common.numpy_types import accepted, container, fits_double, numbers_of, stored
from tracealloc.emit.run.argument_checks import leaves
from tracealloc.trace.diagnostics.errors import ArgumentError
from tracealloc.trace.diagnostics.public import public
from tracealloc.trace.diagnostics.source import caller_place
from tracealloc.trace.ir.dtype import DType, Fixed, Struct
from tracealloc.trace.ir.quantise import is_real
from tracealloc.trace.ir.stored import not_a_number, stored_type

__all__ = ["from_raw", "raw"]


@public()
def raw(data: Any, dtype: DType) -> Any:
    """The bits of numbers in a fixed-point type, as the scaled integers that hardware has.

    Args:
        data: a number, or an array of any shape (a list too); for a `ta.Struct` a structured array. Numbers
            are rounded and brought into range as `dtype` says.
        dtype: a fixed-point type, or a struct that has some.

    Returns:
        An array of the least NumPy integers that hold `dtype` (over 64 bits: of Python integers), or for one
        number an int.

    Raises:
        ArgumentError: `dtype` has no fixed point, or an element is no finite number.
    """
    given = _array(data, dtype, "ta.raw")
    if not accepted(dtype, given.dtype, False):
        raise _error("TA703", f"ta.raw takes real numbers for {dtype}, not an array of {given.dtype}")
    for path, part, inner in leaves(given, dtype, ""):
        bad = not_a_number(part, finite=True) if isinstance(inner, Fixed) else None
        if bad is not None:
            at, item = bad
            where = f" at index [{', '.join(map(str, at))}]{path}" if at or path else ""
            shown = item if is_real(item) else repr(item)
            raise _error(
                "TA707", f"ta.raw: {shown}{where} is no finite number, and {dtype} holds nothing else"
            )
    found = stored(given, dtype)
    return found if found.ndim or isinstance(dtype, Struct) else int(found[()])


@public()
def from_raw(bits: Any, dtype: DType) -> Any:
    """The numbers that bits stand for in a fixed-point type: the inverse of `raw`, exact.

    Args:
        bits: an integer, or an array of integers of any shape, signed or not; of each the low bits count, and
            what is above them must be zero or the sign.
        dtype: a fixed-point type, or a struct that has some.

    Returns:
        float64 where that holds every value of the type, else `fractions.Fraction` (an ``object`` array); an
        array of the shape of `bits`, or for one integer a number.

    Raises:
        ArgumentError: `dtype` has no fixed point, or an element is no integer of its width.
    """
    given = _array(bits, dtype, "ta.from_raw")
    found = _numbers(given, dtype, "")
    if found.ndim or isinstance(dtype, Struct):
        return found
    return found[()] if found.dtype.kind == "O" else float(found[()])


def _numbers(given: np.ndarray, dtype: DType, path: str) -> np.ndarray:
    if isinstance(dtype, Struct):
        if given.dtype.names != tuple(name for name, _ in dtype.fields):
            raise _error("TA703", f"ta.from_raw takes records for {dtype}, not an array of {given.dtype}")
        parts = {name: _numbers(given[name], inner, f"{path}.{name}") for name, inner in dtype.fields}
        found = np.empty(given.shape, [(name, part.dtype) for name, part in parts.items()])
        for name, part in parts.items():
            found[name] = part
        return found
    if not isinstance(dtype, Fixed):
        return given
    low = -(1 << (dtype.width - 1))
    scaled = np.empty(given.shape, object)
    for at, item in np.ndenumerate(given):
        whole = not isinstance(item, bool | np.bool_) and isinstance(item, int | np.integer)
        if not whole or not low <= item < 1 << dtype.width:
            where = f" at index [{', '.join(map(str, at))}]{path}" if at or path else ""
            raise _error(
                "TA707",
                f"ta.from_raw: {item}{where} is no integer of {dtype.width} bits",
                hint="numbers go in as they are; ta.raw(A, T) makes bits of them",
            )
        value = int(item) & ((1 << dtype.width) - 1)
        negative = dtype.signed and value >> (dtype.width - 1)
        scaled[at] = value - (1 << dtype.width) if negative else value
    return numbers_of(scaled.astype(stored_type(dtype)), dtype, container(dtype, not fits_double(dtype)))


def _array(data: Any, dtype: Any, what: str) -> np.ndarray:
    leaf = dtype
    while isinstance(leaf, Struct):
        inner = [t for _, t in leaf.fields]
        leaf = next((t for t in inner if isinstance(t, Fixed | Struct)), None)
    if not isinstance(leaf, Fixed):
        raise _error(
            "TA702", f"{what} takes a fixed-point type, not {dtype!r}", hint=f"{what}(A, ta.Fixed(16, 8))"
        )
    if isinstance(data, np.ndarray):
        return data
    if is_real(data):
        one = np.empty((), object)
        one[()] = data
        return one
    try:
        return np.array(data, dtype=object if not isinstance(dtype, Struct) else None)
    except (TypeError, ValueError) as error:
        raise _error("TA702", f"{what} takes numbers, not {type(data).__name__}") from error


def _error(code: str, summary: str, hint: str | None = None) -> ArgumentError:
    return ArgumentError(code, summary, place=caller_place(), hint=hint)
