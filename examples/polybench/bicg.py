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
    """39 sums of s, then 41 sums of q at a time, each 10 cycles apart."""
    s = ta.customize(kernel)
    columns, j = s.distribute("j")
    zero, _, i = s.distribute("L1.i")
    columns, _ = s.split(columns, 39)
    s.reorder(j, i)
    rows, _ = s.split(i, 41)
    for loop in ("L0.i", zero, columns, rows):
        s.pipeline(loop)
    s.partition(s.A, dim=0, kind="cyclic", factor=41)
    s.partition(s.A, dim=1, kind="cyclic", factor=39)
    s.partition(s.s, dim=0, kind="cyclic", factor=39)
    s.partition(s.q, dim=0, kind="cyclic", factor=41)
    return s
