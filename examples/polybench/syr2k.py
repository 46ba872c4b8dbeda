"""Symmetric rank-2k update of the lower triangle: ``C = alpha * (A @ B.T + B @ A.T) + beta * C``."""

import tracealloc as ta
from tracealloc import kernel


def make(*, N, M, dtype=ta.float64):
    @kernel
    def syr2k(alpha: dtype, beta: dtype, C: dtype[N, N], A: dtype[N, M], B: dtype[N, M]):
        for i in ta.range(N):
            for j in ta.range(i + 1):
                C[i, j] *= beta
            for k in ta.range(M):
                for j in ta.range(i + 1):
                    C[i, j] += A[j, k] * alpha * B[i, k] + B[j, k] * alpha * A[i, k]

    return syr2k
