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
    """A seventh of s and a seventh of q at a time, both at once: every sum waits for six others."""
    s = ta.customize(kernel)
    rows, columns = (-(-extent // 7) for extent in s.A.shape)
    for array in (s.s, s.q):
        s.partition(array)
    for dim, lanes in enumerate((rows, columns)):
        s.partition(s.A, dim=dim, kind="cyclic", factor=lanes)
    j, k = s.distribute("j")
    zero, i, q = s.distribute("L1.i")
    s.reorder(k, q)
    j, _ = s.split(j, columns)
    q, _ = s.split(q, rows)
    s.merge(i, k)
    s.pipeline(s.merge(j, q))
    for loop, lanes in (("L0.i", columns), (zero, rows)):
        s.pipeline(s.split(loop, lanes)[0])
    return s
