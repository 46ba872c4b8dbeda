"""Matrix product in blocks of columns and of k, added to what `prod` holds."""

import tracealloc as ta
from tracealloc import grid, kernel


def make(*, row_size=64, block_size=8, dtype=ta.float64):
    size = row_size * row_size

    @kernel
    def bbgemm(m1: dtype[size], m2: dtype[size], prod: dtype[size]):
        for jj in ta.range(0, row_size, block_size):
            for kk in ta.range(0, row_size, block_size):
                for i, k in grid(row_size, block_size):
                    left = m1[i * row_size + k + kk]
                    for j in ta.range(block_size):
                        prod[i * row_size + j + jj] += left * m2[(k + kk) * row_size + j + jj]

    return bbgemm
