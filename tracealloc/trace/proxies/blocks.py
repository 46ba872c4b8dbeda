"""Blocks that are no for statement: `ta.while_loop`, `ta.when`, `ta.otherwise`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, NoReturn

from tracealloc.trace.diagnostics.source import caller_frame, place_of
from tracealloc.trace.ir.dtype import boolean
from tracealloc.trace.ir.expr import Expr, Iter, Load
from tracealloc.trace.ir.program import Alloc, Array, Store
from tracealloc.trace.proxies.arrays import ArrayProxy, RecordProxy
from tracealloc.trace.proxies.lifting import typed
from tracealloc.trace.proxies.scalars import Scalar, is_number, number_expr
from tracealloc.trace.queries import typing_rules
from tracealloc.trace.record.bytecode_names import spot_of
from tracealloc.trace.record.early_exits import left_early, statements
from tracealloc.trace.record.events import Close, Event, Open, Otherwise, Repeat
from tracealloc.trace.record.python_state import Carried, Slot, State, keep_hint, short_name
from tracealloc.trace.record.recorder import Explorer, Recorder, Scope, fail, recorder_for

__all__ = ["otherwise", "when", "while_loop"]

_OURS = (Scalar, ArrayProxy, RecordProxy, Recorder)


def while_loop(cond: Callable[[], Any], body: Callable[[], Any], name: str = "while") -> None:
    """Run `body` as long as `cond` holds; both take no arguments and are traced once per control path.

    `name` names the loop for schedules.
    """
    recorder = recorder_for("ta.while_loop")
    if not _takes_nothing(cond) or not _takes_nothing(body):
        fail("TA124", "ta.while_loop takes two functions without arguments", "both run in every iteration",
             hint="ta.while_loop(lambda: n > 0, body)")  # fmt: skip
    if not isinstance(name, str) or not name:
        fail("TA124", f"the name of ta.while_loop is a text, not {name!r}",
             hint='ta.while_loop(cond, body, name="search")')  # fmt: skip
    if recorder.runs:
        recorder.repeat(cond, body)
        return
    place = recorder.spot().place
    it = Iter(f"%{recorder.number()}", name)
    flag = recorder.array("local", boolean, (), name="", place=place)
    base = recorder.counter
    prologue, value = _condition(recorder, cond, flag)

    def ask_again() -> None:
        """From the second iteration on the condition sees what the body changed."""
        high, recorder.counter = recorder.counter, base
        if _condition(recorder, cond, flag) != (prologue, value):
            recorder._differs(place)
        recorder.counter = high

    steps = _explored(recorder, "body", body, body, changed=ask_again)
    if value is None:
        recorder.emit(Alloc(flag, None, place))
        value = Load(flag)
    recorder.emit(Repeat(it, prologue, value, steps, place))


def _takes_nothing(function: Any) -> bool:
    """Whether `function` can be called without arguments."""
    try:
        inspect.signature(function).bind()
    except TypeError:
        return False
    except ValueError:  # a builtin that does not say
        return callable(function)
    return True


def _condition(
    recorder: Recorder, cond: Callable[[], Any], flag: Array
) -> tuple[tuple[Event, ...], Expr | None]:
    """The events of the condition and its value; None: on several paths, stored in `flag`."""
    found: list[Expr] = []

    def run() -> None:
        value = cond()
        if not is_number(value):
            fail(
                "TA124",
                f"the condition of ta.while_loop gives {value!r}, not a number or a condition",
                "the loop goes on as long as it holds",
                hint="ta.while_loop(lambda: n > 0, body)",
            )
        found.append(recorder.name_value(typed(typing_rules.as_condition, number_expr(value))))

    def keep() -> None:
        recorder.emit(Store(flag, (), found[-1]))

    events = _explored(recorder, "condition", cond, run, keep)
    if events and isinstance(events[-1], Store) and events[-1].array is flag:
        return events[:-1], events[-1].value
    return events, None


def _explored(
    recorder: Recorder,
    label: str,
    function: Callable[[], Any],
    run: Callable[[], Any],
    after: Callable[[], None] = lambda: None,
    changed: Callable[[], None] = lambda: None,
) -> tuple[Event, ...]:
    """The paths of a function of the user's that `run` calls, once per iteration of a while loop."""
    frame = caller_frame()
    place = spot_of(frame).place
    state = State(frame, _OURS, (("body", function),))
    explorer = Explorer(recorder, "loop", f"ta.while_loop ({label})", place, verify=True)
    refuse = _refuse_carried(place.short)
    runs = 0
    left: dict[Slot, Any] = {}
    while True:
        scope = explorer.begin()
        run()
        after()
        recorder.check()
        explored = explorer.checked is None
        explorer.end(scope)
        runs += explored
        trouble = state.compare()
        if trouble is not None:
            refuse(trouble)
        if not explorer.more:
            more = state.next_left()
            if more is None or not explorer.again():
                break
            left = more
        state.poison(refuse, left)
    for left in ({}, *state.all_left) if state.changed else ():
        state.poison(refuse, left)
        changed()
    if state.late is not None:
        refuse(state.late)
    state.release(runs, lambda name, values, each: _settle(name, values, refuse))
    return explorer.finish()


def _settle(name: str, values: list[Any], refuse: Callable[[str], NoReturn]) -> Any:
    """What a variable that a function of the loop changed holds afterwards: nothing that can be used."""
    if all(isinstance(value, _OURS[:3]) and not value._scope.alive for value in values):
        return values[-1]
    return Carried(name, refuse)


