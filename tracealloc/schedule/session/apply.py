"""Taking one step: arguments resolved, the primitive run and proved, and nothing changed.

The caller commits what comes back, all of it or nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import islpy as isl

from tracealloc.poly.isl.budget import STEP, limited, reason
from tracealloc.schedule.core.boundaries import settled
from tracealloc.schedule.core.primitive import ArrayRef, Edit, LoopRef, Primitive
from tracealloc.schedule.core.state import Module
from tracealloc.schedule.loops.carried import check_marked
from tracealloc.schedule.session.handle import ArrayHandle, BandHandle, LoopHandle
from tracealloc.schedule.session.history import Made, Step
from tracealloc.schedule.session.plain_values import shown
from tracealloc.schedule.session.resolve import Resolver
from tracealloc.schedule.session.stale_handles import Owner
from tracealloc.trace.diagnostics.errors import ScheduleError, nearest
from tracealloc.trace.diagnostics.public import parameters_of
from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.proxies.elements import as_element

__all__ = ["Taken", "call_text", "take"]

_OTHER_WORDS = {"axis": "dim", "axes": "dim", "dimension": "dim", "interval": "ii", "times": "factor"}


@dataclass(frozen=True)
class Taken:
    """A step that was proved: the step, the module after it, and warnings to show."""

    step: Step
    module: Module
    warnings: tuple[str, ...]


def take(
    owner: Owner, primitive: Primitive, args: tuple[Any, ...], kwargs: Mapping[str, Any], place: Place | None
) -> Taken:
    """Take one step on the schedule as it stands, without changing it.

    Raises:
        ScheduleError: the step is refused, or its arguments do not fit.
    """
    args = tuple(map(_own_type, args))
    kwargs = {name: _own_type(value) for name, value in kwargs.items()}
    try:
        return _taken(owner, primitive, args, kwargs, place)
    except ScheduleError as error:
        if error.hint is None:
            error.hint = _in_whole_numbers(primitive.name, args, kwargs)
        raise


def _own_type(value: Any) -> Any:
    """NumPy's name of an element type as ours; everything else as it is."""
    found = None if isinstance(value, str) else as_element(value)
    return value if found is None else found


def _in_whole_numbers(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str | None:
    """The call with 2 for 2.0; None: there is no such number in it."""

    def whole(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [whole(item) for item in value]
        return int(value) if isinstance(value, float) and value.is_integer() else value

    before = call_text(name, args, kwargs)
    after = call_text(name, tuple(map(whole, args)), {key: whole(value) for key, value in kwargs.items()})
    return f"s.{after}" if after != before else None


def _taken(
    owner: Owner,
    primitive: Primitive,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    place: Place | None,
) -> Taken:
    bound = _bound(primitive, args, kwargs)
    resolver = Resolver(owner, primitive)
    try:
        positional, named = resolver.resolve(bound)
    except ScheduleError as error:
        error.summary = f"{call_text(primitive.name, args, kwargs)}: {error.summary}"
        error.args = (error.summary,)
        raise
    step = Step(primitive.name, *resolver.record(args, kwargs), place)
    before = owner.module
    state, number = before.state(resolver.function), len(owner.history) + 1
    edit = Edit(state, step.call(), before, resolver.function, number, place)
    try:
        with limited(STEP):
            result = primitive.function(edit, *positional, **named)
            after = settled(edit, result.next_module(edit), result.inlined)
            check_marked(edit, after)
    except isl.Error as error:
        raise edit.error(
            "TA260",
            "cannot be proved right",
            because=[reason(error)],
            hint="take the step earlier, or in simpler parts",
        ) from error
    made = tuple(_made(after, resolver.function, ref) for ref in result.made)
    return Taken(replace(step, made=made), after, tuple(f"{step.call()}: {text}" for text in result.warnings))


def _made(module: Module, function: str, ref: LoopRef | ArrayRef) -> Made:
    state = module.state(function)
    found = state.loop(ref.key) if isinstance(ref, LoopRef) else state.array(ref.key)
    assert found is not None, ref
    return Made(function, ref.key, found.name, "loop" if isinstance(ref, LoopRef) else "array")


def _bound(primitive: Primitive, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> inspect.BoundArguments:
    signature = primitive.signature
    try:
        return signature.bind(*args, **kwargs)
    except TypeError as error:
        unknown = next((name for name in kwargs if name not in signature.parameters), None)
        close = None if unknown is None else nearest(unknown, signature.parameters)
        other = _OTHER_WORDS.get(unknown or "")
        if close is None and other in signature.parameters:
            close = other
        raise ScheduleError(
            "TA207",
            f"{call_text(primitive.name, args, kwargs)}: {error}",
            because=[f"the primitive is {primitive.name}({parameters_of(signature)})"],
            hint=f"{close}=" if close else None,
        ) from None


def call_text(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """The call as the user wrote it, as far as its values show."""
    parts = [_shown(value) for value in args]
    parts += [f"{key}={_shown(value)}" for key, value in kwargs.items()]
    return f"{name}({', '.join(parts)})"


def _shown(value: Any) -> str:
    if isinstance(value, LoopHandle | ArrayHandle | BandHandle):
        return f'"{value.name}"'
    if isinstance(value, str) and value.isprintable() and len(value) < 60 and '"' not in value:
        return f'"{value}"'
    if isinstance(value, list | tuple) and len(value) <= 6:
        return "[" + ", ".join(map(_shown, value)) + "]"
    return shown(value)
