"""Correlation matrix of the columns of `data`, which is centred and scaled in place.

A standard deviation of at most 0.1 counts as 1.
"""

import tracealloc as ta
from tracealloc import grid, kernel


def make(*, M, N, dtype=ta.float64):
    @kernel
    def correlation(float_n: dtype, data: dtype[N, M], corr: dtype[M, M], mean: dtype[M], stddev: dtype[M]):
        for j in ta.range(M):
            mean[j] = 0
            for i in ta.range(N):
                mean[j] += data[i, j]
            mean[j] /= float_n

        for j in ta.range(M):
            stddev[j] = 0
            for i in ta.range(N):
                stddev[j] += (data[i, j] - mean[j]) * (data[i, j] - mean[j])
            stddev[j] = ta.sqrt(stddev[j] / float_n)
            if stddev[j] <= 0.1:
                stddev[j] = 1

        for i, j in grid(N, M):
            data[i, j] -= mean[j]
            data[i, j] /= ta.sqrt(float_n) * stddev[j]

        for i in ta.range(M - 1):
            corr[i, i] = 1
            for j in ta.range(i + 1, M):
                corr[i, j] = 0
                for k in ta.range(N):
                    corr[i, j] += data[k, i] * data[k, j]
                corr[j, i] = corr[i, j]
        corr[M - 1, M - 1] = 1

    return correlation


def schedule(kernel):
    """An eighth of the columns at a time, of corr a tile of an eighth by an eighth: sums wait for others."""
    s = ta.customize(kernel)
    side = -(-s.mean.shape[0] // 8)
    for band in ("L0", "L1"):
        zero, j, *last = s.distribute(f"{band}.j")
        s.reorder(f"{band}_2.i", j)
        for loop in (zero, j, *last):
            s.pipeline(s.split(loop, side)[0])
    s.pipeline(s.split("L2.j", side)[0])
    zero, j, mirror = s.distribute("L3.j")
    one, zeros, i, mirrors = s.distribute("L3.i")
    s.reorder("k", i, j)
    s.pipeline(one)
    for rows, columns in ((zeros, zero), (i, j), (mirrors, mirror)):
        s.pipeline(s.tile([rows, columns], [side, side])[1])
    s.partition(s.corr, kind="cyclic", factor=side)
    s.partition(s.data, dim=1, kind="cyclic", factor=side)
    for array in (s.mean, s.stddev):
        s.partition(array, kind="cyclic", factor=side)
    return s
