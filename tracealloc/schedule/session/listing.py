"""What `loops`, `arrays`, `bands` and `layouts` of a schedule give: lists and dicts that print as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from html import escape
from typing import Any, TypeVar

from tracealloc.poly.codegen.contraction import storage_of
from tracealloc.poly.model.tree import LoopNode, leaves
from tracealloc.schedule.core.boundaries import scope_of
from tracealloc.schedule.core.names import band_names, used_arrays
from tracealloc.schedule.core.state import Module, OpaqueLoop, State
from tracealloc.schedule.layout.derive import Reason
from tracealloc.schedule.layout.requests import Request
from tracealloc.schedule.session.handle import ArrayHandle, LoopHandle
from tracealloc.schedule.session.plain_values import shown
from tracealloc.schedule.session.resolve import find_array
from tracealloc.schedule.session.text import function_of, iterator_key, layout_text, ranges
from tracealloc.trace.diagnostics.errors import UnknownArrayError
from tracealloc.trace.diagnostics.source import Place, caller_place
from tracealloc.trace.ir.layout import Banks, Storage
from tracealloc.trace.ir.program import Array, Program

__all__ = ["Asking", "Layouts", "Listing", "Reasons"]

Handle = TypeVar("Handle")


def table(rows: Iterable[tuple[str, ...]]) -> str:
    """Rows in aligned columns."""
    rows = list(rows)
    if not rows:
        return "(none)"
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(text.ljust(n) for text, n in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


class Listing(list[Handle]):
    """Handles of a schedule; printed, one a line with what it is."""

    def __repr__(self) -> str:
        known: dict[str, dict[str, str]] = {}
        for handle in self:
            if isinstance(handle, LoopHandle) and handle.function not in known:
                known[handle.function] = _ranges(handle.owner.lowered, handle.owner.module, handle.function)
        return table(_row(handle, known) for handle in self)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"


def _ranges(program: Program, module: Module, function: str) -> dict[str, str]:
    """What the loops of a function run over, and of those that were outlined from it."""
    inner = dict(module.state(function).functions()) if function in module.names() else {}
    found = ranges(function_of(program, function))
    for each in program.callees():
        if each.name in inner:
            found |= ranges(each)
    return found


def _row(handle: Any, known: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    if isinstance(handle, LoopHandle):
        return _loop_row(handle, known[handle.function])
    if isinstance(handle, ArrayHandle):
        return handle.name, repr(handle).partition(": ")[2].rpartition(" of ")[0] or repr(handle)
    return (str(handle),)


def _loop_row(handle: LoopHandle, known: Mapping[str, str]) -> tuple[str, ...]:
    module = handle.owner.module
    loop = module.loop(handle.function, handle.key)
    if loop is None:
        return handle.name, "gone", "", ""
    state = module.state(handle.function)
    band = band_names(state).get(loop.key)
    extent = known.get(iterator_key(loop)) or ("once" if _runs(state, loop) else "never")
    return handle.name, extent, f"in {band}" if band else "", ", ".join(_words(loop))


def _runs(state: State, loop: LoopNode | OpaqueLoop) -> bool:
    names = leaves(loop.body) if isinstance(loop, LoopNode) else (loop.statement,)
    return any(not state.model.statement(name).domain.is_empty() for name in names)


def _words(loop: LoopNode | OpaqueLoop) -> list[str]:
    marks = loop.marks if isinstance(loop, LoopNode) else loop.loop.marks
    return marks.words()


class Layouts(dict[str, tuple[tuple[str, int], ...]]):
    """For each array, ``(kind, factor)`` of each dimension; prints as a table."""

    def __init__(self, module: Module) -> None:
        super().__init__()
        self._module = module
        self._arrays: dict[str, tuple[str, Array]] = {}
        for function in reversed(module.names()):  # callers come before their callees
            prefix = "" if function == module.top else f"{function}:"
            for name, array, banks in _layouts(module.state(function), scope_of(module, function)):
                self[prefix + name] = tuple((bank.kind, bank.factor) for bank in banks)
                self._arrays[prefix + name] = function, array

    def __repr__(self) -> str:
        return table((name, ", ".join(map(_words_of, dims)) or "scalar") for name, dims in self.items())

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"

    def __reduce__(self) -> tuple[type[Layouts], tuple[Module]]:
        return Layouts, (self._module,)

    def to_dict(self) -> dict[str, tuple[tuple[str, int], ...]]:
        """Plain data."""
        return dict(self)

    def reasons(self, array: str | ArrayHandle) -> Reasons:
        """The requests that forced the layout of an array, each with its line; prints as a table.

        A request that asks for less than another one does is served too, but forced nothing.

        Raises:
            UnknownArrayError: there is no such array.
        """
        try:
            function, found = self._array(array)
        except UnknownArrayError as error:
            error.place = caller_place()
            raise
        known = self._module.state(function).derived().get(found)
        prefix = "" if function == self._module.top else f"{function}:"
        if known is None or not (reasons := known.reasons()):
            return Reasons(f"{prefix}{found.name}: nothing was asked", ())
        return Reasons(prefix + layout_text(known.array, known.layout, self._module.hardware), reasons)

    def _array(self, array: str | ArrayHandle) -> tuple[str, Array]:
        if isinstance(array, ArrayHandle):
            found = self._module.array(array.function, array.key)
            if found is not None:
                return found
            raise UnknownArrayError("TA204", f"array {array.name!r} is no longer in the schedule")
        if not isinstance(array, str):
            raise UnknownArrayError("TA209", f"reasons takes the name of an array, not {shown(array)}")
        return self._arrays.get(array) or find_array(self._module, array)


def _words_of(dim: tuple[str, int]) -> str:
    return str(Banks(dim[0], dim[1]))  # type: ignore[arg-type]


def _layouts(state: State, scope: str | None) -> Iterable[tuple[str, Array, tuple[Banks, ...]]]:
    """The arrays with the banks of each dimension as it is declared; of those of one name, by number."""
    seen: dict[str, int] = {}
    for array in used_arrays(state, scope):
        if array.kind in ("value", "stream"):
            continue
        rank = storage_of(state.model, state.tree, array).array.rank
        count = seen[array.name] = seen.get(array.name, -1) + 1
        name = f"{array.name}#{count}" if count else array.name
        yield name, array, state.layout(array).banks or (Banks(),) * rank


@dataclass(frozen=True, slots=True)
class Asking:
    """A step that asked for a layout: what (``dim 1 cyclic 4``), its number, its call and its place."""

    asks: str
    step: int
    call: str
    place: Place | None

    def __str__(self) -> str:
        where = f" at {self.place.short}" if self.place is not None else ""
        return f"{self.asks}: step {self.step}, s.{self.call}{where}"


class Reasons(list[Asking]):
    """The steps that forced the layout of an array, first to last; prints as a table."""

    def __init__(self, head: str, reasons: Iterable[Reason]) -> None:
        steps: dict[Request, list[str]] = {}
        for reason in reasons:  # one step may ask for several dimensions
            steps.setdefault(replace(reason.request, asks=Storage(), dim=None), []).append(str(reason))
        super().__init__(Asking(", ".join(asks), r.step, r.call, r.place) for r, asks in steps.items())
        self._head = head

    def __repr__(self) -> str:
        rows = [
            (
                f"  {each.asks}",
                f"step {each.step}: s.{each.call}",
                "" if each.place is None else each.place.short,
            )
            for each in self
        ]
        return "\n".join([self._head, *([table(rows)] if rows else [])])

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"
