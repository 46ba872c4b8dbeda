"""A program that runs with a clock: the C text with clocks compiled, run on copies of its arguments."""

from __future__ import annotations

import ctypes
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracealloc.emit.c.function import clocked_source
from tracealloc.emit.c.simulated import TOLD
from tracealloc.emit.run.fifo_arguments import SIMULATED_WORDS
from tracealloc.emit.run.runtime import CModule, library_of
from tracealloc.emit.run.stuck import waits_of
from tracealloc.trace.diagnostics.errors import TraceallocError
from tracealloc.trace.ir.clocks import Clocks
from tracealloc.trace.network.waits import Wait

__all__ = ["EVENT", "Run", "SimulatedModule"]

EVENT = np.dtype(
    [("time", "i8"), ("stall", "i8"), ("process", "i4"), ("queue", "i4"), ("put", "i4"), ("_", "i4")]
)
"""What is noted of a put or a get: when it happened, and how long it had to wait before."""


@dataclass(frozen=True)
class Run:
    """One run.

    Attributes:
        values: the arguments as the run left them, in order. `results`: what the function returned.
        told: what the text says of its processes and queues, a line each.
        waits: who waits for whom for ever; empty where all processes ended.
        events: puts and gets, those that were asked for.
        error: why there are no results.
    """

    values: tuple[Any, ...]
    results: Any
    told: str
    waits: tuple[Wait, ...]
    events: np.ndarray
    error: TraceallocError | None = None


class SimulatedModule:
    """The text of a program with clocks, compiled.

    Attributes:
        queues: the arrays of local queues, each with its function, in the order of `depths`.
        depths: how deep each of their queues is in the text (0: without an end).
    """

    def __init__(self, clocks: Clocks) -> None:
        self.clocks = clocks
        source, self.queues = clocked_source(clocks)
        self.module = CModule(clocks.program, source, library_of(source))
        self.module.signature.queue_words = SIMULATED_WORDS
        self._dll = ctypes.CDLL(str(self.module.library))
        count = max(sum(array.size for _, array in self.queues), 1)
        self._depths = (ctypes.c_int64 * count).in_dll(self._dll, "ta_depths")
        self.depths = tuple(self._depths)

    def run(
        self,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        depths: Sequence[int] | None = None,
        events: int = 0,
    ) -> Run:
        """Run it on copies of arguments; `depths` in place of those of the text, at most so many `events`.

        Raises:
            ArgumentError: an argument does not fit.
            TraceallocError: the run found an error which is not that processes wait for one another.
        """
        signature = self.module.signature
        copied = _emptied if self.clocks.bare else _copied
        values = [copied(value) for value in signature.bind(tuple(args), dict(kwargs))]
        signature.reset()
        self._depths[:] = list(self.depths if depths is None else depths)
        self._dll.ta_ask(ctypes.c_int64(events))
        results, error = None, None
        waits: tuple[Wait, ...] = ()
        try:
            results = self.module(*values)
        except TraceallocError as found:
            if found.code != "TA808":
                raise
            error = found
            waits = tuple(waits_of(self.clocks.program, *signature.report()))
        told = self._dll[TOLD]
        told.restype = ctypes.c_char_p
        text = told().decode(errors="replace")
        return Run(tuple(values), results, text, waits, self._events(), error)

    def _events(self) -> np.ndarray:
        count = ctypes.c_int64()
        function = self._dll.ta_events
        function.restype = ctypes.c_void_p
        at = function(ctypes.byref(count))
        if not at or not count.value:
            return np.zeros(0, EVENT)
        return np.frombuffer(ctypes.string_at(at, count.value * EVENT.itemsize), EVENT)


def _emptied(value: Any) -> Any:
    """An argument of which only how many elements it has counts."""
    if isinstance(value, list) and any(isinstance(each, list | deque) for each in value):
        return [_emptied(each) for each in value]
    return deque([0] * len(value)) if isinstance(value, list | deque) else value


def _copied(value: Any) -> Any:
    """An argument that a run may change."""
    if isinstance(value, np.ndarray):
        return np.array(value, order="C")
    if isinstance(value, list):
        return [_copied(each) for each in value]
    if isinstance(value, deque):
        return deque(value)
    return value
