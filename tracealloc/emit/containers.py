"""NumPy containers of element types, and conversion where memory in C looks otherwise.

A container is the smallest NumPy type that holds the element: int8 for ``Int(5)``, ml_dtypes' bfloat16,
structured types for structs, arrays of Python integers (``object``) over 64 bits. Fixed point is held as
its scaled integer.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from tracealloc.trace.dtype import (
    Boolean,
    DType,
    Fixed,
    Float,
    Index,
    Integer,
    Struct,
    bfloat16,
)

__all__ = [
    "accepted", "container", "from_floats", "from_words", "integer_limits", "memory_type", "quantised",
    "to_floats", "to_words", "word_count",
]  # fmt: skip


@cache
def container(dtype: DType) -> np.dtype[Any]:
    """The NumPy type of arrays of `dtype`."""
    match dtype:
        case Boolean():
            return np.dtype(np.bool_)
        case Float():
            if dtype == bfloat16:
                import ml_dtypes

                narrow: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
                return narrow
            named: np.dtype[Any] = np.dtype(dtype.name)
            return named
        case Struct(fields=fields):
            return np.dtype([(name, container(inner)) for name, inner in fields])
        case Index():
            return np.dtype(np.int64)
        case Integer() | Fixed():
            for bits in (8, 16, 32, 64):
                if dtype.width <= bits:
                    return np.dtype(f"{'int' if dtype.signed else 'uint'}{bits}")
            return np.dtype(object)
        case _:
            raise TypeError(f"unknown type {dtype!r}")


@cache
def memory_type(dtype: DType) -> np.dtype[Any]:
    """The NumPy type with the layout that C sees: `container`, but words instead of Python integers."""
    if isinstance(dtype, Struct):
        return np.dtype([(name, memory_type(inner)) for name, inner in dtype.fields])
    if container(dtype).hasobject:
        return np.dtype((np.uint64, (word_count(dtype),)))
    return container(dtype)


def word_count(dtype: DType) -> int:
    """How many 64-bit words an element wider than 64 bits has in C."""
    return max(2, -(-dtype.bits // 64))


def integer_limits(dtype: DType) -> tuple[int, int] | None:
    """The values that an element may have where its container holds more, else None."""
    if not isinstance(dtype, Integer | Fixed):
        return None
    if dtype.width in (8, 16, 32, 64):
        return None
    integer = Integer(dtype.width, dtype.signed)
    return integer.low, integer.high


def accepted(dtype: DType, given: np.dtype[Any]) -> bool:
    """Whether arrays of `given` are taken for `dtype` after a conversion.

    These are ml_dtypes' four-bit integers, and floats (of this machine's byte order) for fixed point.
    """
    if isinstance(dtype, Fixed):
        return given in (np.float32, np.float64)
    if not isinstance(dtype, Integer) or dtype.width != 4 or given.kind != "V":
        return False
    import ml_dtypes

    return bool(given == np.dtype(ml_dtypes.int4 if dtype.signed else ml_dtypes.uint4))


def to_words(data: np.ndarray, dtype: DType) -> np.ndarray:
    """Python integers (None: 0) as words, least significant first; the last axis counts words."""
    count = word_count(dtype)
    mask = (1 << (64 * count)) - 1
    raw = b"".join((int(value or 0) & mask).to_bytes(8 * count, "little") for value in data.ravel())
    return np.frombuffer(bytearray(raw), np.uint64).reshape((*data.shape, count))


def from_words(words: np.ndarray, dtype: DType) -> np.ndarray:
    """The inverse of `to_words`."""
    assert isinstance(dtype, Integer | Fixed)
    integer = Integer(dtype.width, dtype.signed)
    count = words.shape[-1]
    found = np.empty(words.shape[:-1], object)
    flat = found.reshape(-1)
    raw = words.tobytes()
    for number in range(flat.size):
        flat[number] = integer.wrap(
            int.from_bytes(raw[8 * count * number : 8 * count * (number + 1)], "little")
        )
    return flat.reshape(words.shape[:-1])


def from_floats(data: np.ndarray, dtype: DType) -> np.ndarray:
    """Floats as scaled integers of a fixed-point type, by its rounding and overflow; else `data` itself."""
    if data.dtype.kind != "f" or not isinstance(dtype, Fixed):
        return data
    found = np.empty(data.shape, object)
    flat = found.reshape(-1)
    for number, value in enumerate(data.ravel().tolist()):
        flat[number] = quantised(value, dtype)
    return flat.reshape(data.shape) if container(dtype).hasobject else found.astype(container(dtype))


def to_floats(data: np.ndarray, dtype: Fixed, target: np.dtype[Any]) -> np.ndarray:
    """Scaled integers of a fixed-point type as floats of their value."""
    values = [math.ldexp(int(value), -dtype.frac) for value in data.ravel()]
    return np.array(values, np.float64).reshape(data.shape).astype(target)


def quantised(value: float, dtype: Fixed) -> int:
    """A float as a scaled integer of `dtype` (the rules are those of `fixed`); NaN and infinities give 0."""
    if not math.isfinite(value):
        return 0
    top, bottom = value.as_integer_ratio()
    shift = bottom.bit_length() - 1 - dtype.frac
    if shift <= 0:
        return _into_range(top << -shift, top << -shift, dtype)
    half = 1 << (shift - 1)
    bias = {
        "TRN": 0,
        "RND": half,
        "RND_MIN_INF": half - 1,
        "RND_CONV": half - 1 + (top >> shift & 1),
        "TRN_ZERO": 2 * half - 1 if top < 0 else 0,
        "RND_ZERO": half if top < 0 else half - 1,
        "RND_INF": half - 1 if top < 0 else half,
    }[dtype.rounding]
    return _into_range((top + bias) >> shift, top >> shift, dtype)


def _into_range(value: int, floor: int, dtype: Fixed) -> int:
    box = Integer(dtype.width, dtype.signed)
    least = box.low + (dtype.overflow == "SAT_SYM" and dtype.signed and dtype.width > 1)
    if least <= value <= box.high:
        return value
    match dtype.overflow:
        case "WRAP":
            return box.wrap(value)
        case "SAT_ZERO":
            return 0
        case "WRAP_SM" if dtype.signed:
            wrapped = box.wrap(value)
            return wrapped if (floor >> dtype.width & 1) == (wrapped < 0) else ~wrapped
        case _:
            return max(least, min(box.high, value))
