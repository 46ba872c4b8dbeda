"""Storing to cells, and where the elements of a view lie."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from tracealloc.check.interpret.expr import Frame, Run, field_position
from tracealloc.check.interpret.faults import refuse_left
from tracealloc.check.interpret.observed import Access
from tracealloc.trace.ir.dtype import Struct
from tracealloc.trace.ir.expr import Expr
from tracealloc.trace.ir.program import Array

__all__ = [
    "all_elements",
    "make_queues",
    "positions",
    "starts_at_zero",
    "store_element",
    "store_field",
    "store_inline",
    "unstored",
]


def unstored(array: Array) -> Any:
    """What a cell holds before anything is stored to it."""
    return hollow(array.dtype) if isinstance(array.dtype, Struct) else None


def hollow(dtype: Struct) -> tuple[Any, ...]:
    return tuple(hollow(inner) if isinstance(inner, Struct) else None for _, inner in dtype.fields)


def starts_at_zero(firsts: tuple[Expr, ...]) -> bool:
    """Whether all of a view's first indices are the literal zero."""
    return all(getattr(first, "value", None) == 0 for first in firsts)


def positions(shape: tuple[int, ...], strides: tuple[int, ...]) -> list[int]:
    """The positions of a view's elements, in C order, counted from its first."""
    found = [0]
    for extent, stride in zip(shape, strides, strict=True):
        found = [first + step * stride for first in found for step in range(extent)]
    return found


def all_elements(array: Array, cells: Any) -> tuple[Access, ...]:
    """Every element of an array."""
    places: list[tuple[int, ...]] = [()]
    for extent in array.shape:
        places = [(*place, step) for place in places for step in range(extent)]
    return tuple(Access(array, place, (id(cells), at)) for at, place in enumerate(places))


def make_queues(array: Array, slot: int) -> Run:
    """New queues; those that were there must be empty."""

    def make(f: Frame) -> None:
        refuse_left(array, f[slot])
        f[slot] = [deque() for _ in range(array.size)]

    return make


def store_inline(slot: int, value: Callable[[Frame], Any]) -> Run:
    """Store a named value."""

    def run(f: Frame) -> None:
        f[slot] = value(f)

    return run


def store_element(
    array: Array, slot: int, position: Callable[[Frame], int] | None, value: Callable[[Frame], Any]
) -> Run:
    """Store one element; push to a stream."""
    if array.kind == "stream":

        def push(f: Frame) -> None:
            f[slot][position(f) if position else 0].append(value(f))

        return push
    if position is None:

        def put_scalar(f: Frame) -> None:
            f[slot][0] = value(f)

        return put_scalar

    def put(f: Frame) -> None:
        new = value(f)
        f[slot][position(f)] = new

    return put


def store_field(
    array: Array,
    slot: int,
    position: Callable[[Frame], int] | None,
    value: Callable[[Frame], Any],
    path: tuple[str, ...],
) -> Run:
    """Store one field of an element."""
    steps, dtype = [], array.dtype
    for name in path:
        steps.append(field_position(dtype, name))
        dtype = array.dtype if not isinstance(dtype, Struct) else (dtype.field_type(name) or dtype)

    def put(f: Frame) -> None:
        where, cells = position(f) if position else 0, f[slot]
        cells[where] = replaced(cells[where], steps, value(f))

    return put


def replaced(record: tuple[Any, ...], steps: list[int], value: Any) -> tuple[Any, ...]:
    first, rest = steps[0], steps[1:]
    new = replaced(record[first], rest, value) if rest else value
    return (*record[:first], new, *record[first + 1 :])
