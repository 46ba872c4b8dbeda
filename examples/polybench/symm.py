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
    """24 columns at a time: C and the running sum both move on by 24 products per cycle."""
    s = ta.customize(kernel)
    last = s.loops()[-1]
    j, _ = s.split("L0.j#0", 24)
    s.pipeline(j)
    s.pipeline(last)
    s.partition(s.B, dim=1, kind="cyclic", factor=24)
    s.partition(s.C, dim=1, kind="cyclic", factor=24)
    s.partition(s.temp2, dim=0, kind="cyclic", factor=24)
    return s
