"""Control paths of a body while they are explored, and what ends the exploring."""

from __future__ import annotations

from dataclasses import dataclass

from tracealloc.trace.ir.expr import Expr
from tracealloc.trace.record.events import Event

__all__ = ["NeedsPlace", "Path", "Step"]


class NeedsPlace(BaseException):
    """A body asks for the number of an iterator of `ta.processes`: it is traced again, for each process.

    Not an `Exception`: what the user's code catches is not meant.
    """

    def __init__(self, grid: object) -> None:
        super().__init__("a place in a grid of processes")
        self.grid = grid


@dataclass(slots=True)
class Step:
    """One decision of a path; `counter` is what the counter continues with, None: as it stands."""

    cond: Expr
    outcome: bool
    counter: int | None


@dataclass(slots=True)
class Path:
    """A control path of a body: what it was told, what it decided, what it recorded."""

    script: list[Step]
    verify: bool
    taken: list[Step]
    events: list[Event]
    outer: Path | None  # of the body around
