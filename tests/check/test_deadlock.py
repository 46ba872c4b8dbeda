"""``verify`` of a network: whether its processes wait for one another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import int32, kernel
from tracealloc.check.deadlock import UNDECIDED


def fork(depth: int) -> Any:
    @kernel
    def join(x: int32[6], y: int32[6]):
        a = ta.stream(int32, depth=depth)
        b = ta.stream(int32, depth=depth)
        with ta.dataflow():
            for i in ta.range(6):
                a.put(x[i])
                b.put(x[i])
            for _ in ta.processes(1, name="both"):
                total = ta.scalar(int32, 0)
                for _i in ta.range(6):
                    total += a.get()
                for i in ta.range(6):
                    y[i] = b.get() + total

    return join


def test_too_little_room() -> None:
    s = ta.customize(fork(4))
    found = s.verify()
    assert not found
    assert found.counterexample is not None
    assert found.counterexample.startswith("join: the processes wait for one another; ")
    assert "waits for room in b (4 of 4)" in found.counterexample


def test_enough_room() -> None:
    s = ta.customize(fork(5))
    assert s.verify()
    y = np.zeros(6, np.int32)
    s.build()(np.arange(6, dtype=np.int32), y)
    np.testing.assert_array_equal(y, np.arange(6) + 15)


def test_what_is_left() -> None:
    @kernel
    def left(x: int32[6], y: int32[6]):
        q = ta.stream(int32)
        with ta.dataflow():
            for i in ta.range(6):
                q.put(x[i])
            for i in ta.range(5):
                y[i] = q.get()

    found = ta.customize(left).verify()
    assert found.counterexample == "left: the queue q ended with 1 element that nothing took"


def test_data_decide() -> None:
    @kernel
    def some(x: int32[6], y: int32[6]):
        q = ta.stream(int32)
        with ta.dataflow():
            for i in ta.range(6):
                if x[i] > 0:
                    q.put(x[i])
            for i in ta.range(6):
                y[i] = q.get()

    found = ta.customize(some).verify()
    assert found
    assert found.assumptions == (UNDECIDED,)


@kernel
def chosen(x: int32[6], at: int32[6], y: int32[6]):
    q = ta.stream(int32, depth=4, shape=(2,))
    with ta.dataflow():
        for i in ta.range(6):
            q[at[i]].put(x[i])
        for i in ta.range(6):
            y[i] = q[at[i] // 2].get()


@kernel
def offset(x: int32[6], at: int32[6], y: int32[6]):
    q = ta.stream(int32)
    with ta.dataflow():
        for i in ta.range(6):
            q.put(x[at[i] - 1])
        for i in ta.range(6):
            y[i] = q.get()


@kernel
def first(x: int32[6], q: ta.Stream[int32], n: int32):
    for i in ta.range(n):
        q.put(x[i])


@kernel
def so_many(x: int32[6], n: int32[1], y: int32[6]):
    q = ta.stream(int32)
    with ta.dataflow():
        first(x, q, n[0])
        for i in ta.range(6):
            y[i] = x[i]


@pytest.mark.parametrize("made", [chosen, offset, so_many], ids=lambda made: made.name)
def test_zeros_do_not_decide(made: Any) -> None:
    """Data choose the queue or how much is put, or a run on zeros leaves an array."""
    found = ta.customize(made).verify()
    assert found
    assert found.assumptions == (UNDECIDED,)
