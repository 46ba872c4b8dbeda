"""Whether this interpreter lets a loop's body be watched: tried once, before the first trace.

Finding variables that carry a value between iterations rests on how Python keeps variables in frames and
on its instructions, which differ from version to version. Where a trial shows that it does not work,
nothing is traced: a variable that is missed would be silently wrong code.
"""

from __future__ import annotations

import functools
import platform
import sys
from typing import Any

from tracealloc.trace.record.bytecode_names import (
    fills_container,
    next_is,
    opcode_at,
    target_names,
    tests_while,
)
from tracealloc.trace.record.python_state import Carried, State
from tracealloc.trace.record.recorder import fail

__all__ = ["check_interpreter"]


class _Watch:
    """What the trial function tells, and what its loop finds."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.changed: list[str] = []
        self.targets: list[list[str | None]] = []
        self.statements: list[bool] = []
        self.whiles: list[bool] = []
        self.left = False

    def tell(self, *values: Any) -> None:
        self.told.append(values)

    def value(self) -> _Watch:
        self.targets.append(target_names(sys._getframe(1)))
        return self

    def __bool__(self) -> bool:
        self.whiles.append(tests_while(sys._getframe(1)))
        return len(self.whiles) < 2

    def __iter__(self) -> _Trial:
        frame = sys._getframe(1)
        statement = opcode_at(frame) == "GET_ITER" and next_is(frame, "FOR_ITER")
        self.statements.append(statement and not fills_container(frame))
        return _Trial(self)


class _Trial:
    """Runs a body twice, as `SymbolicLoop` does."""

    def __init__(self, watch: _Watch) -> None:
        self.watch, self.runs = watch, 0

    def __next__(self) -> tuple[int, int]:
        watch = self.watch
        frame = sys._getframe(1)
        self.runs += 1
        if self.runs == 1:
            watch.targets.append(target_names(frame))
            self.state = State(frame, (_Watch,))
            return 0, 1
        self.state.compare()
        if self.runs == 2:
            watch.changed = self.state.names(())
            self.state.poison(None, {})
            return 0, 1
        self.state.release(2, lambda name, _values, _each: f"settled {name}")
        raise StopIteration

    def __del__(self) -> None:
        self.watch.left = True


def _trial(watch: _Watch) -> None:
    plain, shared, kept = 0, 0, 7

    def inner() -> int:
        return shared

    for first, second in watch:
        watch.tell(plain, inner(), kept, [plain for _ in "1"][-1])
        plain, shared = first + 1, second
    watch.tell(plain, inner(), kept)


def _trial_names(watch: _Watch) -> None:
    made = watch.value(); made.tell()  # fmt: skip # noqa: E702
    watch.left = False
    for _ in watch:
        break
    watch.tell(watch.left)
    while watch:
        pass


def _trial_comprehension(watch: _Watch) -> None:
    watch.tell([0 for _ in "1" for _pair in watch])


@functools.cache
def _troubles() -> list[str]:
    """What does not work here; nothing on the versions of Python that we test on."""
    watch, names, comprehension = _Watch(), _Watch(), _Watch()
    _trial(watch)
    _trial_names(names)
    _trial_comprehension(comprehension)
    found = []
    first, second, after = [*watch.told, (), (), ()][:3]
    carried = [type(item) is Carried for item in second] == [True, True, False, True]
    if first != (0, 0, 7, 0) or not carried or not {"plain", "shared"} <= set(watch.changed):
        found.append("a variable that carries a value to the next iteration was not found")
    if after != ("settled plain", "settled shared", 7):
        found.append("a variable was not set back after a loop")
    if watch.targets != [["first", "second"]] or names.targets[:1] != [["made"]]:
        found.append("the variable that takes a result was not found")
    if (watch.statements, names.statements, comprehension.statements) != ([True], [True], [False]):
        found.append("a for statement was not told from a comprehension")
    if names.told[1:] != [(True,)]:
        found.append("a loop that is left early was not noticed")
    if names.whiles != [False, True]:
        found.append("a while statement was not recognised")
    return found


def check_interpreter() -> None:
    """Refuse to trace on a Python whose loops cannot be watched."""
    troubles = _troubles()
    if troubles:
        fail(
            "TA129",
            f"kernels cannot be traced on this Python, {platform.python_implementation()} "
            f"{platform.python_version()}",
            *(f"in a trial before the first trace, {trouble}" for trouble in troubles),
            hint="use a version of CPython that tracealloc is tested on: 3.11, 3.12 or 3.13",
        )
