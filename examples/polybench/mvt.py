"""Matrix-vector product and transposed product: ``x1 += A @ y_1`` and ``x2 += A.T @ y_2``."""

import tracealloc as ta
from tracealloc import grid, kernel


def make(*, N, dtype=ta.float64):
    @kernel
    def mvt(x1: dtype[N], x2: dtype[N], y_1: dtype[N], y_2: dtype[N], A: dtype[N, N]):
        for i, j in grid(N, N):
            x1[i] += A[i, j] * y_1[j]
        for i, j in grid(N, N):
            x2[i] += A[j, i] * y_2[j]

    return mvt
