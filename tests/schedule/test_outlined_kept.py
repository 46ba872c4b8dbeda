"""Functions cut out of kernels: streams, arrays that live across calls, arrays that they fill for others."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import int32, kernel
from tracealloc.check.interpret.interpret import Interpreter, interpret


@kernel
def sums(A: int32[8], B: int32[8]):
    S = ta.state((8,), int32)
    for i in ta.range(8):
        S[i] += A[i]
    for j in ta.range(8):
        B[j] = S[j]


@kernel
def queued(q: ta.Stream[int32], r: ta.Stream[int32], A: int32[8]):
    for i in ta.range(8):
        r.put(q.get() + A[i])
    for j in ta.range(3):
        A[j] = q.get()


@pytest.mark.parametrize("loops", ["i", "j", "ij"])
def test_an_array_across_calls_stays_one_array(loops: str) -> None:
    s = ta.customize(sums)
    for loop in loops:
        s.outline(loop, f"part_{loop}")
    machine, module = Interpreter(s.lowered), s.build()
    for times in (1, 2, 3):
        found = [np.zeros(8, np.int32) for _ in range(2)]
        machine(np.arange(8, dtype=np.int32), found[0])
        module(np.arange(8, dtype=np.int32), found[1])
        for b in found:
            assert b.tolist() == [times * k for k in range(8)]


_OUT = "s.outline('i', 'p')"


@pytest.mark.parametrize("calls", [_OUT, "s.outline('j', 'p')", f"{_OUT}\ns.inline('p')"])
def test_streams_stay_streams(calls: str) -> None:
    s = ta.customize(queued)
    exec(calls, {"s": s})
    for run in (lambda *args: interpret(s.lowered, *args), s.build()):
        q, r, a = deque(range(20)), deque([-1]), np.arange(8, dtype=np.int32)
        run(q, r, a)
        assert list(q) == list(range(11, 20)) and list(r) == [-1, *range(0, 16, 2)]
        assert a.tolist() == [8, 9, 10, 3, 4, 5, 6, 7]


def test_a_part_fills_an_array_that_others_read() -> None:
    @kernel
    def filled(A: int32[3, 4]):
        for k in ta.range(0, 3, 3):
            L = ta.full((3, 4), 7, int32)
            for j in ta.range(4):
                A[k, j] = L[k, j] + j

    s = ta.customize(filled)
    s.distribute("k")
    s.outline("k_1", "part")
    for run in (lambda a: interpret(s.lowered, a), s.build()):
        a = np.zeros((3, 4), np.int32)
        run(a)
        assert a[0].tolist() == [7, 8, 9, 10]


def test_compute_at_beside_an_outlined_part() -> None:
    """Its proof met the call, which the traced kernel does not have."""

    @kernel
    def beside(A: int32[8], B: int32[8], C: int32[8]):
        for i in ta.range(8):
            A[i] = C[i] * 2
        for j in ta.range(8):
            B[j] = A[j] + 1
        for k in ta.range(8):
            C[k] = A[7 - k]

    s = ta.customize(beside)
    s.outline("k", "part")
    s.compute_at(s.A, "j")
    assert s.verify()
    a, b, c = np.zeros(8, np.int32), np.zeros(8, np.int32), np.arange(8, dtype=np.int32)
    s.build()(a, b, c)
    assert b.tolist() == [2 * k + 1 for k in range(8)] and c.tolist() == [2 * (7 - k) for k in range(8)]


def test_a_part_keeps_what_a_while_loop_makes() -> None:
    @kernel
    def made(A: int32[4]):
        for i in ta.range(4):
            c = ta.scalar(int32, 3)

            def body():
                c.set(c - 1)  # noqa: B023
                T = ta.full((2,), 5, int32)
                A[i] += T[1]  # noqa: B023

            ta.while_loop(lambda: c > 0, body)  # noqa: B023

    s = ta.customize(made)
    s.outline("i", "part")
    for run in (lambda a: interpret(s.lowered, a), s.build()):
        a = np.zeros(4, np.int32)
        run(a)
        assert a.tolist() == [15] * 4
