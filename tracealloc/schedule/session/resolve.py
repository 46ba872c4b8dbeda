"""The one place where names and handles become loops and arrays.

A loop: ``"k"``; when ambiguous ``"PE.k"`` (band.loop), or ``"PE.k#1"`` (the second of a band); in a callee
``"matmul:PE.k"``. An array: ``"C"``, ``"matmul:C"``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tracealloc.poly.model.tree import LoopNode
from tracealloc.schedule.core.boundaries import scope_of, scopes_of
from tracealloc.schedule.core.names import (
    band_names,
    bands_of,
    full_name,
    full_names,
    function_prefix,
    loops_of,
    prefix_of,
    visible_arrays,
)
from tracealloc.schedule.core.primitive import REGISTRY, Kind, Primitive
from tracealloc.schedule.core.state import Module, OpaqueLoop, State
from tracealloc.schedule.session.handle import ArrayHandle, BandHandle, LoopHandle
from tracealloc.schedule.session.history import Named
from tracealloc.schedule.session.plain_values import NotPlain, plain_value, shown
from tracealloc.schedule.session.stale_handles import Owner, explain, gone, holds, never_made
from tracealloc.trace.diagnostics.errors import ScheduleError, UnknownArrayError, UnknownLoopError, nearest
from tracealloc.trace.ir.program import Array

__all__ = ["Resolver", "find_array", "find_loop", "is_many"]


_MOST_HINTED = 4


def _named(state: State, name: str, scope: str | None) -> list[LoopNode | OpaqueLoop]:
    """The loops that a name may mean."""
    name, _, number = name.partition("#")
    loops = loops_of(state, scope)
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


def _did_you_mean(word: str, known: tuple[str, ...], prefix: str = "") -> str | None:
    close = nearest(word, known)
    return repr(prefix + close) if close else None


def find_loop(module: Module, text: str) -> tuple[str, LoopNode | OpaqueLoop]:
    """The function and the loop that a name means.

    Raises:
        UnknownLoopError: there is none, or more than one.
    """
    function, name = _function(module, text)
    state = _state(module, function, text, UnknownLoopError)
    scope = scope_of(module, function)
    matches = _named(state, name, scope)
    if len(matches) == 1:
        return module.host(function), matches[0]
    names_here = full_names(state)
    known = tuple(dict.fromkeys(names_here[loop.key] for loop in loops_of(state, scope)))
    prefix = function_prefix(module, function)
    if matches:
        names = [full_name(state, loop) for loop in matches]
        how = "number it" if "#" in names[0] else "name the band"
        raise UnknownLoopError(
            "TA203",
            f"{len(matches)} loops are called {name!r} in {function}",
            because=[f"they are {', '.join(dict.fromkeys(names))}"],
            hint=f"{how}, as in {prefix + names[0]!r}, or use the loop's handle from s.loops()",
        )
    raise UnknownLoopError(
        "TA201",
        f"no loop is called {name!r} in {function}",
        because=[f"the loops are {', '.join(known) or '(none)'}"],
        hint=_left_of(name, state, scope, prefix)
        or _elsewhere(module, function, _named, name)
        or _did_you_mean(name, known, prefix)
        or _path_near(name, state, scope, prefix),
    )


def _elsewhere(
    module: Module, function: str, find: Callable[[State, str, str | None], Sequence[object]], name: str
) -> str | None:
    """The loop or the array of that name in other functions: ``'matmul:k'``."""
    others = [other for other in module.names() if other != function]
    found = [
        function_prefix(module, other) + name
        for other in others
        if find(module.state(other), name, scope_of(module, other))
    ]
    return " or ".join(map(repr, found)) if 0 < len(found) <= _MOST_HINTED else None


def _path_near(name: str, state: State, scope: str | None, prefix: str) -> str | None:
    """The loop whose ``band.loop`` is spelt most like `name`."""
    bands, names = band_names(state), full_names(state)
    paths = {f"{bands.get(loop.key, '')}.{loop.name}": names[loop.key] for loop in loops_of(state, scope)}
    close = nearest(name, paths) if "." in name else None
    return repr(prefix + paths[close]) if close else None


def _left_of(name: str, state: State, scope: str | None, prefix: str) -> str | None:
    """The loops of the band `name`, or those that steps made of a loop: ``i.outer``, ``i_j``, ``i_1``."""
    bands = band_names(state)
    names = full_names(state)
    found = {names[loop.key]: f"{bands.get(loop.key, '')}.{loop.name}" for loop in loops_of(state, scope)}
    parts = [known for known, path in found.items() if f".{name}." in f".{path}."]
    parts = parts or [known for known, path in found.items() if name in path.rpartition(".")[2].split("_")]
    return " or ".join(repr(prefix + part) for part in parts) if 0 < len(parts) <= _MOST_HINTED else None


def _arrays_named(state: State, name: str, scope: str | None) -> list[Array]:
    return [array for array in visible_arrays(state, scope) if array.name == name]


def find_array(module: Module, text: str) -> tuple[str, Array]:
    """The function and the array that a name means.

    Raises:
        UnknownArrayError: there is none, or more than one.
    """
    function, name = _function(module, text)
    state = _state(module, function, text, UnknownArrayError)
    scope = scope_of(module, function)
    arrays = visible_arrays(state, scope)
    matches = _arrays_named(state, name, scope)
    if len(matches) == 1:
        return module.host(function), matches[0]
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
        hint=_elsewhere(module, function, _arrays_named, name)
        or _did_you_mean(name, known, function_prefix(module, function)),
    )


def _name_now(module: Module, function: str, key: str) -> str | None:
    """What a loop is called, by its key; None where it is not there any more."""
    loop = module.loop(function, key)
    if loop is None:
        return None
    return prefix_of(module, function, loop) + full_name(module.state(function), loop)


class Resolver:
    """Turns the arguments of one use into loops and arrays, and into what can be recorded."""

    def __init__(self, schedule: Owner, primitive: Primitive) -> None:
        self.schedule, self.primitive = schedule, primitive
        self.function = schedule.module.top
        self._functions: list[str] = []
        self._scopes: list[str | None] = []  # of the loops

    def resolve(self, bound: inspect.BoundArguments) -> tuple[list[Any], dict[str, Any]]:
        """Positional and keyword arguments for the primitive's function."""
        positional: list[Any] = []
        named: dict[str, Any] = {}
        for name, value in bound.arguments.items():
            parameter = self.primitive.signature.parameters[name]
            if parameter.kind is parameter.VAR_POSITIONAL:
                positional += [self._one(item, parameter) for item in value]
            elif parameter.kind is parameter.VAR_KEYWORD:
                named.update({key: _plain(item, key) for key, item in value.items()})
            elif parameter.kind is parameter.KEYWORD_ONLY or parameter.default is not parameter.empty:
                named[name] = self._one(value, parameter)
            else:
                positional.append(self._one(value, parameter))
        if self._functions:
            self.function = self._functions[0]
            inside = [scope or self.function for scope in self._scopes]
            if len(set(self._functions)) > 1 or len(set(inside)) > 1:
                different = inside if len(set(inside)) > 1 else self._functions
                raise ScheduleError(
                    "TA208",
                    "loops or arrays of different functions in one step",
                    because=[f"they belong to {', '.join(dict.fromkeys(different))}"],
                    hint="a step works inside one function; s.inline(...) makes one of two",
                )
        return positional, named

    def _one(self, value: Any, parameter: inspect.Parameter) -> Any:
        kind = self.primitive.kinds.get(parameter.name)
        if kind is None:
            return _plain(value, parameter.name, str(parameter.annotation))
        if value is None and parameter.default is None:
            return None
        if not is_many(parameter):
            return self._named(value, kind, parameter)
        items = value if isinstance(value, list | tuple) else [value]
        return [self._named(item, kind, parameter) for item in items]

    def _named(self, value: Any, kind: Kind, parameter: inspect.Parameter) -> Any:
        if isinstance(value, LoopHandle | ArrayHandle | BandHandle):
            value = self._owned(value)
        elif not isinstance(value, str):
            raise self._no_name(value, kind, parameter)
        if kind == "nest":
            return self._nest(value)
        if kind == "loop":
            return self._loop(value)[1]
        array = self._array(value)[1]
        if kind == "array" and array.kind == "stream":
            raise self._no_array(array)
        return array

    def _no_array(self, queue: Array) -> ScheduleError:
        """The refusal of a queue where only an array will do."""
        allowed = [name for name, other in REGISTRY.items() if "storage" in other.kinds.values()]
        return ScheduleError(
            "TA237",
            f"{queue.name!r} is a queue, not an array",
            because=["its elements are put and taken one after another; none can be chosen"],
            hint=f"{' and '.join(f's.{name}' for name in sorted(allowed))} work on queues",
        )

    def _no_name(self, value: Any, kind: Kind, parameter: inspect.Parameter) -> ScheduleError:
        """The refusal of something that is neither a name nor a handle."""
        word = "array" if kind == "storage" else kind
        what = {"loop": "a loop", "array": "an array"}.get(word, "a band, a loop or an array")
        hint = None
        if isinstance(value, list | tuple):
            each = parameter.kind is parameter.VAR_POSITIONAL
            hint = "give the loops one after another, not in a list" if each else f"one call for each {word}"
        elif value is None:
            hint = "some steps hand nothing back; s.loops() and s.arrays() give handles"
        else:
            handles = "s.arrays() and s.C give" if word == "array" else "s.loops() gives"
            hint = f"a name, as print(s) shows it; {handles} handles"
        return ScheduleError(
            "TA209", f"{parameter.name} must be the name or handle of {what}, not {shown(value)}", hint=hint
        )

    def _owned(self, handle: LoopHandle | ArrayHandle | BandHandle) -> LoopHandle | ArrayHandle | BandHandle:
        """The handle, of the function where its loop or array is now.

        Handles of other kernels' schedules are refused; those of copies and replays mean the same here.
        """
        mine, other = self.schedule.module, handle.owner.module
        if other.top != mine.top:
            raise ScheduleError(
                "TA209",
                f"{handle.name!r} is a handle of another kernel's schedule",
                because=[f"it belongs to {other.top}, and this schedule is of {mine.top}"],
                hint="handles come from this schedule's own steps, s.loops(), s.arrays() and s.C",
            )
        if isinstance(handle, BandHandle):
            if handle.function not in mine.names():
                raise gone(handle, self.schedule)
            return handle
        history = self.schedule.history
        shared = len(history)
        if history[: len(handle.born)] != handle.born:
            pairs = zip(history, handle.born, strict=False)
            shared = next((n for n, (a, b) in enumerate(pairs) if a != b), min(shared, len(handle.born)))
            if not holds(self.schedule.module_after(shared), handle):
                raise never_made(handle, handle.born[shared:])
        if not holds(mine, handle):
            function, key = mine.home(handle.function, handle.key)
            moved = replace(handle, function=function, key=key)
            if holds(mine, moved):
                return moved
            raise gone(handle, self.schedule)
        return handle

    def _nest(self, value: Any) -> Any:
        """A loop or an array for what may be a band, a loop or an array."""
        text = value.name if isinstance(value, BandHandle) else value
        if isinstance(text, str):
            prefix = f"{value.function}:" if isinstance(value, BandHandle) else ""
            function, name = _function(self.schedule.module, prefix + text)
            state = _state(self.schedule.module, function, text, UnknownLoopError)
            outer = dict(bands_of(state.tree)).get(name)
            if outer is not None:
                self._functions.append(self.schedule.module.host(function))
                return outer
            if any(array.name == name for array in state.model.arrays):
                return self._array(prefix + text)[1]
            return self._loop(prefix + text)[1]
        return self._array(value)[1] if isinstance(value, ArrayHandle) else self._loop(value)[1]

    def _loop(self, value: Any) -> tuple[str, LoopNode | OpaqueLoop]:
        module = self.schedule.module
        if isinstance(value, str):
            function, loop = self._called(value)
        elif isinstance(value, LoopHandle):
            function = value.function
            loop = next(loop for loop in module.state(function).loops() if loop.key == value.key)
        else:
            what = "an array" if isinstance(value, ArrayHandle) else "a band"
            raise ScheduleError(
                "TA209", f"{value.name!r} is {what}, not a loop", hint="s.loops() lists the loops"
            )
        self._functions.append(function)
        state = module.state(function)
        self._scopes.append(scopes_of(state).get(loop.key))
        return prefix_of(module, function, loop) + full_name(state, loop), loop

    def _called(self, text: str) -> tuple[str, LoopNode | OpaqueLoop]:
        """The loop that a name means; a name of an earlier time is answered with what became of it."""
        try:
            return find_loop(self.schedule.module, text)
        except UnknownLoopError as error:
            if error.code == "TA201":
                explain(error, text, self.schedule, find_loop, _name_now)
            raise

    def _array(self, value: Any) -> tuple[str, Array]:
        module = self.schedule.module
        if isinstance(value, str):
            function, array = find_array(module, value)
        elif isinstance(value, ArrayHandle):
            function = value.function
            array = next(array for array in module.state(function).model.arrays if array.key == value.key)
        else:
            what = "a loop" if isinstance(value, LoopHandle) else "a band"
            raise ScheduleError(
                "TA209", f"{value.name!r} is {what}, not an array", hint="s.arrays() lists the arrays"
            )
        self._functions.append(function)
        return prefix_of(module, function, array) + array.name, array

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
            tuple(self._recorded(value, kind) for value, kind in zip(args, kinds, strict=True)),
            tuple((k, self._recorded(value, self.primitive.kinds.get(k))) for k, value in kwargs.items()),
        )

    def _recorded(self, value: Any, kind: Kind | None) -> object:
        if kind is None or value is None:
            return _frozen(plain_value(value))
        if isinstance(value, LoopHandle | ArrayHandle):
            value = self._owned(value)
        if isinstance(value, list | tuple):
            return tuple(self._recorded(item, kind) for item in value)
        if kind == "nest" and isinstance(value, str | BandHandle):
            function, name = _function(self.schedule.module, str(value))
            own = self.function if isinstance(value, BandHandle) else function
            name = function_prefix(self.schedule.module, own) + name
        elif kind in ("array", "storage") or isinstance(value, ArrayHandle):
            name = self._array(value)[0]
        else:
            name = self._loop(value)[0]
        if isinstance(value, LoopHandle | ArrayHandle):
            return self._handed_back(value, name)
        return name

    def _handed_back(self, handle: LoopHandle | ArrayHandle, name: str) -> object:
        """The handle as a result of an earlier step, as an array of the kernel, or else by name."""
        for number, step in reversed(list(enumerate(self.schedule.history))):
            for position, made in enumerate(step.made):
                if (made.function, made.key) == (handle.function, handle.key):
                    return Named(name, number, position)
        return Named(name) if isinstance(handle, ArrayHandle) else name


def is_many(parameter: inspect.Parameter) -> bool:
    """Whether a parameter takes a list of loops or arrays."""
    return str(parameter.annotation).startswith("Sequence")


def _frozen(value: Any) -> object:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def _plain(value: Any, name: str, annotation: str = "") -> Any:
    try:
        found = plain_value(value)
    except NotPlain as error:
        raise ScheduleError(
            "TA207",
            f"{name} cannot be {error}",
            because=["it is a number of at most 31 bits, a word, a type, or a list of these"],
        ) from None
    takes = {word.strip() for word in annotation.split("|")}
    wanted = None
    if "bool" in takes and not isinstance(found, bool):
        wanted = "True or False"
    elif "Sequence[int]" in takes and not isinstance(found, list):
        whole = isinstance(found, int) and not isinstance(found, bool)
        if not (whole and "int" in takes) and not (found is None and "None" in takes):
            wanted = "a whole number or a list of them" if "int" in takes else "a list of whole numbers"
    if wanted is not None:
        raise ScheduleError("TA207", f"{name} must be {wanted}, not {shown(found)}")
    return found
