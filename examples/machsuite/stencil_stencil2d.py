"""A 3 by 3 filter over an image, anchored at its top left corner; the last two rows and columns stay."""

import tracealloc as ta
from tracealloc import grid, kernel


def make(*, row_size=128, col_size=64, f_size=9, dtype=ta.int32):
    size = row_size * col_size

    @kernel
    def stencil(orig: dtype[size], sol: dtype[size], filter: dtype[f_size]):
        for r, c in grid(row_size - 2, col_size - 2):
            total = ta.scalar(dtype, 0)
            for k1, k2 in grid(3, 3):
                total += filter[k1 * 3 + k2] * orig[(r + k1) * col_size + c + k2]
            sol[r * col_size + c] = total

    return stencil
