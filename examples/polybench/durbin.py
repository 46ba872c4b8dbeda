"""Levinson-Durbin recursion: solves the Yule-Walker system ``T @ y = -r``.

T is symmetric Toeplitz with first row 1, r[0], ..., r[N-2].
"""

import tracealloc as ta
from tracealloc import kernel


def make(*, N, dtype=ta.float64):
    @kernel
    def durbin(r: dtype[N], y: dtype[N]):
        z = ta.empty(N, dtype)
        y[0] = -r[0]
        beta = ta.scalar(dtype, 1)
        alpha = ta.scalar(dtype, -r[0])
        for k in ta.range(1, N):
            beta *= 1 - alpha * alpha
            total = ta.scalar(dtype, 0)
            for i in ta.range(k):
                total += r[k - i - 1] * y[i]
            alpha.set(-(r[k] + total) / beta)
            for i in ta.range(k):
                z[i] = y[i] + alpha * y[k - i - 1]
            for i in ta.range(k):
                y[i] = z[i]
            y[k] = alpha

    return durbin
