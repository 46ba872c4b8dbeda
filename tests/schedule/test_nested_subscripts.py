"""Arrays that choose elements of arrays: a new layout evaluates their subscripts in another order, or not."""

from __future__ import annotations

import pytest
from common import check_round_trip

import tracealloc as ta
from tracealloc import float32, int32, int64, kernel, uint16

bit = ta.UInt(1)


@kernel
def two(A: bit[2, 2], B: int32[2], v: bit[4]):
    for j in ta.range(2):
        for i in ta.range(4):
            B[j] += A[A[0, 0], A[1, 1]] + A[v[0], v[i]]


@kernel
def stored(A: bit[2, 2], B: int32[2], v: bit[4]):
    for j in ta.range(2):
        for i in ta.range(4):
            A[A[0, 1], v[1]] += A[A[0, 0], A[j, A[1, 1]]] - A[A[j, 0] & 1, 0] + v[i]


@kernel
def guarded(A: bit[2, 2], B: int32[2], v: bit[4]):
    for j in ta.range(2):
        for i in ta.range(4):
            if A[A[0, 0], A[1, 1]] > A[A[j, 0], 0]:
                B[i & 1] += A[v[i], A[1, 1]] + i


@kernel
def queued(A: bit[2, 2], v: bit[4], q: ta.Stream[int32]):
    for j in ta.range(2):
        for i in ta.range(4):
            q.put(A[v[i], A[0, 1]] + j)


@kernel
def of_one(A: bit[1, 2], B: int32[2], v: bit[4]):
    for j in ta.range(2):
        for i in ta.range(4):
            t = A[v[i] % 1, v[0]]
            B[t] += A[v[0] % 1, A[0, v[1]]] + v[i] + j


LAYOUTS = ['s.permute("A", [1, 0])', 's.reshape("A", {size})', 's.reshape("A", [1, {size}])']
LATER = ["", 's.peel("i", 2)', 's.split("i", 2); s.unroll("i.inner")', 's.buffer_at("v", "j")']
LATER += ['s.outline("i", "part"); s.inline("part")', 's.reshape("v", [2, 2])']


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("top", [two, stored, guarded, queued, of_one], ids=lambda top: top.name)
def test_reads_are_told_apart_in_another_layout(top: ta.Kernel, layout: str) -> None:
    """In whichever order the subscripts are evaluated, and after the steps that follow."""
    size = 2 if top is of_one else 4
    for later in LATER[: -1 if top is of_one else None]:
        s = ta.customize(top)
        for step in (layout.format(size=size), *later.split("; ")):
            exec(step, {"s": s})
        check_round_trip(s)


@kernel
def twice(A: bit[1, 2], B: int32[2], v: bit[4]):
    for i in ta.range(2):
        if A[v[i] % 1, 0] > 0:
            B[i] = A[v[i] % 1, 0] + v[i]


@kernel
def rows(A: int32[1, 2], B: int32[2], v: bit[4]):
    for i in ta.range(2):
        A[v[0] % 1, i] = A[v[1] % 1, v[i]] + A[0, i] - A[v[2] % 1, i]
        B[i] += A[v[3] % 1, v[i]] + v[2]


@kernel
def _summed(R: bit[2], B: int32[2], by: int32):
    for i in ta.range(2):
        B[i] += R[i] * by


@kernel
def called(A: bit[1, 2], B: int32[2], v: bit[4], C: bit[2, 2]):
    for i in ta.range(2):
        _summed(C[v[A[v[i] % 1, 0]]], B, A[v[2] % 1, v[v[0] + 2]])


@pytest.mark.parametrize("later", ["", 's.reshape("A_local", [1, 2])', 's.reshape("v", [2, 2])'])
@pytest.mark.parametrize("layout", ['s.permute("A", [1, 0])', 's.reshape("A", 2)'])
@pytest.mark.parametrize("top", [twice, rows, called], ids=lambda top: top.name)
def test_rows_of_one_that_data_choose(top: ta.Kernel, layout: str, later: str) -> None:
    """A subscript that is gone counts as read; what only it told apart is one access."""
    s = ta.customize(top)
    for step in (layout, later):
        exec(step, {"s": s})
    check_round_trip(s)


@kernel
def hidden(A: int64[2, 7], B: float32[2, 7, 1], n: uint16):
    B[0, A[0, 5] % 7, n % 1] = B[n % 2, A[1, 1] % 7, A[0, 3] % 1] - 100.0


def test_an_array_that_only_a_row_of_one_reads_gets_another_layout() -> None:
    """The subscript ``A[0, 3] % 1`` is gone, its read counts, and is of the array as it is stored now."""
    s = ta.customize(hidden)
    s.reshape("B", [14])
    s.reshape("A", [14])
    assert s.verify()
