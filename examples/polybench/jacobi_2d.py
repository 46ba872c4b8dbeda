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
    """Two whole rows in every cycle: the four rows that they need lie in two banks, two reads each."""
    s = ta.customize(kernel)
    _t, first, _, second, _ = s.loops()
    for i in (first, second):
        s.pipeline(s.split(i, 2)[0])
    for array in (s.A, s.B):
        s.partition(array, dim=0, kind="cyclic", factor=2)
        s.partition(array, dim=1)
    return s
