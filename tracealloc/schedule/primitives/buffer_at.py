"""``buffer_at``: an on-chip copy of the part of an array that one iteration of a loop uses."""

from __future__ import annotations

from dataclasses import dataclass, replace

import islpy as isl

from tracealloc.poly.dataflow.flow import flow_of
from tracealloc.poly.dataflow.footprint import Footprint, footprint, spaced
from tracealloc.poly.isl.affine_bounds import is_simple_dim
from tracealloc.poly.isl.coalesce import coalesced
from tracealloc.poly.isl.compared import is_within
from tracealloc.poly.isl.extremes import greatest, least
from tracealloc.poly.isl.named import at_greatest, flat_set
from tracealloc.poly.isl.texts import aff_text, iter_names, read_map, read_set, tuple_text
from tracealloc.poly.model.model import Model, Statement
from tracealloc.poly.model.statements import make_statement, sliced_dims, slot, unique_name
from tracealloc.poly.model.tree import (
    Leaf,
    LoopNode,
    Tree,
    counted_by,
    nest,
    restrict,
    with_statements_at,
)
from tracealloc.schedule.core.chains import chain_above
from tracealloc.schedule.core.primitive import ArrayRef, Edit, Result, primitive
from tracealloc.schedule.core.prove_storage import proved_storage
from tracealloc.schedule.core.state import OpaqueLoop, State
from tracealloc.schedule.storage.diagonal_box import NO_SLANT, coordinate, slanted
from tracealloc.schedule.storage.indexed_rows import slots_of
from tracealloc.schedule.storage.region import Region, spaces_of, users_of
from tracealloc.trace.ir.expr import Const, Iter, IterRef, Load, substitute
from tracealloc.trace.ir.layout import Marks
from tracealloc.trace.ir.program import Alloc, Array, Store
from tracealloc.trace.queries.affine import constant

__all__ = ["buffer_at"]

_FEW = 8
"""Up to so many pieces are copied as they are; loops over more have a condition for each."""
_SPARE = 1.25
"""How many times more elements a box may copy than an iteration uses."""


@primitive(array="array", loop="loop")
def buffer_at(edit: Edit, array: Array, loop: LoopNode | OpaqueLoop) -> Result:
    """Keep the part of `array` that one iteration of `loop` uses in a buffer of its own.

    Rewrite:
        for i: { ... C[i, j] ... }
          ->   for i: { C_i: T[N]; for j: C_i[j] = C[i, j]; ... C_i[j] ...; for j: C[i, j] = C_i[j] }
        The copy in is there only for elements that are read before they are written, the copy out only
        for elements that are written and seen later. Where every element copied in still holds the
        constant that the array was made with, the buffer is set to that constant instead.
    Legal when:
        the part does not depend on data.

    Returns:
        The buffer.

    Raises:
        ScheduleError: the part depends on data, or the loop does not use the array.
    """
    loop = edit.affine(loop)
    users = users_of(edit, array, loop)
    state, (key,) = edit.keys(1)
    loops = chain_above(state, loop.key)
    its = tuple(Iter(f"{key}:{each.key}", each.name) for each in loops)
    part = footprint(state.model, state.tree, array, loops, users, its)
    sliced = sliced_dims(users, array)
    box = spaced(part.box, part.all, its, sliced)
    slant, slots, parameters = NO_SLANT, None, state.model.parameters
    if not sliced:
        slots = slots_of(array, loops, users, its, part.all, box, parameters)
    if slots is not None:
        box = slots.boxed(box)
    elif not sliced:
        slant, whole, wide = slanted(part.all, part.box, array, loops, users, its, parameters)
        box = spaced(wide, whole, its, sliced) if slant else box
    region = Region(edit, array, loops, its, users, box, array, slant, slots)
    made = _Buffer(region, part, state, key).build()
    proved = proved_storage(edit, made, array)
    return Result(_as_traced(proved, state.model), (ArrayRef(key),))


