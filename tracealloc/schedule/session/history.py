"""Recorded steps: what was asked, in names that mean the same when it is asked again."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tracealloc.trace import api
from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.dtype import DType, Struct

__all__ = ["Made", "Named", "Step", "script_of"]


@dataclass(frozen=True, slots=True)
class Made:
    """A loop or array that a step handed back."""

    function: str
    key: str
    name: str
    kind: Literal["loop", "array"]


@dataclass(frozen=True, slots=True)
class Named:
    """A loop or array that was given as a handle: its name then, and the step that handed it back.

    `step` counts from 0 and `position` is the place among that step's results; where `step` is None, it is
    an array of the kernel.
    """

    name: str
    step: int | None = None
    position: int = 0

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Step:
    """One applied primitive: its arguments, with loops and arrays by name, and what it handed back."""

    primitive: str
    args: tuple[object, ...] = ()
    kwargs: tuple[tuple[str, object], ...] = ()
    place: Place | None = field(default=None, compare=False)
    made: tuple[Made, ...] = ()

    def call(self, name: Callable[[Named], str] | None = None) -> str:
        """``reorder("k", "j")``, valid Python; `name` says how handles are written (None: by name)."""
        show = name or (lambda named: _source(named.name, None))
        parts = [_source(value, show) for value in self.args]
        parts += [f"{key}={_source(value, show)}" for key, value in self.kwargs]
        return f"{self.primitive}({', '.join(parts)})"

    def named(self) -> Iterator[Named]:
        """The handles among the arguments."""
        for value in (*self.args, *(value for _, value in self.kwargs)):
            yield from _named(value)

    def map(self, change: Callable[[Named], Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments for another use, each handle replaced."""
        args = tuple(_mapped(value, change) for value in self.args)
        return args, {key: _mapped(value, change) for key, value in self.kwargs}

    def __str__(self) -> str:
        parts = [_plain(value) for value in self.args]
        parts += [_plain(value) for _, value in self.kwargs]
        return f"{self.primitive} {', '.join(parts)}".rstrip()

    def __repr__(self) -> str:
        return self.call()


def script_of(head: str, steps: Sequence[Step], taken: Collection[str], methods: Collection[str]) -> str:
    """Python for `steps` after the line `head`: results that later steps use get variables.

    `taken` are names that no variable may have; an array called like one of `methods` is ``s["name"]``.
    """
    used = {named.step for step in steps for named in step.named() if named.step is not None}
    variables: dict[tuple[int, int], str] = {}

    def name(named: Named) -> str:
        if named.step is not None:
            return variables[named.step, named.position]
        if not named.name.isidentifier() or keyword.iskeyword(named.name):
            return _source(named.name, None)
        return f's["{named.name}"]' if named.name in methods else f"s.{named.name}"

    lines = [head]
    for number, step in enumerate(steps):
        call = f"s.{step.call(name)}"
        if number in used:
            for position, made in enumerate(step.made):
                spoken = {"s", "ta", *taken, *variables.values()}
                variables[number, position] = _variable(made.name, spoken)
            results = [variables[number, position] for position in range(len(step.made))]
            call = f"{', '.join(results)} = {call}"
        lines.append(call)
    return "\n".join(lines) + "\n"


def _variable(name: str, taken: Collection[str]) -> str:
    """A variable for what is called `name`: ``k_outer`` for ``k.outer``."""
    word = "".join(c if c.isidentifier() or c.isdigit() else "_" for c in name)
    if not word.isidentifier():
        word = f"_{word}"
    count, found = 0, word
    while found in taken or keyword.iskeyword(found) or hasattr(builtins, found):
        count += 1
        found = f"{word}_{count}"
    return found


def _named(value: object) -> Iterator[Named]:
    if isinstance(value, Named):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _named(item)


def _mapped(value: object, change: Callable[[Named], Any]) -> Any:
    if isinstance(value, Named):
        return change(value)
    return [_mapped(item, change) for item in value] if isinstance(value, tuple | list) else value


def _source(value: object, name: Callable[[Named], str] | None) -> str:
    match value:
        case Named():
            return name(value) if name is not None else _source(value.name, None)
        case str():
            text = value.replace("\\", "\\\\").replace('"', '\\"')
            return f'"{text}"' if text.isprintable() else repr(value)
        case tuple() | list():
            return f"[{', '.join(_source(item, name) for item in value)}]"
        case Struct():
            fields = ", ".join(f"{key}={_source(dtype, name)}" for key, dtype in value.fields)
            return f"ta.Struct({fields})"
        case DType():
            return f"ta.{_type_source(value)}"
        case float() if value != value or value in (float("inf"), float("-inf")):
            return f'float("{value}")'
        case _:
            return repr(value)


def _type_source(dtype: DType) -> str:
    """``int32``, ``Int(37)``: the name of a type in `tracealloc`."""
    text = repr(dtype)
    if "(" in text or hasattr(api, text):
        return text
    return f"{'UInt' if text.startswith('u') else 'Int'}({dtype.bits})"


def _plain(value: object) -> str:
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_plain(item) for item in value) + "]"
    return str(value)
