"""Sparse matrix times vector, L slots for each row; added to what `out` holds."""

import tracealloc as ta
from tracealloc import kernel


def make(*, N=494, L=10, dtype=ta.float64):
    @kernel
    def ellpack(nzval: dtype[N * L], cols: ta.int32[N * L], vec: dtype[N], out: dtype[N]):
        for i in ta.range(N):
            total = ta.scalar(dtype, out[i])
            for j in ta.range(L):
                total += nzval[i * L + j] * vec[cols[i * L + j]]
            out[i] = total

    return ellpack
