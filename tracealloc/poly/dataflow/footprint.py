"""What one iteration of a loop touches of an array, what it needs from outside and what it leaves behind."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from math import gcd

import islpy as isl

from tracealloc.poly.dataflow.flow import flow_of
from tracealloc.poly.dataflow.solve import solve
from tracealloc.poly.dependence.dependence import common_loops, paths_of, time_map
from tracealloc.poly.isl.affine_bounds import lower_bounds, offsets
from tracealloc.poly.isl.coalesce import coalesced, pieces
from tracealloc.poly.isl.compared import is_within, minus
from tracealloc.poly.isl.named import (
    dim_bounds,
    drop_range_dims,
    map_of,
    project_scope,
    range_dims,
    union_of,
    with_tuple,
)
from tracealloc.poly.isl.texts import Parameters
from tracealloc.poly.model.model import Access, Model, Statement
from tracealloc.poly.model.tree import LoopNode, Tree, upwards
from tracealloc.trace.ir.dtype import Struct, leaf_paths
from tracealloc.trace.ir.expr import Expr, Iter, IterRef
from tracealloc.trace.ir.program import Array
from tracealloc.trace.queries.affine import linear

__all__ = [
    "Box",
    "Footprint",
    "box_around",
    "elements_used",
    "exact_values",
    "footprint",
    "reads_what_it_writes",
    "spaced",
]

PREFIX = "P"


@dataclass(frozen=True)
class Box:
    """Per dimension the least index, affine in the loops, the constant extent, and the step.

    Of each dimension every `step`-th element is there, `extent` of them.
    """

    lows: tuple[Expr, ...]
    extents: tuple[int, ...]
    steps: tuple[int, ...]


@dataclass(frozen=True)
class Footprint:
    """Maps from an iteration (the values of `loops`) to elements of one array.

    `needed`: read there before it is written there. `left`: written there and read later elsewhere, or
    part of what the kernel returns.
    """

    loops: tuple[LoopNode, ...]
    all: isl.Map
    needed: isl.Map
    left: isl.Map
    box: Box


def _prefixed(statement: Statement, access: Access, loops: tuple[LoopNode, ...], scopes: int) -> isl.Map:
    """Iteration -> element, for one access (scope dimensions of the array dropped)."""
    times = with_tuple(time_map(statement, loops).intersect_domain(statement.domain), PREFIX)
    return times.reverse().apply_range(project_scope(access.relation, scopes))


def footprint(
    model: Model,
    tree: Tree,
    array: Array,
    loops: tuple[LoopNode, ...],
    users: Sequence[Statement],
    its: Sequence[Iter],
) -> Footprint:
    """The footprint of `array` in one iteration of the innermost of `loops`.

    `users` are the statements under that loop that access it; `its` name the loops' values in the
    expressions of the box.
    """
    loops = upwards(loops)
    whole = elements_used(array, loops, users)
    needed = _needed(model, tree, array, loops, users)
    left = _left(model, tree, array, loops, users)
    if isinstance(array.dtype, Struct) and not left.is_empty():
        needed = coalesced(needed.union(_partly_written(model, array, loops, users, left)))
    return Footprint(loops, whole, needed, left, box_around(whole, array.rank, its, model.parameters))


def elements_used(array: Array, loops: tuple[LoopNode, ...], users: Sequence[Statement]) -> isl.Map:
    """Iteration (the values of `loops`) -> the elements of `array` that `users` touch in it."""
    loops = upwards(loops)
    whole: isl.Map | None = None
    for statement in users:
        scopes = len(statement.scope(array))
        for access in statement.accesses:
            if access.array == array:
                held = replace(access, relation=access.held)
                part = with_tuple(_prefixed(statement, held, loops, scopes), "E")
                whole = part if whole is None else whole.union(part)
    assert whole is not None
    return coalesced(whole)


def _rank(extent: int, low: Expr) -> tuple[int, bool, int]:
    """Small boxes first, then those whose corner needs no division, then those that move with few loops."""
    form = linear(low)
    if form is None:
        return extent, True, 0
    return extent, not all(isinstance(atom, IterRef) for atom, _ in form.terms), len(form.terms)


def box_around(whole: isl.Map, rank: int, its: Sequence[Iter], parameters: Parameters) -> Box:
    """The smallest box whose lower corner is affine in the loops."""
    lows: list[Expr] = []
    extents: list[int] = []
    for dim in range(rank):
        best: tuple[int, Expr] | None = None
        for low in lower_bounds(whole, dim, its, parameters):
            least, greatest = offsets(whole, dim, low, its)
            if least >= 0 and (best is None or _rank(greatest + 1, low) < _rank(*best)):
                best = (greatest + 1, low)
        assert best is not None, "the constant lower bound always fits"
        extents.append(best[0])
        lows.append(best[1])
    return Box(tuple(lows), tuple(extents), (1,) * rank)


def spaced(box: Box, whole: isl.Map, its: Sequence[Iter], dense: Collection[int]) -> Box:
    """A box without the elements between those used, where these keep a step; `dense` dimensions stay."""
    extents, steps = list(box.extents), list(box.steps)
    for dim, low in enumerate(box.lows):
        if dim in dense or extents[dim] == 1:
            continue
        step = _spacing(whole, dim, low, its)
        if step > 1:
            steps[dim], extents[dim] = step, (extents[dim] - 1) // step + 1
    return Box(box.lows, tuple(extents), tuple(steps))


def _spacing(whole: isl.Map, dim: int, low: Expr, its: Sequence[Iter]) -> int:
    """The greatest number that divides all distances of an output dimension from `low`."""
    lows = map_of(PREFIX, its, "E", [low])
    values = with_tuple(drop_range_dims(whole, [dim]), "E")
    found = 0
    for part in lows.reverse().apply_range(values).deltas().get_basic_sets():
        distances = isl.Set.from_basic_set(part).project_out_all_params()  # one step for every size
        least, greatest = dim_bounds(distances, 0)
        step = int(distances.get_stride(0).to_python()) if greatest > least else 0
        found = gcd(found, least, step)
    return found


def exact_values(m: isl.Map, its: Sequence[Iter], parameters: Parameters) -> tuple[Expr, ...] | None:
    """The coordinates that `m` gives for an iteration, as expressions (None: not so simple)."""
    found: list[Expr] = []
    for dim in range(range_dims(m)):
        lows = lower_bounds(m, dim, its, parameters)
        exact = (low for low in lows if offsets(m, dim, low, its) == (0, 0))
        value = next(exact, None)
        if value is None:
            return None
        found.append(value)
    return tuple(found)


def _needed(
    model: Model, tree: Tree, array: Array, loops: tuple[LoopNode, ...], users: Sequence[Statement]
) -> isl.Map:
    """Reads of an iteration that no write of the same iteration (to the same field) comes before."""
    reads: dict[str, list[isl.Map]] = {}
    writes: dict[str, list[isl.Map]] = {}
    for statement in users:
        scopes = len(statement.scope(array))
        times = with_tuple(time_map(statement, loops).intersect_domain(statement.domain), PREFIX)
        for access in statement.accesses:
            if access.array == array:
                own = with_tuple(project_scope(access.relation, scopes), "E")
                kind = writes if access.write else reads
                kind.setdefault(access.space, []).append(times.range_product(own))
    # Where every element is read no later than it is first written, all that is read is needed.
    updates = all(reads_what_it_writes(statement, array) for statement in users)
    found = isl.Map.empty(_prefixed_space(array, loops))
    for space, seen in reads.items():
        alone = updates or space not in writes
        unset = union_of(seen) if alone else solve(model, tree, seen, writes[space]).unset
        if not unset.is_empty():  # it is where statements never run
            found = found.union(isl.Set.from_union_set(unset.range()).unwrap())
    return coalesced(found)


def _prefixed_space(array: Array, loops: tuple[LoopNode, ...]) -> isl.Space:
    left = ", ".join(f"a{k}" for k in range(len(loops)))
    right = ", ".join(f"b{k}" for k in range(array.rank))
    return isl.Map(f"{{ {PREFIX}[{left}] -> E[{right}] }}").get_space()


def _left(
    model: Model, tree: Tree, array: Array, loops: tuple[LoopNode, ...], users: Sequence[Statement]
) -> isl.Map:
    """Elements written in an iteration whose value something outside that iteration sees."""
    empty = isl.Map.empty(_prefixed_space(array, loops))
    names = {statement.name for statement in users}
    if not any(access.write and access.array == array for s in users for access in s.accesses):
        return empty
    if _nothing_kills(model, tree, array, users):
        found = empty
        for statement in users:
            own = [a for a in statement.writes if a.array == array]
            for access in own:
                found = found.union(_prefixed(statement, access, loops, len(statement.scope(array))))
        return coalesced(found)
    flow = flow_of(model, tree, arrays=frozenset((array,)))
    scopes = {statement.name: len(statement.scope(array)) for statement in users}
    found = empty
    for piece in pieces(flow.sources):
        source = model.statement(str(piece.domain().get_tuple_name()))
        if source.name not in names:
            continue
        pairs = piece.range().unwrap().domain()  # the reading instances
        sink = str(pairs.get_tuple_name())
        writers = piece
        if sink in names:
            writers = _outside_only(piece, source, model.statement(sink), loops)
        elements = project_scope(writers.range_factor_range(), scopes[source.name])
        times = with_tuple(time_map(source, loops), PREFIX)
        found = found.union(elements.apply_domain(times))
    return coalesced(found)


def _partly_written(
    model: Model, array: Array, loops: tuple[LoopNode, ...], users: Sequence[Statement], left: isl.Map
) -> isl.Map:
    """Records that are left with a field that the iteration does not write.

    Records are copied whole: such a field must be there to be copied back.
    """
    found = isl.Map.empty(left.get_space())
    for path in leaf_paths(array.dtype):
        kept = left
        for statement in users:
            for access in statement.writes:
                if access.space == model.space(array, path):
                    written = _prefixed(statement, access, loops, len(statement.scope(array)))
                    kept = minus(kept, with_tuple(written, "E"))
        found = found.union(kept)
    return found


def reads_what_it_writes(statement: Statement, array: Array) -> bool:
    """Whether a statement reads every element of `array` that it writes (before it writes it)."""
    reads = [a for a in statement.reads if a.array == array]
    return all(
        any(r.space == w.space and is_within(w.relation, r.relation) for r in reads)
        for w in statement.writes
        if w.array == array
    )


def _nothing_kills(model: Model, tree: Tree, array: Array, users: Sequence[Statement]) -> bool:
    """Whether every value that `users` leave in an output is seen: by an update, or by the caller.

    No flow analysis is needed then. A write that does not read first must come before everything.
    """
    if array not in model.outputs():
        return False
    paths = paths_of(tree)
    for statement in model.statements:
        if reads_what_it_writes(statement, array):
            continue
        for user in users:
            loops, position = common_loops(paths[statement.name], paths[user.name])
            if loops or position >= 0:
                return False
    return True


def _outside_only(piece: isl.Map, source: Statement, sink: Statement, loops: tuple[LoopNode, ...]) -> isl.Map:
    """The part of a flow (write -> (read -> element)) that crosses iterations."""
    same = time_map(source, loops).apply_range(time_map(sink, loops).reverse())
    wrapped = piece.range().unwrap()
    inside = same.range_product(isl.Map.from_domain_and_range(same.domain(), wrapped.range()))
    return minus(piece, inside)
