"""Objects without slots that could be written, as far as their state is seen: pickles, buffers, memory."""

from __future__ import annotations

import ctypes
import functools
import sys
import zlib
from collections.abc import Iterator
from typing import Any

__all__ = [
    "LIBRARY",
    "Identity",
    "array_bytes",
    "bytes_of",
    "form_of",
    "frozen",
    "has_buffer",
    "in_c",
    "is_library",
    "parts_of",
    "pickles",
    "position",
    "seen_of",
    "told_by",
    "top_of",
]

LIBRARY = frozenset((*sys.stdlib_module_names, "tracealloc", "numpy")) - {"__main__"}
_PLAIN = (int, float, complex, str, bytes, type(None), range, slice)
_TELLING = ("qsize", "digest", "total_changes")  # of what keeps its state behind a pointer
_HEADER = object.__basicsize__
_BYTES = 1 << 20  # of a buffer; of a larger one the checksum is compared
_ELEMENTS = 20_000


def top_of(item: Any) -> str:
    """The package or module that an object says it is of."""
    module = getattr(item, "__module__", None)
    return module.partition(".")[0] if isinstance(module, str) else ""


def is_library(item: Any) -> bool:
    """Whether a class or a function is of the standard library, of NumPy or of this package."""
    return top_of(item) in LIBRARY


class Identity:
    """An object, told from others by identity; it lives as long as what it is part of."""

    __slots__ = ("item",)

    def __init__(self, item: object) -> None:
        self.item = item

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Identity) and other.item is self.item

    def __hash__(self) -> int:
        return id(self.item)


@functools.cache
def pickles(kind: Any) -> bool:
    """Whether a class of the standard library or of NumPy says what a pickle of `kind` holds."""
    for base in kind.__mro__:
        own = {"__reduce__", "__reduce_ex__", "__getstate__"} & vars(base).keys()
        if own and base is not object:
            return is_library(base)
    return False


@functools.cache
def has_buffer(kind: Any) -> bool:
    """Whether objects of a class are memory that anybody can write."""
    data = (ctypes.Structure, ctypes.Union, ctypes.Array, ctypes.c_int.__mro__[1])
    return kind.__module__ in ("array", "mmap") or issubclass(kind, data)


def seen_of(item: Any, kind: Any) -> object:
    """What an object of `kind`, a class in C, says of itself, or else its memory."""
    told = tuple(name for name in _TELLING if hasattr(kind, name))
    if told:
        return told_by(item, told)
    # Counters, positions and pointers lie behind the header.
    return ctypes.string_at(id(item) + _HEADER, kind.__basicsize__ - _HEADER)


def told_by(item: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
    """What some attributes or methods say of an object that does not pickle."""
    found = []
    for name in names:
        try:
            value = getattr(item, name, None)
            found.append(value() if callable(value) else value)
        except (ValueError, TypeError):  # an iterator that does not count, or has ended
            continue
    return tuple(found)


@functools.cache
def in_c(kind: Any) -> Any:
    """The class in C of the standard library that a class is or stems from, or None."""
    while kind.__base__ not in (object, None):
        kind = kind.__base__
    in_python = {"__dict__", "__slots__", "__weakref__"} & vars(kind).keys()
    return None if in_python or kind.__itemsize__ or not is_library(kind) else kind


def bytes_of(item: Any) -> Any:
    """The bytes of a buffer, of a large one their checksum; None where it has none."""
    try:
        view = memoryview(item)
    except (TypeError, ValueError):
        return None
    if view.nbytes <= _BYTES:
        return view.tobytes()
    return zlib.crc32(view if view.contiguous else view.tobytes())


def array_bytes(item: Any) -> Any:
    """The bytes of a NumPy array in C order, of a large one their checksum."""
    if item.nbytes <= _BYTES:
        return item.tobytes()
    import numpy as np

    flat: Any = np.asarray(item).ravel(order="K").view("u1")
    return zlib.crc32(flat)


def form_of(item: Any) -> tuple[Any, ...]:
    """What a NumPy array says of itself but for its elements."""
    return item.shape, item.strides, frozen(item.dtype), item.flags.writeable


def position(item: Any) -> Any:
    """Where a file is read; what is written to one is nobody's state."""
    try:
        return item.tell() if item.readable() and item.seekable() else None
    except (OSError, ValueError):
        return None


def parts_of(item: Any) -> Iterator[Any]:
    """The objects that an iterator of the standard library goes through."""
    if not hasattr(item, "__next__"):
        return
    try:
        found = item.__reduce__()
    except Exception:
        return
    yield from (part for part in found[1] if not isinstance(part, _PLAIN)) if len(found) > 1 else ()


def frozen(item: Any, depth: int = 0) -> Any:
    """What tells an object from itself after a change, as far as a pickle would."""
    kind: Any = type(item)
    if kind in _PLAIN or kind is bool:
        return item
    if depth > 8:
        return Identity(item)
    if isinstance(item, tuple | list) and len(item) <= _ELEMENTS:
        return kind, tuple(frozen(part, depth + 1) for part in item)
    if isinstance(item, dict) and len(item) <= _ELEMENTS:
        return kind, tuple((frozen(k, depth + 1), frozen(v, depth + 1)) for k, v in item.items())
    if kind.__module__ == "numpy" and hasattr(item, "tobytes"):
        return array_bytes(item)
    if not pickles(kind):
        return Identity(item)
    try:
        found = item.__reduce_ex__(2)
    except Exception:  # what cannot be pickled cannot be seen
        return Identity(item)
    return kind, frozen(found[1:] if isinstance(found, tuple) else found, depth + 1)
