"""Simulated networks against the same ones stepped cycle by cycle."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tests.check.simulate.networks import Edge, N, network, stepped


def same(edges: list[Edge], work: list[int]) -> None:
    s = network(edges, work)
    depths = {f"q{k}": depth for k, (_, _, depth) in enumerate(edges)}
    for style in ("frp", "stp"):
        found = s.simulate(np.arange(N, dtype=np.int32), np.zeros(N, np.int32), pipeline_style=style)
        cycles, fills, _ = stepped(s, depths, style == "stp")
        assert found.cycles == cycles, (style, str(found), cycles)
        if cycles is not None:
            assert {name: fifo.fill for name, fifo in found.fifos.items()} == fills
        else:
            assert found.deadlock


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 16])
@pytest.mark.parametrize("work", [(0, 0), (0, 3), (3, 0), (1, 2)])
def test_a_producer_and_a_consumer(depth: int, work: tuple[int, int]) -> None:
    same([(0, 1, depth)], list(work))


@pytest.mark.parametrize("depths", [(1, 1, 1), (2, 2, 2), (2, 8, 2), (2, 2, 30), (8, 1, 8)])
def test_a_fork_that_joins(depths: tuple[int, int, int]) -> None:
    a, b, c = depths
    same([(0, 1, a), (0, 2, b), (1, 2, c)], [0, 4, 1])


@pytest.mark.parametrize("seed", range(12))
def test_random_networks(seed: int) -> None:
    rng = random.Random(seed)
    count = rng.randint(2, 5)
    edges = [(rng.randrange(b), b, rng.choice([1, 2, 3, 4, 9])) for b in range(1, count)]
    edges += [
        (a, b, rng.choice([1, 2, 5, 12]))
        for a in range(count)
        for b in range(a + 1, count)
        if rng.random() < 0.25 and (a, b) not in {edge[:2] for edge in edges}
    ]
    same(edges, [rng.randint(0, 3) for _ in range(count)])
