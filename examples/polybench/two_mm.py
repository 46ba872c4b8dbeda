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
    """Both products a whole row in every cycle; all rows take turns, so no sum waits for itself."""
    s = ta.customize(kernel)
    for band in ("L0", "L1"):
        _, j = s.distribute(f"{band}.j")
        first, i = s.distribute(f"{band}.i")
        s.reorder(f"{band}_2.k", i, j)
        s.pipeline(first)
        s.pipeline(i)
    for array in (s.B, s.tmp, s.C, s.D):
        s.partition(array, dim=1)
    return s