def _refuse_carried(where: str) -> Callable[[str], NoReturn]:
    def refuse(name: str) -> NoReturn:
        fail(
            "TA103",
            f"{name!r} carries a value from one iteration of a loop to the next",
            f"the functions of the ta.while_loop at {where} are traced once, so a plain Python variable that "
            "they change cannot be followed through the iterations",
            hint=keep_hint(name),
        )

    return refuse


def _apart_hint(name: str) -> str:
    short = short_name(name)
    return (
        f"{short} = ta.scalar(dtype, init) before the block, {short}.set(value) in it; or a plain 'if', of "
        "which both outcomes are traced"
    )


class _Block:
    """The context manager of `ta.when` and `ta.otherwise`; a ``with`` statement enters it."""

    __slots__ = ("cond", "home", "label", "open", "place", "recorder")

    def __init__(self, recorder: Recorder, label: str, cond: Expr | None) -> None:
        self.recorder, self.label, self.cond = recorder, label, cond
        self.open: list[tuple[Scope, State]] = []
        self.home, self.place = recorder.scope, recorder.spot().place
        self.home.waiting[id(self)] = self

    def __enter__(self) -> _Block:
        recorder = recorder_for(self.label)
        if not self.home.alive or recorder is not self.recorder:
            fail("TA124", f"{self.label} is entered after the scope that it was made in has ended",
                 "its condition was computed there",
                 hint=f"with {self.label}({self._shown}): where the condition is computed")  # fmt: skip
        self.home.waiting.pop(id(self), None)
        place = recorder.spot().place
        if self.cond is None:
            if not recorder.events or not isinstance(recorder.events[-1], Close):
                fail("TA124", "ta.otherwise() does not follow a ta.when block",
                     "something else was recorded in between, or nothing was guarded",
                     hint="with ta.when(c): ... and directly after it: with ta.otherwise(): ...")  # fmt: skip
            recorder.emit(Otherwise(place))
        else:
            recorder.emit(Open(self.cond, place))
        *_, frame = statements(sys._getframe(1))
        state = State(frame, (*_OURS, _Block))
        self.open.append((recorder.open_scope("block", self.label, place), state))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        scope, state = self.open.pop()
        if kind is not None:
            return
        self._refuse_early(scope)
        self.recorder.close_scope(scope)
        self.recorder.emit(Close())
        self._keep_apart(state)

    def _refuse_early(self, scope: Scope) -> None:
        """Refuse continue, break and return in the block, and loops in it that have not ended."""
        early = left_early(sys._getframe(2))
        if early is not None:
            fail("TA105", f"the {self.label} block is left early",
                 "continue, break and return happen while tracing, whatever the condition will be",
                 hint="a plain 'if', of which both outcomes are traced, may continue and return",
                 place=place_of(early))  # fmt: skip
        if self.recorder.scope is not scope:
            self.recorder.check()
            fail(
                "TA105",
                f"a loop inside the {self.label} block was left early",
                "break, return or a caught exception would end the tracing, not the loop",
                hint="guard the rest of the body with a flag: go = ta.scalar(boolean, True) before the loop, "
                "'if go:' in it",
            )

    def _keep_apart(self, state: State) -> None:
        """Refuse what the block has changed in Python: with another condition it would not have."""
        where = self.recorder.spot().place
        trouble = state.compare() or state.late
        if trouble is not None:
            fail("TA104", f"{trouble!r} is changed in the {self.label} block",
                 f"Python changes {trouble!r} whatever the condition will be",
                 hint=_apart_hint(trouble), place=where)  # fmt: skip

        def refuse(name: str) -> NoReturn:
            fail("TA104", f"{name!r} is used after the {self.label} block that sets it",
                 f"the block at {where.short} is traced once: Python changes {name!r} whatever the "
                 "condition will be", hint=_apart_hint(name))  # fmt: skip

        state.release(1, lambda name, values, each: _settle(name, values, refuse))

    @property
    def _shown(self) -> str:
        return "" if self.cond is None else "c"

    def never_entered(self) -> NoReturn:
        """Refuse a guard that guards nothing."""
        what = f"{self.label}({self._shown})"
        fail("TA124", f"{self.label} is called, but no with statement enters it",
             "what it should guard would run always", hint=f"with {what}:", place=self.place)  # fmt: skip

    def _no_value(self, *_others: object) -> NoReturn:
        spellings = "else: of a plain if, or with ta.otherwise():"
        if self.cond is not None:
            spellings = "if c: or with ta.when(c):, and for two conditions with ta.when(a & b):"
        fail("TA124", f"{self.label} is a block, not a condition", "it has no truth of its own",
             hint=spellings)  # fmt: skip

    __bool__ = __eq__ = __ne__ = __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = _no_value
    __invert__ = __call__ = __iter__ = __lt__ = __le__ = __gt__ = __ge__ = _no_value
    __hash__ = None  # type: ignore[assignment]


def when(cond: Any) -> _Block:
    """``with ta.when(cond):`` records a guard; both outcomes are recorded in one run."""
    recorder = recorder_for("ta.when")
    if not is_number(cond):
        fail("TA124", f"ta.when takes a condition, not {cond!r}", "the block runs where it holds",
             hint="with ta.when(A[i] > 0):")  # fmt: skip
    value = recorder.name_value(typed(typing_rules.as_condition, number_expr(cond)))
    return _Block(recorder, "ta.when", value)


def otherwise() -> _Block:
    """``with ta.otherwise():`` directly after a `ta.when` block records the other branch."""
    return _Block(recorder_for("ta.otherwise"), "ta.otherwise", None)
