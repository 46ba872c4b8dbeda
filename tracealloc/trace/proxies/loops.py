"""Symbolic loops: `grid`, `ta.range`, `ta.reduction`, run by for statements."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from types import FrameType
from typing import Any, NoReturn

from tracealloc.trace.diagnostics.source import caller_frame
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Const, Expr, Iter, IterRef, iters_of
from tracealloc.trace.proxies.lifting import typed
from tracealloc.trace.proxies.refusals import article
from tracealloc.trace.proxies.scalars import Scalar, is_number, number_expr
from tracealloc.trace.queries import typing_rules
from tracealloc.trace.queries.affine import is_affine
from tracealloc.trace.record.bytecode_names import (
    fills_container,
    next_is,
    opcode_at,
    spot_of,
    stores_of,
    target_names,
)
from tracealloc.trace.record.events import Event, ForEach
from tracealloc.trace.record.naming import unused
from tracealloc.trace.record.python_state import Carried, Slot, State, keep_hint, same
from tracealloc.trace.record.recorder import Explorer, Recorder, Scope, active, fail, recorder_for

__all__ = ["Running", "SymbolicLoop", "box", "grid", "range", "reduction"]

_TAKE_OUT = "take random numbers, next(), counters and input out of the body, or pass them as arguments"
Bounds = tuple[Expr, Expr, int]
_GENERATOR = 0x20 | 0x80 | 0x200  # CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR
_BUILTIN = (
    "list(), zip(), enumerate(), sum(), next(), functools.reduce() and unpacking run a loop while tracing"
)


def _bound(value: Any, what: str) -> Expr:
    if not is_number(value) or isinstance(value, float):
        if isinstance(value, Carried):
            bool(value)
        fail("TA127", f"{what} is an integer, not {_shown(value)}", "extents and bounds count iterations",
             hint="grid(M, N) and ta.range(start, stop, step) with integers, traced or not")  # fmt: skip
    return typed(typing_rules.as_index, number_expr(value, index))


def grid(*extents: Any, name: str | None = None) -> SymbolicLoop:
    """Nested symbolic loops ``for i, j in grid(M, N):`` over a box, the last index fastest.

    `name` names the band (the nest), for schedules. One extent gives a plain iterator.
    """
    return box("grid", extents, name, False)


def reduction(*extents: Any, name: str | None = None) -> SymbolicLoop:
    """Like `grid`, for the loops of a sum: marks them as a reduction's."""
    return box("ta.reduction", extents, name, True)


def _shown(value: Any) -> str:
    return article(value) if isinstance(value, tuple | list) else repr(value)


def _checked(what: str, name: Any) -> str | None:
    """The name of a loop or a band, which schedules call it by."""
    if name is not None and (not isinstance(name, str) or not name.isidentifier()):
        fail("TA127", f"the name of {what} is an identifier, not {name!r}", "schedules call the loops by it",
             hint='name="PE"')  # fmt: skip
    return name


def box(
    what: str, extents: tuple[Any, ...], name: str | None, reduces: bool, space: bool = False
) -> SymbolicLoop:
    """Nested loops from zero to extents; with `space`, each iteration is a process."""
    recorder_for(what)
    if not extents:
        fail(
            "TA127", f"{what} needs at least one extent", "each is the length of a loop", hint=f"{what}(M, N)"
        )
    bounds: list[Bounds] = [
        (typing_rules.lift(0, index), _bound(extent, f"an extent of {what}"), 1) for extent in extents
    ]
    return SymbolicLoop(what, bounds, _checked(what, name), reduces, space)