@dataclass
class _Buffer:
    region: Region
    part: Footprint
    state: State
    key: str

    def build(self) -> State:
        region, state, key = self.region, self.state, self.key
        model, array = state.model, region.array
        self.buffer = Array(
            key,
            unique_name(model, f"{array.name}_{region.loop.name}".replace(".", "_")),
            array.dtype,
            tuple(region.box.extents[dim] for dim in region.kept),
            origin=region.text(),
            place=array.place,
        )
        model = replace(model, arrays=(*model.arrays, self.buffer))
        model = replace(model, origins=(*model.origins, *region.origins(model, self.buffer)))
        moved = {s.name: region.moved(model, s, self.buffer, len(region.loops)) for s in region.users}
        statements = [moved.get(s.name, s) for s in model.statements]
        copies = self.copies(model)
        tree = self.tree(state.tree, copies)
        model = model.with_statements([*statements, *(statement for statement, _ in copies)], tree)
        stale = spaces_of(list(model.statements), array) | spaces_of(list(model.statements), self.buffer)
        state = state.with_model(model, tree, stale | spaces_of(region.users, array))
        return _from_constant(state, array, copies)

    def copies(self, model: Model) -> list[tuple[Statement, Tree]]:
        """The copies in and out, each with its loops: one each, or one for each of the slots."""
        needed, left = readable(self.part, self.region, model), self.part.left
        self.first = self.slotwise(model, "init", needed)
        self.last = self.slotwise(model, "back", left)
        return [*self.first, *self.last]

    def slotwise(self, model: Model, suffix: str, elements: isl.Map) -> list[tuple[Statement, Tree]]:
        if elements.is_empty():
            return []
        region = self.region
        if region.slots is None:
            return [self.copy(model, suffix, elements, f"{self.key}_{suffix}", region.loop_names(suffix))]
        found: list[tuple[Statement, Tree]] = []
        taken: list[str] = []
        for number in range(len(region.slots.values)):
            part = region.slots.part(elements, region.its, number)
            if not part.is_empty():
                names = region.loop_names(suffix, taken)
                taken += names
                name = f"{self.key}_{suffix}" + (str(number) if number else "")
                found.append(self.copy(model, suffix, part, name, names, number))
        return found

    def copy(
        self, model: Model, suffix: str, elements: isl.Map, name: str, names: list[str], number: int = 0
    ) -> tuple[Statement, Tree]:
        region = self.region
        array, its = region.array, region.its
        numbered = None if region.slots is None else region.slots.dim
        element = tuple(Iter(f"{name}:e{dim}", names[dim]) for dim in range(array.rank))
        outside = tuple(IterRef(it) for it in element)
        places = [
            constant(number) if d == numbered else coordinate(outside, d, region.slant) for d in region.kept
        ]
        inside = tuple(
            slot(place, region.box.lows[d], region.box.steps[d])
            for d, place in zip(region.kept, places, strict=True)
        )
        place = region.loop.place
        node = (
            Store(self.buffer, inside, Load(array, outside, place=place), place=None)
            if suffix == "init"
            else Store(array, outside, Load(self.buffer, inside, place=place), place=None)
        )
        scopes = {self.buffer: tuple(IterRef(it) for it in its), array: region.scope_of_array(len(its))}
        dims = (*its, *element)
        statement = make_statement(model, name, node, dims, flat_set(elements, name), scopes, copy=True)
        at = zip(region.kept, inside, strict=True)
        loops = [(element[dim], {name: value}) for dim, value in at if dim != numbered]
        return statement, nest(Leaf(name), loops, Marks(pipeline=1))

    def tree(self, tree: Tree, copies: list[tuple[Statement, Tree]]) -> Tree:
        before, after = ([nest for _, nest in copies] for copies in (self.first, self.last))
        loops, names = self.region.loops, [statement.name for statement, _ in copies]
        return with_statements_at(
            tree, loops[-1].key, counted_by(loops, self.region.its, names), before, after
        )


