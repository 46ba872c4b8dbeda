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
    """A fifth of the rows in the first product, of the columns in the second: sums wait for four others."""
    s = ta.customize(kernel)
    rows, columns = (-(-extent // 5) for extent in s.A.shape)
    zero, first, _ = s.distribute("L1.i")
    s.reorder("L1_2.j", first)
    i, _ = s.split(first, rows)
    j, _ = s.split("L1_3.j", columns)
    for loop in ("L0.i", zero, i, j):
        s.pipeline(loop)
    s.partition(s.A, dim=0, kind="cyclic", factor=rows)
    s.partition(s.A, dim=1, kind="cyclic", factor=columns)
    s.partition(s.tmp, dim=0, kind="cyclic", factor=rows)
    s.partition(s.y, dim=0, kind="cyclic", factor=columns)
    return s
