"""Partial sums: the array that holds them, and the statements that set them and add them up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import islpy as isl

from tracealloc.poly.dataflow.footprint import PREFIX, Box, box_around, spaced
from tracealloc.poly.dependence.dependence import time_map
from tracealloc.poly.isl.coalesce import coalesced
from tracealloc.poly.isl.named import flat_set, map_of, project_scope, with_tuple
from tracealloc.poly.model.model import Model, Statement
from tracealloc.poly.model.statements import in_iters, make_statement, remade, renamed, slot, unique_name
from tracealloc.poly.model.tree import (
    Leaf,
    LoopNode,
    Tree,
    counted_by,
    nest,
    upwards,
    with_statements_at,
)
from tracealloc.schedule.core.primitive import Edit
from tracealloc.schedule.core.state import State
from tracealloc.schedule.storage.region import Region, spaces_of
from tracealloc.trace.ir.dtype import Float, Integer, index
from tracealloc.trace.ir.expr import Binary, Const, Expr, Iter, IterRef, Load, rewrite
from tracealloc.trace.ir.layout import Marks
from tracealloc.trace.ir.program import Array, Store, reduction_of
from tracealloc.trace.ir.rewrite import map_part, unmoved
from tracealloc.trace.queries.affine import constant, simplify
from tracealloc.trace.queries.typing_rules import binary, convert, minmax

__all__ = ["Lanes", "Parts", "parts_of"]


@dataclass(frozen=True)
class Lanes:
    """Which partial sums there are: (iteration of the loops around) -> (element, part), and how many.

    Iterations of `loop` have one each, or `factor` of them take turns.
    """

    loop: LoopNode
    factor: int | None
    used: isl.Map
    low: Expr
    extent: int
    step: int

    def part(self, statement: str) -> Expr:
        """The part that an instance of an update adds to."""
        return _part(self.loop, self.factor, statement)


def _part(loop: LoopNode, factor: int | None, statement: str) -> Expr:
    value = loop.expr(statement)
    if factor is None:
        return value
    return simplify(Binary("%", slot(value, constant(0), loop.step), constant(factor), index))


def parts_of(
    edit: Edit,
    array: Array,
    outer: tuple[LoopNode, ...],
    lane: tuple[LoopNode, int | None],
    updates: list[Statement],
    key: str,
) -> tuple[Region, Lanes]:
    """The elements of `array` that `updates` add to in an iteration of the outer loops, by one inner loop."""
    its = tuple(Iter(f"{key}:{each.key}", each.name) for each in outer)
    plain = upwards(outer)
    used: isl.Map | None = None
    for statement in updates:
        value = map_of(statement.name, statement.dims, "L", [_part(*lane, statement.name)])
        times = with_tuple(time_map(statement, plain).intersect_domain(statement.domain), PREFIX)
        (write,) = statement.writes
        element = project_scope(write.relation, len(statement.scope(array)))
        part = times.reverse().apply_range(with_tuple(element.flat_range_product(value), "E"))
        used = part if used is None else used.union(part)
    assert used is not None
    used = coalesced(used)
    box = spaced(box_around(used, array.rank + 1, its, edit.state.model.parameters), used, its, ())
    held = Box(box.lows[:-1], box.extents[:-1], box.steps[:-1])
    region = Region(edit, array, outer, its, updates, held, array, only_stored=True)
    return region, Lanes(*lane, used, box.lows[-1], box.extents[-1], box.steps[-1])


@dataclass
class Parts:
    """Partial sums of `region`, kept over the loop `kept_over`."""

    region: Region
    lanes: Lanes
    state: State
    kept_over: LoopNode
    key: str

    @property
    def start(self) -> str:
        """The statement that sets the partial sums."""
        return f"{self.key}_start"

    @property
    def finish(self) -> str:
        """The statement that adds them up."""
        return f"{self.key}_finish"

    @cached_property
    def partial(self) -> Array:
        """The array of partial sums: the elements, then the iterations."""
        region = self.region
        return Array(
            self.key,
            unique_name(self.state.model, f"{region.array.name}_parts"),
            region.array.dtype,
            (*(region.box.extents[dim] for dim in region.kept), self.lanes.extent),
            origin=f"{region.text()} in {self.lanes.extent} parts",
            place=region.array.place,
        )

    def build(self) -> State:
        """The state with the partial sums; nothing is proved yet."""
        region, old = self.region, self.state.model
        model = replace(old, arrays=(*old.arrays, self.partial))
        ends = [self._nest(model, name) for name in (self.start, self.finish)]
        moved = {s.name: self._moved(model, s) for s in region.users}
        statements = [moved.get(s.name, s) for s in model.statements]
        tree = self._tree([nest for _, nest in ends])
        model = model.with_statements([*statements, *(s for s, _ in ends)], tree)
        stale = spaces_of(list(model.statements), region.array)
        stale |= spaces_of(list(model.statements), self.partial)
        return self.state.with_model(model, tree, stale)

    def _moved(self, model: Model, statement: Statement) -> Statement:
        """An update, adding to the partial sum of its iteration."""
        region, node = self.region, statement.node
        assert isinstance(node, Store)
        values = region.values(statement)
        inside = tuple(
            slot(node.indices[dim], in_iters(region.box.lows[dim], values), region.box.steps[dim])
            for dim in region.kept
        )
        part = slot(self.lanes.part(statement.name), in_iters(self.lanes.low, values), self.lanes.step)
        own = Load(node.array, node.indices)
        target = Load(self.partial, (*inside, part))

        def load(expr: Expr) -> Expr | None:  # other reads of the array do not see a part of the sum
            return replace(target, place=expr.place) if isinstance(expr, Load) and expr == own else None

        added = replace(node, array=self.partial, indices=target.indices, value=rewrite(node.value, load))
        scopes = {**dict(statement.scopes), self.partial: tuple(values.values())}
        moved = renamed(statement, lambda access: map_part(access.part, unmoved, load))
        model = replace(model, origins=(*model.origins, *region.origins(model, self.partial, ("lane",))))
        return remade(model, replace(moved, node=added), scopes)

    def _nest(self, model: Model, name: str) -> tuple[Statement, Tree]:
        """The statement that sets the partial sums, or that adds them up, with its loops."""
        region, lanes = self.region, self.lanes
        array, its = region.array, region.its
        suffix = name.removeprefix(f"{self.key}_")
        names = region.loop_names(suffix)
        element = tuple(Iter(f"{name}:e{dim}", names[dim]) for dim in range(array.rank))
        lane_name = region.edit.fresh(f"{lanes.loop.name.replace('.', '_')}_{suffix}", names)
        lane = Iter(f"{name}:lane", lane_name)
        inside = (
            *(slot(IterRef(element[d]), region.box.lows[d], region.box.steps[d]) for d in region.kept),
            slot(IterRef(lane), lanes.low, lanes.step),
        )
        place = region.users[0].place
        outside = tuple(IterRef(it) for it in element)
        node = (
            Store(self.partial, inside, self._neutral(), place=place)
            if name == self.start
            else Store(array, outside, self._sum(outside, inside), place=place)
        )
        scopes: dict[Array, tuple[Expr, ...]] = {self.partial: tuple(IterRef(it) for it in its)}
        if name == self.finish:
            scopes[array] = region.scope_of_array(len(its))
        dims = (*its, *element, lane)
        statement = make_statement(model, name, node, dims, flat_set(lanes.used, name), scopes, origin=name)
        return statement, self._loops(name, [*self._kept(element, inside), (lane, inside[-1])])

    def _kept(self, element: Sequence[Iter], inside: Sequence[Expr]) -> list[tuple[Iter, Expr]]:
        return [(element[dim], inside[n]) for n, dim in enumerate(self.region.kept)]

    def _loops(self, name: str, loops: Sequence[tuple[Iter, Expr]]) -> Tree:
        """Loops around a leaf. One element in each cycle: all its parts at a time."""
        band = self.kept_over.band
        if band is not None:
            band = self.region.edit.fresh_band(f"{band}_{name.removeprefix(f'{self.key}_')}")
        *outer, lane = ((it, {name: value}) for it, value in loops)
        inner = nest(Leaf(name), [lane], band=None if outer else band)
        return nest(inner, outer, Marks(pipeline=1), band=band)

    def _neutral(self) -> Const:
        """What adds nothing: 0 of a sum, 1 of a product."""
        dtype = self.partial.dtype
        op = self._op
        if op in ("+", "^", "|"):
            value: int | float = 0
        elif op == "*":
            value = 1
        elif isinstance(dtype, Integer):
            value = {"&": dtype.wrap(-1), "min": dtype.high, "max": dtype.low}[op]
        else:
            value = math.inf if op == "min" else -math.inf
        return Const(float(value) if isinstance(dtype, Float) else value, dtype)

    @cached_property
    def _op(self) -> str:
        """The operator of the sum (differences are sums of what is taken away)."""
        node = self.region.users[0].node
        assert isinstance(node, Store)
        found = reduction_of(node)
        assert found is not None
        return "+" if found[0] == "-" else found[0]

    def _sum(self, outside: tuple[Expr, ...], inside: tuple[Expr, ...]) -> Expr:
        place = self.region.users[0].place
        ends = Load(self.region.array, outside, place=place), Load(self.partial, inside, place=place)
        op = self._op
        found = minmax(op, *ends) if op in ("min", "max") else binary(op, *ends)
        return convert(found, self.region.array.dtype)

    def _tree(self, nests: list[Tree]) -> Tree:
        region, key = self.region, self.kept_over.key
        values = counted_by(region.loops, region.its, (self.start, self.finish))
        return with_statements_at(self.state.tree, key, values, nests[:1], nests[1:], beside=True)
