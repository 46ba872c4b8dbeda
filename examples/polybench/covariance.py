"""Covariance matrix (sample form) of the columns of `data`, which is centred in place."""

import tracealloc as ta
from tracealloc import grid, kernel


def make(*, M, N, dtype=ta.float64):
    @kernel
    def covariance(float_n: dtype, data: dtype[N, M], cov: dtype[M, M], mean: dtype[M]):
        for j in ta.range(M):
            mean[j] = 0
            for i in ta.range(N):
                mean[j] += data[i, j]
            mean[j] /= float_n

        for i, j in grid(N, M):
            data[i, j] -= mean[j]

        for i in ta.range(M):
            for j in ta.range(i, M):
                cov[i, j] = 0
                for k in ta.range(N):
                    cov[i, j] += data[k, i] * data[k, j]
                cov[i, j] /= float_n - 1.0
                cov[j, i] = cov[i, j]

    return covariance
