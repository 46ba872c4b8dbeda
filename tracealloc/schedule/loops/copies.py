"""Copies of a buffer, brought to where it is used: what a relay makes of them passes on there."""

from __future__ import annotations

import islpy as isl

from tracealloc.poly.dataflow.footprint import exact_values
from tracealloc.poly.dependence.dependence import time_map
from tracealloc.poly.isl.compared import is_within
from tracealloc.poly.isl.extremes import greatest
from tracealloc.poly.isl.named import map_of, with_tuple, within
from tracealloc.poly.isl.texts import iter_names, read_set, tuple_text
from tracealloc.poly.model.model import Statement
from tracealloc.poly.model.statements import make_statement
from tracealloc.poly.model.tree import Leaf, leaves, loops_above, restrict, with_statements_at
from tracealloc.poly.proof.bounds import iter_ranges, outside, subscripts
from tracealloc.schedule.core.chains import chain_above, find, loop_values
from tracealloc.schedule.core.primitive import Edit
from tracealloc.schedule.core.prove_storage import proved_storage
from tracealloc.schedule.core.state import State
from tracealloc.trace.ir.expr import Expr, Iter, IterRef, iters_of, loads_of
from tracealloc.trace.ir.program import Array, Store

__all__ = ["after_last_store", "for_all"]


def after_last_store(edit: Edit, key: str, copy: Statement) -> State | None:
    """The state in which each element is copied back in that iteration of the loop `key` that stores it last.

    None where no formula says which iteration that is, or where one iteration would copy several.

    Raises:
        IllegalScheduleError: it is wanted in another order.
    """
    state = edit.state
    loops = chain_above(state, key)
    buffer = next(access.array for access in copy.accesses if not access.write)
    elements = next(access.relation for access in copy.accesses if not access.write)
    space = str(elements.range().get_tuple_name())
    last: isl.Map | None = None
    for name in leaves(find(state, key).body):
        user = state.model.statement(name)
        times = with_tuple(time_map(user, loops).intersect_domain(user.domain), "T")
        for access in user.accesses:
            if access.array == buffer and access.write and access.space == space:
                found = elements.apply_range(access.relation.reverse()).apply_range(times)
                last = found if last is None else last.union(found)
    if last is None or any(loop.descending for loop in loops):
        return None
    last = greatest(last)
    values = exact_values(last, copy.dims, state.model.parameters)
    if values is None or not is_within(copy.domain, last.domain()) or not last.is_injective():
        return None
    rest = restrict(state.tree, frozenset(s.name for s in state.model.statements) - {copy.name})
    assert rest is not None
    at = {loop.key: ((copy.name, value),) for loop, value in zip(loops, values, strict=True)}
    tree = with_statements_at(rest, key, at, [], [Leaf(copy.name)])
    return edit.reordered(tree, f"copied back where {loops[-1].name!r} stores it last, these would be")


def for_all(edit: Edit, key: str, buffer: Array, travel: str) -> State | None:
    """The state in which the buffer gets, in each value of the loop `travel`, what it gets in any of them.

    Each element comes in the iteration of the loop `key` in which it came. None where the buffer has no
    room for more, or an element would come in several iterations.
    """
    state = edit.state
    model = state.model
    writers = [s for s in model.statements if any(a.array == buffer and a.write for a in s.accesses)]
    back = [s for s in model.statements if s.copy and any(a.array == buffer for a in s.reads)]
    if back or len(writers) != 1 or not writers[0].copy:
        return None
    made = _widened(state, key, writers[0], travel)
    if made is None or not _is_inside(made):
        return None
    stored = next(a.relation for a in made.accesses if a.write and a.array == buffer)
    if not stored.is_injective():
        return None  # an iteration would get several elements, and use one
    rest = [made if s.name == made.name else s for s in model.statements]
    stale = frozenset(access.space for access in made.accesses)
    wide = state.with_model(model.with_statements(rest, state.tree), state.tree, stale)
    return proved_storage(edit, wide, buffer)


def _widened(state: State, key: str, copy: Statement, travel: str) -> Statement | None:
    """The copy of all that is copied in some value of a loop, in each of them."""
    around = loops_above(state.tree, copy.name)
    loops = [loop for loop in chain_above(state, key) if any(loop.key == each.key for each in around)]
    along = next((loop for loop in loops if loop.key == travel), None)
    node = copy.node
    if along is None or not isinstance(node, Store) or copy.guards:
        return None
    here, ends = along.expr(copy.name), loop_values(state.model, along)
    loads = loads_of(node.value)
    if not isinstance(here, IterRef) or here.iter not in copy.dims or ends is None or len(loads) != 1:
        return None
    others = [loop.expr(copy.name) for loop in loops if loop.key != travel]
    what = [*others, *loads[0].indices]
    found = map_of(copy.name, copy.dims, "W", what)
    said = frozenset(each for expr in what for each in iters_of(expr))
    twins = _twins(copy, [here, *others], said)
    whole = found.intersect_range(copy.domain.apply(found)).domain().intersect(twins)
    domain = within(whole, copy.dims.index(here.iter), *ends)
    if not map_of(copy.name, copy.dims, "W", [here, *what]).intersect_domain(domain).is_injective():
        return None
    scopes = dict(copy.scopes)
    return make_statement(state.model, copy.name, copy.node, copy.dims, domain, scopes, copy=True)


def _twins(copy: Statement, around: list[Expr], said: frozenset[Iter]) -> isl.Set:
    """The instances in which iterators that say nothing are what they are in the copy: those `around` it."""
    names = iter_names(copy.dims)
    instance = tuple_text(copy.name, names.values())
    found = read_set(f"{{ {instance} }}")
    outer = [expr.iter for expr in around if isinstance(expr, IterRef)]
    for other in copy.dims:
        if other in said or other in outer:
            continue
        for it in outer:
            equal = read_set(f"{{ {instance} : {names[other]} = {names[it]} }}")
            if is_within(copy.domain, equal):
                found = found.intersect(equal)
                break
    return found


def _is_inside(copy: Statement) -> bool:
    """Whether all that is copied, and all that it is copied to, lies inside its array."""
    ranges = iter_ranges(copy)
    return all(
        outside(copy, subscript, dim, ranges) is None
        for subscript in subscripts(copy)
        for dim in range(len(subscript.indices))
    )
