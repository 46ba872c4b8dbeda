"""Dependences by shape say what each says by itself: composed and asked one by one, without names shared."""

from __future__ import annotations

from random import Random

import islpy as isl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nests import random_program
from orders import other_order

import tracealloc as ta
from tracealloc import grid, int32, kernel
from tracealloc.poly.dataflow.effects import model_of
from tracealloc.poly.dependence import distances as shapes
from tracealloc.poly.dependence.dependence import Dependence, common_loops, dependences_of, paths_of, time_map
from tracealloc.poly.dependence.legality import carried, first_carried, first_violation, places_of, violations
from tracealloc.poly.isl import remembered
from tracealloc.poly.isl.named import (
    fix_to_zero,
    is_lex_negative_possible,
    is_zero_at,
    lex_less,
    point_values,
)
from tracealloc.poly.model.model import Model
from tracealloc.poly.model.tree import LoopNode, Tree, loops_in

Pairs = tuple[tuple[int, ...], tuple[int, ...]]


def distances(model: Model, d: Dependence, tree: Tree) -> tuple[isl.Set, tuple[LoopNode, ...], int]:
    paths = paths_of(tree)
    loops, position = common_loops(paths[d.source], paths[d.sink])
    source, sink = model.statement(d.source), model.statement(d.sink)
    moved = d.relation.apply_domain(time_map(source, loops)).apply_range(time_map(sink, loops))
    return moved.deltas(), loops, position


def least(model: Model, d: Dependence, among: isl.Map) -> Pairs | None:
    values = point_values(d.relation.intersect(among).wrap())
    split = len(model.statement(d.source).dims)
    return None if values is None else (tuple(values[:split]), tuple(values[split:]))


def wrong_pair(model: Model, d: Dependence, tree: Tree) -> Pairs | None:
    """The least pair that runs the wrong way round."""
    _, loops, position = distances(model, d, tree)
    source, sink = (time_map(model.statement(name), loops) for name in (d.source, d.sink))
    wrong = lex_less("T", "T", len(loops), len(loops), len(loops), tie=position > 0)
    return least(model, d, source.apply_range(wrong.reverse()).apply_range(sink.reverse()))


def carried_pair(model: Model, d: Dependence, tree: Tree, key: str) -> Pairs | None:
    """The least pair in different iterations of a loop."""
    _, loops, _ = distances(model, d, tree)
    depth = next((k for k, loop in enumerate(loops) if loop.key == key), None)
    if depth is None:
        return None

    def together(count: int) -> isl.Map:
        source, sink = (time_map(model.statement(name), loops[:count]) for name in (d.source, d.sink))
        return source.apply_range(sink.reverse())

    return least(model, d, together(depth).subtract(together(depth + 1)))


def composed(model: Model) -> set[tuple[str, str, str]]:
    """Which pairs of accesses depend on one another, each composed by itself."""
    tree, found = model.reference, set()
    paths = paths_of(tree)
    for a in model.statements:
        for b in model.statements:
            loops, position = common_loops(paths[a.name], paths[b.name])
            less = lex_less("T", "T", len(loops), len(loops), len(loops), position < 0)
            order = time_map(a, loops).apply_range(less).apply_range(time_map(b, loops).reverse())
            for x in a.accesses:
                for y in b.accesses:
                    if x.space == y.space and (x.write or y.write):
                        meet = x.relation.apply_range(y.relation.reverse()).intersect(order)
                        for d in dependences_of(model, frozenset((a.name, b.name))):
                            if (d.source, d.sink, d.before, d.after) == (a.name, b.name, x, y):
                                assert d.relation.is_equal(meet)
                        if not meet.is_empty():
                            found.add((a.name, b.name, x.space))
    return found


def one_case(seed: int) -> None:
    rng = Random(seed)
    model, tree = model_of(random_program(seed))
    deps = dependences_of(model)
    assert composed(model) == {(d.source, d.sink, d.before.space) for d in deps}
    for _ in range(3):
        tree = other_order(rng, tree)
        wrong = [(pair, d) for d in deps if (pair := wrong_pair(model, d, tree)) is not None]
        assert violations(model, deps, tree) == [d for _, d in wrong]
        for d in deps:
            deltas, loops, position = distances(model, d, tree)
            moved = places_of(model, tree).moved(d).distances
            assert moved.deltas.is_equal(deltas)
            assert moved.wrong(position > 0) == is_lex_negative_possible(deltas, position > 0)
            for depth in range(len(loops)):
                assert moved.nonzero_at(depth) != is_zero_at(fix_to_zero(deltas, depth), depth)
        found = first_violation(model, deps, tree)
        first = min(wrong, key=lambda each: each[0], default=None)
        assert (found is None) == (first is None)
        if found is not None and first is not None:
            assert (found.source.values, found.sink.values) == first[0]
            assert found.dependence is first[1]
        for loop in loops_in(tree):
            pairs = [(p, d) for d in deps if (p := carried_pair(model, d, tree, loop.key)) is not None]
            assert carried(model, deps, tree, loop.key) == [d for _, d in pairs]
            seen = first_carried(model, deps, tree, loop.key)
            expected = min(pairs, key=lambda each: each[0], default=None)
            assert (seen is None) == (expected is None)
            if seen is not None and expected is not None:
                assert (seen.source.values, seen.sink.values) == expected[0]


@pytest.mark.parametrize("floors", [0, shapes._FLOORS, 1000], ids=["listed", "usual", "by isl"])
def test_shapes_say_what_each_dependence_says(
    long_mode: bool, floors: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether instances are put in order one by one or isl is asked: both say the same."""
    monkeypatch.setattr(shapes, "_FLOORS", floors)
    for forget in remembered._forget:
        forget()

    @settings(
        max_examples=1000 if long_mode else 25,
        derandomize=not long_mode,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**40))
    def cases(seed: int) -> None:
        one_case(seed)

    cases()


@kernel
def alike_around_a_loop(A: int32[40]):
    for i in ta.range(4):
        A[i] = A[i + 1] + 1
        for j in ta.range(3):
            A[i + j] = A[i + 1] + 1
            A[i + j] += 2
            A[i + j] += 2
        A[i] = A[i + 1] + 1
        A[i + 20] = A[i + 21] + 1
    for i in ta.range(4):
        A[i] = A[i + 1] + 1


@kernel
def alike_in_one_body(A: int32[40], B: int32[40]):
    for i, j in grid(3, 4):
        for n in range(4):
            with ta.when(j <= i + n % 2):
                A[j + n % 2] = A[j + n] + B[i]
            B[i] += n


@pytest.mark.parametrize("alike", [alike_around_a_loop, alike_in_one_body])
def test_statements_of_one_kind_depend_on_one_another_as_each_pair_does(alike: ta.Kernel) -> None:
    model, tree = model_of(alike.trace())
    deps = dependences_of(model)
    assert composed(model) == {(d.source, d.sink, d.before.space) for d in deps}
    rng = Random(0)
    for _ in range(6):
        tree = other_order(rng, tree)
        wrong = [d for d in deps if wrong_pair(model, d, tree) is not None]
        assert violations(model, deps, tree) == wrong
