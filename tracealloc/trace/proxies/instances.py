"""A grid of processes whose body needs numbers: traced for each, and put together where they are alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from itertools import product
from types import FrameType
from typing import Any

import numpy as np

from tracealloc.trace.ir.expr import Iter, IterRef
from tracealloc.trace.ir.program import Array
from tracealloc.trace.proxies.loops import Running, SymbolicLoop
from tracealloc.trace.proxies.placed import Placed
from tracealloc.trace.queries.affine import constant
from tracealloc.trace.record.events import Event, ForEach
from tracealloc.trace.record.recorder import Recorder

__all__ = ["Instances"]


class Instances(Running):
    """A grid that a for statement is running, process by process: the iterators are numbers."""

    __slots__ = ("bodies", "first", "left_over", "point")

    def __init__(self, loop: SymbolicLoop, recorder: Recorder, frame: FrameType) -> None:
        super().__init__(loop, recorder, frame)
        extents = [int(stop.value) for _, stop, _ in loop.bounds]  # type: ignore[attr-defined]
        self.left_over = list(product(*map(range, extents)))
        self.point = self.left_over.pop(0)
        self.bodies: list[tuple[tuple[int, ...], tuple[Iter, ...], tuple[Event, ...], object]] = []

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            return super().__next__()
        except StopIteration:
            if not self.left_over:
                self._emit_all()
                raise
            self.point = self.left_over.pop(0)
            self.explorer, self.scope, self.runs, self.left = None, None, 0, {}
            return super().__next__()

    def _proxies(self) -> tuple[Any, ...]:
        scope = self.recorder.scope
        return tuple(Placed(v, IterRef(it), scope) for v, it in zip(self.point, self.iters, strict=True))

    def _seen(self) -> None:
        if not self.bodies:  # once for all processes
            super()._seen()

    def _start(self) -> None:
        self.first = self.recorder.counter
        super()._start()

    def _emit(self, body: tuple[Event, ...]) -> None:
        """Keep the body of one process, and what it is with numbers counted from its own beginning."""
        if body:
            self.bodies.append((self.point, self.iters, body, _form(body, self.first)))

    def _emit_all(self) -> None:
        """A nest of loops for each box of processes that do the same, with the body of one of them."""
        alike: dict[object, dict[tuple[int, ...], tuple[tuple[Iter, ...], tuple[Event, ...]]]] = {}
        for point, iters, body, form in self.bodies:
            alike.setdefault(form, {})[point] = iters, body
        from tracealloc.trace.network.boxes import boxes_of

        for members in alike.values():
            for box in boxes_of([list(point) for point in members], len(self.point)):
                iters, body = members[tuple(low for low, _ in box)]
                for position in reversed(range(len(box))):
                    low, high = box[position]
                    band = self.loop.name if position == 0 else None
                    ends = constant(low), constant(high + 1)
                    event = ForEach(iters[position], *ends, 1, body, False, band, self.spot.place, True)
                    body = (event,)
                self.recorder.emit(body[0])


def _form(item: Any, first: int) -> object:
    """What events are, with numbers counted from `first`: equal for two processes that do the same."""
    if isinstance(item, Array):
        data = None if item.data is None else (item.data.dtype.str, item.data.shape, item.data.tobytes())
        return "array", _key(item.key, first), repr(item.dtype), item.shape, item.kind, data, item.depth
    if isinstance(item, Iter):
        return "iter", _key(item.key, first)
    if isinstance(item, tuple | list):
        return tuple(_form(part, first) for part in item)
    if isinstance(item, np.ndarray):
        return item.dtype.str, item.shape, item.tobytes()
    if is_dataclass(item) and not isinstance(item, type):
        parts: list[object] = []
        for f in fields(item):
            value = getattr(item, f.name)
            if f.name == "number" and isinstance(value, int):
                parts.append(value - first if value > first else ("outer", value))
            elif f.compare:
                parts.append(_form(value, first))
        return type(item).__name__, tuple(parts)
    return item if isinstance(item, str | type(None)) else (type(item).__name__, repr(item))


def _key(key: str, first: int) -> object:
    number = key.removeprefix("%")
    return int(number) - first if number.isdecimal() and int(number) > first else key
