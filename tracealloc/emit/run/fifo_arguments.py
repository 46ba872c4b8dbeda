"""FIFO arguments: Python queues to C's rings of elements, and back after the call."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, MutableSequence
from functools import cache
from typing import Any

import numpy as np

__all__ = ["NETWORK_WORDS", "PLAIN_WORDS", "SIMULATED_WORDS", "Fifos", "given_twice"]

PLAIN_WORDS, NETWORK_WORDS, SIMULATED_WORDS = 5, 10, 30


@cache
def _libc() -> ctypes.CDLL:
    """The C library, whose ``malloc`` and ``free`` the compiled code uses on the same memory."""
    library = ctypes.CDLL(None)
    library.malloc.restype = ctypes.c_void_p
    library.malloc.argtypes = [ctypes.c_size_t]
    library.free.argtypes = [ctypes.c_void_p]
    return library


class Fifos:
    """The FIFOs of one argument, in C's layout: data, head, count, capacity and missed of each.

    A queue has `words` of 64 bits: in a network there is also what makes processes wait, room (none is for
    any), number, name, and who waits; in a simulation, when things happened.

    `pack` makes C's elements of an iterable, `unpack` the inverse. A queue that the kernel does not read
    is not looked at, and nothing is done to any before `bring_back`: a failed call leaves them as they were.
    """

    def __init__(
        self,
        queues: list[MutableSequence[Any]],
        itemsize: int,
        pack: Callable[[Iterable[Any]], np.ndarray],
        unpack: Callable[[np.ndarray], list[Any]],
        read: bool,
        written: bool,
        words: int = PLAIN_WORDS,
    ) -> None:
        self._queues = queues
        self._itemsize = itemsize
        self._unpack = unpack
        self._read, self._written = read, written
        self._held: list[list[Any]] = [list(queue) if read else [] for queue in queues]
        self._after: list[list[Any]] = []
        elements = [pack(held) for held in self._held]  # before memory is taken: it may refuse
        self.table = np.zeros((len(queues), words), np.int64)
        for row, data in zip(self.table, elements, strict=True):
            capacity = 1 << max(len(data) - 1, 0).bit_length()
            row[0] = _libc().malloc(capacity * itemsize)
            row[2:4] = len(data), capacity
            ctypes.memmove(int(row[0]), data.ctypes.data, data.nbytes)

    def read_back(self) -> None:
        """See what the FIFOs hold now."""
        for held, (at, head, count, capacity, *_) in zip(self._held, self.table.tolist(), strict=True):
            if not self._written:  # the caller's own elements
                self._after.append(held[len(held) - count :])
                continue
            raw = ctypes.string_at(at, capacity * self._itemsize)
            ring = np.frombuffer(raw, np.uint8).reshape(capacity, self._itemsize)
            order = (head + np.arange(count)) & (capacity - 1)
            self._after.append(self._unpack(ring[order]))

    def bring_back(self) -> None:
        """Make the Python queues hold what the FIFOs held when the kernel had ended."""
        for queue, after in zip(self._queues, self._after, strict=True):
            if self._read:
                queue.clear()
            queue.extend(after)

    def starved(self) -> list[int]:
        """The numbers of the queues that were read while they were empty."""
        return [int(number) for number in np.flatnonzero(self.table[:, 4])]

    def release(self) -> None:
        """Give the memory back."""
        for row in self.table:
            _libc().free(int(row[0]))
        self.table[:] = 0


def given_twice(arguments: Iterable[tuple[str, Iterable[Any]]]) -> str | None:
    """Two streams, in words, that would be one queue: of arguments by name, each with its queues."""
    seen: dict[int, str] = {}
    for name, queues in arguments:
        for queue in queues:
            other = seen.get(id(queue))
            if other is not None:
                same = f"two streams of argument {name!r}"
                return same if other == name else f"arguments {other!r} and {name!r}"
            seen[id(queue)] = name
    return None
