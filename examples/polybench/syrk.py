"""Symmetric rank-k update of the lower triangle: ``C = alpha * A @ A.T + beta * C``."""

import tracealloc as ta
from tracealloc import kernel


def make(*, N, M, dtype=ta.float64):
    @kernel
    def syrk(alpha: dtype, beta: dtype, C: dtype[N, N], A: dtype[N, M]):
        for i in ta.range(N):
            for j in ta.range(i + 1):
                C[i, j] *= beta
            for k in ta.range(M):
                for j in ta.range(i + 1):
                    C[i, j] += alpha * A[i, k] * A[j, k]

    return syrk
