"""Three-point average from A to B and back in each step, interior only."""

import tracealloc as ta
from tracealloc import kernel


def make(*, TSTEPS, N, dtype=ta.float64):
    @kernel
    def jacobi_1d(A: dtype[N], B: dtype[N]):
        for _t in ta.range(TSTEPS):
            for i in ta.range(1, N - 1):
                B[i] = 0.33333 * (A[i - 1] + A[i] + A[i + 1])
            for i in ta.range(1, N - 1):
                A[i] = 0.33333 * (B[i - 1] + B[i] + B[i + 1])

    return jacobi_1d
