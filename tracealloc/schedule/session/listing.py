"""What `loops`, `arrays`, `bands` and `layouts` of a schedule give: lists and dicts that print as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, TypeVar

from tracealloc.poly.codegen.contraction import storage_of
from tracealloc.poly.model.tree import LoopNode, leaves
from tracealloc.schedule.core.state import Module, OpaqueLoop, State
from tracealloc.schedule.session.handle import ArrayHandle, LoopHandle
from tracealloc.schedule.session.resolve import band_names, used_arrays
from tracealloc.schedule.session.text import function_of, iterator_key, ranges
from tracealloc.trace.ir.layout import Banks

__all__ = ["Layouts", "Listing", "layouts_of"]

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
                known[handle.function] = ranges(function_of(handle.owner.lowered, handle.function))
        return table(_row(handle, known) for handle in self)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"


def _row(handle: Any, known: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    if isinstance(handle, LoopHandle):
        return _loop_row(handle, known[handle.function])
    if isinstance(handle, ArrayHandle):
        return handle.name, repr(handle).partition(": ")[2].rpartition(" of ")[0] or repr(handle)
    return (str(handle),)


def _loop_row(handle: LoopHandle, known: Mapping[str, str]) -> tuple[str, ...]:
    module = handle.owner.module
    state = module.state(handle.function) if handle.function in module.names() else None
    loop = None
    if state is not None:
        loop = next((loop for loop in state.loops() if loop.key == handle.key), None)
    if state is None or loop is None:
        return handle.name, "gone", "", ""
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

    def __repr__(self) -> str:
        return table((name, ", ".join(map(_words_of, dims)) or "scalar") for name, dims in self.items())

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"

    def to_dict(self) -> dict[str, tuple[tuple[str, int], ...]]:
        """Plain data."""
        return dict(self)


def _words_of(dim: tuple[str, int]) -> str:
    return str(Banks(dim[0], dim[1]))  # type: ignore[arg-type]


def layouts_of(module: Module) -> Layouts:
    """The layouts of all arrays of all functions, as they are stored."""
    found = Layouts()
    for name, state in reversed(module.states):  # callers come before their callees
        prefix = "" if name == module.top else f"{name}:"
        for key, dims in _layouts(state):
            found[prefix + key] = dims
    return found


def _layouts(state: State) -> Iterable[tuple[str, tuple[tuple[str, int], ...]]]:
    seen: dict[str, int] = {}
    for array in used_arrays(state):
        if array.kind in ("value", "stream"):
            continue
        storage = storage_of(state.model, state.tree, array)
        banks = storage.layout(state.layout(array)).banks or (Banks(),) * storage.array.rank
        count = seen[array.name] = seen.get(array.name, -1) + 1
        yield f"{array.name}#{count}" if count else array.name, tuple((b.kind, b.factor) for b in banks)
