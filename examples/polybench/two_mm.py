"""Two matrix products: ``D = alpha * A @ B @ C + beta * D``, with ``tmp = alpha * A @ B``."""

import tracealloc as ta
from tracealloc import grid, kernel


def make(*, NI, NJ, NK, NL, dtype=ta.float64):
    @kernel
    def two_mm(
        alpha: dtype,
        beta: dtype,
        tmp: dtype[NI, NJ],
        A: dtype[NI, NK],
        B: dtype[NK, NJ],
        C: dtype[NJ, NL],
        D: dtype[NI, NL],
    ):
        for i, j in grid(NI, NJ):
            tmp[i, j] = 0
            for k in ta.range(NK):
                tmp[i, j] += alpha * A[i, k] * B[k, j]
        for i, j in grid(NI, NL):
            D[i, j] *= beta
            for k in ta.range(NJ):
                D[i, j] += tmp[i, k] * C[k, j]

    return two_mm


def schedule(kernel):
    """Both products in tiles of 4 rows, a tenth of the columns at a time."""
    s = ta.customize(kernel)
    for band, target, left, right in (
        ("L0", s.tmp, s.A, s.B),
        ("L1", s.D, s.tmp, s.C),
    ):
        rows, columns = 4, -(-target.shape[1] // 10)
        zero, j = s.distribute(f"{band}.j")
        _, i = s.distribute(f"{band}.i")
        s.pipeline(zero)
        i, row = s.split(i, rows)
        j, column = s.split(j, columns)
        s.reorder(i, f"{band}_2.k", j, row, column)
        tile = s.buffer_at(target, i)
        s.pipeline(j)
        s.partition(tile, dim=0)
        s.partition(tile, dim=1, kind="cyclic", factor=columns)
        s.partition(left, dim=0, kind="cyclic", factor=rows)
        s.partition(right, dim=1, kind="cyclic", factor=columns)
    return s
