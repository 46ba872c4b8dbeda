"""The one place where names and handles become loops and arrays.

A loop: ``"k"``; when ambiguous ``"PE.k"`` (band.loop), or ``"PE.k#1"`` (the second of a band); in a callee
``"matmul:PE.k"``. An array: ``"C"``, ``"matmul:C"``.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from tracealloc.poly.tree import LoopNode, Tree, loops_in
from tracealloc.schedule.handle import ArrayHandle, BandHandle, LoopHandle
from tracealloc.schedule.history import Step
from tracealloc.schedule.primitive import Kind, Primitive
from tracealloc.schedule.state import Module, OpaqueLoop, State
from tracealloc.trace.errors import ScheduleError, UnknownArrayError, UnknownLoopError, nearest
from tracealloc.trace.program import Array

__all__ = ["Resolver", "band_names", "bands_of", "find_array", "find_loop", "full_name", "visible_arrays"]


def bands_of(tree: Tree) -> Iterator[tuple[str, LoopNode]]:
    """Every band with its outermost loop, in textual order."""
    for loop in loops_in(tree):
        if loop.band is not None:
            yield loop.band, loop


def band_names(state: State) -> dict[str, str]:
    """The band that each loop belongs to, by loop key."""
    found: dict[str, str] = {}
    for name, outer in bands_of(state.tree):
        for loop in loops_in(outer):
            found[loop.key] = name
    return found


def full_name(state: State, loop: LoopNode | OpaqueLoop) -> str:
    """The shortest name that means this loop.

    ``k``; ``PE.k`` where ``k`` is ambiguous; ``PE.k#1`` for the second ``k`` of a band, in textual order.
    """
    same = [other for other in state.loops() if other.name == loop.name]
    if len(same) <= 1:
        return loop.name
    bands = band_names(state)
    band = bands.get(loop.key)
    name = loop.name if band is None else f"{band}.{loop.name}"
    alike = same if band is None else [other for other in same if bands.get(other.key) == band]
    if len(alike) == 1:
        return name
    return f"{name}#{next(k for k, other in enumerate(alike) if other.key == loop.key)}"


def _named(state: State, name: str) -> list[LoopNode | OpaqueLoop]:
    """The loops that a name may mean."""
    name, _, number = name.partition("#")
    loops = list(state.loops())
    matches = [loop for loop in loops if loop.name == name]
    if not matches and "." in name:
        band, _, inner = name.partition(".")
        of_band = band_names(state)
        matches = [loop for loop in loops if loop.name == inner and of_band.get(loop.key) == band]
    return [loop for k, loop in enumerate(matches) if not number or str(k) == number]


def _function(module: Module, text: str) -> tuple[str, str]:
    """Split ``function:name``."""
    function, colon, rest = text.rpartition(":")
    return (function, rest) if colon else (module.top, text)


def _state(
    module: Module, function: str, text: str, error: type[UnknownLoopError | UnknownArrayError]
) -> State:
    if function not in module.names():
        raise error(
            "TA202",
            f"no function {function!r} is called in {module.top} (asked for {text!r})",
            because=[f"the functions are {', '.join(module.names())}"],
            hint=_did_you_mean(function, module.names()),
        )
    return module.state(function)


def _did_you_mean(word: str, known: tuple[str, ...]) -> str | None:
    close = nearest(word, known)
    return f"{close!r}" if close else None


def find_loop(module: Module, text: str) -> tuple[str, LoopNode | OpaqueLoop]:
    """The function and the loop that a name means.

    Raises:
        UnknownLoopError: there is none, or more than one.
    """
    function, name = _function(module, text)
    state = _state(module, function, text, UnknownLoopError)
    loops = list(state.loops())
    matches = _named(state, name)
    if len(matches) == 1:
        return function, matches[0]
    known = tuple(dict.fromkeys(full_name(state, loop) for loop in loops))
    if matches:
        names = [full_name(state, loop) for loop in matches]
        raise UnknownLoopError(
            "TA203",
            f"{len(matches)} loops are called {name!r} in {function}",
            because=[f"they are {', '.join(dict.fromkeys(names))}"],
            hint=f"name the band, as in {names[0]!r}, or use the loop's handle from s.loops()",
        )
    raise UnknownLoopError(
        "TA201",
        f"no loop is called {name!r} in {function}",
        because=[f"the loops are {', '.join(known) or '(none)'}"],
        hint=_did_you_mean(name, known),
    )


def visible_arrays(state: State) -> list[Array]:
    """The arrays that a user can name: everything stored but values and scalar arguments come last."""
    return sorted(state.model.arrays, key=lambda array: array.kind == "value")


def find_array(module: Module, text: str) -> tuple[str, Array]:
    """The function and the array that a name means.

    Raises:
        UnknownArrayError: there is none, or more than one.
    """
    function, name = _function(module, text)
    state = _state(module, function, text, UnknownArrayError)
    arrays = visible_arrays(state)
    matches = [array for array in arrays if array.name == name]
    if len(matches) == 1:
        return function, matches[0]
    known = tuple(dict.fromkeys(array.name for array in arrays))
    if matches:
        raise UnknownArrayError(
            "TA205",
            f"{len(matches)} arrays are called {name!r} in {function}",
            hint="give them different names in the kernel, or use the handle from s.arrays()",
        )
    raise UnknownArrayError(
        "TA204",
        f"no array is called {name!r} in {function}",
        because=[f"the arrays are {', '.join(known) or '(none)'}"],
        hint=_did_you_mean(name, known),
    )


class Owner(Protocol):
    """What the resolver needs of the user's schedule."""

    @property
    def module(self) -> Module:
        """The module as it stands."""

    def removed_by(self, function: str, key: str) -> Step | None:
        """The step after which a loop was gone."""


