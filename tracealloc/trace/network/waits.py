"""What is told of processes that wait for one another, so that none can go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracealloc.trace.ir.program import Program
from tracealloc.trace.network.ownership import network_of

__all__ = ["Wait", "circle_of", "ends_of", "told"]

_MOST = 8  # processes that a message shows


@dataclass(frozen=True)
class Wait:
    """What a process waits for: an element of a queue (``get``), room (``put``), or others' end (``end``).

    `queue` is then what ends, where that is known; `where` is ``file.py:12``.
    """

    process: str
    queue: str
    what: str
    count: int = 0
    limit: float = 0
    where: str = ""

    def text(self) -> str:
        """A sentence."""
        at = f" at {self.where}" if self.where else ""
        match self.what:
            case "get":
                return f"{self.process} waits for an element of {self.queue}{at}"
            case "put":
                return f"{self.process} waits for room in {self.queue} ({self.count} of {self.limit}){at}"
            case _:
                return f"{self.process} waits for the end of {self.queue or 'what stores what it reads'}"


def ends_of(program: Program) -> Mapping[tuple[str, str], str]:
    """The process at each end of each queue: by queue and ``put`` or ``get``."""
    found: dict[tuple[str, str], str] = {}
    for each in (*program.callees(), program):
        if not each.concurrent:
            continue
        for array, role, at, process in network_of(each).ends():
            name = f"{array.name}[{', '.join(map(str, at))}]" if array.rank else array.name
            found[name, role] = process
    return found


def circle_of(waits: Sequence[Wait], ends: Mapping[tuple[str, str], str]) -> Sequence[Wait]:
    """The waits that make a circle, each for the next; empty where there is none."""
    by_process = {wait.process: wait for wait in waits}
    for first in waits:
        path: list[Wait] = []
        at: Wait | None = first
        while at is not None and at not in path:
            path.append(at)
            other = (
                at.queue if at.what == "end" else ends.get((at.queue, "get" if at.what == "put" else "put"))
            )
            at = by_process.get(other) if other is not None else None
        if at is not None:
            return path[path.index(at) :]
    return []


def told(waits: Sequence[Wait], ends: Mapping[tuple[str, str], str]) -> tuple[list[str], str]:
    """The reasons and the advice for a network that cannot go on."""
    circle = circle_of(waits, ends)
    shown = circle or waits
    because = [wait.text() for wait in shown[:_MOST]]
    if len(shown) > _MOST:
        because.append(f"and {len(shown) - _MOST} more")
    full = next((wait for wait in circle or waits if wait.what == "put"), None)
    starved = next((w for w in waits if w.what == "get" and (w.queue, "put") not in ends), None)
    if full is not None and (circle or starved is None):
        room = f"{full.queue.partition('[')[0]} = ta.stream(T, depth={full.limit + 1}, ...)"
        return because, f"more room, {room}, or another order of gets and puts"
    if starved is not None:
        return because, f"nothing more is put into {starved.queue}: put as many elements as are taken"
    return because, "put an element before the first get, or as many as are taken"