def range(*bounds: Any, name: str | None = None) -> SymbolicLoop:
    """A symbolic loop with the bounds of Python's `range`: its body is traced once per control path.

    The bounds may be traced values; the step is a constant.
    """
    recorder_for("ta.range")
    if not 1 <= len(bounds) <= 3:
        fail("TA127", f"ta.range takes 1 to 3 bounds, not {len(bounds)}", "they are those of Python's range",
             hint="ta.range(start, stop, step)")  # fmt: skip
    first = bounds[0] if len(bounds) > 1 else 0
    last = bounds[1] if len(bounds) > 1 else bounds[0]
    step = bounds[2] if len(bounds) > 2 else 1
    start, stop = _bound(first, "the start of ta.range"), _bound(last, "the stop of ta.range")
    stride = _bound(step, "the step of ta.range")
    if not isinstance(stride, Const) or int(stride.value) == 0:
        fail("TA127", "the step of ta.range is a constant that is not zero",
             "its sign decides where the loop ends",
             hint="for a traced step: for n in ta.range(count): i = start + n * step")  # fmt: skip
    return SymbolicLoop("ta.range", [(start, stop, int(stride.value))], _checked("ta.range", name), False)


class SymbolicLoop:
    """What `grid` and `ta.range` return; a ``for`` statement runs it."""

    __slots__ = ("_scope", "bounds", "name", "reduces", "space", "what")

    def __init__(
        self, what: str, bounds: list[Bounds], name: str | None, reduces: bool, space: bool = False
    ) -> None:
        recorder = active()
        assert recorder is not None
        self.what, self.bounds, self.name = what, bounds, name
        self.reduces, self.space = reduces, space
        self._scope = recorder.scope

    def __iter__(self) -> Iterator[Any]:
        recorder = recorder_for(self.what)
        if recorder.runs:
            return recorder.iterate(self.bounds)
        frame = caller_frame()
        if not self._scope.alive or self._scope.recorder is not recorder:
            fail("TA104", f"this {self.what} was made in a scope that has ended",
                 "it belongs to the iteration that made it",
                 hint=f"call {self.what}(...) in the for statement")  # fmt: skip
        statement = opcode_at(frame) == "GET_ITER" and next_is(frame, "FOR_ITER")
        if not statement or fills_container(frame):
            fail(
                "TA114",
                f"{self.what} can only be run by a for statement",
                f"{_BUILTIN}, and a symbolic loop's body is traced once, not once per iteration",
                hint=f"for i in {self.what}(...): with the body below it; a comprehension or zip() over a "
                "constant range can use the builtin range",
            )
        if frame.f_code.co_flags & _GENERATOR:
            fail("TA114", f"{self.what} cannot run in a generator",
                 "a generator's caller would be the loop's body, and cannot be run again",
                 hint="put the for statement into the kernel itself")  # fmt: skip
        return self._running(recorder, frame)

    def _running(self, recorder: Recorder, frame: FrameType) -> Running:
        if self.space and (frame.f_code, frame.f_lasti) in recorder.staged:
            from tracealloc.trace.proxies.instances import Instances

            return Instances(self, recorder, frame)
        return Running(self, recorder, frame)

    def __len__(self) -> int:
        fail(
            "TA121",
            f"{self.what} has no length",
            "it runs a for statement, and is no list",
            hint="use the extent that was passed to it",
        )

    def __getitem__(self, key: Any) -> NoReturn:
        fail(
            "TA121",
            f"{self.what} has no elements",
            "its iterator has no value while tracing",
            hint="run it with a for statement",
        )

    __contains__ = __reversed__ = __getitem__


