"""Three matrix products: ``E = A @ B``, ``F = C @ D``, ``G = E @ F``."""

import tracealloc as ta
from tracealloc import grid, kernel


def make(*, NI, NJ, NK, NL, NM, dtype=ta.float64):
    @kernel
    def three_mm(
        E: dtype[NI, NJ],
        A: dtype[NI, NK],
        B: dtype[NK, NJ],
        F: dtype[NJ, NL],
        C: dtype[NJ, NM],
        D: dtype[NM, NL],
        G: dtype[NI, NL],
    ):
        for i, j in grid(NI, NJ):
            E[i, j] = 0
            for k in ta.range(NK):
                E[i, j] += A[i, k] * B[k, j]
        for i, j in grid(NJ, NL):
            F[i, j] = 0
            for k in ta.range(NM):
                F[i, j] += C[i, k] * D[k, j]
        for i, j in grid(NI, NL):
            G[i, j] = 0
            for k in ta.range(NJ):
                G[i, j] += E[i, k] * F[k, j]

    return three_mm


def schedule(kernel):
    """Each product in tiles of 5 rows, a tenth of the columns at a time."""
    s = ta.customize(kernel)
    for band, target, left, right in (
        ("L0", s.E, s.A, s.B),
        ("L1", s.F, s.C, s.D),
        ("L2", s.G, s.E, s.F),
    ):
        rows, columns = 5, -(-target.shape[1] // 10)
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
