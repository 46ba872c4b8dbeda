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
