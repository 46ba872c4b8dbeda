"""Forward substitution: solves ``L @ x = b`` for a lower triangular L."""

import tracealloc as ta
from tracealloc import kernel


def make(*, N, dtype=ta.float64):
    @kernel
    def trisolv(L: dtype[N, N], x: dtype[N], b: dtype[N]):
        for i in ta.range(N):
            x[i] = b[i]
            for j in ta.range(i):
                x[i] -= L[i, j] * x[j]
            x[i] /= L[i, i]

    return trisolv
