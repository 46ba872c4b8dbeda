"""Solves ``A @ x = b`` by LU decomposition in place and two substitutions.

y is the result of the forward substitution.
"""

import tracealloc as ta
from tracealloc import kernel


def make(*, N, dtype=ta.float64):
    @kernel
    def ludcmp(A: dtype[N, N], b: dtype[N], x: dtype[N], y: dtype[N]):
        for i in ta.range(N):
            for j in ta.range(i):
                w = ta.scalar(dtype, A[i, j])
                for k in ta.range(j):
                    w -= A[i, k] * A[k, j]
                A[i, j] = w / A[j, j]
            for k in ta.range(i):
                for j in ta.range(i, N):
                    A[i, j] -= A[i, k] * A[k, j]

        for i in ta.range(N):
            w = ta.scalar(dtype, b[i])
            for j in ta.range(i):
                w -= A[i, j] * y[j]
            y[i] = w

        for i in ta.range(N - 1, -1, -1):
            w = ta.scalar(dtype, y[i])
            for j in ta.range(i + 1, N):
                w -= A[i, j] * x[j]
            x[i] = w / A[i, i]

    return ludcmp
