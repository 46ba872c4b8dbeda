"""Least depths against networks that are stepped cycle by cycle, and what is said of them."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from examples.systolic import make
from tests.check.simulate.networks import Edge, network, stepped
from tracealloc import grid, int32, kernel

EDGES: list[tuple[Edge, ...]] = [
    ((0, 1, 2),),
    ((0, 1, 2), (0, 2, 2), (1, 2, 2)),
    ((0, 1, 2), (1, 2, 2), (2, 3, 2), (0, 3, 2), (1, 3, 2)),
]


def good(policy: str, end: int | None, waits: bool, least: int) -> bool:
    """Whether a run is as the policy asks."""
    if policy == "no-wait":
        return end is not None and not waits
    return end is not None and (policy == "deadlock-free" or end <= least)


@pytest.mark.parametrize("policy", ["deadlock-free", "no-wait", "latency"])
@pytest.mark.parametrize("seed", range(6))
def test_each_depth_is_enough_and_one_less_is_not(policy: str, seed: int) -> None:
    rng = random.Random(seed)
    edges = list(EDGES[seed % len(EDGES)])
    work = [rng.randint(0, 4) for _ in range(4)]
    s = network(edges, work)
    found = s.least_depths(policy=policy)
    depths = {name: each.depth for name, each in found.items()}
    least, _, _ = stepped(s, dict.fromkeys(depths, 10_000))
    quick = min(each for each in (least, stepped(s, dict.fromkeys(depths, 2))[0]) if each is not None)
    end, fills, waits = stepped(s, depths)
    assert end == found.cycles and fills == {name: each.fill for name, each in found.items()}
    assert least is not None and good(policy, end, waits, max(least, quick))
    for name, depth in depths.items():
        if depth > 1:
            less, _, waits = stepped(s, {**depths, name: depth - 1})
            assert not good(policy, less, waits, found.cycles), (name, depth)
            assert found[name].reason


def test_what_is_said_of_one_less() -> None:
    @kernel
    def fork(A: int32[32], B: int32[32]):
        a = ta.stream(int32)
        b = ta.stream(int32)
        with ta.dataflow():
            for _ in ta.range(1, name="P"):
                for i in ta.range(32):
                    a.put(A[i])
                for k in ta.range(32):
                    b.put(A[k])
            for j in ta.range(32, name="Q"):
                B[j] = b.get() - a.get()

    assert fork.simulate(np.zeros(32, np.int32), np.zeros(32, np.int32)).deadlock
    found = fork.least_depths(policy="deadlock-free")
    assert (found["a"].depth, found["b"].depth) == (32, 1)
    assert found["a"].reason.startswith("deadlocks: ") and "a (31 of 31)" in found["a"].reason
    assert found["b"].reason == ""
    waits = ta.customize(fork).least_depths(policy="no-wait")
    assert waits["a"].depth == 32 and "deadlocks" in waits["a"].reason
    assert "with one less" in str(waits) and "simulated" in str(waits)


def test_the_first_put_that_waits_is_named() -> None:
    @kernel
    def slow(A: int32[32], B: int32[32]):
        a = ta.stream(int32, depth=4)
        with ta.dataflow():
            for i in ta.range(32, name="P"):
                a.put(A[i])
            for j in ta.range(32, name="Q"):
                B[j] = a.get()

    s = ta.customize(slow)
    s.pipeline("i")
    s.pipeline("j", 2)
    found = s.least_depths()
    depth = found["a"].depth
    # P puts 32 in 32 cycles, and Q takes one every other cycle.
    assert 15 <= depth <= 18 and found["a"].fill == depth
    assert found["a"].reason.startswith("P's put of element ") and "into a waits 1 cycle" in found["a"].reason


def test_where_data_choose_arguments_are_needed() -> None:
    @kernel
    def some(A: int32[8], B: int32[8]):
        a = ta.stream(int32, depth=8)
        with ta.dataflow():
            for i in ta.range(8, name="P"):
                with ta.when(A[i] > 0):
                    a.put(A[i])
            for j in ta.range(8, name="Q"):
                with ta.when(A[j] > 0):
                    B[j] = a.get()

    with pytest.raises(ta.ArgumentError, match="least_depths of some needs arguments") as caught:
        some.least_depths()
    assert "test_depths.py" in str(caught.value)
    A = np.array([1, 0, 0, 1, 1, 1, 0, 0], np.int32)
    assert some.least_depths(A, A.copy())["a"].depth >= 1


def test_policies_have_names() -> None:
    @kernel
    def one(A: int32[4]):
        for i in ta.range(4):
            A[i] = 1

    with pytest.raises(ta.BuildError, match="'deadlock-free', 'no-wait', 'latency', not 'fast'"):
        one.least_depths(policy="fast")
    assert len(one.least_depths()) == 0


def test_no_depth_helps_a_circle_without_a_token() -> None:
    @kernel
    def circle(A: int32[4]):
        a = ta.stream(int32)
        b = ta.stream(int32)
        with ta.dataflow():
            for i in ta.range(4, name="P"):
                a.put(b.get() + A[i])
            for _j in ta.range(4, name="Q"):
                b.put(a.get())

    with pytest.raises(ta.TraceallocError, match="however deep"):
        circle.least_depths(policy="deadlock-free")


def test_the_depths_of_an_array_of_queues_are_one() -> None:
    @kernel
    def chain(A: int32[16], B: int32[16]):
        q = ta.stream(int32, shape=(4,))
        with ta.dataflow():
            for i in ta.range(16, name="load"):
                q[0].put(A[i])
            for p in ta.processes(3, name="PE"):
                for _k in ta.range(16):
                    q[p + 1].put(q[p].get() + 1)
            for j in ta.range(16, name="store"):
                B[j] = q[3].get()

    def of(made: Any) -> Any:
        return made.least_depths(policy="deadlock-free")

    found = of(chain)
    assert list(found) == ["q"] and found["q"].depth == 1


def test_beside_an_array_between_processes() -> None:
    """What processes are handed whole has no values there, and is declared."""

    @kernel
    def transposed(A: int32[4, 4], C: int32[4, 4]):
        X = ta.empty((4, 4), int32)
        Y = ta.empty((4, 4), int32)
        for i, j in grid(4, 4, name="load"):
            X[i, j] = A[i, j]
        for i, j in grid(4, 4, name="compute"):
            Y[j, i] = X[i, j] * 2
        for i, j in grid(4, 4, name="store"):
            C[i, j] = Y[i, j] + 1

    s = ta.customize(transposed)
    s.dataflow()
    s.stream(s.X)
    assert "#pragma HLS stream variable=X depth=" in s.build(target="vitis_hls").source


def test_latency_is_no_longer_than_with_depth_two() -> None:
    """Deep queues hand on a cycle later: what is full in the far lanes of an array is no reason for them."""
    m = 6
    s = ta.customize(make(M=m, N=m, K=24))
    row, column = s.buffer_at(s.A, "j"), s.buffer_at(s.B, "j")
    pe = s.unfold("PE", axis=[0, 1], factor=[m, m])
    relayed = [s.relay(row, pe, axis=0), s.relay(column, pe, axis=1)]
    found = s.least_depths(policy="latency")
    assert {name: each.depth for name, each in found.items()} == {"A_fifo": 2, "B_fifo": 2}
    waits = s.least_depths(policy="no-wait")
    assert max(each.depth for each in waits.values()) > 2 and waits.cycles > found.cycles
    assert s.A.depth is None and [each.depth for each in relayed] == [2, 2]
