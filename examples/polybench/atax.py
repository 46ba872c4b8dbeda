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
    """39 rows of the first product, 41 columns of the second at a time, each sum 10 cycles apart."""
    s = ta.customize(kernel)
    _, first, _ = s.distribute("L1.i")
    s.pipeline("L0.i")
    s.pipeline("L1_1.i_1")
    s.reorder("L1_2.j", first)
    i, _ = s.split(first, 39)
    s.pipeline(i)
    j, _ = s.split("L1_3.j", 41)
    s.pipeline(j)
    s.partition(s.A, dim=0, kind="cyclic", factor=39)
    s.partition(s.A, dim=1, kind="cyclic", factor=41)
    s.partition(s.tmp, dim=0, kind="cyclic", factor=39)
    s.partition(s.y, dim=0, kind="cyclic", factor=41)
    return s
