"""Summed matrix-vector products: ``y = alpha * A @ x + beta * B @ x``, with ``tmp = A @ x``."""

import tracealloc as ta
from tracealloc import kernel


def make(*, N, dtype=ta.float64):
    @kernel
    def gesummv(
        alpha: dtype, beta: dtype, A: dtype[N, N], B: dtype[N, N], tmp: dtype[N], x: dtype[N], y: dtype[N]
    ):
        for i in ta.range(N):
            tmp[i] = 0
            y[i] = 0
            for j in ta.range(N):
                tmp[i] += A[i, j] * x[j]
                y[i] += B[i, j] * x[j]
            y[i] = alpha * tmp[i] + beta * y[i]

    return gesummv


def schedule(kernel):
    """A seventh of the rows of both matrices at a time: every sum waits for six others."""
    s = ta.customize(kernel)
    rows = -(-s.y.shape[0] // 7)
    for array in (s.tmp, s.y):
        s.partition(array)
    for array in (s.A, s.B):
        s.partition(array, dim=0, kind="cyclic", factor=rows)
    zero, zero_y, i, last = s.distribute("i")
    s.reorder("j", i)
    for loop in (zero, zero_y, i, last):
        s.pipeline(s.split(loop, rows)[0])
    return s
