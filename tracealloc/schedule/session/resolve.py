"""The one place where names and handles become loops and arrays.

A loop: ``"k"``; when ambiguous ``"PE.k"`` (band.loop), or ``"PE.k#1"`` (the second of a band); in a callee
``"matmul:PE.k"``. An array: ``"C"``, ``"matmul:C"``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tracealloc.poly.isl.bounding_boxes import Same
from tracealloc.poly.isl.remembered import remembered
from tracealloc.poly.model.tree import LoopNode, Tree, loops_in
from tracealloc.schedule.core.primitive import REGISTRY, Edit, Kind, Primitive
from tracealloc.schedule.core.state import Module, OpaqueLoop, State
from tracealloc.schedule.session.handle import ArrayHandle, BandHandle, LoopHandle
from tracealloc.schedule.session.history import Named
from tracealloc.schedule.session.plain_values import NotPlain, plain_value, shown
from tracealloc.schedule.session.stale_handles import Owner, explain, gone, holds, never_made
from tracealloc.trace.diagnostics.errors import ScheduleError, UnknownArrayError, UnknownLoopError, nearest
from tracealloc.trace.ir.program import Array, Loop

__all__ = [
    "Resolver",
    "band_names",
    "bands_of",
    "find_array",
    "find_loop",
    "full_name",
    "full_names",
    "is_many",
    "user_name",
    "used_arrays",
    "visible_arrays",
]


_MOST_HINTED = 4


def bands_of(tree: Tree) -> Iterator[tuple[str, LoopNode]]:
    """Every band with its outermost loop, in textual order."""
    for loop in loops_in(tree):
        if loop.band is not None:
            yield loop.band, loop


def band_names(state: State) -> dict[str, str]:
    """The band that each loop belongs to, by loop key."""
    found: dict[str, str] = {}
    by_statement: dict[str, str] = {}
    for name, outer in bands_of(state.tree):
        for loop in loops_in(outer):
            found[loop.key] = name
        by_statement.update((statement, name) for statement, _ in outer.exprs)
    for other in state.loops():
        if isinstance(other, OpaqueLoop):
            own = other.loop.band if isinstance(other.loop, Loop) else None
            band = by_statement.get(other.statement, own)
            if band is not None:
                found[other.key] = by_statement[other.statement] = band
    return found


def full_name(state: State, loop: LoopNode | OpaqueLoop) -> str:
    """The shortest name that means this loop; see `full_names`."""
    return full_names(state)[loop.key]


def user_name(edit: Edit, what: LoopNode | OpaqueLoop | Array) -> str:
    """How a user calls a loop or an array of the function that is edited: ``k``, in a callee ``matmul:k``."""
    name = what.name if isinstance(what, Array) else full_name(edit.state, what)
    return _prefix(edit.module, edit.function) + name


def full_names(state: State) -> Mapping[str, str]:
    """The shortest name that means each loop, by loop key.

    ``k``; ``PE.k`` where ``k`` is ambiguous; ``PE.k#1`` for the second ``k`` of a band, in textual order.
    """
    return _full_names(Same(state))


@remembered(4)  # a step asks for the names of each of its loops
def _full_names(held: Same) -> Mapping[str, str]:
    state = held.value
    assert isinstance(state, State)
    bands = band_names(state)
    loops = [(loop.key, loop.name, bands.get(loop.key)) for loop in state.loops()]
    same: dict[tuple[str, str | None], list[str]] = {}  # of a band, and (None) of all
    for key, name, band in loops:
        for group in {(name, band), (name, None)}:
            same.setdefault(group, []).append(key)
    places = {(group, key): k for group, keys in same.items() for k, key in enumerate(keys)}
    found: dict[str, str] = {}
    for key, name, band in loops:
        found[key] = name
        if len(same[name, None]) > 1:
            text = name if band is None else f"{band}.{name}"
            number = f"#{places[(name, band), key]}" if len(same[name, band]) > 1 else ""
            found[key] = text + number
    return found


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


def _prefix(module: Module, function: str) -> str:
    """What stands in front of the names of a function's loops and arrays."""
    return "" if function == module.top else f"{function}:"


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
    matches = _named(state, name)
    if len(matches) == 1:
        return function, matches[0]
    known = tuple(dict.fromkeys(full_names(state).values()))
    prefix = _prefix(module, function)
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
        hint=_left_of(name, state, prefix)
        or _elsewhere(module, function, _named, name)
        or _did_you_mean(name, known, prefix)
        or _path_near(name, state, prefix),
    )


