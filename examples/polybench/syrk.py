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
    """A tile of an eighth of the rows by an eighth of the columns in every cycle."""
    s = ta.customize(kernel)
    side = -(-s.C.shape[0] // 8)
    scaled, i = s.distribute("i")
    s.reorder("k", i, "L0_2.j")
    for rows, columns in ((scaled, "L0_1.j"), (i, "L0_2.j")):
        s.pipeline(s.tile([rows, columns], [side, side])[1])
    s.partition(s.C, kind="cyclic", factor=side)
    s.partition(s.A, dim=0, kind="cyclic", factor=side)
    return s
