"""The processes of networks run beside one another: coroutines over queues that have room for so many.

A get of an empty queue waits, and so does a put into a full one; a stage waits for the end of those whose
arrays it reads. What comes out does not depend on who runs first: each queue has one producer and one
consumer. A network that a process calls joins the others, and the process waits for its end.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from tracealloc.check.interpret.faults import refuse_left
from tracealloc.check.interpret.observed import Observer
from tracealloc.trace.diagnostics.errors import InterpretError
from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.program import Array, Program
from tracealloc.trace.network.waits import Wait, ends_of, told

if TYPE_CHECKING:
    from greenlet import greenlet

__all__ = ["Part", "Queue", "Scheduler"]

Frame: TypeAlias = list[Any]
Run: TypeAlias = Callable[[Frame], None]
Position: TypeAlias = Callable[[Frame], int] | None


class Queue(deque[Any]):
    """Elements under way, and who waits for more, or for room.

    `owner` is the process that alone uses it; `fed`: some process may put into it.
    """

    __slots__ = ("fed", "name", "owner", "room", "waiting")

    def __init__(
        self, name: str, room: float, owner: Process | None, items: Iterable[Any] = (), fed: bool = True
    ) -> None:
        super().__init__(items)
        self.name, self.room, self.owner, self.fed = name, room, owner, fed
        self.waiting: list[Process] = []


class Process:
    """One that runs beside others, and what it waits for."""

    __slots__ = ("coroutine", "fault", "label", "place", "queue")

    def __init__(self, label: str) -> None:
        self.label = label
        self.coroutine: greenlet
        self.queue: Queue | None = None
        self.fault: Callable[[], object] | None = None  # where it waits for an element, not for room
        self.place: Place | None = None

    def waits(self) -> Wait:
        """What it waits for, where that is a queue."""
        queue = self.queue
        assert queue is not None
        where = "" if self.place is None else self.place.short
        what = "get" if self.fault is not None else "put"
        return Wait(self.label, queue.name, what, len(queue), queue.room, where)


@dataclass(frozen=True)
class Part:
    """A stage of a network, compiled: its body is run for each point of a grid, in a frame of its own.

    `made` are slots that others may read once it has ended, `queues` those that end with a process.
    """

    name: str
    labels: Sequence[str]
    slots: tuple[int, ...]
    points: Sequence[Sequence[int]]
    run: Run
    made: tuple[int, ...]
    queues: tuple[tuple[Array, int], ...]
    waits: frozenset[int]


@dataclass(eq=False)
class _Network:
    """A network that runs: how many processes of each part have not ended, which parts have begun."""

    frame: Frame
    parts: Sequence[Part]
    caller: Process
    left: list[int]
    begun: set[int] = field(default_factory=set)

    def pending(self) -> Iterable[Wait]:
        for number, part in enumerate(self.parts):
            first = min((k for k in part.waits if self.left[k]), default=None)
            if number not in self.begun and first is not None:
                before = f"{self.caller.label}/" if self.caller.label else ""
                yield Wait(f"{before}{part.name}", f"{before}{self.parts[first].name}", "end")


class Scheduler:
    """Runs processes until each has ended or waits."""

    def __init__(self, program: Program, observer: Observer | None) -> None:
        self.program = program
        self.observer = observer
        self.ready: deque[Process] = deque()
        self.live: dict[Process, None] = {}
        self.networks: dict[_Network, None] = {}
        self.current: Process | None = None  # none while nothing runs
        self.hub: greenlet

    # -- queues ------------------------------------------------------------------------------------------

    def queues(self, array: Array, slot: int, bounded: bool) -> Run:
        """Make the queues of an array; those that no network has made are their process's own."""

        def make(f: Frame) -> None:
            refuse_left(array, f[slot])
            owner, room = (None, array.depth or math.inf) if bounded else (self.current, math.inf)
            f[slot] = [Queue(name, room, owner) for name in _names(array)]

        return make

    def given(self, array: Array, items: Sequence[Iterable[Any]], fed: bool) -> list[Queue]:
        """The queues of an argument."""
        named = zip(_names(array), items, strict=True)
        return [Queue(name, math.inf, None, held, fed) for name, held in named]

    def getter(
        self, slot: int, position: Position, fault: Callable[[Frame], object], place: Place | None
    ) -> Callable[[Frame], Any]:
        """Take an element; wait until there is one."""

        def get(f: Frame) -> Any:
            queue: Queue = f[slot][position(f) if position else 0]
            while not queue:
                if queue.owner is not None and queue.owner is self.current:
                    fault(f)
                self.wait(queue, place, lambda: fault(f))
            item = queue.popleft()
            if queue.waiting:
                self.wake(queue)
            return item

        return get

    def putter(
        self, slot: int, position: Position, value: Callable[[Frame], Any], place: Place | None
    ) -> Run:
        """Add an element; wait until there is room."""

        def put(f: Frame) -> None:
            queue: Queue = f[slot][position(f) if position else 0]
            item = value(f)
            while len(queue) >= queue.room:
                self.wait(queue, place, None)
            queue.append(item)
            if queue.waiting:
                self.wake(queue)

        return put

    def wait(self, queue: Queue, place: Place | None, fault: Callable[[], object] | None) -> None:
        """Let others run until something happens to a queue."""
        process = self.current
        assert process is not None
        process.queue, process.place, process.fault = queue, place, fault
        queue.waiting.append(process)
        self.pause()
        process.queue = process.fault = None

    def pause(self) -> None:
        """Let others run."""
        if self.observer is not None:
            self.observer.aside(self.hub.switch)
        else:
            self.hub.switch()

    def wake(self, queue: Queue) -> None:
        """Look at a queue again."""
        self.ready.extend(queue.waiting)
        queue.waiting.clear()

    # -- processes ---------------------------------------------------------------------------------------

    def run(self, main: Callable[[], None]) -> None:
        """Run a program, and the networks that it calls."""
        from greenlet import getcurrent

        self.hub = getcurrent()
        self.ready.clear()
        self.live.clear()
        self.networks.clear()
        self.start("", main)
        try:
            while self.ready:
                self.current = process = self.ready.popleft()
                process.coroutine.switch()
            if self.live:
                self.stuck()
        finally:
            self.current = None
            for process in self.live:
                process.coroutine.throw()  # it ends where it waits

    def start(self, label: str, run: Callable[[], None]) -> None:
        """A process more."""
        from greenlet import greenlet

        process = Process(label)

        def whole() -> None:
            run()
            del self.live[process]

        process.coroutine = greenlet(whole, self.hub)
        # NumPy's errstate is in the context, and a coroutine begins with an empty one.
        process.coroutine.gr_context = copy_context()
        self.live[process] = None
        self.ready.append(process)

    def together(self, first: Run, parts: Sequence[Part]) -> Run:
        """Run `first`, then the processes of a network beside one another."""

        def run(f: Frame) -> None:
            first(f)
            caller = self.current
            assert caller is not None
            network = _Network(f, parts, caller, [len(part.points) for part in parts])
            self.networks[network] = None
            self.begin(network)
            if any(network.left):
                self.pause()
            del self.networks[network]

        return run

    def begin(self, network: _Network) -> None:
        """Start the parts that wait for nobody any more."""
        for number, part in enumerate(network.parts):
            if number in network.begun or any(network.left[other] for other in part.waits):
                continue
            network.begun.add(number)
            before = f"{network.caller.label}/" if network.caller.label else ""
            for label, point in zip(part.labels, part.points, strict=True):
                self.start(before + label, _instance(self, network, number, point))

    def ended(self, network: _Network, number: int) -> None:
        """A process of a part has ended."""
        network.left[number] -= 1
        if not any(network.left):
            self.ready.append(network.caller)
        elif not network.left[number]:
            self.begin(network)

    def stuck(self) -> None:
        """Raise: nobody can go on.

        Raises:
            InterpretError: who waits for what (TA808); an argument that has too few elements (TA604).
        """
        waiting = [process for process in self.live if process.queue is not None]
        for process in waiting:
            if process.fault is not None and process.queue is not None and not process.queue.fed:
                process.fault()
        waits = [process.waits() for process in waiting]
        waits += [wait for network in self.networks for wait in network.pending()]
        because, hint = told(waits, ends_of(self.program))
        summary = f"{self.program.name}: the processes wait for one another"
        raise InterpretError("TA808", summary, because=because, hint=hint)


def _instance(scheduler: Scheduler, network: _Network, number: int, point: Sequence[int]) -> Any:
    """A process of a part: it begins with what the network has by then."""
    part = network.parts[number]

    def run() -> None:
        frame = network.frame.copy()
        for slot, value in zip(part.slots, point, strict=True):
            frame[slot] = value
        part.run(frame)
        for array, slot in part.queues:
            refuse_left(array, frame[slot])
        for slot in part.made:
            network.frame[slot] = frame[slot]
        scheduler.ended(network, number)

    return run


def _names(array: Array) -> list[str]:
    """``q[0, 1]``, ... in C order."""
    if not array.rank:
        return [array.name]
    return [f"{array.name}[{', '.join(map(str, at))}]" for at in np.ndindex(*array.shape)]
