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


def schedule(kernel):
    """Whole rows of C at once; 10 rows take turns, so that each sum rests 10 cycles between additions."""
    s = ta.customize(kernel)
    _, i = s.distribute("i")
    s.pipeline("L0_1.j")
    i, row = s.split(i, 10)
    s.reorder(i, "k", row, "L0_2.j")
    rows = s.buffer_at(s.C, i)
    s.pipeline(row)
    s.partition(rows, dim=1)
    s.partition(s.A, dim=0)
    return s
