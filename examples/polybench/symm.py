"""Symmetric matrix product: ``C = alpha * S @ B + beta * C``.

S is symmetric and given by the lower triangle of A; the upper triangle is not read.
"""

import tracealloc as ta
from tracealloc import grid, kernel


def make(*, M, N, dtype=ta.float64):
    @kernel
    def symm(alpha: dtype, beta: dtype, C: dtype[M, N], A: dtype[M, M], B: dtype[M, N]):
        for i, j in grid(M, N):
            temp2 = ta.scalar(dtype, 0)
            for k in ta.range(i):
                C[k, j] += alpha * B[i, j] * A[i, k]
                temp2 += B[k, j] * A[i, k]
            C[i, j] = beta * C[i, j] + alpha * B[i, j] * A[i, i] + alpha * temp2

    return symm
