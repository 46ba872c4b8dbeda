"""Heat equation on a cube: a 7-point stencil from A to B and back in each step, interior only."""

import tracealloc as ta
from tracealloc import kernel


def make(*, TSTEPS, N, dtype=ta.float64):
    @kernel
    def heat_3d(A: dtype[N, N, N], B: dtype[N, N, N]):
        for _t in ta.range(TSTEPS):
            for source, target in ((A, B), (B, A)):
                for i in ta.range(1, N - 1):
                    for j in ta.range(1, N - 1):
                        for k in ta.range(1, N - 1):
                            centre = source[i, j, k]
                            target[i, j, k] = (
                                0.125 * (source[i + 1, j, k] - 2.0 * centre + source[i - 1, j, k])
                                + 0.125 * (source[i, j + 1, k] - 2.0 * centre + source[i, j - 1, k])
                                + 0.125 * (source[i, j, k + 1] - 2.0 * centre + source[i, j, k - 1])
                                + centre
                            )

    return heat_3d
