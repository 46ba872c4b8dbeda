"""The table of bank conflicts: its names are those of the schedule, its proposals remove the conflicts."""

from __future__ import annotations

import pytest

import tracealloc as ta
from tracealloc import float32, grid, kernel


@kernel
def double(A: float32[16], B: float32[16]):
    for i in grid(16):
        B[i] = A[i] * 2


@kernel
def rows(A: float32[4, 16], B: float32[4, 16]):
    for r in ta.range(4):
        double(A[r], B[r])


@kernel
def dots(A: float32[16, 8], B: float32[8, 8], C: float32[16, 8]):
    for i, j in grid(16, 8):
        total = ta.scalar(float32, C[i, j])
        for k in ta.range(8):
            total += A[i, k] * B[k, j]
        C[i, j] = total


@kernel
def twice(A: float32[4, 16], B: float32[4, 16]):
    for i in ta.range(4):
        t = ta.zeros(16, float32)
        for j in ta.range(16):
            t[j] = A[i, j] * 2
        for j in ta.range(16):
            B[i, j] = t[15 - j]
    for i in ta.range(4):
        t = ta.zeros(16, float32)
        for j in ta.range(16):
            t[j] = B[i, j] * 2
        for j in ta.range(16):
            B[i, j] += t[15 - j]


def in_callee() -> ta.Schedule:
    s = ta.customize(rows)
    s.unroll("double:i", factor=4)
    s.pipeline("double:i")
    return s


def expanded() -> ta.Schedule:
    s = ta.customize(dots)
    _, j, _ = s.distribute("j")
    first, i, last = s.distribute("i")
    s.reorder("k", i, j)
    for loop in (first, i, last):
        s.pipeline(loop)
    return s


def same_names() -> ta.Schedule:
    s = ta.customize(twice)
    for loop in s.loops():
        if str(loop).split(".")[-1].startswith("j"):
            s.pipeline(s.split(loop, 4)[0])
    return s


@pytest.mark.parametrize("make", [in_callee, expanded, same_names])
def test_proposals_remove_the_conflicts(make) -> None:  # type: ignore[no-untyped-def]
    s = make()
    rows = s.conflicts().rows
    assert not rows[0].ok
    for row in rows:
        if not row.ok:
            assert row.proposal is not None
            exec(row.proposal, {"s": s})
        s.pipeline(row.loop, ii=1)  # the loop's name is one
    assert not s.conflicts(), str(s.conflicts())
    assert s.verify()


def test_names_of_callees_have_their_function() -> None:
    row = next(row for row in in_callee().conflicts() if row.array == "double:B")
    assert (row.function, row.loop) == ("double", "double:i")
    assert row.proposal == 's.partition("double:B", dim=0, kind="cyclic", factor=4)'


@kernel
def plane(A: float32[4, 16], B: float32[16]):
    for j in grid(16):
        B[j] = A[0, j] + A[3, j]


@kernel
def planes(A: float32[6, 4, 16], B: float32[6, 2, 16]):
    for p in ta.range(6):
        plane(A[p], B[p, 1])


@kernel
def nested(A: float32[2, 6, 4, 16], B: float32[2, 6, 2, 16]):
    for q in ta.range(2):
        planes(A[q], B[q])


def test_calls_in_a_pipelined_loop_count() -> None:
    s = ta.customize(planes)
    s.pipeline("p")
    found = {row.array: row for row in s.conflicts()}
    assert (found["A"].reads, found["B"].writes) == (32, 16)
    s.partition(s.A, dim=2)
    s.partition(s.B, dim=2)
    assert [(row.array, row.accesses, row.reads, row.writes) for row in s.conflicts()] == [
        ("A", 32, 2, 0),
        ("B", 16, 0, 1),
    ]
    t = ta.customize(nested)
    t.pipeline("q")
    t.partition(t.A, dim=[1, 2, 3])
    t.partition(t.B, dim=3)
    rows = {row.array: row for row in t.conflicts()}
    assert (rows["A"].accesses, rows["A"].reads, rows["B"].writes) == (192, 1, 6)


@kernel
def search(A: float32[16], B: float32[4]):
    k = ta.scalar(ta.int32, 0)

    def body() -> None:
        for i in ta.range(4):
            B[i] = A[4 * i] + A[4 * i + 1] + A[4 * i + 2]
        k[...] = k + 1

    ta.while_loop(lambda: k < 3, body)


def test_loops_inside_a_while_loop_count() -> None:
    s = ta.customize(search)
    s.pipeline("i")
    assert [(row.array, row.reads, row.needed) for row in s.conflicts()] == [("A", 3, 2), ("B", 0, 1)]
