"""The worst cycle of a graph, against looking at all of them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import pairwise, product

import networkx as nx
import pytest

from tracealloc.schedule.timing.cycle_ratio import critical_cycle


@dataclass(frozen=True)
class Arc:
    source: str
    sink: str
    distance: int
    latency: float


def ratio(cycle: list[Arc]) -> float:
    return sum(arc.latency for arc in cycle) / sum(arc.distance for arc in cycle)


def all_cycles(arcs: list[Arc]) -> list[list[Arc]]:
    found = []
    for nodes in nx.simple_cycles(nx.DiGraph([(arc.source, arc.sink) for arc in arcs])):
        steps = [
            [arc for arc in arcs if (arc.source, arc.sink) == step] for step in pairwise([*nodes, nodes[0]])
        ]
        found += [list(choice) for choice in product(*steps)]
    return found


@pytest.mark.parametrize("seed", range(150))
def test_the_worst_of_all_cycles(seed: int) -> None:
    rng = random.Random(seed)
    count = rng.randint(1, 6)
    arcs = []
    for _ in range(rng.randint(0, 12)):
        a, b = rng.randrange(count), rng.randrange(count)
        # As in a loop: what goes on in an iteration goes forward in the text.
        distance = 0 if a < b and rng.random() < 0.6 else rng.randint(1, 4)
        arcs.append(Arc(str(a), str(b), distance, rng.choice([0.25, 1, 2, 4, 7, 7.5])))
    found = critical_cycle(arcs, lambda arc: arc.latency)
    every = all_cycles(arcs)
    assert bool(found) == bool(every)
    if found:
        assert all(a.sink == b.source for a, b in pairwise([*found, found[0]]))
        assert ratio(found) == pytest.approx(max(map(ratio, every)))
