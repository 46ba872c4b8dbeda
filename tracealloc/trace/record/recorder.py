"""The recorder: which kernel is being traced, on which control path, and what was recorded so far."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from tracealloc.trace.diagnostics.errors import TraceallocError, TraceallocWarning, TraceError
from tracealloc.trace.diagnostics.source import Place, caller_frame
from tracealloc.trace.ir.dtype import DType
from tracealloc.trace.ir.expr import Const, Expr, IterRef, Load
from tracealloc.trace.ir.program import Array
from tracealloc.trace.queries import typing_rules
from tracealloc.trace.record.bytecode_names import Spot, spot_of, tests_while
from tracealloc.trace.record.control_paths import Path, Step
from tracealloc.trace.record.events import Decide, Define, Event, Ref
from tracealloc.trace.record.join_paths import Unbalanced, join, nest

if TYPE_CHECKING:
    from types import FrameType, FunctionType

    from tracealloc.trace.ir.expr import Iter
    from tracealloc.trace.ir.parameters import Signature
    from tracealloc.trace.ir.program import Program, Region

__all__ = [
    "Explorer",
    "Recorder",
    "Scope",
    "active",
    "fail",
    "is_idle",
    "recorder_for",
    "running",
]

MAX_PATHS = 1024
MAX_REPEATS = 256
_TRIVIAL = (Const, IterRef, Ref)


class Scope:
    """Where values are alive: one run of a body."""

    __slots__ = ("alive", "kind", "label", "parent", "place", "recorder", "waiting")

    def __init__(
        self, recorder: Recorder, kind: str, label: str, place: Place | None, parent: Scope | None
    ) -> None:
        self.recorder, self.kind, self.label, self.place = recorder, kind, label, place
        self.parent = parent
        self.alive = True
        self.waiting: dict[int, Waiting] = {}  # guards made here that no with statement has entered yet


class Waiting(Protocol):
    """Something that must be used before its scope ends."""

    def never_entered(self) -> NoReturn:
        """Refuse it."""


_LOCAL = threading.local()


def _stack() -> list[Recorder]:
    stack: list[Recorder] | None = getattr(_LOCAL, "stack", None)
    if stack is None:
        stack = _LOCAL.stack = []
    return stack


def active() -> Recorder | None:
    """The recorder of the kernel that this thread is tracing, if any."""
    stack = _stack()
    return stack[-1] if stack else None


def fail(
    code: str,
    summary: str,
    *because: str,
    hint: str | None = None,
    place: Place | None = None,
    error: type[TraceError] = TraceError,
) -> NoReturn:
    """Raise a `TraceError` at the user's place; the trace is lost even if the user's code catches it."""
    if place is None:
        place = spot_of(caller_frame()).place
    found = error(code, summary, place=place, because=because, hint=hint)
    recorder = active()
    if recorder is not None and recorder.failed is None:
        recorder.failed = found
    raise found


@contextmanager
def running(recorder: Recorder) -> Iterator[None]:
    """Make `recorder` the active one of this thread."""
    stack = _stack()
    stack.append(recorder)
    try:
        yield
    finally:
        stack.remove(recorder)
        recorder.scope.alive = False


def recorder_for(what: str) -> Recorder:
    """The active recorder, for a function that is meaningless outside a kernel."""
    recorder = active()
    if recorder is None:
        fail(
            "TA116",
            f"{what} was called outside a kernel",
            "it records into the kernel that is being traced, and none is",
            hint="call it in a function decorated with @kernel",
        )
    recorder.check()
    return recorder


def is_idle() -> bool:
    """Whether this is in the body of a loop that never runs, so that nothing is outside."""
    recorder = active()
    return recorder is not None and recorder.idle > 0


class Recorder:
    """Records one kernel."""

    runs = False  # a recorder of ``kernel.python(...)`` does what it is told

    def __init__(self, name: str, parent: Recorder | None = None) -> None:
        self.name = name
        self.parent = parent
        self.thread = threading.get_ident()
        self.counter = 0
        self.events: list[Event] = []
        self.scope = Scope(self, "kernel", name, None, None)
        self.path: Path | None = None
        self.loops: tuple[Iter, ...] = ()
        self.bounded: set[Iter] = set()  # those of them whose bounds are affine
        self.idle = 0  # loops around that never run
        self.trusted = False  # what runs now was verified before
        self.failed: TraceallocError | None = None
        self.left_early: Callable[[], NoReturn] | None = None
        self.repeats: dict[int, tuple[Spot, int]] = {}
        self.warned: set[int] = set()
        self.unnamed: list[tuple[Array, object, int]] = []
        self.objects: dict[int, object] = {}
        self.functions: tuple[object, ...] = ()
        self.grids: dict[Iter, object] = {}  # iterators of `ta.processes`, and the for statement
        self.staged: frozenset[object] = frozenset()  # for statements whose body needs numbers
        self.network: tuple[int, int | None, Place] | None = None  # where `ta.dataflow` begins and ends
        self.callees: dict[object, Program] = parent.callees if parent is not None else {}
        self.variants: dict[object, list[Program]] = parent.variants if parent is not None else {}

    # ------------------------------------------------------------------------------ what everyone calls

    def check(self) -> None:
        """Refuse to go on after a failure that the user's code swallowed, or after a loop left early."""
        if self.failed is not None:
            raise self.failed
        if self.left_early is not None:
            self.left_early()

    def number(self) -> int:
        """The next number for a value, an array or an iterator."""
        self.counter += 1
        return self.counter

    def spot(self) -> Spot:
        """The user's position, counted for the warning about staged loops."""
        frame = caller_frame()
        spot = spot_of(frame)
        if not self.runs:
            self._count(spot)
        if self.unnamed:
            self._name_from(frame)
        return spot

    def _name_from(self, frame: FrameType) -> None:
        """Give arrays the names of the variables that hold them (``a, b = ta.scalar(..), ta.scalar(..)``)."""
        names = {id(item): name for name, item in frame.f_locals.items()}
        left = []
        for array, proxy, tries in self.unnamed:
            name = names.get(id(proxy))
            if name is not None:
                object.__setattr__(array, "name", name)
            elif tries:
                left.append((array, proxy, tries - 1))
        self.unnamed = left

    def _count(self, spot: Spot) -> None:
        key = id(spot)
        _, times = self.repeats.get(key, (spot, 0))
        self.repeats[key] = (spot, times + 1)
        line = spot.place.line
        if times == MAX_REPEATS and line not in self.warned:
            self.warned.add(line)
            warnings.warn_explicit(
                f"TA190 {spot.place.short} was recorded more than {MAX_REPEATS} times in one scope, "
                f"by a Python loop that runs while tracing; ta.range(...) records its body once",
                TraceallocWarning,
                spot.place.file,
                line,
            )

    def variant(self, key: object, made: Program) -> Program:
        """`made`, or the program that was made for `key` before and does the same."""
        known = self.variants.setdefault(key, [])
        same = next((old for old in known if _is_copy(made, old)), None)
        if same is None:
            known.append(made)
        return made if same is None else same

    def emit(self, event: Event) -> None:
        """Append an event to the path that is being recorded."""
        self.events.append(event)

    def define(self, expr: Expr, spot: Spot | None = None) -> Expr:
        """Record the computation of `expr`, and return a reference to its value."""
        self.check()
        number = self.number()
        if spot is None:
            spot = self.spot()
        self.events.append(Define(number, expr, spot.target, spot.place))
        return Ref(number, expr.dtype)

    def name_value(self, expr: Expr) -> Expr:
        """`expr` itself where it is trivial (constant, iterator, short affine index), else defined."""
        if isinstance(expr, _TRIVIAL) or (isinstance(expr, Load) and not expr.indices):
            return expr
        if typing_rules.is_short_affine(expr):
            return expr
        return self.define(expr)

    def array(self, kind: str, dtype: DType, shape: tuple[int, ...], **more: object) -> Array:
        """A new array; running a path again gives the same object for the same number."""
        number = self.number()
        known = self.objects.get(number)
        if isinstance(known, Array) and (known.dtype, known.shape, known.kind) == (dtype, shape, kind):
            return known
        name = str(more.pop("name", None) or "")
        scope = () if kind in ("constant", "state") else self.loops
        array = Array(f"%{number}", name, dtype, shape, kind, scope, **more)  # type: ignore[arg-type]
        self.objects[number] = array
        return array

    # ------------------------------------------------------------------------------------------ decisions

    def decide(self, cond: Expr) -> bool:
        """What Python is told when it asks whether `cond` holds."""
        self.check()
        if isinstance(cond, Const):
            return bool(cond.value)
        path = self.path
        assert path is not None
        frame = caller_frame()
        place = spot_of(frame).place
        position = len(path.taken)
        if position >= MAX_PATHS or tests_while(frame):
            self._endless(place)
        number = self.counter + 1
        if position < len(path.script):
            step = path.script[position]
            if step.cond != cond:
                self._differs(place)
            if step.counter is not None:
                self.counter = step.counter
            if position == len(path.script) - 1 and not path.verify:
                self.trusted = False
        else:
            if path.verify:
                self._differs(place)
            step = Step(cond, True, None)
        path.taken.append(step)
        self.events.append(Decide(cond, step.outcome, number, place))
        return step.outcome

    # ------------------------------------------------------- what a recorder that runs has beside: no trace

    def opaque(self, expr: Expr) -> Expr:
        """`expr` as no literal, where it is a value that came out as a constant."""
        return expr

    def known(self, expr: Expr) -> Any:
        """The number of a value, or the record."""
        raise NotImplementedError

    def contents(self, region: Region) -> Any:
        """A part of an array as a NumPy array."""
        raise NotImplementedError

    def iterate(self, bounds: Sequence[tuple[Expr, Expr, int]]) -> Iterator[Any]:
        """The iterations of a loop."""
        raise NotImplementedError

    def repeat(self, cond: Callable[[], Any], body: Callable[[], Any]) -> None:
        """A while loop."""
        raise NotImplementedError

    def call(
        self,
        function: FunctionType,
        signature: Signature,
        values: dict[str, Any],
        title: str,
        owned: Hashable,
    ) -> Any:
        """A call of a kernel; calls with equal `owned` share what they keep."""
        raise NotImplementedError

    def _endless(self, place: Place) -> NoReturn:
        fail(
            "TA128",
            "a Python loop goes on as long as a traced condition holds",
            "the condition has no value while tracing, so the loop would never end",
            hint="ta.while_loop(lambda: cond, body) with body a function without arguments; or "
            "for i in ta.range(n): if cond: ...",
            place=place,
        )

    def _differs(self, place: Place | None, changed: str = "") -> NoReturn:
        fail(
            "TA123",
            "running the body again recorded something else",
            "tracealloc runs a body once per control path and once more to compare, and Python must do the "
            "same each time" + changed,
            hint="take random numbers, next(), counters and input out of the body, or pass them as arguments",
            place=place,
        )

    # ---------------------------------------------------------------------------------------------- blocks

    def open_scope(self, kind: str, label: str, place: Place | None) -> Scope:
        """Enter a scope inside the present one."""
        self.scope = Scope(self, kind, label, place, self.scope)
        return self.scope

    def close_scope(self, scope: Scope) -> None:
        """Leave a scope: its values are dead."""
        for guard in scope.waiting.values():
            guard.never_entered()
        scope.alive = False
        assert scope.parent is not None
        self.scope = scope.parent


