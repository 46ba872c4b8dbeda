"""What a simulation gives: arrays, cycles, processes, FIFOs, who waits for whom.

Simulation := arrays, cycles, Process by name, Fifo by name, deadlock, events
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np

__all__ = ["Arrays", "Fifo", "Process", "Simulated", "Stall", "Waiting"]


class Stall(NamedTuple):
    """Cycles that a process stood still: at a queue that was ``"empty"`` or ``"full"``."""

    queue: str
    why: Literal["empty", "full"]
    cycles: int

    def __str__(self) -> str:
        return f"{self.queue} {self.why} {self.cycles:,}"


class Waiting(NamedTuple):
    """A process that waits for ever, at which queue, on which line (``"file.py:12"``)."""

    process: str
    queue: str
    line: str


@dataclass(frozen=True)
class Process:
    """One process.

    Attributes:
        started, ended: the cycles between which it ran (of one that waits for ever: where it stands).
        stalls: where it stood still, and how long; several of its stages may wait at once.
        stalled: the cycles in which any of it stood still.
        parent: the process whose network it is part of; empty: the top function.
        number: how events call it.
    """

    name: str
    started: int
    ended: int
    stalls: tuple[Stall, ...] = ()
    stalled: int = 0
    parent: str = ""
    finished: bool = True
    number: int = 0

    @property
    def cycles(self) -> int:
        """From its beginning to its end."""
        return self.ended - self.started

    @property
    def busy(self) -> int:
        """The cycles that it did not stand still."""
        return self.cycles - self.stalled


@dataclass(frozen=True)
class Fifo:
    """One FIFO.

    Attributes:
        depth: how many elements it has room for; None: for any number.
        fill: how many were in it at most, one that is put in the cycle in which another is taken included.
        puts, gets: how many elements were put and taken.
        full, empty: cycles that its producer and its consumer waited.
        producer, consumer: the processes at its ends; empty: the caller, or nobody.
        place: its number among the queues whose depths can be tried; -1: it is the caller's.
        number: how events call it.
    """

    name: str
    depth: int | None
    fill: int
    puts: int = 0
    gets: int = 0
    full: int = 0
    empty: int = 0
    producer: str = ""
    consumer: str = ""
    place: int = -1
    number: int = 0


class Arrays(dict[str, Any]):
    """Arrays by name, or by number: the arguments in order, then the results."""

    def __getitem__(self, key: str | int) -> Any:
        if isinstance(key, int):
            return list(self.values())[key]
        return super().__getitem__(key)


@dataclass(frozen=True, repr=False)
class Simulated:
    """A run of a program, cycle by cycle; see `Simulation`.

    Attributes:
        function: what ran. `clock_ns`: the clock period.
        arrays: the arguments as the run left them, and what it returned; where processes wait for ever, the
            arguments as they came.
        cycles: of the whole run; None: it has no end.
        processes, fifos: by name.
        deadlock: None, or the processes that wait for one another. `why`: the same in words, and what to try.
        events: of the puts and gets that were noted: cycle, how long it had to wait, numbers of the process
            and of the queue, and whether it is a put.
        leapt: cycles, out of all, in which the network did what it had done before, and was not followed.
    """

    function: str
    clock_ns: float
    arrays: Arrays
    cycles: int | None
    processes: Mapping[str, Process]
    fifos: Mapping[str, Fifo]
    deadlock: list[Waiting] | None = None
    why: tuple[str, ...] = ()
    events: np.ndarray = field(default_factory=lambda: np.zeros(0))
    leapt: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain data, without arrays and events."""
        processes = {
            name: {
                "started": p.started,
                "ended": p.ended,
                "busy": p.busy,
                "stalls": [list(s) for s in p.stalls],
            }
            for name, p in self.processes.items()
        }
        fifos = {
            name: {"depth": f.depth, "fill": f.fill, "producer": f.producer, "consumer": f.consumer}
            for name, f in self.fifos.items()
        }
        deadlock = None if self.deadlock is None else [list(each) for each in self.deadlock]
        return {"cycles": self.cycles, "processes": processes, "fifos": fifos, "deadlock": deadlock}

    def __str__(self) -> str:
        return "\n".join(_lines(self))

    def __repr__(self) -> str:
        return str(self)


_SHOWN = 24  # processes and queues of a printed simulation


def _lines(run: Simulated) -> Iterator[str]:
    if run.cycles is None:
        yield f"{run.function}: waits for ever (simulated at {run.clock_ns:g} ns)"
    else:
        micros = run.cycles * run.clock_ns / 1000
        how = f"simulated at {run.clock_ns:g} ns"
        if run.leapt:
            how += f"; {run.leapt:,} of them in a steady state, which was not followed"
        yield f"{run.function}: {run.cycles:,} cycles, {micros:,.3f} us ({how})"
    if run.processes:
        rows = [
            [
                p.name,
                f"{p.started:,}",
                f"{p.ended:,}" if p.finished else "-",
                _share(p),
                ", ".join(map(str, p.stalls)),
            ]
            for p in run.processes.values()
        ]
        yield from _table(["process", "begins", "ends", "busy", "stalled (queue, why, cycles)"], rows)
    if run.fifos:
        rows = [
            [
                f.name,
                "-" if f.depth is None else str(f.depth),
                str(f.fill),
                f.producer or "caller",
                f.consumer or "caller",
            ]
            for f in run.fifos.values()
        ]
        yield from _table(["fifo", "depth", "fill", "from", "to"], rows)
    accesses = sum((f.puts if f.producer else 0) + (f.gets if f.consumer else 0) for f in run.fifos.values())
    if len(run.events) < accesses:
        noted = (
            f"the first {len(run.events):,} of {accesses:,}" if len(run.events) else f"none of {accesses:,}"
        )
        yield f"  events: {noted} puts and gets are noted"
    if run.deadlock is not None:
        yield "deadlock:"
        yield from (f"  {line}" for line in run.why)


def _share(process: Process) -> str:
    return f"{100 * process.busy / process.cycles:.0f} %" if process.cycles else "-"


def _table(head: list[str], rows: list[list[str]]) -> Iterator[str]:
    shown = [head, *rows[:_SHOWN]]
    widths = [max(len(row[k]) for row in shown) for k in range(len(head))]
    for row in shown:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    if len(rows) > _SHOWN:
        yield f"  and {len(rows) - _SHOWN} more"
