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
                C[k, j] += alpha * B[i, j] * A[i, k]
                temp2[j] += B[k, j] * A[i, k]
            for j in ta.range(N):
                C[i, j] = beta * C[i, j] + alpha * B[i, j] * A[i, i] + alpha * temp2[j]

    return symm


def schedule(kernel):
    """A fifth of C and of the running sum at a time, two products a column: sums wait for four others."""
    s = ta.customize(kernel)
    lanes = -(-s.C.shape[1] // 5)
    for loop in s.loops()[2:]:
        s.pipeline(s.split(loop, lanes)[0])
    for array, dim in ((s.B, 1), (s.C, 1), (s.temp2, 0)):
        s.partition(array, dim=dim, kind="cyclic", factor=lanes)
    return s
