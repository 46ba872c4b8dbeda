"""Sparse matrix times vector, the matrix in compressed row storage."""

import tracealloc as ta
from tracealloc import kernel


def make(*, NNZ=1666, N=494, dtype=ta.float64):
    @kernel
    def spmv(
        val: dtype[NNZ], cols: ta.int32[NNZ], rowDelimiters: ta.int32[N + 1], vec: dtype[N], out: dtype[N]
    ):
        for i in ta.range(N):
            total = ta.scalar(dtype, 0)
            for j in ta.range(rowDelimiters[i], rowDelimiters[i + 1]):
                total += val[j] * vec[cols[j]]
            out[i] = total

    return spmv
