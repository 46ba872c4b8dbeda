"""What PEs make, each for the next one: the copies of a buffer, taken apart and brought to its uses."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import islpy as isl

from tracealloc.poly.dataflow.footprint import exact_values
from tracealloc.poly.dependence.dependence import time_map
from tracealloc.poly.isl.coalesce import coalesced
from tracealloc.poly.isl.compared import is_within, minus
from tracealloc.poly.isl.extremes import least
from tracealloc.poly.isl.named import map_of, renamed, with_tuple
from tracealloc.poly.isl.texts import read_set
from tracealloc.poly.model.model import Statement
from tracealloc.poly.model.statements import make_statement
from tracealloc.poly.model.tree import Leaf, loops_above, restrict, with_statements_at
from tracealloc.schedule.core.chains import chain_above, find, loop_values
from tracealloc.schedule.core.marks import mark
from tracealloc.schedule.core.primitive import Edit
from tracealloc.schedule.core.prove_storage import proved_storage
from tracealloc.schedule.core.state import State
from tracealloc.schedule.loops.copies import after_last_store
from tracealloc.trace.diagnostics.errors import IllegalScheduleError
from tracealloc.trace.ir.expr import Expr
from tracealloc.trace.ir.layout import UNMARKED
from tracealloc.trace.ir.program import Array
from tracealloc.trace.record.naming import unused

__all__ = ["made_before"]


def made_before(edit: Edit, buffer: Array, travel: str) -> State | None:
    """The state in which what earlier values of the loop `travel` made is copied in where it is first used.

    What later values need of what is copied back is a copy of its own. None where the buffer does not hold
    what other iterations make.
    """
    state = edit.state
    into = [s for s in state.model.statements if s.copy and _stores_to(s, buffer)]
    back = [s for s in state.model.statements if s.copy and not _stores_to(s, buffer) and _uses(s, buffer)]
    if len(into) != 1 or len(back) != 1:
        return None
    pairs = _meeting(state, into[0], back[0], travel)
    if pairs is None:
        return None
    state = _parted(state, back[0], pairs.range().intersect(back[0].domain), travel, first=False)
    got = pairs.domain().intersect(into[0].domain)
    placed = _at_first_use(state, into[0], got, buffer) or _apart(state, into[0], got, first=True)
    state = _with_later(*placed, travel)
    state = proved_storage(edit, state, buffer)
    for copy in [s for s in state.model.statements if s.copy and _uses(s, buffer)]:
        if not _stores_to(copy, buffer):
            state = _after_a_store(edit, state, copy, buffer)
    return state


def _after_a_store(edit: Edit, state: State, copy: Statement, buffer: Array) -> State:
    """The state in which a copy back follows the last store of each element, if one loop has them all."""
    makers = [s.name for s in state.model.statements if not s.copy and _stores_to(s, buffer)]
    keys = dict.fromkeys(loops_above(state.tree, name)[-1].key for name in makers)
    for key in keys:
        if not find(state, key).marks.space:
            with suppress(IllegalScheduleError):
                made = after_last_store(replace(edit, state=state), key, copy)
                if made is not None:
                    return made
    return state


def _uses(statement: Statement, buffer: Array) -> bool:
    return any(access.array == buffer for access in statement.accesses)


def _stores_to(statement: Statement, buffer: Array) -> bool:
    return any(access.array == buffer and access.write for access in statement.accesses)


def _meeting(state: State, into: Statement, back: Statement, travel: str) -> isl.Map | None:
    """Instances of a copy into the buffer, with those of the copy back that made their elements before."""
    found = [_travelling(state, s, travel) for s in (into, back)]
    read = next((a.relation for a in into.accesses if not a.write), None)
    stored = next((a.relation for a in back.accesses if a.write), None)
    if found[0] is None or found[1] is None or read is None or stored is None:
        return None
    if not stored.is_injective():
        return None  # several make an element: a partial sum
    pairs = read.apply_range(stored.reverse()).intersect(found[0].lex_gt_map(found[1]))
    return None if pairs.is_empty() else pairs


def _travelling(state: State, statement: Statement, travel: str) -> isl.Map | None:
    """The value of the loop in space in each instance."""
    loop = next((each for each in loops_above(state.tree, statement.name) if each.key == travel), None)
    return None if loop is None else map_of(statement.name, statement.dims, "T", [loop.expr(statement.name)])


def _with_part(state: State, copy: Statement, part: isl.Set) -> tuple[list[Statement], Statement]:
    """The statements with a part of a copy as one of its own, and this one."""
    model, scopes = state.model, dict(copy.scopes)
    name = unused(f"{copy.name}_next", {s.name for s in model.statements})
    own = make_statement(model, name, copy.node, copy.dims, renamed(part, name), scopes, copy=True)
    rest = minus(copy.domain, part)
    statements = [s for s in model.statements if s.name != copy.name]
    if not rest.is_empty():
        dims, whole = copy.dims, coalesced(rest)
        statements.append(make_statement(model, copy.name, copy.node, dims, whole, scopes, copy=True))
    return [*statements, own], own


def _parted(state: State, copy: Statement, part: isl.Set, travel: str, *, first: bool) -> State:
    """The state in which what later iterations use of what is copied is a copy of its own.

    Not where that is all: the last iteration has none after it. `first`: it comes first in its loop.
    """
    rest = minus(copy.domain, part)
    times = _travelling(state, copy, travel)
    loop = next(each for each in loops_above(state.tree, copy.name) if each.key == travel)
    ends = loop_values(state.model, loop)
    if times is None or ends is None or is_within(rest.apply(times), read_set(f"{{ T[{ends[1]}] }}")):
        return state
    return _apart(state, copy, part, first=first)[0]


def _apart(state: State, copy: Statement, part: isl.Set, *, first: bool) -> tuple[State, Statement]:
    """The state in which a part of a copy is a statement of its own in the same loops, and the statement."""
    statements, own = _with_part(state, copy, part)
    loops = loops_above(state.tree, copy.name)
    at = {each.key: ((own.name, each.expr(copy.name)),) for each in loops}
    leaf, none = [Leaf(own.name)], list[Leaf]()
    sides = (leaf, none) if first else (none, leaf)
    tree = with_statements_at(state.tree, loops[-1].key, at, *sides)
    kept = restrict(tree, frozenset(s.name for s in statements))
    assert kept is not None
    stale = frozenset(access.space for access in copy.accesses)
    return state.with_model(state.model.with_statements(statements, kept), kept, stale), own


def _with_later(state: State, copy: Statement, travel: str) -> State:
    """The state in which what later values of the loop `travel` copy in as well is a copy of its own."""
    times = _travelling(state, copy, travel)
    read = next(a.relation for a in copy.accesses if not a.write)
    if times is None:
        return state
    later = read.apply_range(read.reverse()).intersect(times.lex_lt_map(times))
    part = later.domain().intersect(copy.domain)
    return state if part.is_empty() else _parted(state, copy, part, travel, first=True)


def _at_first_use(
    state: State, copy: Statement, part: isl.Set, buffer: Array
) -> tuple[State, Statement] | None:
    """The state in which the instances `part` of a copy run in the iterations that use their elements first.

    None where no formula says which these are, or one of them would copy several.
    """
    model = state.model
    elements = next(a.relation for a in copy.accesses if a.write).intersect_domain(part)
    space = str(elements.range().get_tuple_name())
    readers = [
        (s, a.relation)
        for s in model.statements
        if not s.copy
        for a in s.accesses
        if a.array == buffer and not a.write and a.space == space
        if not elements.apply_range(a.relation.reverse()).is_empty()
    ]
    keys = {loops_above(state.tree, s.name)[-1].key for s, _ in readers}
    if len(keys) != 1:
        return None
    key = next(iter(keys))
    loops = chain_above(state, key)
    if loops[-1].marks.space or any(loop.descending for loop in loops):
        return None
    first: isl.Map | None = None
    for reader, relation in readers:
        times = with_tuple(time_map(reader, loops).intersect_domain(reader.domain), "T")
        found = elements.apply_range(relation.reverse()).apply_range(times)
        first = found if first is None else first.union(found)
    assert first is not None
    first = least(first)
    values = exact_values(first, copy.dims, model.parameters)
    if values is None or not is_within(part, first.domain()) or not first.is_injective():
        return None
    return _placed(state, copy, part, key, values)


def _placed(
    state: State, copy: Statement, part: isl.Set, key: str, values: tuple[Expr, ...]
) -> tuple[State, Statement]:
    """The state in which a part of a copy is a statement of its own, at the start of the loop `key`."""
    statements, own = _with_part(state, copy, part)
    loops = chain_above(state, key)
    tree = restrict(state.tree, frozenset(s.name for s in statements))
    assert tree is not None
    at = {loop.key: ((own.name, value),) for loop, value in zip(loops, values, strict=True)}
    tree = with_statements_at(tree, key, at, [Leaf(own.name)])
    stale = frozenset(access.space for access in copy.accesses)
    placed = state.with_model(state.model.with_statements(statements, tree), tree, stale)
    loop = find(placed, key)
    if loop.marks == UNMARKED:
        placed = mark(placed, loop, lambda marks: replace(marks, pipeline=1))
    return placed, own
