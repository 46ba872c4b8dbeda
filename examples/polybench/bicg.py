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
    """A fifth of s and a fifth of q at a time, both at once: every sum waits for four others."""
    s = ta.customize(kernel)
    rows, columns = (-(-extent // 5) for extent in s.A.shape)
    j, k = s.distribute("j")
    zero, i, q = s.distribute("L1.i")
    j, _ = s.split(j, columns)
    s.reorder(k, q)
    q, _ = s.split(q, rows)
    s.merge(i, k)
    for loop in ("L0.i", zero, s.merge(j, q)):
        s.pipeline(loop)
    s.partition(s.A, dim=0, kind="cyclic", factor=rows)
    s.partition(s.A, dim=1, kind="cyclic", factor=columns)
    s.partition(s.s, dim=0, kind="cyclic", factor=columns)
    s.partition(s.q, dim=0, kind="cyclic", factor=rows)
    return s
