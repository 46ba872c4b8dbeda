"""Deriche's recursive smoothing filter: forward and backward passes along rows, then along columns.

y1 and y2 hold the forward and the backward pass.
"""

import tracealloc as ta
from tracealloc import grid, kernel


def make(*, W, H, dtype=ta.float64):
    @kernel
    def deriche(alpha: dtype, imgIn: dtype[W, H], imgOut: dtype[W, H], y1: dtype[W, H], y2: dtype[W, H]):
        decay = ta.exp(-alpha)
        gain = (1 - decay) * (1 - decay) / (1 + 2 * alpha * decay - ta.exp(2 * alpha))
        before = gain * decay * (alpha - 1)
        after = gain * decay * (alpha + 1)
        after2 = -gain * ta.exp(-2 * alpha)
        b1 = ta.pow(2.0, -alpha)
        b2 = -ta.exp(-2 * alpha)

        for i in ta.range(W):
            x1 = ta.scalar(dtype, 0)
            p1 = ta.scalar(dtype, 0)
            p2 = ta.scalar(dtype, 0)
            for j in ta.range(H):
                y1[i, j] = gain * imgIn[i, j] + before * x1 + b1 * p1 + b2 * p2
                x1.set(imgIn[i, j])
                p2.set(p1)
                p1.set(y1[i, j])
        for i in ta.range(W):
            x1 = ta.scalar(dtype, 0)
            x2 = ta.scalar(dtype, 0)
            p1 = ta.scalar(dtype, 0)
            p2 = ta.scalar(dtype, 0)
            for j in ta.range(H - 1, -1, -1):
                y2[i, j] = after * x1 + after2 * x2 + b1 * p1 + b2 * p2
                x2.set(x1)
                x1.set(imgIn[i, j])
                p2.set(p1)
                p1.set(y2[i, j])
        for i, j in grid(W, H):
            imgOut[i, j] = y1[i, j] + y2[i, j]

        for j in ta.range(H):
            x1 = ta.scalar(dtype, 0)
            p1 = ta.scalar(dtype, 0)
            p2 = ta.scalar(dtype, 0)
            for i in ta.range(W):
                y1[i, j] = gain * imgOut[i, j] + before * x1 + b1 * p1 + b2 * p2
                x1.set(imgOut[i, j])
                p2.set(p1)
                p1.set(y1[i, j])
        for j in ta.range(H):
            x1 = ta.scalar(dtype, 0)
            x2 = ta.scalar(dtype, 0)
            p1 = ta.scalar(dtype, 0)
            p2 = ta.scalar(dtype, 0)
            for i in ta.range(W - 1, -1, -1):
                y2[i, j] = after * x1 + after2 * x2 + b1 * p1 + b2 * p2
                x2.set(x1)
                x1.set(imgOut[i, j])
                p2.set(p1)
                p1.set(y2[i, j])
        for i, j in grid(W, H):
            imgOut[i, j] = y1[i, j] + y2[i, j]

    return deriche
