"""``parallel`` and ``vectorize``: run iterations of a loop at the same time."""

from __future__ import annotations

from common import check_round_trip, refused

import tracealloc as ta
from tracealloc import float32, grid, int32, kernel


@kernel
def matmul(A: float32[4, 5], B: float32[5, 6], C: float32[4, 6]):
    for i, j, k in grid(4, 6, 5):
        C[i, j] += A[i, k] * B[k, j]


@kernel
def isum(A: int32[4], C: int32[1]):
    for i in grid(4):
        C[0] += A[i]


@kernel
def diagonal(A: float32[8, 8]):
    for i, j in grid(6, 6):
        A[i + 1, j + 1] = A[i, j] * 0.5


def test_a_parallel_loop_stays_parallel() -> None:
    s = ta.customize(diagonal)
    s.parallel("j")
    message = refused(lambda: s.reorder("j", "i"), s, ta.IllegalScheduleError)
    assert message == "\n".join(
        [
            'TA211 reorder("j", "i") would run iterations at the same time that depend on one another',
            "  because: iteration (i=0, j=0) writes A[1, 1] (test_parallel.py:26), "
            "which iteration (i=1, j=1) reads as A[i, j] (test_parallel.py:26), at distance 1 in 'j'",
            "  because: loop 'j' is parallel, and would then carry this dependence",
            "  try: take this step first, and mark a loop that carries nothing then",
        ]
    )
    check_round_trip(s, diagonal)


def test_parallel_refuses_sums() -> None:
    s = ta.customize(isum)
    message = refused(lambda: s.parallel("i"), s, ta.IllegalScheduleError)
    assert message == "\n".join(
        [
            'TA211 parallel("i") would run iterations at the same time that depend on one another',
            "  because: iteration (i=0) writes C[0] (test_parallel.py:20), "
            "which iteration (i=1) writes as C[0] (test_parallel.py:20), at distance 1 in 'i'",
            "  because: loop 'i' carries a sum, whose parts would be added at the same time",
            "  try: no loop around the sum is free of dependences: add up several sums in the kernel",
        ]
    )
    t = ta.customize(matmul)
    t.vectorize("j")
    t.parallel("i")
    t.unroll("k", factor=5)
    check_round_trip(t, matmul)
