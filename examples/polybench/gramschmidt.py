"""QR decomposition ``A = Q @ R`` by the modified Gram-Schmidt process.

A is overwritten; the strict lower triangle of R is not written.
"""

import tracealloc as ta
from tracealloc import kernel


def make(*, M, N, dtype=ta.float64):
    @kernel
    def gramschmidt(A: dtype[M, N], R: dtype[N, N], Q: dtype[M, N]):
        for k in ta.range(N):
            nrm = ta.scalar(dtype, 0)
            for i in ta.range(M):
                nrm += A[i, k] * A[i, k]
            R[k, k] = ta.sqrt(nrm)
            for i in ta.range(M):
                Q[i, k] = A[i, k] / R[k, k]
            for j in ta.range(k + 1, N):
                R[k, j] = 0
            for i in ta.range(M):
                for j in ta.range(k + 1, N):
                    R[k, j] += Q[i, k] * A[i, j]
            for i in ta.range(M):
                for j in ta.range(k + 1, N):
                    A[i, j] -= Q[i, k] * R[k, j]

    return gramschmidt
