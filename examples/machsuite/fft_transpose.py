"""Fourier transform of 512 points in place, as 8 by 8 by 8 points; the result is in natural order."""

import math

import tracealloc as ta
from tracealloc import grid, kernel

PI = 3.1415926535  # the suite's; another value gives other digits
REVERSED = (0, 4, 2, 6, 1, 5, 3, 7)


def butterfly(z, i, j):
    (ar, ai), (br, bi) = z[i], z[j]
    z[i], z[j] = (ar + br, ai + bi), (ar - br, ai - bi)


def fft4(z, first):
    butterfly(z, first, first + 2)
    butterfly(z, first + 1, first + 3)
    re, im = z[first + 3]
    z[first + 3] = (im, -re)
    butterfly(z, first, first + 1)
    butterfly(z, first + 2, first + 3)


def fft8(x, y):
    """Transform 8 complex numbers; the result is in bit-reversed order."""
    z, half = list(zip(x, y, strict=True)), math.sqrt(0.5)
    for n in range(4):
        butterfly(z, n, n + 4)
    re, im = z[5]
    z[5] = ((re + im) * half, (im - re) * half)
    re, im = z[6]
    z[6] = (im, -re)
    re, im = z[7]
    z[7] = ((im - re) * half, (-re - im) * half)
    fft4(z, 0)
    fft4(z, 4)
    return z


def turned(value, step, position, points):
    """`value` times the root of unity ``exp(-2 pi i * step * position / points)``."""
    if step == 0:
        return value
    angle = (-2 * PI * step / points) * position
    c, s = ta.cos(angle), ta.sin(angle)
    re, im = value
    return re * c - im * s, re * s + im * c


def make(*, dtype=ta.float64):
    @kernel
    def fft1D_512(work_x: dtype[512], work_y: dtype[512]):
        x1 = ta.empty((8, 8, 8), dtype)
        y1 = ta.empty((8, 8, 8), dtype)
        x2 = ta.empty((8, 8, 8), dtype)
        y2 = ta.empty((8, 8, 8), dtype)
        for hi, lo in grid(8, 8):
            t = 8 * hi + lo
            z = fft8([work_x[64 * n + t] for n in range(8)], [work_y[64 * n + t] for n in range(8)])
            for n, a in enumerate(REVERSED):
                x1[a, hi, lo], y1[a, hi, lo] = turned(z[n], a, t, 512)
        for a, lo in grid(8, 8):
            z = fft8([x1[a, n, lo] for n in range(8)], [y1[a, n, lo] for n in range(8)])
            for n, b in enumerate(REVERSED):
                x2[a, b, lo], y2[a, b, lo] = turned(z[n], b, lo, 64)
        for a, b in grid(8, 8):
            z = fft8([x2[a, b, n] for n in range(8)], [y2[a, b, n] for n in range(8)])
            for n, c in enumerate(REVERSED):
                work_x[a + 8 * b + 64 * c], work_y[a + 8 * b + 64 * c] = z[n]

    return fft1D_512
