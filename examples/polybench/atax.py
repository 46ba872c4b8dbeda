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
    """A quarter of a row at a time: for tmp in chains of eight, for y in turns of three rows."""
    s = ta.customize(kernel)
    s.reassociate()
    lanes = 8 * -(-s.A.shape[1] // 32)
    s.partition(s.A, dim=1, kind="cyclic", factor=lanes)
    for array in (s.x, s.y):
        s.partition(array, kind="cyclic", factor=lanes)
    zero, row, column = s.distribute("L1.i")
    group, j = s.split("L1_2.j", lanes)
    s.reorder(group, row)
    parts, _ = s.split(j, 8)
    s.partition(s.rfactor(s.tmp, parts, over=parts))
    s.pipeline(row)
    group, _ = s.split("L1_3.j", lanes)
    y = s.rfactor(s.y, column, factor=3)
    s.partition(y, dim=1)
    s.partition(y, dim=0, kind="cyclic", factor=lanes)
    for loop in (zero, group):
        s.pipeline(loop)
    for loop in ("L0.i", "j_start", "j_finish"):
        s.pipeline(s.split(loop, lanes)[0])
    return s
