"""The table of bank conflicts: its names are those of the schedule, its proposals remove the conflicts."""

from __future__ import annotations

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import float32, grid, int32, kernel


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


@kernel
def product(A: float32[20, 100, 110], B: float32[110, 90], C: float32[20, 100, 90]):
    for n, i, j, k in grid(20, 100, 90, 110):
        C[n, i, j] += A[n, i, k] * B[k, j]


def test_a_nest_of_a_million_statements_is_counted_exactly() -> None:
    s = ta.customize(product)
    s.pipeline("n")
    rows = {row.array: row for row in s.conflicts()}
    assert {name: (row.accesses, row.needed) for name, row in rows.items()} == {
        "A": (11000, 5500),
        "B": (9900, 4950),
        "C": (18000, 9000),
    }
    # More banks than any device has are no proposal.
    assert all(row.proposal is None and not row.ok for row in rows.values())
    assert {row.advice for row in rows.values()} == {"no partition into up to 4096 banks helps"}
    s = ta.customize(product)
    s.pipeline("i")
    for row in s.conflicts():
        exec(row.proposal or "", {"s": s})
    assert [row.array for row in s.conflicts() if not row.ok] == ["B"]


def test_what_unrolls_to_too_much_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracealloc.schedule.timing.unrolled_accesses._LIMIT", 50_000)
    s = ta.customize(product)
    s.pipeline("n")
    table = s.conflicts()
    assert {row.array for row in table} == {"A", "B", "C"}
    assert all(not row.counted and not row.ok and row.proposal is None for row in table)
    assert {row.advice for row in table} == {"too much to unroll: pipeline a loop further inside"}
    assert "over " in str(table)


def test_a_join_with_the_banks_that_are_there_is_no_dearer_than_needed() -> None:
    @kernel
    def columns(A: float32[24, 4], B: float32[4]):
        for i in grid(4):
            for j in ta.range(4):
                B[i] += A[3 * j, i]

    s = ta.customize(columns)
    s.partition(s.A, dim=0, kind="block", factor=2)
    s.pipeline("i")
    row = next(row for row in s.conflicts() if row.array == "A")
    assert (row.reads, row.needed) == (4, 2) or row.proposal is None
    s.bind(s.A, "bram", ports=1)
    row = next(row for row in s.conflicts() if row.array == "A")
    assert row.proposal == 's.partition("A", dim=0, kind="block", factor=8)'


def test_scalars_of_an_iteration_are_its_own() -> None:
    """What such a scalar begins with was not counted as read, and elements chosen by it as one for all."""

    @kernel
    def gathered(x: int32[8], A: int32[16], y: int32[8]):
        for i in grid(8):
            t = ta.scalar(int32, x[i])
            y[i] = A[t]

    s = ta.customize(gathered)
    s.unroll("i", 4)
    s.pipeline("i")
    found = {row.array: (row.accesses, row.reads, row.writes, row.needed) for row in s.conflicts()}
    assert found == {"x": (4, 4, 0, 2), "A": (4, 4, 0, 2), "y": (4, 0, 4, 4)}


def test_banks_that_tell_nothing_apart_may_stay() -> None:
    @kernel
    def diagonal(A: float32[24, 24]):
        for i in grid(3):
            A[2 * i + 2, i + 2] += 1.0

    s = ta.customize(diagonal)
    s.partition(s.A, dim=0, kind="cyclic", factor=3)
    s.unroll("i", 4)
    s.pipeline("i")
    (row,) = s.conflicts()
    assert row.proposal == 's.partition("A", dim=1, kind="cyclic", factor=4)'


def test_elements_of_tables_that_are_known_need_no_port() -> None:
    """In an unrolled loop ``c[k]`` is a number; where the subscript runs, the table is a memory."""
    table = np.arange(8, dtype=np.int32)

    @kernel
    def fir(x: int32[64], y: int32[57]):
        c = ta.constant(table)
        for i in ta.range(57):
            t = ta.scalar(int32, 0)
            for k in ta.range(8):
                t += x[i + k] * c[k]
            y[i] = t + c[i % 8]

    s = ta.customize(fir)
    s.reuse_at(s.x, "i")
    s.pipeline("i")
    found = s.conflicts()
    assert not found
    (row,) = [row for row in str(found).splitlines() if " c " in row]
    assert "1 read, 0 written" in row
