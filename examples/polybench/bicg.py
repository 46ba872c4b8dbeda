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
