"""Cholesky factor in place: the lower triangle of A becomes L with ``L @ L.T = A``.

The strict upper triangle keeps its values.
"""

import tracealloc as ta
from tracealloc import kernel


def make(*, N, dtype=ta.float64):
    @kernel
    def cholesky(A: dtype[N, N]):
        for i in ta.range(N):
            for j in ta.range(i):
                for k in ta.range(j):
                    A[i, j] -= A[i, k] * A[j, k]
                A[i, j] /= A[j, j]
            for k in ta.range(i):
                A[i, i] -= A[i, k] * A[i, k]
            A[i, i] = ta.sqrt(A[i, i])

    return cholesky
