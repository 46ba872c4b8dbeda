"""Simulated networks against the same ones stepped cycle by cycle."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tests.check.simulate.stepped import Pipe, Queue, run
from tracealloc import int32, kernel
from tracealloc.schedule.timing.timing import ALONE, LoopTiming, timing_of

N = 23


def network(edges: list[tuple[int, int, int]], count: int, work: list[int]) -> Any:
    """Processes 0 .. count - 1, each a loop: takes from its queues, multiplies so often, puts to its queues.

    `edges` are producer, consumer and depth.
    """
    used = sorted({end for a, b, _ in edges for end in (a, b)})
    lines = ["def main(A: int32[N], B: int32[N]):"]
    lines += [f"    q{k} = ta.stream(int32, depth={depth})" for k, (_, _, depth) in enumerate(edges)]
    lines.append("    with ta.dataflow():")
    for p in used:
        into = [k for k, (_, b, _) in enumerate(edges) if b == p]
        out = [k for k, (a, _, _) in enumerate(edges) if a == p]
        lines.append(f"        for i{p} in ta.range(N, name='P{p}'):")
        value = " + ".join(f"q{k}.get()" for k in into) or f"A[i{p}]"
        lines.append(f"            x = int32(({value})" + f" * (A[i{p}] + 1)" * work[p] + ")")
        lines += [f"            q{k}.put(x)" for k in out]
        if not out and p == max(used):
            lines.append(f"            B[i{p}] = x")
    text = "\n".join(lines) + "\n"
    scope: dict[str, Any] = {"ta": ta, "int32": int32, "N": N}
    import linecache

    name = f"<network {hash(text)}>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    exec(compile(text, name, "exec"), scope)
    made = kernel(scope["main"])
    s = ta.customize(made)
    for p in used:
        s.pipeline(f"i{p}")
    return s


def stepped(s: Any, depths: dict[str, int]) -> tuple[int | None, dict[str, int]]:
    """The same network, stepped: its cycles, and the highest fill of each queue."""
    names = list(depths)
    queues = [Queue(depths[name]) for name in names]
    pipes = []
    for called in timing_of(s.module).calls:
        (loop,) = called.loops
        assert isinstance(loop, LoopTiming) and loop.interval == 1 and loop.depth is not None
        work: dict[int, list[tuple[int, bool]]] = {}
        latest = 0
        for access in loop.accesses:
            if access.kind in ("get", "put"):
                latest = max(latest, access.stage)
                work.setdefault(latest, []).append((names.index(access.array), access.kind == "put"))
        pipes.append(Pipe(N, max(loop.depth, latest + 1, 2), work))
    end = run(pipes, queues)
    return (None if end is None else end + ALONE), {
        name: q.fill() for name, q in zip(names, queues, strict=True)
    }


def same(edges: list[tuple[int, int, int]], count: int, work: list[int]) -> None:
    s = network(edges, count, work)
    found = s.simulate(np.arange(N, dtype=np.int32), np.zeros(N, np.int32))
    depths = {f"q{k}": depth for k, (_, _, depth) in enumerate(edges)}
    cycles, fills = stepped(s, depths)
    assert found.cycles == cycles, (str(found), cycles)
    if cycles is not None:
        assert {name: fifo.fill for name, fifo in found.fifos.items()} == fills
    else:
        assert found.deadlock


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 16])
@pytest.mark.parametrize("work", [(0, 0), (0, 3), (3, 0), (1, 2)])
def test_a_producer_and_a_consumer(depth: int, work: tuple[int, int]) -> None:
    same([(0, 1, depth)], 2, list(work))


@pytest.mark.parametrize("depths", [(1, 1, 1), (2, 2, 2), (2, 8, 2), (2, 2, 30), (8, 1, 8)])
def test_a_fork_that_joins(depths: tuple[int, int, int]) -> None:
    a, b, c = depths
    same([(0, 1, a), (0, 2, b), (1, 2, c)], 3, [0, 4, 1])


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
    same(edges, count, [rng.randint(0, 3) for _ in range(count)])
