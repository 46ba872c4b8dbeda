"""``reuse_at``: a line or window buffer that keeps what the next iteration of a loop reads again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import islpy as isl

from tracealloc.poly.dataflow.footprint import box_around, elements_used
from tracealloc.poly.dataflow.sliding_window import Window, sliding_window, stride_of
from tracealloc.poly.isl.named import flat_set
from tracealloc.poly.model.model import Statement
from tracealloc.poly.model.statements import make_statement, slot, unique_name
from tracealloc.poly.model.tree import (
    Leaf,
    LoopNode,
    Tree,
    counted_by,
    leaves,
    nest,
    sequence,
    with_statements_at,
)
from tracealloc.schedule.core.ask import asking, request
from tracealloc.schedule.core.chains import chain_above
from tracealloc.schedule.core.names import user_name
from tracealloc.schedule.core.primitive import ArrayRef, Edit, Result, primitive
from tracealloc.schedule.core.prove_storage import proved_storage
from tracealloc.schedule.core.state import OpaqueLoop, State
from tracealloc.schedule.layout.requests import Request
from tracealloc.schedule.storage.load_on_demand import load_when_needed
from tracealloc.schedule.storage.read_only_view import served_reads
from tracealloc.schedule.storage.region import Region, spaces_of, users_of
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Binary, Expr, Iter, IterRef, Load, substitute
from tracealloc.trace.ir.layout import Banks, Marks
from tracealloc.trace.ir.program import Array, Store
from tracealloc.trace.queries.affine import constant, simplify

__all__ = ["reuse_at"]

_REGISTERS = 64
"""Up to so many elements a window is registers; more are lines in memory."""


@primitive(array="array", loop="loop")
def reuse_at(edit: Edit, array: Array, loop: LoopNode | OpaqueLoop) -> Result:
    """Keep the elements of `array` that the next iteration of `loop` reads again; load only new ones.

    Rewrite:
        for j: B[j] = f(A[j], A[j + 1], A[j + 2])
          ->   A_j: T[3]; A_j[1], A_j[2] = A[0], A[1]
               for j: { A_j[0] = A_j[1]; A_j[1] = A_j[2]; A_j[2] = A[j + 2]; B[j] = f(A_j[0], ...) }
        Along an outer loop the buffer holds whole lines, along the innermost one a window; a window of
        a line buffer takes the loading of its lines with it, so that one element is read per iteration.
        The buffer shifts; the dimensions along which it does are completely partitioned.
    Legal when:
        iterations of the loop share elements, their region moves by a constant, and no read of the array
        inside the loop sees what the loop has written.

    Returns:
        The buffer.

    Raises:
        ScheduleError: no reuse along the loop, no constant stride, a read of what the loop writes, or
            elements chosen by data.
    """
    loop = edit.affine(loop)
    state, (key,) = edit.keys(1)
    loops = chain_above(state, loop.key)
    seen, users = served_reads(edit, array, loops, users_of(edit, array, loop))
    its = tuple(Iter(f"{key}:{each.key}", each.name) for each in loops)
    whole = elements_used(seen, loops, users)
    parameters = state.model.parameters
    box = box_around(whole, array.rank, its, parameters)
    step = -loop.step if loop.descending else loop.step
    stride = stride_of(box, its[-1], step)
    if stride is None:
        raise edit.error(
            "TA244",
            f"needs a region of {array.name!r} that moves by a constant with {loop.name!r}",
            because=["its first element is a quotient, remainder, minimum or maximum of the loop's value"],
            hint="apply reuse_at before the loop is split or fused",
        )
    shape = array.shape if array.kind == "argument" else None
    window = sliding_window(whole, box, its, step, parameters, shape)
    region = Region(edit, array, loops, its, users, box, seen)
    if not window.reused or window.stay.is_empty():
        raise edit.error(
            "TA243",
            f"finds no element of {array.name!r} that two iterations of {loop.name!r} read",
            because=[f"an iteration reads {region.text()}"],
            hint=f"s.buffer_at({user_name(edit, array)!r}, ...) copies without reuse",
        )
    state = _Window(region, window, stride, step, key, state).build()
    state = load_when_needed(edit, state, array, loop.key, f"{key}_load")
    return Result(proved_storage(edit, state, array), (ArrayRef(key),))


@dataclass
class _Window:
    region: Region
    window: Window
    stride: tuple[int, ...]
    step: int
    key: str
    state: State

    def build(self) -> State:
        region, state, model = self.region, self.state, self.state.model
        array, depth = region.array, len(region.loops) - 1
        self.moving = [dim for dim in region.kept if self.stride[dim]]
        self.fixed = [dim for dim in region.kept if not self.stride[dim]]
        self.buffer = Array(
            self.key,
            unique_name(model, f"{array.name}_{region.loop.name}".replace(".", "_")),
            array.dtype,
            tuple(region.box.extents[dim] for dim in region.kept),
            origin=region.text(),
            place=array.place,
        )
        self.model = replace(model, arrays=(*model.arrays, self.buffer))
        moved = {s.name: region.moved(self.model, s, self.buffer, depth) for s in region.users}
        made: list[Statement] = []
        before, inside = self.prologue(made), self.update(made)
        tree = self.tree(state.tree, before, inside)
        kept = [moved.get(s.name, s) for s in model.statements]
        self.model = self.model.with_statements([*kept, *made], tree)
        stale = spaces_of(list(self.model.statements), self.buffer) | spaces_of(region.users, array)
        state = state.with_model(self.model, tree, stale)
        return asking(region.edit, state, self.banks())

    def banks(self) -> Iterator[Request]:
        """Registers where the window is small; else one bank for each line that moves along."""
        small = self.buffer.size <= _REGISTERS
        for place, (dim, extent) in enumerate(zip(self.region.kept, self.buffer.shape, strict=True)):
            if small or self.stride[dim]:
                yield request(self.region.edit, self.buffer, Banks("complete", extent), place)

    def place_of(self, its: Sequence[Iter], element: Sequence[Iter], back: int) -> tuple[Expr, ...]:
        """Where an element is in the buffer, in the iteration `back` steps earlier."""
        old = simplify(Binary("-", IterRef(its[-1]), constant(back * self.step), index))
        lows = [substitute(low, {self.region.its[-1]: old}) for low in self.region.box.lows]
        return tuple(slot(IterRef(element[dim]), lows[dim]) for dim in self.region.kept)

    def statement(
        self, name: str, its: Sequence[Iter], element: Sequence[Iter], elements: isl.Map, store: Store
    ) -> Statement:
        outer = tuple(IterRef(it) for it in self.region.its[:-1])
        scopes = {self.buffer: outer, self.region.array: self.region.scope_of_array(len(its))}
        domain = flat_set(elements, name)
        return make_statement(self.model, name, store, (*its, *element), domain, scopes, copy=True)

    def elements(self, name: str, suffix: str) -> tuple[Iter, ...]:
        names = self.region.loop_names(suffix)
        return tuple(Iter(f"{name}:e{dim}", text) for dim, text in enumerate(names))

    def load(self, element: Sequence[Iter]) -> Load:
        return Load(self.region.array, tuple(IterRef(it) for it in element), place=self.region.loop.place)

    def prologue(self, made: list[Statement]) -> Tree | None:
        """What the first iteration finds as if there had been one before it."""
        if self.window.before.is_empty():
            return None
        name, region = f"{self.key}_first", self.region
        element = self.elements(name, "first")
        last = region.its[-1]
        first = self.window.first
        if first is None:
            raise region.edit.error(
                "TA244",
                f"needs a first value of {region.loop.name!r} that is affine in the loops outside",
                hint="apply reuse_at before the loop is split or fused",
            )
        places = self.place_of(self.region.its, element, 1)
        places = tuple(simplify(substitute(place, {last: first})) for place in places)
        node = Store(self.buffer, places, self.load(element))
        made.append(self.statement(name, self.region.its[:-1], element, self.window.before, node))
        return self.loops(name, self.region.kept, element, dict(zip(self.region.kept, places, strict=True)))

    def update(self, made: list[Statement]) -> list[Tree]:
        """Shift what stays, then load what is new; under shared loops over what does not move."""
        its, region = self.region.its, self.region
        parts: list[tuple[str, Sequence[Iter], dict[int, Expr]]] = []
        if self.moving and not self.window.stay.is_empty():
            name = f"{self.key}_shift"
            element = self.elements(name, "shift")
            here, old = self.place_of(its, element, 0), self.place_of(its, element, 1)
            node = Store(self.buffer, here, Load(self.buffer, old, place=region.loop.place))
            made.append(self.statement(name, its, element, self.window.stay, node))
            parts.append((name, element, dict(zip(region.kept, here, strict=True))))
        if not self.window.new.is_empty():
            name = f"{self.key}_load"
            element = self.elements(name, "load")
            here = self.place_of(its, element, 0)
            node = Store(self.buffer, here, self.load(element))
            made.append(self.statement(name, its, element, self.window.new, node))
            parts.append((name, element, dict(zip(region.kept, here, strict=True))))
        if not parts:
            return []
        inner = sequence([self.loops(name, self.moving, element, at) for name, element, at in parts])
        return [self.shared(inner, parts)]

    def shared(self, inner: Tree, parts: list[tuple[str, Sequence[Iter], dict[int, Expr]]]) -> Tree:
        element = parts[-1][1]
        loops = [
            (replace(element[dim], key=f"{element[dim].key}s"), {name: at[dim] for name, _, at in parts})
            for dim in self.fixed
        ]
        return nest(inner, loops, self.marks(True), self.marks(False))

    def marks(self, innermost: bool) -> Marks:
        if self.buffer.size <= _REGISTERS:
            return Marks(unroll=0)
        return Marks(pipeline=1) if innermost else Marks()

    def loops(self, name: str, dims: list[int], element: Sequence[Iter], at: dict[int, Expr]) -> Tree:
        """Loops over some dimensions around a copy; against the shift where it goes downwards."""
        leading = next((self.stride[dim] for dim in dims if self.stride[dim]), 0)
        whole = dims == self.region.kept
        down = leading < 0 and not (whole and name.endswith("_first"))
        marks = [self.marks(inner) if whole and self.fixed else Marks(unroll=0) for inner in (True, False)]
        loops = [(element[dim], {name: at[dim]}) for dim in dims]
        return nest(Leaf(name), loops, *marks, descending=down)

    def tree(self, tree: Tree, before: Tree | None, inside: list[Tree]) -> Tree:
        region, key = self.region, self.region.loop.key
        if before is not None:
            if len(region.loops) == 1 and isinstance(before, LoopNode):
                before = replace(before, band=region.edit.fresh_band(f"{region.loop.band or 'L'}_first"))
            values = counted_by(region.loops[:-1], region.its[:-1], leaves(before))
            tree = with_statements_at(tree, key, values, [before], beside=True)
        values = counted_by(region.loops, region.its, [name for part in inside for name in leaves(part)])
        return with_statements_at(tree, key, values, inside)
