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
    """24 columns of a row at a time; every third access of a bank waits, so 2 cycles for each."""
    s = ta.customize(kernel)
    s.distribute("j")
    j, column = s.split("L0.j_1", 24)
    s.reorder("k", j, column)
    s.pipeline(j, ii=2)
    s.pipeline("j_2")
    s.partition(s.B, dim=1, kind="cyclic", factor=24)
    return s
