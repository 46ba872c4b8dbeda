"""Who puts into each queue, who takes from it, and which process stores each element.

A queue has one producer and one consumer. An element has one process that stores it; a later part of the
network may read it, and waits for the end of that process then. All else would depend on time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

import numpy as np

from tracealloc.trace.diagnostics.errors import TraceError
from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.program import Alloc, Array, Program, used_by, walk_nodes
from tracealloc.trace.network.families import Family, Stage, families_of, stages_of
from tracealloc.trace.network.footprints import TooMany, Use, uses_of

__all__ = ["Network", "network_of"]

_MOST = 1 << 14  # iterations that are looked at one by one
_LARGEST = 1 << 26  # elements whose owners are noted one by one


@dataclass(frozen=True)
class Network:
    """The processes of a program. `waits`: which stages end before one begins, by number.

    `queues` are the processes (numbers of `labels`, or -1) that put into and take from each queue.
    """

    program: Program
    stages: tuple[Stage, ...]
    families: tuple[tuple[Family, ...], ...]
    waits: tuple[frozenset[int], ...]
    labels: tuple[str, ...]
    queues: tuple[tuple[Array, str, np.ndarray], ...]

    def ends(self) -> Iterator[tuple[Array, str, tuple[int, ...], str]]:
        """Each end of each queue: the array, ``put`` or ``get``, which of its queues, and the process."""
        for array, role, who in self.queues:
            if who.shape == array.shape:
                for at in np.argwhere(who >= 0).tolist():
                    yield array, role, tuple(at), self.labels[int(who[tuple(at)])]


@dataclass
class _Owners:
    """The process that owns each element: a number, or -1; and where it said so."""

    who: np.ndarray
    places: dict[int, Place | None] = field(default_factory=dict)


@dataclass
class _Check:
    program: Program
    labels: list[str] = field(default_factory=list)
    stage_of: list[int] = field(default_factory=list)
    owners: dict[tuple[Array, str], _Owners] = field(default_factory=dict)
    waits: dict[int, set[int]] = field(default_factory=dict)

    def table(self, array: Array, role: str) -> _Owners:
        found = self.owners.get((array, role))
        if found is None:
            shape = array.shape if array.size <= _LARGEST else tuple(1 for _ in array.shape)
            found = self.owners[array, role] = _Owners(np.full(shape, -1, np.int64))
        return found

    def part(self, use: Use, row: int, table: _Owners) -> tuple[slice, ...]:
        if table.who.shape != use.array.shape:
            return tuple(slice(None) for _ in use.boxes)
        return tuple(box.at(row) for box in use.boxes)

    def claim(self, use: Use, row: int, process: int, role: str) -> None:
        """`process` owns what it uses; nobody else may."""
        table = self.table(use.array, role)
        at = self.part(use, row, table)
        now = table.who[at]
        others = now[(now >= 0) & (now != process)]
        if others.size:
            other = int(others.flat[0])
            self.twice(use, role, process, other, table.places[other])
        table.who[at] = process
        table.places.setdefault(process, use.place)

    def read(self, use: Use, row: int, process: int) -> None:
        """`process` reads what others store."""
        table = self.owners.get((use.array, "store"))
        if table is None:
            return
        now = np.unique(table.who[self.part(use, row, table)])
        for other in now[(now >= 0) & (now != process)].tolist():
            mine, theirs = self.stage_of[process], self.stage_of[other]
            if theirs >= mine:
                self.passed(use, process, other, table.places[other])
            self.waits.setdefault(mine, set()).add(theirs)

    def twice(self, use: Use, role: str, process: int, other: int, place: Place | None) -> NoReturn:
        first, second = self.labels[other], self.labels[process]
        name = use.array.name
        where = "" if place is None else f" at {place.short}"
        if role == "store":
            raise TraceError(
                "TA142", f"{name!r} is stored to by two processes, {first} and {second}",
                place=use.place, because=[f"{first} stores to the same element{where}, at any time"],
                hint="let one of them store it, and send it what the other knows through a ta.stream",
            )  # fmt: skip
        verb, noun = ("puts into", "producer") if role == "put" else ("takes from", "consumer")
        raise TraceError(
            "TA141", f"the queue {name!r} has two {noun}s, {first} and {second}",
            place=use.place,
            because=[f"{first} {verb} it{where}; which comes first would depend on time"],
            hint=f"a queue of its own for each: ta.stream(T, shape=(n,)), and {name}[i] for process i",
        )  # fmt: skip

    def passed(self, use: Use, process: int, other: int, place: Place | None) -> NoReturn:
        reader, writer, name = self.labels[process], self.labels[other], use.array.name
        where = "" if place is None else f" at {place.short}"
        side = "later in the kernel" if self.stage_of[other] > self.stage_of[process] else "beside it"
        raise TraceError(
            "TA142", f"{reader} reads {name!r}, to which {writer} stores",
            place=use.place,
            because=[f"{writer} stores to it{where}, and runs {side}: what is read would depend on time"],
            hint="pass the values through a ta.stream, or put the part that stores first",
        )  # fmt: skip


def network_of(program: Program) -> Network:
    """The network that a concurrent program is, checked; found once.

    Raises:
        TraceError: a queue has two producers or two consumers, or an element is stored and used by processes
            that run beside one another.
    """
    known: Network | None = program.memo.get("network")
    if known is not None:
        return known
    _, stages = stages_of(program)
    families = tuple(tuple(families_of(stage)) for stage in stages)
    try:
        check = _checked(program, families, stages)
    except TraceError as error:
        try:
            check = _checked(program, families, stages, _MOST)
        except TooMany:
            raise error from None
    waits = tuple(frozenset(check.waits.get(k, ())) for k in range(len(stages)))
    network = program.memo["network"] = Network(
        program, stages, families, waits, tuple(check.labels), _queues(check)
    )
    return network


def _checked(
    program: Program, families: tuple[tuple[Family, ...], ...], stages: tuple[Stage, ...], most: int = 0
) -> _Check:
    """Who owns what: by boxes around all that a process uses, or (`most`) by each iteration."""
    check = _Check(program)
    outside = _shared(program, stages)
    found: list[tuple[Use, int, int]] = []
    for number, members in enumerate(families):
        for family in members:
            first = len(check.labels)
            check.labels += map(family.stage.label, family.rows.tolist())
            check.stage_of += [number] * len(family.rows)
            for use in uses_of(family, outside, most):
                found += [(use, row, first + process) for row, process in enumerate(use.rows.tolist())]
    found.sort(key=lambda each: each[2])  # by process, each as it is written
    _claimed(check, found)
    return check


def _queues(check: _Check) -> tuple[tuple[Array, str, np.ndarray], ...]:
    kept = ((array, role, table.who) for (array, role), table in check.owners.items())
    return tuple((array, role, who) for array, role, who in kept if array.kind == "stream")


def _claimed(check: _Check, found: list[tuple[Use, int, int]]) -> None:
    for use, row, process in found:
        if use.array.kind == "stream":
            check.claim(use, row, process, "put" if use.stores else "get")
        elif use.stores:
            check.claim(use, row, process, "store")
    for use, row, process in found:
        if use.array.kind != "stream" and not use.stores:
            check.read(use, row, process)


def _shared(program: Program, stages: tuple[Stage, ...]) -> frozenset[Array]:
    """The arrays that are not one process's own: made outside of processes, or used by several stages."""
    users = Counter(a for stage in stages for a in {u for n in walk_nodes(stage.body) for u in used_by(n)})
    made = {n.array for stage in stages for n in walk_nodes(stage.body) if isinstance(n, Alloc)}
    own = {array for array, count in users.items() if array in made or (array.kind == "value" and count == 1)}
    return frozenset(program.arrays()) - own
