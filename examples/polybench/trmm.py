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
