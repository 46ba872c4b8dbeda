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
    """Half a row of both matrices at a time, in chains of eight."""
    s = ta.customize(kernel)
    s.reassociate()
    lanes = 8 * -(-s.x.shape[0] // 16)
    for array, dim in ((s.A, 1), (s.B, 1), (s.x, 0)):
        s.partition(array, dim=dim, kind="cyclic", factor=lanes)
    zero, i, last = s.distribute("i", at=[2, 3])
    group, j = s.split("j", lanes)
    s.reorder(group, i)
    parts, _ = s.split(j, 8)
    for array in (s.tmp, s.y):
        s.partition(s.rfactor(array, parts, over=parts))
    for loop in (zero, i, last):
        s.pipeline(loop)
    return s
