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
    """A quarter of a row of C at a time; all rows take turns, so no sum waits for its last addition."""
    s = ta.customize(kernel)
    lanes = -(-s.C.shape[1] // 4)
    _, i = s.distribute("i")
    column, _ = s.split("L0_1.j", lanes)
    s.pipeline(column)
    j, lane = s.split("L0_2.j", lanes)
    s.reorder(j, "k", i, lane)
    s.pipeline(i)
    for array in (s.B, s.C):
        s.partition(array, dim=1, kind="cyclic", factor=lanes)
    return s