def _elsewhere(
    module: Module, function: str, find: Callable[[State, str], Sequence[object]], name: str
) -> str | None:
    """The loop or the array of that name in other functions: ``'matmul:k'``."""
    others = [other for other in module.names() if other != function]
    found = [_prefix(module, other) + name for other in others if find(module.state(other), name)]
    return " or ".join(map(repr, found)) if 0 < len(found) <= _MOST_HINTED else None


def _path_near(name: str, state: State, prefix: str) -> str | None:
    """The loop whose ``band.loop`` is spelt most like `name`."""
    bands, names = band_names(state), full_names(state)
    paths = {f"{bands.get(loop.key, '')}.{loop.name}": names[loop.key] for loop in state.loops()}
    close = nearest(name, paths) if "." in name else None
    return repr(prefix + paths[close]) if close else None


def _left_of(name: str, state: State, prefix: str) -> str | None:
    """The loops of the band `name`, or those that steps made of a loop: ``i.outer``, ``i_j``, ``i_1``."""
    bands = band_names(state)
    names = full_names(state)
    found = {names[loop.key]: f"{bands.get(loop.key, '')}.{loop.name}" for loop in state.loops()}
    parts = [known for known, path in found.items() if f".{name}." in f".{path}."]
    parts = parts or [known for known, path in found.items() if name in path.rpartition(".")[2].split("_")]
    return " or ".join(repr(prefix + part) for part in parts) if 0 < len(parts) <= _MOST_HINTED else None


def visible_arrays(state: State) -> list[Array]:
    """The arrays that a user can name: everything stored but values and scalar arguments come last."""
    arrays = [array for array in state.model.arrays if array.kind != "kept"]
    return sorted(arrays, key=lambda array: array.kind == "value")


def _arrays_named(state: State, name: str) -> list[Array]:
    return [array for array in visible_arrays(state) if array.name == name]


def used_arrays(state: State) -> list[Array]:
    """The visible arrays without those that steps have left without a use."""
    accessed = {access.array for s in state.model.statements for access in s.accesses}
    kept = {*state.model.program.args, *state.model.outputs(), *accessed}
    return [array for array in visible_arrays(state) if array in kept]


def find_array(module: Module, text: str) -> tuple[str, Array]:
    """The function and the array that a name means.

    Raises:
        UnknownArrayError: there is none, or more than one.
    """
    function, name = _function(module, text)
    state = _state(module, function, text, UnknownArrayError)
    arrays = visible_arrays(state)
    matches = _arrays_named(state, name)
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
        hint=_elsewhere(module, function, _arrays_named, name)
        or _did_you_mean(name, known, _prefix(module, function)),
    )


class Resolver:
    """Turns the arguments of one use into loops and arrays, and into what can be recorded."""

    def __init__(self, schedule: Owner, primitive: Primitive) -> None:
        self.schedule, self.primitive = schedule, primitive
        self.function = schedule.module.top
        self._functions: list[str] = []

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
            if len(set(self._functions)) > 1:
                raise ScheduleError(
                    "TA208",
                    "loops or arrays of different functions in one step",
                    because=[f"they belong to {', '.join(dict.fromkeys(self._functions))}"],
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
                self._functions.append(function)
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
        return full_name(module.state(function), loop), loop

    def _called(self, text: str) -> tuple[str, LoopNode | OpaqueLoop]:
        """The loop that a name means; a name of an earlier time is answered with what became of it."""
        try:
            return find_loop(self.schedule.module, text)
        except UnknownLoopError as error:
            if error.code == "TA201":
                explain(error, text, self.schedule, find_loop, full_names)
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
            name = str(value).rpartition(":")[2]
        elif kind in ("array", "storage") or isinstance(value, ArrayHandle):
            name = self._array(value)[0]
        else:
            name = self._loop(value)[0]
        name = name if self.function == self.schedule.module.top else f"{self.function}:{name}"
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
