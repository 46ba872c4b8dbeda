"""What is told of processes that wait for one another, from what the C text wrote down of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from tracealloc.trace.ir.program import Program
from tracealloc.trace.network.ownership import network_of

__all__ = ["left_of", "stuck_text"]

_MOST = 8  # processes that a message shows


@dataclass(frozen=True)
class _Wait:
    """What a process waits for: an element of a queue (``get``), room (``put``), or others' end (``end``)."""

    process: str
    queue: str
    what: str
    count: int
    limit: int
    line: int

    def text(self, lines: list[str]) -> str:
        at = lines[self.line - 1] if 0 < self.line <= len(lines) else ""
        where = f" at {at.rpartition('  // ')[2]}" if "  // " in at else ""
        match self.what:
            case "get":
                return f"{self.process} waits for an element of {self.queue}{where}"
            case "put":
                return f"{self.process} waits for room in {self.queue} ({self.count} of {self.limit}){where}"
            case _:
                return f"{self.process} waits for the end of what stores what it reads"


def _queue(name: str, number: str) -> str:
    """``q[0, 1]`` for a number in ``q[2, 3]``; without a number, it is the name of one queue."""
    found = re.fullmatch(r"(.*)\[([\d, ]*)\]", name)
    if found is None or not number:
        return name
    shape = tuple(map(int, found[2].split(", ")))
    if int(number) >= prod(shape):
        return name
    return f"{found[1]}[{', '.join(str(int(at)) for at in np.unravel_index(int(number), shape))}]"


def _waits(report: str) -> list[_Wait]:
    found = []
    for line in report.splitlines():
        process, queue, number, what, count, limit, at = line.split("\t")
        if what != "left":
            found.append(_Wait(process, _queue(queue, number), what, int(count), int(limit), int(at)))
    return found


def left_of(report: str) -> list[tuple[str, int]]:
    """The queues that ended with elements in them, and how many."""
    parts = [line.split("\t") for line in report.splitlines()]
    return [(_queue(p[1], p[2]), int(p[4])) for p in parts if len(p) == 7 and p[3] == "left"]


def _ends(program: Program) -> Mapping[tuple[str, str], str]:
    """The process at each end of each queue: by queue and ``put`` or ``get``."""
    found: dict[tuple[str, str], str] = {}
    for each in (*program.callees(), program):
        if not each.concurrent:
            continue
        for array, role, at, process in network_of(each).ends():
            name = f"{array.name}[{', '.join(map(str, at))}]" if array.rank else array.name
            found[name, role] = process
    return found


def _cycle(waits: list[_Wait], ends: Mapping[tuple[str, str], str]) -> list[_Wait]:
    """The waits that make a circle, each for the next; empty where there is none."""
    by_process = {wait.process: wait for wait in waits}
    for first in waits:
        path: list[_Wait] = []
        at: _Wait | None = first
        while at is not None and at not in path:
            path.append(at)
            other = ends.get((at.queue, "get" if at.what == "put" else "put"))
            at = by_process.get(other) if other is not None else None
        if at is not None:
            return path[path.index(at) :]
    return []


def stuck_text(program: Program, report: str, source: str) -> tuple[list[str], str]:
    """The reasons and the advice for a network that cannot go on."""
    waits, ends = _waits(report), _ends(program)
    lines = source.split("\n")
    circle = _cycle(waits, ends)
    shown = circle or waits
    because = [wait.text(lines) for wait in shown[:_MOST]]
    if len(shown) > _MOST:
        because.append(f"and {len(shown) - _MOST} more")
    if circle and any(wait.what == "put" for wait in circle):
        full = next(wait for wait in circle if wait.what == "put")
        name = full.queue.partition("[")[0]
        room = f"{name} = ta.stream(T, depth={full.limit + 1}, ...)"
        return because, f"more room, {room}, or another order of gets and puts"
    starved = next((w for w in waits if w.what == "get" and (w.queue, "put") not in ends), None)
    if starved is not None:
        return because, f"nothing more is put into {starved.queue}: put as many elements as are taken"
    return because, "put an element before the first get, or as many as are taken"
