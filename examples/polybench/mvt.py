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
    """A row at a time: for x1 in chains of 20, for x2 in turns of eight rows."""
    s = ta.customize(kernel)
    s.reassociate()
    for array, dim in ((s.A, 1), (s.y_1, 0), (s.x2, 0)):
        s.partition(array, dim=dim)
    s.reorder("L1.j", "L1.i")
    row = s.merge("L0.i", "L1.j")
    j = s.merge("j", "L0.i_1")
    parts, _ = s.split(j, 20)
    s.partition(s.rfactor(s.x1, parts, over=parts))
    s.partition(s.rfactor(s.x2, row, factor=8))
    s.pipeline(row)
    for loop in ("i_start", "i_finish"):
        s.pipeline(s.split(loop, 32)[0])
    return s
