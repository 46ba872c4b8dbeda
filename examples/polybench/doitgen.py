"""Multi-resolution analysis: each row ``A[r, q, :]`` becomes ``A[r, q, :] @ C4``."""

import tracealloc as ta
from tracealloc import grid, kernel


def make(*, NR, NQ, NP, dtype=ta.float64):
    @kernel
    def doitgen(A: dtype[NR, NQ, NP], C4: dtype[NP, NP], sum: dtype[NP]):
        for r, q in grid(NR, NQ):
            for p in ta.range(NP):
                sum[p] = 0
                for s in ta.range(NP):
                    sum[p] += A[r, q, s] * C4[s, p]
            for p in ta.range(NP):
                A[r, q, p] = sum[p]

    return doitgen
