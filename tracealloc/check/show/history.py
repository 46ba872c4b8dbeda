"""What the noted puts and gets say of a run: when each process stood still, how full each queue was when.

Events are noted as they are simulated, which is no order of time between processes, and the first ones only.
So each process and each queue is known up to a cycle of its own; beyond it nothing is said.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np

from tracealloc.check.show.result import Fifo, Process, Simulated

__all__ = ["History", "Span", "alone"]

Why: TypeAlias = Literal["empty", "full", "stuck"]


@dataclass(frozen=True, slots=True)
class Span:
    """Cycles in which a process stood still: at an empty or a full queue, or (``"stuck"``) for ever.

    `waited` is less than their number where several waits were put together.
    """

    start: int
    end: int
    why: Why
    queue: str
    waited: int


class History:
    """A run in time.

    Attributes:
        end: the cycle at which pictures end; where processes wait for ever, some cycles later.
    """

    def __init__(self, run: Simulated) -> None:
        self.run = run
        last = max([run.cycles or 0, *(process.ended for process in run.processes.values())])
        self.end = max(last if run.deadlock is None else last + max(4, last // 12), 1)
        events = run.events
        self._noted = bool(len(events)) and events.dtype.names is not None
        self._by_process = self._groups("process") if self._noted else {}
        self._by_queue = self._groups("queue") if self._noted else {}
        self._numbers = {name: [fifo.number] for name, fifo in run.fifos.items()}
        self._number_again()
        self._queue_names = {number: name for name, all_of in self._numbers.items() for number in all_of}

    def _groups(self, field: str) -> dict[int, np.ndarray]:
        """The events of each number, in the order in which they were noted."""
        order = np.argsort(self.run.events[field], kind="stable")
        ordered = self.run.events[order]
        numbers, starts = np.unique(ordered[field], return_index=True)
        parts = np.split(ordered, starts[1:])
        return {int(number): part for number, part in zip(numbers, parts, strict=True)}

    def _number_again(self) -> None:
        """Find the numbers of queues that a function makes each time that it is called, in the same order."""
        names = {process.number: alone(name) for name, process in self.run.processes.items()}
        known = {fifo.number for fifo in self.run.fifos.values()}
        between: dict[tuple[str, str], list[str]] = {}
        for name, fifo in sorted(self.run.fifos.items(), key=lambda item: item[1].number):
            between.setdefault((alone(fifo.producer), alone(fifo.consumer)), []).append(name)
        turns: dict[tuple[str, str], int] = {}
        for number in sorted(set(self._by_queue) - known):
            events = self._by_queue[number]
            sides = [events["process"][events["put"] == side] for side in (1, 0)]
            if all(len(side) for side in sides):
                ends = names.get(int(sides[0][0]), ""), names.get(int(sides[1][0]), "")
                if ends in between:
                    turn = turns[ends] = turns.get(ends, -1) + 1
                    self._numbers[between[ends][turn % len(between[ends])]].append(number)

    # -- what is known -------------------------------------------------------------------------------------

    @cached_property
    def _open_ends(self) -> dict[tuple[str, int], int]:
        """By queue and side (1: put) the last cycle that is noted, where later puts or gets are not."""
        found: dict[tuple[str, int], int] = {}
        for name, fifo in self.run.fifos.items():
            events = self._events_of(fifo)
            for side, count, process in ((1, fifo.puts, fifo.producer), (0, fifo.gets, fifo.consumer)):
                mine = events["time"][events["put"] == side].tolist() if len(events) else []
                if process and len(mine) < count:  # the caller's puts come before the first cycle
                    found[name, side] = mine[-1] if mine else -1
        return found

    @cached_property
    def _process_limits(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for (name, side), last in self._open_ends.items():
            fifo = self.run.fifos[name]
            process = alone(fifo.producer if side else fifo.consumer)
            found[process] = min(found.get(process, last + 1), last + 1)
        return found

    def known(self, process: Process) -> int | None:
        """The cycle from which on it is not known when a process stood still; None: all is known."""
        limit = self._process_limits.get(alone(process.name))
        if limit is None:
            return None
        return max(limit, process.started) if limit < process.ended else None

    def known_fill(self, fifo: Fifo) -> int | None:
        """The cycle from which on it is not known how full a queue was; None: all is known."""
        lasts = [self._open_ends[fifo.name, side] for side in (0, 1) if (fifo.name, side) in self._open_ends]
        return min(lasts) + 1 if lasts else None

    @cached_property
    def limit(self) -> int | None:
        """The cycle up to which all of the run is noted; None: it is to the end."""
        return min(self._open_ends.values(), default=None) if self._open_ends else None

    @property
    def note(self) -> str:
        """What is to be said of what is not noted; empty where all is."""
        parts = []
        if self.limit is not None and not self._noted:
            parts.append("When processes stood still was not noted: only how long, in all.")
        elif self.limit is not None:
            parts.append(
                f"The first {len(self.run.events):,} puts and gets are noted: all of them up to cycle "
                f"{max(self.limit, 0):,}, and of each process up to where its row is hatched."
            )
        if self.unplaced:
            parts.append(
                f"Of {self.unplaced:,} cycles of waiting it is not known when they were: tables have them."
            )
        return " ".join(parts)

    # -- processes -----------------------------------------------------------------------------------------

    def spans(self, process: Process) -> list[Span]:
        """When a process stood still, as far as it is known, in order; no two at once."""
        found: list[Span] = []
        limit = self.known(process)
        for start, end, why, queue in sorted(self._waits(process)):
            begin = max(start, found[-1].end if found else process.started)
            stop = end if limit is None else min(end, limit)
            if stop > begin:
                found.append(Span(begin, stop, why, queue, stop - begin))
        if not process.finished and self.run.deadlock is not None and process.name not in self._parents:
            if limit is None:
                found += self._before_the_last(process, found)
            why, queue_name = self._for_ever(process)
            found.append(Span(process.ended, self.end, why, queue_name, self.end - process.ended))
        return found

    @cached_property
    def unplaced(self) -> int:
        """Cycles of waiting that were counted, but of which no event tells when they were."""
        times = Counter(alone(name) for name in self.run.processes)
        found = 0
        for process in self.run.processes.values():
            if process.finished and self.known(process) is None and times[alone(process.name)] == 1:
                placed = Counter[tuple[Why, str]]()
                for start, end, why, queue in self._waits(process):
                    placed[why, queue] += end - start
                found += sum(max(s.cycles - placed[s.why, s.queue], 0) for s in process.stalls)
        return found

    @cached_property
    def _parents(self) -> set[str]:
        return {process.parent for process in self.run.processes.values()}

    def _waits(self, process: Process) -> list[tuple[int, int, Why, str]]:
        """Start, end, why and queue of each wait of a process.

        What a stage puts and takes, it puts and takes at one time, after one wait for each, one after the
        other: an event tells when they were over, and how long its own was. A stage of another iteration may
        act at that time, too, but waited beside it: an iteration takes before it puts, each queue once.
        """
        found = []
        left: dict[tuple[Why, str], int] = {}  # none waits more than was counted at that end of the queue
        for time, group in self._stages(process):
            waits = []
            for why, queue, stall in group:
                fifo = self.run.fifos.get(queue)
                if fifo is not None:
                    rest = left.setdefault((why, queue), fifo.full if why == "full" else fifo.empty)
                    stall = min(stall, rest)
                    left[why, queue] = rest - stall
                waits.append((why, queue, stall))
            now = time - sum(stall for _, _, stall in waits)
            for why, queue, stall in waits:
                if stall:
                    found.append((now, now + stall, why, queue))
                    now += stall
        return found

    def _stages(self, process: Process) -> Iterator[tuple[int, list[tuple[Why, str, int]]]]:
        """The events of a process, those of a stage of an iteration together, and when it acted."""
        events = self._by_process.get(process.number)
        if events is None:
            return
        last, group = -1, list[tuple[Why, str, int]]()
        for time, stall, _, number, put, *_ in events.tolist():
            why: Why = "full" if put else "empty"
            queue = self._queue_names.get(number, "")
            same = time == last and (why == "full" or group[-1][0] == "empty")
            if not same or any(other == queue for _, other, _ in group):
                if group:
                    yield last, group
                last, group = time, []
            group.append((why, queue, stall))
        if group:
            yield last, group

    def _before_the_last(self, process: Process, known: list[Span]) -> list[Span]:
        """Waits of the stage that stands for ever: what it puts and takes never was, and is not noted."""
        found: list[Span] = []
        now = process.ended
        for stall in process.stalls:
            noted = sum(s.waited for s in known if (s.queue, s.why) == (stall.queue, stall.why))
            start = max(now - stall.cycles + noted, known[-1].end if known else process.started)
            if start < now:
                found.insert(0, Span(start, now, stall.why, stall.queue, now - start))
                now = start
        return found

    def _for_ever(self, process: Process) -> tuple[Why, str]:
        """What a process waits for that has no end: how, and at which queue, as far as that is told."""
        mine = [wait for wait in self.run.deadlock or () if wait.process == process.name]
        if len(mine) == 1 and mine[0].queue in self.run.fifos:
            fifo = self.run.fifos[mine[0].queue]
            return ("full" if fifo.producer == process.name else "empty"), fifo.name
        return "stuck", mine[0].queue if len(mine) == 1 else ""

    # -- queues --------------------------------------------------------------------------------------------

    def _events_of(self, fifo: Fifo) -> np.ndarray:
        parts = [self._by_queue[number] for number in self._numbers[fifo.name] if number in self._by_queue]
        return np.concatenate(parts) if parts else np.zeros(0, self.run.events.dtype)

    def fills(self, fifo: Fifo) -> list[tuple[int, int]]:
        """How many elements are in a queue from which cycle on, as far as it is known.

        In a cycle in which one is put and another taken, it is the number after both.
        """
        events, limit = self._events_of(fifo), self.known_fill(fifo)
        fill = fifo.puts if not fifo.producer else 0
        found = [(0, fill)]
        if not len(events):
            return found
        times, place = np.unique(events["time"], return_inverse=True)
        changes = np.zeros(len(times), np.int64)
        np.add.at(changes, place.ravel(), np.where(events["put"] == 1, 1, -1))
        for time, change in zip(times.tolist(), changes.tolist(), strict=True):
            if limit is not None and time >= limit:
                break
            fill += change
            if change:
                found.append((time, fill))
        return found


def alone(name: str) -> str:
    """The name of a process without which time it ran: queues name the first."""
    return re.sub(r" \(\d+\)", "", name)
