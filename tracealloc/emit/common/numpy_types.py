"""NumPy's side of element types, and conversion to and from C's.

On NumPy's side an element lives in a container: the smallest NumPy type that holds it (int8 for ``Int(5)``,
ml_dtypes' bfloat16, structured types for structs, ``object`` arrays of Python integers over 64 bits). Fixed
point is a number there: float64, or any array of real numbers that is given; an ``object`` array gets exact
`fractions.Fraction`. In C it is a scaled integer, in an array of `stored_type`, over 64 bits in words.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from tracealloc.trace.ir.dtype import DType, Fixed, Float, Integer, Struct
from tracealloc.trace.ir.quantise import quantised, value_of
from tracealloc.trace.ir.stored import floats, stored_type
from tracealloc.trace.proxies.lifting import numpy_dtype

__all__ = [
    "accepted", "container", "fits_double", "from_memory", "from_words", "integer_limits", "memory_type",
    "numbers_of", "stored", "to_memory", "to_words", "word_count", "words_of",
]  # fmt: skip


@cache
def container(dtype: DType, exact: bool = False) -> np.dtype[Any]:
    """The NumPy type of arrays of `dtype`; `exact`: fixed point as fractions."""
    match dtype:
        case Struct(fields=fields):
            found: np.dtype[Any] = np.dtype([(name, container(inner, exact)) for name, inner in fields])
        case Fixed():
            found = np.dtype(object if exact else np.float64)
        case _:
            found = stored_type(dtype)
    return found


@cache
def memory_type(dtype: DType) -> np.dtype[Any]:
    """The NumPy type with the layout that C sees: `stored_type`, but words instead of Python integers.

    This is the one place that says how an element lies in memory: its size, and the offsets of a
    record's fields (packed). The emitted texts assert what they take from here.
    """
    if isinstance(dtype, Struct):
        return np.dtype([(name, memory_type(inner)) for name, inner in dtype.fields])
    held: np.dtype[Any] = stored_type(dtype)
    return np.dtype((np.uint64, (word_count(dtype),))) if held.hasobject else held


def word_count(dtype: DType) -> int:
    """How many 64-bit words an element wider than 64 bits has in C."""
    return max(2, -(-dtype.bits // 64))


def fits_double(dtype: Fixed) -> bool:
    """Whether float64 holds every value of a type exactly."""
    return dtype.width - dtype.signed <= 53 and dtype.frac <= 1074 and dtype.integer_bits <= 1023


def integer_limits(dtype: DType) -> tuple[int, int] | None:
    """The values that an integer may have where its container holds more, else None."""
    if not isinstance(dtype, Integer) or dtype.width in (8, 16, 32, 64):
        return None
    return dtype.low, dtype.high


def accepted(dtype: DType, given: np.dtype[Any], written: bool) -> bool:
    """Whether arrays of `given` are taken for `dtype`, as they are or after a conversion.

    For fixed point these are all real numbers of this machine's byte order; where the kernel writes, those
    that hold a fraction. ml_dtypes' four-bit integers are taken for integers of that width.
    """
    if given == container(dtype):
        return True
    match dtype:
        case Struct(fields=fields):
            return given.names == tuple(name for name, _ in fields) and all(
                accepted(inner, given[name], written) for name, inner in fields
            )
        case Fixed():
            whole = given.kind in "iu" and not written
            narrow = given.kind == "V" and given == _bfloat16()
            real = given.kind == "f" and given.itemsize <= 8
            return (real or whole or narrow or given.kind == "O") and given.isnative
        case Integer(width=4) if given.kind == "V":
            import ml_dtypes

            return bool(given == np.dtype(ml_dtypes.int4 if dtype.signed else ml_dtypes.uint4))
        case _:
            return False


def _bfloat16() -> np.dtype[Any]:
    import ml_dtypes

    found: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
    return found


# NumPy's side to C's.


def to_memory(data: np.ndarray, dtype: DType) -> np.ndarray:
    """A copy of an array of NumPy's side as C sees it."""
    return words_of(stored(data, dtype), dtype)


def stored(data: np.ndarray, dtype: DType) -> np.ndarray:
    """A copy of an array of NumPy's side with fixed point as scaled integers, rounded as the types say."""
    if isinstance(dtype, Struct):
        found = np.empty(data.shape, stored_type(dtype))
        for name, inner in dtype.fields:
            found[name] = stored(data[name], inner)
        return found
    if isinstance(dtype, Fixed):
        data = quantised(data, dtype)
    return np.array(data.astype(stored_type(dtype)), order="C", copy=True)


def words_of(data: np.ndarray, dtype: DType) -> np.ndarray:
    """Stored elements as C sees them."""
    if memory_type(dtype) == data.dtype:
        return np.ascontiguousarray(data).reshape(data.shape)
    if not isinstance(dtype, Struct):
        return to_words(data, dtype)
    found = np.empty(data.shape, memory_type(dtype))
    for name, inner in dtype.fields:
        found[name] = words_of(data[name], inner)
    return found


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


# C's side to NumPy's.


def from_memory(memory: np.ndarray, dtype: DType, target: np.dtype[Any]) -> np.ndarray:
    """An array as C left it, in an array of `target`."""
    if isinstance(dtype, Struct):
        found = np.empty(memory.shape, target)
        for name, inner in dtype.fields:
            found[name] = from_memory(memory[name], inner, target[name])
        return found
    if stored_type(dtype).hasobject:
        memory = from_words(memory, dtype)
    return numbers_of(memory, dtype, target) if isinstance(dtype, Fixed) else memory.astype(target)


def numbers_of(scaled: np.ndarray, dtype: Fixed, target: np.dtype[Any]) -> np.ndarray:
    """Scaled integers as the numbers they stand for: rounded once to a float, exact in ``object`` arrays."""
    flat = scaled.reshape(-1)
    if target.kind != "O" and fits_double(dtype):
        exact = np.ldexp(flat.astype(np.float64), -dtype.frac)
    else:
        exact = np.empty(flat.shape, object)
        for at, value in enumerate(flat.tolist()):
            exact[at] = value_of(int(value), dtype)
    if target.kind != "O":
        real = numpy_dtype(target)
        assert isinstance(real, Float), target
        exact = floats(exact, real)
    return exact.reshape(scaled.shape)
