"""Five-point average from A to B and back in each step, interior only."""

import tracealloc as ta
from tracealloc import kernel


def make(*, TSTEPS, N, dtype=ta.float64):
    @kernel
    def jacobi_2d(A: dtype[N, N], B: dtype[N, N]):
        for _t in ta.range(TSTEPS):
            for i in ta.range(1, N - 1):
                for j in ta.range(1, N - 1):
                    B[i, j] = 0.2 * (A[i, j] + A[i, j - 1] + A[i, j + 1] + A[i + 1, j] + A[i - 1, j])
            for i in ta.range(1, N - 1):
                for j in ta.range(1, N - 1):
                    A[i, j] = 0.2 * (B[i, j] + B[i, j - 1] + B[i, j + 1] + B[i + 1, j] + B[i - 1, j])

    return jacobi_2d


def schedule(kernel):
    """A whole row per cycle: three rows are kept, the next one is loaded while they are averaged."""
    s = ta.customize(kernel)
    for array, i in ((s.A, "L0.i#0"), (s.B, "L0.i#1")):
        rows = s.reuse_at(array, i)
        s.partition(rows)
        s.partition(array, dim=1)
        s.pipeline(i)
    return s
