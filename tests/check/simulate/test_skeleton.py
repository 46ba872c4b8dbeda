"""Cycles without values, and leaps over what a network does over and over: the same numbers."""

from __future__ import annotations

import random

import numpy as np
import pytest

import tracealloc as ta
from examples.systolic import make, tiled, weight_stationary
from tests.check.simulate.networks import Edge, network
from tracealloc import int32, kernel

FIELDS = ("depth", "fill", "puts", "gets", "full", "empty", "producer", "consumer")


def same(s: ta.Schedule, *args: object, style: str = "frp") -> ta.Simulation:
    """Simulate with and without values; the second run."""
    full, bare = (s.simulate(*args, pipeline_style=style, values=values) for values in (True, False))
    assert bare.cycles == full.cycles and bare.deadlock == full.deadlock
    for name, fifo in full.fifos.items():
        other = bare.fifos[name]
        assert [getattr(other, each) for each in FIELDS] == [getattr(fifo, each) for each in FIELDS]
    for name, process in full.processes.items():
        mine = bare.processes[name]
        assert (mine.started, mine.ended, mine.stalls) == (process.started, process.ended, process.stalls)
        assert mine.stalled == process.stalled
    assert not full.leapt
    return bare


@pytest.mark.parametrize("size", [(1, 1, 1), (4, 6, 20), (5, 7, 40), (2, 3, 300)])
def test_arrays_by_schedule(size: tuple[int, int, int]) -> None:
    m, n, k = size
    A, B = np.ones((m, k), np.int8), np.ones((k, n), np.int8)
    bare = same(tiled(make(M=m, N=n, K=k)), A, B)
    assert bare.arrays == {}
    if k == 300:
        assert bare.cycles is not None and bare.leapt > bare.cycles // 2
        assert "steady state" in str(bare)
    if m * n * k < 1000:
        same(weight_stationary(make(M=m, N=n, K=k)), A, B)


@pytest.mark.parametrize("seed", range(16))
@pytest.mark.parametrize("style", ["frp", "stp"])
def test_random_networks(seed: int, style: str) -> None:
    rng = random.Random(seed)
    count = rng.randint(2, 5)
    edges: list[Edge] = [(rng.randrange(b), b, rng.choice([1, 2, 3, 4, 9])) for b in range(1, count)]
    edges += [
        (a, b, rng.choice([1, 2, 5, 12]))
        for a in range(count)
        for b in range(a + 1, count)
        if rng.random() < 0.25 and (a, b) not in {edge[:2] for edge in edges}
    ]
    length = 700
    s = network(edges, [rng.randint(0, 3) for _ in range(count)], length)
    zeros = np.zeros(length, np.int32)
    bare = same(s, zeros, zeros, style=style)
    if style == "frp" and bare.cycles is not None:
        assert bare.leapt > bare.cycles // 3


def test_rates_that_differ() -> None:
    @kernel
    def rates(A: int32[900], B: int32[300]):
        q = ta.stream(int32, depth=5)
        p = ta.stream(int32, depth=7)
        with ta.dataflow():
            for i in ta.range(900, name="P"):
                q.put(A[i])
            for j in ta.range(300, name="Q"):
                p.put(q.get() + q.get() + q.get() + 0 * j)
            for k in ta.range(300, name="R"):
                B[k] = p.get()

    s = ta.customize(rates)
    for loop, interval in (("i", 1), ("j", 1), ("k", 5)):
        s.pipeline(loop, interval)
    bare = same(s, np.zeros(900, np.int32), np.zeros(300, np.int32))
    assert bare.leapt > 900


def test_phases_one_after_the_other() -> None:
    """A leap ends before a pipeline ends; the next phase has leaps of its own."""

    @kernel
    def phases(A: int32[2000], B: int32[1000]):
        q = ta.stream(int32, depth=4)
        with ta.dataflow():
            for i in ta.range(2000, name="P"):
                q.put(A[i])
            for _ in ta.range(1, name="Q"):
                s = ta.scalar(int32, 0)
                for _j in ta.range(1000):
                    s += q.get()
                for k in ta.range(1000):
                    B[k] = q.get() + s

    s = ta.customize(phases)
    for loop, interval in (("i", 1), ("_j", 3), ("k", 1)):
        s.pipeline(loop, interval)
    bare = same(s, np.zeros(2000, np.int32), np.zeros(1000, np.int32))
    assert bare.leapt > 3000


def test_what_depends_on_the_number_of_an_iteration_is_not_leapt_over() -> None:
    @kernel
    def odd(A: int32[600], B: int32[600]):
        q = ta.stream(int32, depth=4, shape=(2,))
        with ta.dataflow():
            for i in ta.range(600, name="P"):
                q[i % 2].put(A[i])
            for j in ta.range(600, name="Q"):
                B[j] = q[j % 2].get()

    s = ta.customize(odd)
    s.pipeline("i")
    s.pipeline("j", 2)
    assert same(s, np.zeros(600, np.int32), np.zeros(600, np.int32)).leapt == 0


def test_a_deadlock_stays_one() -> None:
    @kernel
    def stuck(A: int32[500], B: int32[500]):
        a = ta.stream(int32, depth=2)
        b = ta.stream(int32, depth=300)
        with ta.dataflow():
            for _ in ta.range(1, name="P"):
                for i in ta.range(500):
                    b.put(A[i])
                for k in ta.range(500):
                    a.put(A[k])
            for j in ta.range(500, name="Q"):
                B[j] = a.get() + b.get()

    assert same(ta.customize(stuck), np.zeros(500, np.int32), np.zeros(500, np.int32)).deadlock


def test_where_data_choose_values_are_computed() -> None:
    @kernel
    def some(A: int32[40], B: int32[40]):
        q = ta.stream(int32, depth=40)
        with ta.dataflow():
            for i in ta.range(40, name="P"):
                with ta.when(A[i] > 0):
                    q.put(A[i])
            for j in ta.range(40, name="Q"):
                with ta.when(A[j] > 0):
                    B[j] = q.get()

    A = np.arange(40, dtype=np.int32) % 3
    found = some.simulate(A, np.zeros(40, np.int32), values=False)
    assert (found.arrays["B"] == A).all() and not found.leapt
    assert same(ta.customize(some), A, np.zeros(40, np.int32)).arrays


def test_a_large_layer_takes_the_cycles_that_it_must() -> None:
    """512 x 768 by 768 x 3072 on 16 x 16 PEs: the limit is 4,718,592 cycles."""
    s = tiled(make(M=512, N=3072, K=768), 16, 16)
    A, B = np.ones((512, 768), np.int8), np.ones((768, 3072), np.int8)
    found = s.simulate(A, B, values=False)
    assert found.cycles is not None and 4_718_592 <= found.cycles <= 4_718_592 * 1.0015
    assert found.leapt > 4_700_000
