"""Two rank-one updates of A, then ``x += beta * A.T @ y + z`` and ``w += alpha * A @ x``."""

import tracealloc as ta
from tracealloc import grid, kernel


def make(*, N, dtype=ta.float64):
    @kernel
    def gemver(
        alpha: dtype,
        beta: dtype,
        A: dtype[N, N],
        u1: dtype[N],
        v1: dtype[N],
        u2: dtype[N],
        v2: dtype[N],
        w: dtype[N],
        x: dtype[N],
        y: dtype[N],
        z: dtype[N],
    ):
        for i, j in grid(N, N):
            A[i, j] = A[i, j] + u1[i] * v1[j] + u2[i] * v2[j]
        for i, j in grid(N, N):
            x[i] += beta * A[j, i] * y[j]
        for i in ta.range(N):
            x[i] += z[i]
        for i, j in grid(N, N):
            w[i] += alpha * A[i, j] * x[j]

    return gemver
