"""Triangular matrix product in place: ``B = alpha * L.T @ B``.

L is unit lower triangular: the strict lower triangle of A.
"""

import tracealloc as ta
from tracealloc import grid, kernel


def make(*, M, N, dtype=ta.float64):
    @kernel
    def trmm(alpha: dtype, A: dtype[M, M], B: dtype[M, N]):
        for i, j in grid(M, N):
            total = ta.scalar(dtype, B[i, j])
            for k in ta.range(i + 1, M):
                total += A[k, i] * B[k, j]
            B[i, j] = alpha * total

    return trmm


def schedule(kernel):
    """A whole row of sums in every cycle; row k of B goes into all rows above, one after the other."""
    s = ta.customize(kernel)
    _, j, _ = s.distribute("j")
    first, i, last = s.distribute("i")
    s.reorder("k", i, j)
    for row in (first, i, last):
        s.pipeline(row)
    for array in (s.total, s.B):
        s.partition(array, dim=1)
    return s
