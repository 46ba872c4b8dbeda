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
    """Each product a whole row in every cycle; all rows take turns, so no sum waits for itself."""
    s = ta.customize(kernel)
    for band in ("L0", "L1", "L2"):
        _, j = s.distribute(f"{band}.j")
        zero, i = s.distribute(f"{band}.i")
        s.reorder(f"{band}_2.k", i, j)
        s.pipeline(zero)
        s.pipeline(i)
    for array in (s.B, s.E, s.D, s.F, s.G):
        s.partition(array, dim=1)
    return s
