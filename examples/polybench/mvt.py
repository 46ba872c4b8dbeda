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
    """Both products at once, a seventh of the rows and of the columns: every sum waits for six others."""
    s = ta.customize(kernel)
    lanes = -(-s.x1.shape[0] // 7)
    for array in (s.x1, s.x2):
        s.partition(array)
    s.partition(s.A, kind="cyclic", factor=lanes)
    s.reorder("L0.j", "L0.i")
    s.reorder("L1.j", "L1.i")
    s.merge("L0.j", "L1.j")
    i, _ = s.split(s.merge("i", "i_1"), lanes)
    s.pipeline(i)
    return s
