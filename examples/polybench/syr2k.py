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


def schedule(kernel):
    """A tile of a tenth of the rows by a tenth of the columns in every cycle."""
    s = ta.customize(kernel)
    side = -(-s.C.shape[0] // 10)
    scaled, i = s.distribute("i")
    s.reorder("k", i, "L0_2.j")
    for rows, columns in ((scaled, "L0_1.j"), (i, "L0_2.j")):
        s.pipeline(s.tile([rows, columns], [side, side])[1])
    s.partition(s.C, kind="cyclic", factor=side)
    for array in (s.A, s.B):
        s.partition(array, dim=0, kind="cyclic", factor=side)
    return s
