"""The two products of a biconjugate gradient step: ``s = A.T @ r`` and ``q = A @ p``."""

import tracealloc as ta
from tracealloc import kernel


def make(*, M, N, dtype=ta.float64):
    @kernel
    def bicg(A: dtype[N, M], s: dtype[M], q: dtype[N], p: dtype[M], r: dtype[N]):
        for i in ta.range(M):
            s[i] = 0
        for i in ta.range(N):
            q[i] = 0
            for j in ta.range(M):
                s[j] += r[i] * A[i, j]
                q[i] += A[i, j] * p[j]

    return bicg


def schedule(kernel):
    """A row at a time: for q in chains of 20, for s in turns of eight rows."""
    s = ta.customize(kernel)
    s.reassociate()
    for array, dim in ((s.A, 1), (s.p, 0), (s.s, 0)):
        s.partition(array, dim=dim)
    zero, row = s.distribute("L1.i")
    parts, _ = s.split("L1_2.j", 20)
    s.partition(s.rfactor(s.q, parts, over=parts))
    s.partition(s.rfactor(s.s, row, factor=8))
    for loop in (zero, row):
        s.pipeline(loop)
    for loop in ("L0.i", "j_start", "j_finish"):
        s.pipeline(s.split(loop, 32)[0])
    return s
