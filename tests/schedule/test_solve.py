"""The solver of layout requests: least values over any graph and lattice, in whatever order they come."""

from __future__ import annotations

import math
import random
from functools import partial
from itertools import permutations

import pytest

from tracealloc.schedule.layout.lattice import at_least, equal, join_banks, join_packs, join_storage
from tracealloc.schedule.layout.solve import Edge, solve
from tracealloc.trace.ir.layout import Banks, Pack, Storage

EXTENT = 24
BANKS = [
    *(Banks("cyclic", factor) for factor in (2, 3, 4, 6, 8, 5)),
    *(Banks("block", factor) for factor in (2, 3, 4, 5, 7)),
    Banks("complete", EXTENT),
]


@pytest.mark.parametrize("seed", range(20))
def test_the_order_of_requests_does_not_matter(seed: int) -> None:
    rng = random.Random(seed)
    asked = [(0, rng.choice(BANKS), number) for number in range(4)]
    join = partial(join_banks, extent=EXTENT)
    answers = [solve(order, lambda _: join)[0] for order in permutations(asked)]
    assert len({answer.value for answer in answers}) == 1
    assert len({frozenset(answer.asked) for answer in answers}) == 1
    value = answers[0].value
    assert value is not None
    assert all(at_least(value, banks, EXTENT) for _, banks, _ in asked)
    forced = [banks for banks, _ in answers[0].asked]
    assert all(any(at_least(other, banks, EXTENT) for other in forced) for _, banks, _ in asked)


def test_only_the_greatest_of_what_was_asked_forces_the_answer() -> None:
    asked = [("A", 2, "first"), ("A", 4, "second"), ("A", 6, "third"), ("A", 4, "fourth"), ("B", 5, "fifth")]
    found = solve(asked, lambda _: math.lcm)
    assert found["A"].value == 12
    assert found["A"].asked == ((4, "second"), (6, "third"), (4, "fourth"))
    assert (found["B"].value, found["B"].asked) == (5, ((5, "fifth"),))
    assert "C" not in found


def test_what_no_value_serves_has_none() -> None:
    found = solve([("A", 1, "x"), ("A", 2, "y"), ("A", 1, "z")], lambda _: equal)
    assert found["A"].value is None
    assert [reason for _, reason in found["A"].asked] == ["x", "y", "z"]


def test_requests_travel_along_edges_and_around_circles() -> None:
    edges = {
        "caller": [Edge("callee", lambda value: value)],
        "callee": [Edge("caller", lambda value: value), Edge("half", lambda value: max(1, value // 2))],
        "half": [Edge("far", lambda value: value if value < 4 else None)],
    }
    found = solve([("caller", 8, "one"), ("callee", 6, "two")], lambda _: math.lcm, edges)
    assert {node: answer.value for node, answer in found.items()} == {
        "caller": 24,
        "callee": 24,
        "half": 12,
        "far": 3,
    }
    assert sorted(found["caller"].asked) == [(6, "two"), (8, "one")]
    assert found["far"].asked == ((3, "two"),)


def test_memories_and_words() -> None:
    assert join_storage(Storage("uram"), Storage(ports=2)) == Storage("uram", 2)
    assert join_storage(Storage("uram", 1), Storage("uram", 2)) is None
    assert join_storage(Storage("uram"), Storage("bram")) is None
    assert join_packs(Pack(1, 2), Pack(1, 6)) == Pack(1, 6)
    assert join_packs(Pack(1, 4), Pack(1, 6)) == Pack(1, 12)
    assert join_packs(Pack(0, 2), Pack(1, 2)) is None


@pytest.mark.parametrize("seed", range(30))
def test_any_graph_gets_the_least_values(seed: int) -> None:
    rng = random.Random(seed)
    nodes = range(6)
    kept = {
        (a, b): frozenset(rng.sample(range(5), 3))
        for a in nodes
        for b in nodes
        if rng.random() < 0.3 and a != b
    }
    given = [(rng.choice(nodes), frozenset(rng.sample(range(5), rng.randrange(1, 3))), n) for n in range(5)]
    edges = {a: [Edge(b, partial(_common, kept[x, b])) for x, b in kept if x == a] for a in nodes}
    least: dict[int, frozenset[int]] = dict.fromkeys(nodes, frozenset())
    for _ in range(len(nodes) * 5):
        for node, value, _ in given:
            least[node] |= value
        for (a, b), passing in kept.items():
            least[b] |= least[a] & passing
    for order in (given, given[::-1], rng.sample(given, 5)):
        found = solve(order, lambda _: frozenset[int].union, edges)
        assert {node: answer.value for node, answer in found.items()} == {n: v for n, v in least.items() if v}
        assert all(
            frozenset().union(*(v for v, _ in answer.asked)) == answer.value for answer in found.values()
        )


def _common(passing: frozenset[int], value: frozenset[int]) -> frozenset[int] | None:
    return (value & passing) or None
