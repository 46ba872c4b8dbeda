"""A 7-point stencil in a box: C[0] times the centre plus C[1] times its neighbours; the faces are copied."""

import tracealloc as ta
from tracealloc import grid, kernel


def make(*, height_size=32, col_size=32, row_size=16, dtype=ta.int32):
    size = height_size * col_size * row_size

    def at(i, j, k):
        return k + row_size * (j + col_size * i)

    @kernel
    def stencil3d(C: dtype[2], orig: dtype[size], sol: dtype[size]):
        for j, k in grid(col_size, row_size):
            sol[at(0, j, k)] = orig[at(0, j, k)]
            sol[at(height_size - 1, j, k)] = orig[at(height_size - 1, j, k)]
        for i in ta.range(1, height_size - 1):
            for k in ta.range(row_size):
                sol[at(i, 0, k)] = orig[at(i, 0, k)]
                sol[at(i, col_size - 1, k)] = orig[at(i, col_size - 1, k)]
        for i in ta.range(1, height_size - 1):
            for j in ta.range(1, col_size - 1):
                sol[at(i, j, 0)] = orig[at(i, j, 0)]
                sol[at(i, j, row_size - 1)] = orig[at(i, j, row_size - 1)]

        for i in ta.range(1, height_size - 1):
            for j in ta.range(1, col_size - 1):
                for k in ta.range(1, row_size - 1):
                    neighbours = (
                        orig[at(i + 1, j, k)] + orig[at(i - 1, j, k)]
                        + orig[at(i, j + 1, k)] + orig[at(i, j - 1, k)]
                        + orig[at(i, j, k + 1)] + orig[at(i, j, k - 1)]
                    )  # fmt: skip
                    sol[at(i, j, k)] = orig[at(i, j, k)] * C[0] + neighbours * C[1]

    return stencil3d
