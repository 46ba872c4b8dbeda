"""``y = A.T @ (A @ x)``, with ``tmp = A @ x``."""

import tracealloc as ta
from tracealloc import kernel


def make(*, M, N, dtype=ta.float64):
    @kernel
    def atax(A: dtype[M, N], x: dtype[N], y: dtype[N], tmp: dtype[M]):
        for i in ta.range(N):
            y[i] = 0
        for i in ta.range(M):
            tmp[i] = 0
            for j in ta.range(N):
                tmp[i] += A[i, j] * x[j]
            for j in ta.range(N):
                y[j] += A[i, j] * tmp[i]

    return atax


def schedule(kernel):
    """A seventh of the rows, then a seventh of the columns at a time: every sum waits for six others."""
    s = ta.customize(kernel)
    rows, columns = (-(-extent // 7) for extent in s.A.shape)
    for array in (s.tmp, s.y):
        s.partition(array)
    for dim, lanes in enumerate((rows, columns)):
        s.partition(s.A, dim=dim, kind="cyclic", factor=lanes)
    zero, i, _ = s.distribute("L1.i")
    s.reorder("L1_2.j", i)
    for loop, lanes in (("L0.i", columns), (zero, rows), (i, rows), ("L1_3.j", columns)):
        s.pipeline(s.split(loop, lanes)[0])
    return s