def readable(part: Footprint, region: Region, model: Model) -> isl.Map:
    """What the copy in copies: the needed elements, or all of the box where that is simpler and harmless.

    It is harmless for arguments and constants that the kernel never writes, as far as the box lies inside.
    """
    array, needed = region.array, part.needed
    if array.kind != "argument" or needed.is_empty() or region.slant or region.slots:
        return needed
    if needed.n_basic_map() <= _FEW and all(is_simple_dim(needed, dim) for dim in region.kept):
        return needed
    if any(a.array == array for s in model.statements for a in s.writes):
        return needed
    names = iter_names(region.its)
    element = [f"e{dim}" for dim in range(array.rank)]
    where = []
    box = region.box
    for dim, (low, extent, step) in enumerate(zip(box.lows, box.extents, box.steps, strict=True)):
        text = aff_text(low, names)
        where.append(f"{text} <= {element[dim]} < {text} + {extent * step}")
        if step > 1:
            where.append(f"({element[dim]} - ({text})) mod {step} = 0")
    left = tuple_text(str(needed.domain().get_tuple_name()), names.values())
    whole = read_map(f"{{ {left} -> {tuple_text('E', element)} : {' and '.join(where)} }}")
    whole = coalesced(whole.intersect_domain(coalesced(needed.domain())))
    held = " and ".join(f"0 <= {e} < {n}" for e, n in zip(element, array.shape, strict=True))
    inside = read_set(f"{{ {tuple_text('E', element)} : {held} }}")
    if not is_within(whole.range(), inside):
        return needed
    few = needed.n_basic_map() <= _FEW
    return needed if few and _in_some(whole) > _SPARE * _in_some(needed) else whole


def _in_some(part: isl.Map) -> int:
    """How many elements two iterations use, the first and the last: counting all takes long."""
    runs = part.domain()
    ends = (part.intersect_domain(some) for some in (least(runs), greatest(runs)))
    return sum(int(at_greatest(each.range()).count_val().to_python()) for each in ends)


def _from_constant(state: State, array: Array, copies: list[tuple[Statement, Tree]]) -> State:
    """Set the buffer to the array's first constant where that is all the copy in would read.

    The fill of the array then goes, if nothing else sees it.
    """
    model = state.model
    fill = next((s for s in model.statements if isinstance(s.node, Alloc) and s.node.array == array), None)
    starts = [statement for statement, _ in copies if "_init" in statement.name]
    if fill is None or fill.origin is None or len(starts) != 1:
        return state
    assert isinstance(fill.node, Alloc)
    if not isinstance(fill.node.fill, Const):
        return state
    name = starts[0].name
    only = frozenset((array,))
    if flow_of(model, state.tree, only, frozenset((name,))).sources_of(name) != {fill.name}:
        return state
    flow = flow_of(model, state.tree, only)
    copy = model.statement(name)
    assert isinstance(copy.node, Store)
    if len(copy.scope(array)) != len(fill.dims):
        return state
    node = replace(copy.node, value=fill.node.fill)
    constant = make_statement(
        model,
        name,
        node,
        copy.dims,
        copy.domain,
        dict(copy.scopes),
        origin=fill.name,
        origin_instance=copy.scope(array),
    )
    statements = [constant if s.name == name else s for s in model.statements]
    tree = state.tree
    if not flow.sinks_of(fill.name) - {name}:
        statements = [s for s in statements if s.name != fill.name]
        rest = restrict(tree, frozenset(s.name for s in statements))
        assert rest is not None
        tree = rest
    return state.with_model(
        model.with_statements(statements, tree), tree, spaces_of(list(model.statements), array)
    )


def _as_traced(state: State, old: Model) -> State:
    """The state in which fills that stand for those of `old` are told by the statements of the kernel."""
    names = {s.name for s in old.statements}

    def traced(s: Statement) -> Statement:
        if s.name in names or s.copy or s.origin not in names:
            return s
        fill = old.statement(s.origin)
        values = dict(zip(fill.dims, s.instance, strict=True))
        instance = tuple(substitute(expr, values) for expr in fill.instance)
        return replace(s, origin=fill.origin, origin_instance=instance)

    statements = [traced(s) for s in state.model.statements]
    if all(new is s for new, s in zip(statements, state.model.statements, strict=True)):
        return state
    return state.with_model(state.model.with_statements(statements, state.tree), state.tree, frozenset())