class Running:
    """A loop that a for statement is running: one `__next__` per run of the body."""

    __slots__ = ("__weakref__", "at", "explorer", "frame", "is_empty", "iters", "left", "loop", "outer",
                 "recorder", "runs", "scope", "spot", "state")  # fmt: skip

    def __init__(self, loop: SymbolicLoop, recorder: Recorder, frame: FrameType) -> None:
        self.loop, self.recorder, self.frame = loop, recorder, frame
        self.scope: Scope | None = None
        self.explorer: Explorer | None = None
        self.spot, self.at = spot_of(frame), frame.f_lasti
        self.outer = recorder.loops
        self.runs = 0
        self.left: dict[Slot, Any] = {}  # what variables hold in this run, instead of a `Carried`
        # Traced all the same: what loops and arrays there are does not depend on extents.
        self.is_empty = any(_empty(bounds) for bounds in loop.bounds)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self.explorer is None:
            self._start()
        else:
            self._end_run()
            if not self.explorer.more:
                left = self.state.next_left()
                if left is None or not self.explorer.again():
                    self._refuse_changed(self.state.late, _TAKE_OUT)
                    self._finish()
                    raise StopIteration
                self.left = left
            self.state.poison(self._refuse_carried, self.left)
        return self._begin_run()

    # ------------------------------------------------------------------------------------------ the runs

    def _start(self) -> None:
        recorder = self.recorder
        recorder.check()
        self._seen()
        recorder.idle += self.is_empty
        names = target_names(self.frame)
        count = len(self.loop.bounds)
        if count == 1:
            names = names[:1]
        if len(names) != count:
            names = [None] * count
        taken = {it.name for it in self.outer}
        iters = []
        for position, name in enumerate(names):
            fresh = unused(name if name and name.strip("_") else f"i{len(self.outer) + position}", taken)
            taken.add(fresh)
            iters.append(Iter(f"%{recorder.number()}", fresh))
        self.iters = tuple(iters)
        if self.loop.space:
            recorder.grids.update(dict.fromkeys(iters, (self.frame.f_code, self.at)))
        for it, (start, stop, *_) in zip(iters, self.loop.bounds, strict=True):
            if all(is_affine(end) and iters_of(end) <= recorder.bounded for end in (start, stop)):
                recorder.bounded.add(it)
        label = ", ".join(it.name for it in self.iters)
        self.state = State(self.frame, (Scalar, *_opaque()))
        self.explorer = Explorer(recorder, "loop", label, self.spot.place, verify=True)
        self.explorer.loops = (*self.outer, *self.iters)
        self.explorer.changed = lambda: self.state.names(_dead())

    def _begin_run(self) -> Any:
        assert self.explorer is not None
        recorder = self.recorder
        self.scope = self.explorer.begin()
        recorder.loops = (*self.outer, *self.iters)
        proxies = self._proxies()
        return proxies if len(proxies) > 1 else proxies[0]

    def _seen(self) -> None:
        """Count the statement among those that are recorded."""
        self.recorder.spot()

    def _proxies(self) -> tuple[Any, ...]:
        """What the body gets for the iterators."""
        place = self.spot.place
        return tuple(Scalar(IterRef(it), self.recorder, None, place) for it in self.iters)

    def _end_run(self) -> None:
        assert self.explorer is not None and self.scope is not None
        recorder, scope = self.recorder, self.scope
        recorder.check()
        if recorder.scope is not scope:
            self._lost()
        self.scope = None
        recorder.loops = self.outer
        self.explorer.end(scope)
        trouble = self.state.compare()
        self.runs += 1
        self._refuse_changed(
            trouble, "keep what the kernel computes in ta.zeros(...) or ta.scalar(...), not in an object"
        )

    def _finish(self) -> None:
        explorer, recorder = self.explorer, self.recorder
        assert explorer is not None
        body = explorer.finish()
        recorder.idle -= self.is_empty
        if self.is_empty:
            self.state.set_back(self._refuse_after)
        else:
            never = not all(_runs(bounds) for bounds in self.loop.bounds)
            self.state.release(
                self.runs, lambda name, values, each: self._settle(name, values, each and not never)
            )
        self._emit(body)

    def _emit(self, body: tuple[Event, ...]) -> None:
        """Record the loops with their body."""
        if not body:
            return
        for position in reversed(builtins.range(len(self.iters))):
            start, stop, step = self.loop.bounds[position]
            band = self.loop.name if position == 0 else None
            event = ForEach(self.iters[position], start, stop, step, body, self.loop.reduces, band,
                            self.spot.place, self.loop.space)  # fmt: skip
            body = (event,)
        self.recorder.emit(body[0])

    # -------------------------------------------------------------------------------------- what goes wrong

    def _settle(self, name: str, values: list[Any], agreed: bool) -> Any:
        """What a variable that the body changed holds after the loop."""
        last = values[-1]
        if all(_is_dead(value) for value in values):
            return last  # a use is refused, with the line that made it
        if agreed and all(same(value, last) for value in values):
            return last
        return Carried(name, self._refuse_after)

    def _refuse_changed(self, trouble: str | None, hint: str) -> None:
        """Refuse a body that changes an object whose contents cannot be set back."""
        if trouble is not None:
            label = ", ".join(it.name for it in self.iters)
            fail(
                "TA103",
                f"{trouble!r} is changed by the body of loop {label!r}, which is traced and not run",
                "its contents would depend on how often the body is run while tracing",
                hint=hint,
                place=self.spot.place,
            )

    def _refuse_carried(self, name: str) -> NoReturn:
        lines = [line for line in stores_of(self.frame.f_code, name) if line >= self.spot.place.line]
        where = f" (assigned at line {lines[0]})" if lines else ""
        fail(
            "TA103",
            f"{name!r} carries a value from one iteration of a loop to the next",
            f"the body of the loop at {self.spot.place.short} is traced once, so a plain Python variable "
            f"that it changes{where} cannot be followed through the iterations",
            hint=keep_hint(name),
        )

    def _refuse_after(self, name: str) -> NoReturn:
        fail(
            "TA104",
            f"{name!r} is used after the loop whose body sets it",
            f"the loop at {self.spot.place.short} is traced once per control path, and the paths, or a loop "
            "that never runs, leave different values",
            hint=keep_hint(name),
        )

    def _lost(self) -> NoReturn:
        if self.recorder.left_early is not None:
            self.recorder.left_early()
        fail(
            "TA105",
            "a block inside this loop was left in the middle",
            "a loop or a ta.when block in it was left by break, return or a caught exception",
            hint="guard "
            "the rest of the body with a flag: go = ta.scalar(boolean, True) before the loop, 'if go:' in it",
            place=self.spot.place,
        )

    def __del__(self) -> None:
        if self.scope is None or not self.scope.alive:
            return
        # The for statement dropped its iterator: break, return or an exception. Nothing can be raised here.
        recorder = self.recorder
        if recorder.left_early is None and recorder.failed is None:
            place = spot_of(self.frame).place
            label, start = self.scope.label, self.spot.place
            recorder.left_early = lambda: fail(
                "TA105",
                f"loop {label!r} is left early",
                f"the loop at {start.short} is traced once per control path, so 'break', 'return' or a "
                "caught exception would end the tracing, not the loop",
                hint="guard the rest of the body with a flag: go = ta.scalar(boolean, True) before the loop, "
                "'if go:' in it; or use ta.while_loop(cond, body)",
                place=place,
            )


def _empty(bounds: Bounds) -> bool:
    start, stop, step = bounds
    if not isinstance(start, Const) or not isinstance(stop, Const):
        return False
    return not builtins.range(int(start.value), int(stop.value), step)


def _runs(bounds: Bounds) -> bool:
    return isinstance(bounds[0], Const) and isinstance(bounds[1], Const) and not _empty(bounds)


def _opaque() -> tuple[type, ...]:
    """Objects of ours, which a body may change as it likes."""
    from tracealloc.trace.proxies.arrays import ArrayProxy, RecordProxy

    return ArrayProxy, RecordProxy, SymbolicLoop, Recorder


def _is_dead(value: Any) -> bool:
    """Whether `value` belongs to a scope that is closed."""
    return isinstance(value, _dead()) and not value._scope.alive


def _dead() -> tuple[type[Any], ...]:
    from tracealloc.trace.proxies.arrays import ArrayProxy, RecordProxy

    return Scalar, ArrayProxy, RecordProxy
