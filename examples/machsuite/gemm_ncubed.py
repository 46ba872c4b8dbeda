"""Product of two matrices that are stored row by row: ``prod = m1 @ m2``."""

import tracealloc as ta
from tracealloc import grid, kernel


def make(*, row_size=64, col_size=64, dtype=ta.float64):
    size = row_size * col_size

    @kernel
    def gemm(m1: dtype[size], m2: dtype[size], prod: dtype[size]):
        for i, j in grid(row_size, col_size):
            total = ta.scalar(dtype, 0)
            for k in ta.range(row_size):
                total += m1[i * col_size + k] * m2[k * col_size + j]
            prod[i * col_size + j] = total

    return gemm
