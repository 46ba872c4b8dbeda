"""Processes: `ta.dataflow` makes the parts of a kernel run beside one another, `ta.processes` makes a grid.

with ta.dataflow():
    for i in ta.range(M): ...               # a process
    for i, j in ta.processes(M, N): ...     # M * N processes
    store(q, C)                             # a process
"""

from __future__ import annotations

from types import TracebackType
from typing import NoReturn

from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.program import Alloc, Block, Call, If, Loop, Program, Store, While
from tracealloc.trace.proxies.loops import SymbolicLoop, box
from tracealloc.trace.record.events import Define, Event, Return
from tracealloc.trace.record.recorder import Recorder, fail, recorder_for

__all__ = ["dataflow", "processes", "refuse_choice", "refuse_outside"]

_WHOLE = "put the processes into a kernel of their own, and call it here"


def processes(*extents: int, name: str | None = None) -> SymbolicLoop:
    """A grid of processes: each iteration of ``for i, j in ta.processes(M, N):`` runs beside the others.

    In `ta.dataflow`; elsewhere it is `grid`. `name` names the processes: ``"PE"`` gives ``PE[0, 1]``.

    Raises:
        TraceError: an extent is no positive number that is known while tracing.
    """
    recorder_for("ta.processes")
    for extent in extents:
        if not hasattr(extent, "__index__") or isinstance(extent, bool) or type(extent).__name__ == "Scalar":
            fail("TA143", f"an extent of ta.processes is an int known while tracing, not {extent!r}",
                 "each process is a piece of hardware", hint="ta.processes(4, 4, name=\"PE\")")  # fmt: skip
        if int(extent) < 1:
            fail("TA143", f"an extent of ta.processes is positive, not {int(extent)}",
                 "there would be no process", hint="ta.processes(4, 4, name=\"PE\")")  # fmt: skip
    return box("ta.processes", extents, name, False, space=True)


def dataflow() -> _Dataflow:
    """``with ta.dataflow():`` each call, loop nest and instance of `ta.processes` inside is a process.

    They run beside one another, and wait for one another at queues (`ta.stream`): a get until there is an
    element, a put until there is room. An array that one process stores to and a later one reads makes the
    later one wait for the end of the first.

    Raises:
        TraceError: it stands in a loop or under a condition, or the kernel does something beside it.
    """
    recorder = recorder_for("ta.dataflow")
    return _Dataflow(recorder, recorder.spot().place)


class _Dataflow:
    """What `dataflow` returns, for a with statement."""

    __slots__ = ("_around", "_place", "_recorder")

    def __init__(self, recorder: Recorder, place: Place) -> None:
        self._recorder, self._place, self._around = recorder, place, recorder.network
        if not recorder.runs:
            recorder.scope.waiting[id(self)] = self

    def __enter__(self) -> None:
        recorder = self._recorder
        recorder.check()
        recorder.scope.waiting.pop(id(self), None)
        if not recorder.runs:
            self._refuse_misplaced()
        self._around = recorder.network
        recorder.network = (len(recorder.events), None, self._place)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        recorder = self._recorder
        if recorder.runs:
            recorder.network = self._around  # plain Python goes into the networks that it calls
            return
        if kind is not None:
            return
        recorder.check()
        first, _, place = recorder.network or (0, None, self._place)
        recorder.network = (first, len(recorder.events), place)

    def never_entered(self) -> NoReturn:
        """Refuse a region that no with statement enters."""
        fail("TA140", "this ta.dataflow() is entered by no with statement", "it says what is inside it",
             hint="with ta.dataflow(): ...", place=self._place)  # fmt: skip

    def __bool__(self) -> NoReturn:
        fail("TA140", "ta.dataflow() is no condition", "it says that what is inside it are processes",
             hint="with ta.dataflow(): ...", place=self._place)  # fmt: skip

    def _refuse_misplaced(self) -> None:
        recorder = self._recorder
        if recorder.network is not None:
            other = recorder.network[2]
            where = "around it" if recorder.network[1] is None else "before it"
            fail("TA140", f"kernel {recorder.name!r} has two ta.dataflow regions",
                 f"one begins at {other.short}, {where}; a kernel is one network", hint=_WHOLE)  # fmt: skip
        if recorder.scope.kind != "kernel":
            fail("TA140", "ta.dataflow stands in a loop or under a condition",
                 "a kernel is a network as a whole, or none", hint=_WHOLE)  # fmt: skip
        for event in recorder.events:
            if not isinstance(event, Alloc | Define):
                self._beside(event, "before")

    def _beside(self, event: Event, side: str) -> NoReturn:
        refuse_beside(event, side, self._place)


def refuse_beside(event: Event, side: str, region: Place) -> NoReturn:
    """Refuse what a kernel does before or after its processes."""
    place = getattr(event, "place", None)
    fail("TA140", f"the kernel does something {side} its ta.dataflow region",
         f"the region at {region.short} is all that a network does, beside making arrays and queues",
         hint="make it a process, inside the region; or " + _WHOLE, place=place)  # fmt: skip


def refuse_choice(program: Program) -> None:
    """Refuse a condition around several parts of a region: they would be one process."""
    for node in program.body:
        if isinstance(node, If) and any(_parts(block) > 1 for block in (node.then, node.orelse)):
            fail("TA140", "there are several processes under a condition",
                 "each loop and call in ta.dataflow is a process, and data do not choose which there are",
                 hint="choose values with ta.where, or put the condition into the processes",
                 place=node.place)  # fmt: skip


def _parts(block: Block) -> int:
    return sum(isinstance(node, Loop | While | Call | If) for node in block)


def refuse_outside(recorder: Recorder, events: list[Event]) -> None:
    """Refuse a path of a kernel that does something after its region."""
    if recorder.network is None:
        return
    _, last, region = recorder.network
    for event in events[last:]:
        made = isinstance(event, Store) and event.array.kind == "result"
        if not made and not isinstance(event, Alloc | Define | Return):
            refuse_beside(event, "after", region)
