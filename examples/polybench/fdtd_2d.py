"""Electric and magnetic field by the two-dimensional finite-difference time-domain method."""

import tracealloc as ta
from tracealloc import grid, kernel


def make(*, TMAX, NX, NY, dtype=ta.float64):
    @kernel
    def fdtd_2d(ex: dtype[NX, NY], ey: dtype[NX, NY], hz: dtype[NX, NY], _fict_: dtype[max(TMAX, 1)]):
        for t in ta.range(TMAX):
            for j in ta.range(NY):
                ey[0, j] = _fict_[t]
            for i in ta.range(1, NX):
                for j in ta.range(NY):
                    ey[i, j] -= 0.5 * (hz[i, j] - hz[i - 1, j])
            for i in ta.range(NX):
                for j in ta.range(1, NY):
                    ex[i, j] -= 0.5 * (hz[i, j] - hz[i, j - 1])
            for i, j in grid(NX - 1, NY - 1):
                hz[i, j] -= 0.7 * (ex[i, j + 1] - ex[i, j] + ey[i + 1, j] - ey[i, j])

    return fdtd_2d
