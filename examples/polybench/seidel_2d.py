"""Nine-point average in place (Gauss-Seidel), row by row, interior only."""

import tracealloc as ta
from tracealloc import kernel


def make(*, TSTEPS, N, dtype=ta.float64):
    @kernel
    def seidel_2d(A: dtype[N, N]):
        for _t in ta.range(TSTEPS):
            for i in ta.range(1, N - 1):
                for j in ta.range(1, N - 1):
                    A[i, j] = (
                        A[i - 1, j - 1] + A[i - 1, j] + A[i - 1, j + 1]
                        + A[i, j - 1] + A[i, j] + A[i, j + 1]
                        + A[i + 1, j - 1] + A[i + 1, j] + A[i + 1, j + 1]
                    ) / 9.0  # fmt: skip

    return seidel_2d
