"""What steps ask of how arrays are stored. A schedule keeps these; layouts are derived from them.

Request := array, Banks of a dimension | Pack | Storage | Port | BoundOp, and the step that asks
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.layout import Banks, BoundOp, Pack, Port, Storage

__all__ = ["Asked", "Dim", "Request", "ScopeDim", "moved"]


@dataclass(frozen=True, slots=True)
class ScopeDim:
    """The dimension that an array inside loops has for one of them, counted from the outermost.

    It is stored with it only while iterations of that loop need elements of their own.
    """

    depth: int


Dim: TypeAlias = int | ScopeDim
"""A dimension that the array was made with, or one that it has for a loop around."""
Asked: TypeAlias = Banks | Pack | Storage | Port | BoundOp


@dataclass(frozen=True, slots=True)
class Request:
    """What one step asks of one array, by key: how it did (`call`), when (counted from 1) and where.

    `dim` is the dimension of banks; a `Pack` has its own.
    """

    array: str
    asks: Asked
    dim: Dim | None = None
    step: int = 0
    call: str = ""
    place: Place | None = field(default=None, compare=False)


def moved(
    requests: Iterable[Request], array: str, to: str, dim: Callable[[Dim], Dim | None] = lambda dim: dim
) -> tuple[Request, ...]:
    """The requests of `array` as those of `to`, whose dimensions `dim` gives (None: it is not there)."""
    found: list[Request] = []
    for request in requests:
        if request.array != array:
            continue
        asks, at = request.asks, request.dim
        if isinstance(asks, Pack):
            place = dim(asks.dim)
            if not isinstance(place, int):
                continue
            asks = replace(asks, dim=place)
        elif at is not None:
            at = dim(at)
            if at is None:
                continue
        found.append(replace(request, array=to, asks=asks, dim=at))
    return tuple(found)
