"""Symmetric matrix product: ``C = alpha * S @ B + beta * C``.

S is symmetric and given by the lower triangle of A; the upper triangle is not read.
"""

import tracealloc as ta
from tracealloc import grid, kernel


def make(*, M, N, dtype=ta.float64):
    @kernel
    def symm(alpha: dtype, beta: dtype, C: dtype[M, N], A: dtype[M, M], B: dtype[M, N]):
        for i in ta.range(M):
            temp2 = ta.zeros(N, dtype)
            for k, j in grid(i, N):
                temp2[j] += B[k, j] * A[i, k]
            for j in ta.range(N):
                C[i, j] = beta * C[i, j] + alpha * B[i, j] * A[i, i] + alpha * temp2[j]
            for k, j in grid(i, N):
                C[k, j] += alpha * B[i, j] * A[i, k]

    return symm


def schedule(kernel):
    """Whole rows in every cycle; each row of B goes into all rows of the running sums that it is part of."""
    s = ta.customize(kernel)
    zero, i, last, _ = s.distribute("i")
    s.reorder("L0_2.k", i)
    for row in (zero, i, last, "L0_4.k"):
        s.pipeline(row)
    for array in (s.B, s.C, s.temp2):
        s.partition(array, dim=1)
    return s
