"""Triangular matrix product in place: ``B = alpha * L.T @ B``.

L is unit lower triangular: the strict lower triangle of A.
"""

import tracealloc as ta
from tracealloc import grid, kernel


def make(*, M, N, dtype=ta.float64):
    @kernel
    def trmm(alpha: dtype, A: dtype[M, M], B: dtype[M, N]):
        for i, j in grid(M, N):
            for k in ta.range(i + 1, M):
                B[i, j] += A[k, i] * B[k, j]
            B[i, j] *= alpha

    return trmm


def schedule(kernel):
    """A quarter of a row at a time; rows take turns. Two reads and a write of a bank take 2 cycles."""
    s = ta.customize(kernel)
    lanes = -(-s.B.shape[1] // 4)
    s.distribute("j")
    i, _ = s.distribute("i")
    j, lane = s.split("j_1", lanes)
    s.reorder(j, "k", i, lane)
    s.pipeline(i, ii=2)
    s.pipeline(s.split("j_2", lanes)[0])
    s.partition(s.B, dim=1, kind="cyclic", factor=lanes)
    return s
