"""FIFO arguments: Python queues to C's rings of elements, and back after the call."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, MutableSequence
from functools import cache
from typing import Any

import numpy as np

__all__ = ["Fifos"]


@cache
def _libc() -> ctypes.CDLL:
    """The C library, whose ``malloc`` and ``free`` the compiled code uses on the same memory."""
    library = ctypes.CDLL(None)
    library.malloc.restype = ctypes.c_void_p
    library.malloc.argtypes = [ctypes.c_size_t]
    library.free.argtypes = [ctypes.c_void_p]
    return library


class Fifos:
    """The FIFOs of one argument, in C's layout: data, head, count and capacity of each.

    `pack` makes C's elements of an iterable, `unpack` the inverse.
    """

    def __init__(
        self,
        queues: list[MutableSequence[Any]],
        itemsize: int,
        pack: Callable[[Iterable[Any]], np.ndarray],
        unpack: Callable[[np.ndarray], list[Any]],
    ) -> None:
        self._queues = queues
        self._itemsize = itemsize
        self._unpack = unpack
        elements = [pack(queue) for queue in queues]  # before memory is taken: it may refuse
        self.table = np.zeros((len(queues), 4), np.int64)
        for row, data in zip(self.table, elements, strict=True):
            capacity = 1 << max(len(data) - 1, 0).bit_length()
            row[0] = _libc().malloc(capacity * itemsize)
            row[2:] = len(data), capacity
            ctypes.memmove(int(row[0]), data.ctypes.data, data.nbytes)

    def bring_back(self) -> None:
        """Make the Python queues hold what the FIFOs hold now."""
        for queue, (at, head, count, capacity) in zip(self._queues, self.table.tolist(), strict=True):
            raw = ctypes.string_at(at, capacity * self._itemsize)
            ring = np.frombuffer(raw, np.uint8).reshape(capacity, self._itemsize)
            order = (head + np.arange(count)) & (capacity - 1)
            queue.clear()
            queue.extend(self._unpack(ring[order]))

    def release(self) -> None:
        """Give the memory back."""
        for row in self.table:
            _libc().free(int(row[0]))
        self.table[:] = 0
