"""Seidel's in-place stencil along its wavefronts: after a skew, the cells of one diagonal are independent."""

import tracealloc as ta
from tracealloc import kernel


def make(*, TSTEPS, N, dtype=ta.float64):
    @kernel
    def seidel(A: dtype[N, N]):
        for _t in ta.range(TSTEPS):
            for i in ta.range(1, N - 1):
                for j in ta.range(1, N - 1):
                    A[i, j] = 0.2 * (A[i - 1, j] + A[i, j - 1] + A[i, j] + A[i, j + 1] + A[i + 1, j])

    return seidel


def schedule(kernel):
    """Run the diagonals i + j one after another, the cells of each at the same time."""
    s = ta.customize(kernel)
    s.skew("j", by="i")
    s.reorder("j", "i")
    s.parallel("i")
    return s


if __name__ == "__main__":
    s = schedule(make(TSTEPS=4, N=40))
    print(s)
    print(s.verify())
