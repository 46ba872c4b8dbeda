"""What became of a loop or an array that a name or a handle meant before."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from tracealloc.poly.model.tree import LoopNode, loops_in
from tracealloc.schedule.core.state import Module, OpaqueLoop
from tracealloc.schedule.session.handle import ArrayHandle, BandHandle, LoopHandle
from tracealloc.schedule.session.history import Step
from tracealloc.trace.diagnostics.errors import UnknownArrayError, UnknownLoopError

__all__ = ["Owner", "explain", "gone", "holds", "never_made"]


class Owner(Protocol):
    """What the resolver needs of the user's schedule."""

    @property
    def module(self) -> Module:
        """The module as it stands."""

    @property
    def history(self) -> tuple[Step, ...]:
        """The applied steps."""

    def module_after(self, count: int) -> Module:
        """The module after the first `count` steps."""


def holds(module: Module, handle: LoopHandle | ArrayHandle | BandHandle) -> bool:
    """Whether a module has the loop or array of a handle."""
    if handle.function not in module.names():
        return False
    state = module.state(handle.function)
    if isinstance(handle, BandHandle):
        return any(loop.band == handle.name for loop in loops_in(state.tree))
    found = state.model.arrays if isinstance(handle, ArrayHandle) else state.loops()
    return any(each.key == handle.key for each in found)


def gone(
    handle: LoopHandle | ArrayHandle | BandHandle, schedule: Owner
) -> UnknownLoopError | UnknownArrayError:
    """The refusal of a handle of something that a step took away."""
    what = "array" if isinstance(handle, ArrayHandle) else "loop"
    history = schedule.history
    held = [holds(schedule.module_after(n), handle) for n in range(len(history) + 1)]
    step = next((history[n] for n in range(len(history)) if held[n] and not held[n + 1]), None)
    reason = f"{step.call()} took it away" if step else "it belongs to another schedule"
    code = "TA204" if what == "array" else "TA201"
    error = UnknownArrayError if what == "array" else UnknownLoopError
    return error(
        code,
        f"{what} {handle.name!r} is no longer there",
        because=[reason],
        hint=f"s.{what}s() lists what there is now",
    )


def never_made(
    handle: LoopHandle | ArrayHandle, others: Iterable[Step]
) -> UnknownLoopError | UnknownArrayError:
    """The refusal of a handle whose loop or array a step made that this schedule has not taken."""
    here = (handle.function, handle.key)
    maker = next((s for s in others if here in [(made.function, made.key) for made in s.made]), None)
    step = maker.call() if maker is not None else "a step"
    what = "array" if isinstance(handle, ArrayHandle) else "loop"
    error = UnknownArrayError if what == "array" else UnknownLoopError
    return error(
        "TA204" if what == "array" else "TA201",
        f"{what} {handle.name!r} is not in this schedule",
        because=[f"{step} made it, which was undone or taken in a copy only"],
        hint=f"s.{what}s() lists what there is now",
    )


def explain(
    error: UnknownLoopError,
    text: str,
    schedule: Owner,
    find: Callable[[Module, str], tuple[str, LoopNode | OpaqueLoop]],
    name_of: Callable[[Module, str, str], str | None],
) -> None:
    """Add to an error which step took the loop away that a name meant, or gave it the name it has now."""
    now, history = schedule.module, schedule.history
    for count in reversed(range(len(history))):
        try:
            function, loop = find(schedule.module_after(count), text)
        except UnknownLoopError:
            continue
        function, key = now.home(function, loop.key)
        name = name_of(now, function, key)
        happened = "took it away" if name is None else "gave it another name"
        error.because = (f"{history[count].call()} {happened}", *error.because)
        if name is not None:
            error.hint = repr(name)
        return
