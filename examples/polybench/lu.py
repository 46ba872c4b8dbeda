"""LU decomposition in place without pivoting; the unit diagonal of L is not stored."""

import tracealloc as ta
from tracealloc import kernel


def make(*, N, dtype=ta.float64):
    @kernel
    def lu(A: dtype[N, N]):
        for i in ta.range(N):
            for j in ta.range(i):
                for k in ta.range(j):
                    A[i, j] -= A[i, k] * A[k, j]
                A[i, j] /= A[j, j]
            for k in ta.range(i):
                for j in ta.range(i, N):
                    A[i, j] -= A[i, k] * A[k, j]

    return lu
