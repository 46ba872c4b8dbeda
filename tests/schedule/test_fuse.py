"""``fuse``: coalesce adjacent loops into one."""

from __future__ import annotations

from common import assert_same_results, check_round_trip, refused

import tracealloc as ta
from tracealloc import float32, grid, int32, kernel


@kernel
def matmul(A: float32[4, 5], B: float32[5, 6], C: float32[4, 6]):
    for i, j, k in grid(4, 6, 5):
        C[i, j] += A[i, k] * B[k, j]


@kernel
def triangle(A: float32[8, 8]):
    for i in ta.range(8):
        for j in ta.range(i + 1):
            A[i, j] = A[i, j] * 2


def test_fuse_rectangles_only() -> None:
    s = ta.customize(matmul)
    handle = s.fuse("i", "j")
    assert handle.name == "i_j"
    check_round_trip(s, matmul)
    t = ta.customize(triangle)
    assert refused(lambda: t.fuse("i", "j"), t, ta.ScheduleError) == "\n".join(
        [
            'TA226 fuse("i", "j") needs rectangular loops: '
            "the extent of 'j' depends on the loops outside it",
            "  try: fuse only loops whose bounds are constant",
        ]
    )


@kernel
def guarded(A: int32[20], O: int32[20], n: int32[1]):
    for b in ta.range(5):
        for j in ta.range(3, -1, -1):
            n[0] = n[0] * 3 + b
            if 4 * b + j < 18:
                O[4 * b + j] = max(A[4 * b + j], n[0])
            elif j == 2:
                O[19] = n[0]


@kernel
def edge(A: int32[130], O: int32[130]):
    for b in ta.range(17):
        for j in ta.range(8):
            if 8 * b + j < 130:
                O[8 * b + j] = A[8 * b + j] + 1


def test_fuse_around_conditions() -> None:
    s = ta.customize(edge)
    s.fuse("b", "j")
    assert repr(s.loops()) == "b_j  0:130  in L0"
    check_round_trip(s, edge)
    for split in (False, True):
        s = ta.customize(guarded)
        s.fuse("b", s.split("j", 2)[0] if split else "j")
        assert s.verify()
        assert_same_results(s)
