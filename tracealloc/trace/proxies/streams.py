"""FIFO arguments: `ta.Stream[T, depth]`."""

from __future__ import annotations

from typing import Any, NoReturn

from tracealloc.trace.ir.dtype import DType
from tracealloc.trace.ir.program import Array
from tracealloc.trace.proxies.arrays import _Located, store
from tracealloc.trace.record.recorder import Recorder, fail

__all__ = ["StreamProxy"]


class StreamProxy(_Located):
    """A FIFO: `put` appends an element, `get` takes the oldest one."""

    __slots__ = ()

    def __init__(self, array: Array, recorder: Recorder) -> None:
        self._array = array
        self._scope = recorder.scope
        self._place = None

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self._array.dtype

    def put(self, item: Any) -> None:
        """Append an element."""
        store(self._check(), self._array, (), item)

    def get(self) -> Any:
        """Take the oldest element."""
        from tracealloc.trace.proxies.arrays import load

        recorder = self._check()
        return load(recorder, self._array, ())

    def __iter__(self) -> NoReturn:
        fail("TA121", f"the stream {self._label()!r} cannot be iterated over",
             "Python would run the loop while tracing",
             hint="for i in ta.range(count): x = s.get()")  # fmt: skip
