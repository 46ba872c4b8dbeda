"""What an observer of a run is told: statement instances, and the elements that they read and wrote."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tracealloc.trace.ir.expr import Iter
from tracealloc.trace.ir.program import Array, Node

__all__ = ["Access", "Event", "Observer"]


class Access(NamedTuple):
    """One element that a statement instance read or wrote.

    `cell` tells elements apart across views and calls: the array's storage and the position in it.
    """

    array: Array
    indices: tuple[int, ...]
    cell: tuple[int, int]


class Event(NamedTuple):
    """One instance of a statement: a store, a fill, the arguments of a call, the reads of a condition.

    `iterators` holds the loops around it in its program, `sites` the calls that led to that program.
    """

    node: Node
    iterators: dict[Iter, int]
    reads: tuple[Access, ...]
    writes: tuple[Access, ...]
    sites: tuple[str, ...]


@dataclass
class Observer:
    """Gathers what a statement instance reads, and tells the user's function."""

    tell: Callable[[Event], object]
    reads: list[Access] = field(default_factory=list)
    sites: list[str] = field(default_factory=list)
    kept: list[Any] = field(default_factory=list)  # so that no two arrays ever share an id

    def aside(self, elsewhere: Callable[[], object]) -> None:
        """Run what belongs to another statement, and go on with this one."""
        reads, sites = self.reads.copy(), self.sites.copy()
        elsewhere()
        self.reads[:], self.sites[:] = reads, sites