class Resolver:
    """Turns the arguments of one use into loops and arrays, and into names that can be recorded."""

    def __init__(self, schedule: Owner, primitive: Primitive) -> None:
        self.schedule, self.primitive = schedule, primitive
        self.function = schedule.module.top
        self._functions: list[str] = []

    def resolve(self, bound: inspect.BoundArguments) -> tuple[list[Any], dict[str, Any]]:
        """Positional and keyword arguments for the primitive's function."""
        positional: list[Any] = []
        named: dict[str, Any] = {}
        for name, value in bound.arguments.items():
            kind = self.primitive.kinds.get(name)
            parameter = self.primitive.signature.parameters[name]
            if value is None and kind is not None and parameter.default is parameter.empty:
                raise ScheduleError("TA209", f"{self.primitive.name}: {name} is missing (it is None)")
            if parameter.kind is parameter.VAR_POSITIONAL:
                positional += self._one(value, kind)
            elif parameter.kind is parameter.VAR_KEYWORD:
                named.update(value)
            elif parameter.kind is parameter.KEYWORD_ONLY or parameter.default is not parameter.empty:
                named[name] = self._one(value, kind)
            else:
                positional.append(self._one(value, kind))
        if self._functions:
            self.function = self._functions[0]
            if len(set(self._functions)) > 1:
                raise ScheduleError(
                    "TA208",
                    f"{self.primitive.name} got loops or arrays of different functions",
                    because=[f"they belong to {', '.join(dict.fromkeys(self._functions))}"],
                )
        return positional, named

    def _one(self, value: Any, kind: Kind | None) -> Any:
        if kind is None or value is None:
            return list(value) if isinstance(value, tuple) else value
        if isinstance(value, list | tuple):
            return [self._one(item, kind) for item in value]
        if isinstance(value, LoopHandle | ArrayHandle | BandHandle):
            self._check_owner(value)
        if kind == "nest":
            return self._nest(value)
        return self._loop(value)[1] if kind == "loop" else self._array(value)[1]

    def _check_owner(self, handle: LoopHandle | ArrayHandle | BandHandle) -> None:
        """Refuse handles of other kernels' schedules; those of copies and replays mean the same here."""
        mine, other = self.schedule.module, handle.owner.module
        if other.top != mine.top or handle.function not in mine.names():
            raise ScheduleError(
                "TA209",
                f"{handle.name!r} is a handle of another kernel's schedule",
                because=[f"it belongs to {other.top}, and this schedule is of {mine.top}"],
            )

    def _nest(self, value: Any) -> Any:
        """A loop or an array for what may be a band, a loop or an array."""
        text = value.name if isinstance(value, BandHandle) else value
        if isinstance(text, str):
            prefix = f"{value.function}:" if isinstance(value, BandHandle) else ""
            function, name = _function(self.schedule.module, prefix + text)
            state = _state(self.schedule.module, function, text, UnknownLoopError)
            outer = dict(bands_of(state.tree)).get(name)
            if outer is not None:
                self._functions.append(function)
                return outer
            if any(array.name == name for array in state.model.arrays):
                return self._array(prefix + text)[1]
            return self._loop(prefix + text)[1]
        return self._array(value)[1] if isinstance(value, ArrayHandle) else self._loop(value)[1]

    def _loop(self, value: Any) -> tuple[str, LoopNode | OpaqueLoop]:
        if isinstance(value, str):
            function, loop = find_loop(self.schedule.module, value)
        elif isinstance(value, LoopHandle):
            function = value.function
            loops = self.schedule.module.state(function).loops()
            found = next((loop for loop in loops if loop.key == value.key), None)
            if found is None:
                raise self._gone(value)
            loop = found
        else:
            raise ScheduleError("TA209", f"expected a loop's name or handle, not {value!r}")
        self._functions.append(function)
        return full_name(self.schedule.module.state(function), loop), loop

    def _gone(self, handle: LoopHandle) -> UnknownLoopError:
        step = self.schedule.removed_by(handle.function, handle.key)
        reason = f"{step.call()} took it away" if step else "it belongs to another schedule"
        return UnknownLoopError("TA201", f"loop {handle.name!r} is no longer there", because=[reason])

    def _array(self, value: Any) -> tuple[str, Array]:
        if isinstance(value, str):
            function, array = find_array(self.schedule.module, value)
        elif isinstance(value, ArrayHandle):
            function = value.function
            arrays = self.schedule.module.state(function).model.arrays
            match = next((array for array in arrays if array.key == value.key), None)
            if match is None:
                raise UnknownArrayError("TA204", f"array {value.name!r} is no longer there")
            array = match
        else:
            raise ScheduleError("TA209", f"expected an array's name or handle, not {value!r}")
        self._functions.append(function)
        return array.name, array

    def record(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[tuple[object, ...], tuple[tuple[str, object], ...]]:
        """The arguments as given, with loops and arrays by names that mean the same on replay."""
        parameters = list(self.primitive.signature.parameters.values())
        kinds: list[Kind | None] = []
        for position in range(len(args)):
            parameter = parameters[min(position, len(parameters) - 1)]
            kinds.append(self.primitive.kinds.get(parameter.name))
        return (
            tuple(self._name(value, kind) for value, kind in zip(args, kinds, strict=True)),
            tuple(
                (name, self._name(value, self.primitive.kinds.get(name))) for name, value in kwargs.items()
            ),
        )

    def _name(self, value: Any, kind: Kind | None) -> object:
        if isinstance(value, list | tuple):
            return tuple(self._name(item, kind) for item in value)
        if kind is None or value is None:
            return value
        if kind == "nest" and isinstance(value, str | BandHandle):
            name = str(value).rpartition(":")[2]
        elif kind == "array" or isinstance(value, ArrayHandle):
            name = self._array(value)[0]
        else:
            name = self._loop(value)[0]
        return name if self.function == self.schedule.module.top else f"{self.function}:{name}"
