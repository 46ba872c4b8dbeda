"""What compute_at asks of the flow of values: as much of it as matters, and no less."""

from __future__ import annotations

from random import Random

import islpy as isl
from common import schedule_of
from deep_nests import rich_program
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nests import random_program
from steps import neighbours

from tracealloc.poly.dataflow.footprint import reads_what_it_writes
from tracealloc.poly.dataflow.solve import FINAL, solve
from tracealloc.poly.isl.coalesce import pieces
from tracealloc.poly.isl.named import union_of
from tracealloc.poly.model.tree import LoopNode, leaves, loops_in
from tracealloc.poly.proof.enumerated import few_instances
from tracealloc.schedule.core.chains import chain_above
from tracealloc.schedule.core.state import State
from tracealloc.schedule.loops.demand import Needs, Ways, _closure, _closure_of_points
from tracealloc.trace.ir.program import Array


def all_flows(state: State, arrays: set[Array]) -> isl.UnionMap:
    """Write -> (read -> element) of every read of some arrays in a function, and of what it leaves."""
    reads, writes, updates = [], [], []
    for statement in state.model.statements:
        for access in statement.accesses:
            if access.array in arrays and access.write:
                adds = reads_what_it_writes(statement, access.array)
                (updates if adds else writes).append(access.relation)
                if access.array in state.model.outputs():
                    final = isl.Set(f"{{ {FINAL}[] }}")
                    reads.append(isl.Map.from_domain_and_range(final, access.relation.range()))
            elif access.array in arrays:
                reads.append(access.relation)
    return solve(state.model, state.tree, reads, writes, updates).sources


def ends(flow: isl.Map) -> tuple[str, str, str]:
    read = flow.range().unwrap()
    return (
        str(flow.domain().get_tuple_name()),
        str(read.domain().get_tuple_name()),
        str(read.range().get_tuple_name()),
    )


def same_ways(some: Ways, others: Ways) -> bool:
    return some.keys() == others.keys() and all(some[name].is_equal(others[name]) for name in some)


def check(state: State, nest: LoopNode, loop: LoopNode) -> bool:
    """Compare what is asked with the whole; whether the loop needs the nest at all."""
    makers = [state.model.statement(name) for name in leaves(nest)]
    users = [state.model.statement(name) for name in leaves(loop.body)]
    around, above = chain_above(state, nest.key), chain_above(state, loop.key)
    common = sum(a is b for a, b in zip(around, above, strict=False))
    needs = Needs(state, makers, users, above, common)
    inside = {s.name for s in (*makers, *users)}
    spaces = {a.space: a.array for s in state.model.statements for a in s.accesses}
    asked = union_of([flow for *_, flow in needs.flow])
    whole = pieces(all_flows(state, needs.arrays))
    assert asked.is_equal(union_of([flow for flow in whole if ends(flow)[1] in inside]))
    if not needs.direct:
        return False
    if few_instances((*makers, *users)):
        followed = _closure_of_points(needs.direct, needs.back)
        exact = _closure(needs.direct, needs.back)
        assert followed is None or exact is None or same_ways(followed, exact)
    for source, sink, space in map(ends, whole):
        if source in inside and sink not in inside and spaces[space] not in needs.inner:
            assert spaces[space] in needs.shared, (source, sink)
    outside = {a for source, sink, a in map(ends, whole) if source in inside and sink not in inside}
    crossing = {a for source, sink, a in map(ends, whole) if source in inside and sink in inside}
    for array in needs.shared - set(state.model.outputs()):
        assert array in {spaces[space] for space in outside | crossing}
    return True


def test_as_much_of_the_flow_as_matters(long_mode: bool) -> None:
    seen = [0, 0]

    @settings(
        max_examples=2000 if long_mode else 100,
        derandomize=not long_mode,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**40))
    def cases(seed: int) -> None:
        s = schedule_of(Random(seed).choice([random_program, rich_program])(seed))
        state = s.module.state(s.name)
        loops = {loop.key: loop for loop in loops_in(state.tree)}
        for first, second in neighbours(s)[:3]:
            for target in loops_in(loops[second.key]):
                seen[check(state, loops[first.key], target)] += 1

    cases()
    assert min(seen) > 20, seen
