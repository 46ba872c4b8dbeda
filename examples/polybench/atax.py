"""``y = A.T @ (A @ x)``, with ``tmp = A @ x``."""

import tracealloc as ta
from tracealloc import kernel


def make(*, M, N, dtype=ta.float64):
    @kernel
    def atax(A: dtype[M, N], x: dtype[N], y: dtype[N], tmp: dtype[M]):
        for i in ta.range(N):
            y[i] = 0
        for i in ta.range(M):
            tmp[i] = 0
            for j in ta.range(N):
                tmp[i] += A[i, j] * x[j]
            for j in ta.range(N):
                y[j] += A[i, j] * tmp[i]

    return atax