def _is_copy(a: Program, b: Program) -> bool:
    """Whether two programs differ in nothing but their name."""
    if replace(a, name="") != replace(b, name="") or str(replace(a, name="")) != str(replace(b, name="")):
        return False
    pairs = list(zip(a.arrays(), b.arrays(), strict=True))
    return all(_looks(x) == _looks(y) for x, y in pairs)


def _looks(array: Array) -> object:
    data = None if array.data is None else array.data.tobytes()
    return array.key, array.dtype, array.shape, array.kind, data


class Explorer:
    """The control paths of one body: runs, decisions, numbers; the caller says when a run begins and ends."""

    def __init__(self, recorder: Recorder, kind: str, label: str, place: Place | None, verify: bool) -> None:
        self.recorder, self.kind, self.label, self.place = recorder, kind, label, place
        self.base = self.high = recorder.counter
        self.scripts: list[list[Step]] = [[]]
        self.paths: list[Path] = []
        self.to_verify: list[Path] | None = None if verify and not recorder.trusted else []
        self.verifies = self.to_verify is None
        self.verified = self.verifies or recorder.trusted
        self.checked: Path | None = None
        self.loops = recorder.loops  # around the body, its own included
        self.changed: Callable[[], list[str]] = list  # variables that the body changes, for a message
        self.outer = (recorder.events, recorder.path, recorder.trusted, recorder.repeats)

    def begin(self) -> Scope:
        """Start the next run."""
        recorder = self.recorder
        trusted = self.outer[2]
        if self.scripts:
            script = self.scripts.pop()
            if script and script[-1].counter is None:
                script[-1].counter = self.high
            path = Path(script, False, [], [], self.outer[1])
            recorder.trusted = trusted or bool(script)
        else:
            assert self.to_verify
            self.checked = self.to_verify.pop(0)
            path = Path(self.checked.taken, True, [], [], self.outer[1])
            recorder.trusted = True
        recorder.counter, recorder.path, recorder.events = self.base, path, path.events
        recorder.repeats = {}
        return recorder.open_scope(self.kind, self.label, self.place)

    def end(self, scope: Scope) -> None:
        """Finish a run and find what is left to explore."""
        recorder, path = self.recorder, self.recorder.path
        assert path is not None
        recorder.close_scope(scope)
        self.high = max(self.high, recorder.counter)
        recorder.events, recorder.path, recorder.trusted, recorder.repeats = self.outer
        if self.checked is not None:
            if path.events != self.checked.events:
                self._compare(path.events, self.checked.events)
            self.checked = None
            return
        for position in range(len(path.script), len(path.taken)):
            step = path.taken[position]
            self.scripts.append([*path.taken[:position], replace(step, outcome=False, counter=None)])
        self.paths.append(path)
        if len(self.paths) + len(self.scripts) > MAX_PATHS:
            self._too_many()
        if not self.scripts and self.to_verify is None:
            self.to_verify = list(self.paths)

    @property
    def exploring(self) -> bool:
        """Whether the run that begins next explores (and does not verify)."""
        return bool(self.scripts)

    @property
    def more(self) -> bool:
        """Whether another run is due."""
        return bool(self.scripts) or bool(self.to_verify)

    def again(self) -> bool:
        """Compare every path once more, if this body's paths are compared at all."""
        if self.verifies:
            self.to_verify = list(self.paths)
        return self.verifies

    def finish(self) -> tuple[Event, ...]:
        """The paths joined; numbering goes on behind all of them."""
        self.recorder.counter = self.high
        if self.to_verify == [] and not self.verified:
            self._check_prefixes()
        try:
            return tuple(nest(join([path.events for path in self.paths], self.loops)))
        except Unbalanced as unbalanced:
            fail(
                "TA124",
                "a condition inside a ta.when block decides what happens after the block",
                "the block's condition guards it, so what follows cannot depend on a decision made in it",
                hint="use a plain 'if' for the outer condition too",
                place=unbalanced.decide.place,
            )

    def _check_prefixes(self) -> None:
        """A function is not run again to compare, but its paths must begin alike."""
        for before, path in zip(self.paths, self.paths[1:], strict=False):
            for old, new in zip(before.events, path.events, strict=False):
                if isinstance(old, Decide) and isinstance(new, Decide) and old.outcome != new.outcome:
                    break
                if old != new:
                    self.recorder._differs(getattr(new, "place", None) or self.place)

    def _compare(self, again: Sequence[Event], before: Sequence[Event]) -> NoReturn:
        place = self.place
        for new, old in zip(again, before, strict=False):
            if new != old:
                place = getattr(new, "place", None) or place
                break
        names = self.changed()
        known = f"; the body changes {', '.join(map(repr, names))}" if names else ""
        self.recorder._differs(place, known)

    def _too_many(self) -> NoReturn:
        conditions = sorted(
            {e.place for p in self.paths for e in p.events if isinstance(e, Decide) and e.place is not None},
            key=lambda place: place.line,
        )
        fail(
            "TA115",
            f"this body has more than {MAX_PATHS} control paths",
            "every combination of outcomes is traced; conditions are decided at "
            + ", ".join(place.short for place in conditions[:8]),
            hint="guard with 'with ta.when(c):' or choose with ta.where(c, a, b), which record a condition "
            "without exploring it",
            place=self.place,
        )
