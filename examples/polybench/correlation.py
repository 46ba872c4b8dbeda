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
    """Half a row at a time; 10 rows of corr take turns. Means and deviations start every fourth cycle."""
    s = ta.customize(kernel)
    lanes = -(-s.mean.shape[0] // 2)
    for band in ("L0", "L1"):
        zero, j, *last = s.distribute(f"{band}.j")
        s.reorder(f"{band}_2.i", j)
        s.pipeline(s.split(j, lanes)[0], ii=4)
        for loop in (zero, *last):
            s.pipeline(loop)
    s.pipeline(s.split("L2.j", lanes)[0])
    zero, j, mirror = s.distribute("L3.j")
    one, _, i, _ = s.distribute("L3.i")
    i, row = s.split(i, 10)
    j, column = s.split(j, lanes)
    s.reorder(i, "k", row, j, column)
    rows = s.buffer_at(s.corr, i)
    for loop in (one, zero, j, mirror):
        s.pipeline(loop)
    for array, dim in ((rows, 1), (s.data, 1), (s.mean, 0), (s.stddev, 0)):
        s.partition(array, dim=dim, kind="cyclic", factor=lanes)
    return s
