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


def schedule(kernel):
    """Both products 40 rows or columns at a time, each sum 10 cycles apart."""
    s = ta.customize(kernel)
    s.reorder("L0.j", "L0.i")
    s.reorder("L1.j", "L1.i")
    for band, target, dim in (("L0", s.x1, 0), ("L1", s.x2, 1)):
        i, _ = s.split(f"{band}.i", 40)
        s.pipeline(i)
        s.partition(target, dim=0, kind="cyclic", factor=40)
        s.partition(s.A, dim=dim, kind="cyclic", factor=40)
    return s
