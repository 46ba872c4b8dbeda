"""General matrix product: ``C = alpha * A @ B + beta * C``."""

import tracealloc as ta
from tracealloc import grid, kernel


def make(*, NI, NJ, NK, dtype=ta.float64):
    @kernel
    def gemm(alpha: dtype, beta: dtype, C: dtype[NI, NJ], A: dtype[NI, NK], B: dtype[NK, NJ]):
        for i in ta.range(NI):
            for j in ta.range(NJ):
                C[i, j] *= beta
            for k, j in grid(NK, NJ):
                C[i, j] += alpha * A[i, k] * B[k, j]

    return gemm


def schedule(kernel):
    """A whole row of C in every cycle; all rows take turns, so no sum waits for itself."""
    s = ta.customize(kernel)
    scaled, i = s.distribute("i")
    s.reorder("k", i)
    for row in (scaled, i):
        s.pipeline(row)
    for array in (s.B, s.C):
        s.partition(array, dim=1)
    return s
