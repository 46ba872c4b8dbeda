"""The six kernels as one writes them for numba, in the loop order of the hand-written C."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any


def gemm(alpha, beta, C, A, B):  # type: ignore[no-untyped-def]
    for i in range(C.shape[0]):
        for j in range(C.shape[1]):
            C[i, j] *= beta
        for k in range(A.shape[1]):
            for j in range(C.shape[1]):
                C[i, j] += alpha * A[i, k] * B[k, j]


def atax(A, x, y, tmp):  # type: ignore[no-untyped-def]
    for j in range(A.shape[1]):
        y[j] = 0
    for i in range(A.shape[0]):
        tmp[i] = 0
        for j in range(A.shape[1]):
            tmp[i] += A[i, j] * x[j]
        for j in range(A.shape[1]):
            y[j] += A[i, j] * tmp[i]


def jacobi_2d(A, B, steps, fifth):  # type: ignore[no-untyped-def]
    n = A.shape[0]
    for _ in range(steps):
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                B[i, j] = fifth * (A[i, j] + A[i, j - 1] + A[i, j + 1] + A[i + 1, j] + A[i - 1, j])
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                A[i, j] = fifth * (B[i, j] + B[i, j - 1] + B[i, j + 1] + B[i + 1, j] + B[i - 1, j])


def trmm(alpha, A, B):  # type: ignore[no-untyped-def]
    for i in range(B.shape[0]):
        for k in range(i + 1, B.shape[0]):
            for j in range(B.shape[1]):
                B[i, j] += A[k, i] * B[k, j]
        for j in range(B.shape[1]):
            B[i, j] *= alpha


def correlation(float_n, data, corr, mean, stddev):  # type: ignore[no-untyped-def]
    n, m = data.shape
    mean[:] = 0
    for i in range(n):
        for j in range(m):
            mean[j] += data[i, j]
    for j in range(m):
        mean[j] /= float_n
    stddev[:] = 0
    for i in range(n):
        for j in range(m):
            stddev[j] += (data[i, j] - mean[j]) * (data[i, j] - mean[j])
    for j in range(m):
        stddev[j] = math.sqrt(stddev[j] / float_n)
        if stddev[j] <= 0.1:
            stddev[j] = 1
    for i in range(n):
        for j in range(m):
            data[i, j] -= mean[j]
            data[i, j] /= math.sqrt(float_n) * stddev[j]
    for i in range(m - 1):
        corr[i, i] = 1
        corr[i, i + 1 :] = 0
        for k in range(n):
            for j in range(i + 1, m):
                corr[i, j] += data[k, i] * data[k, j]
        for j in range(i + 1, m):
            corr[j, i] = corr[i, j]
    corr[m - 1, m - 1] = 1


def cholesky(A):  # type: ignore[no-untyped-def]
    for i in range(A.shape[0]):
        for j in range(i):
            for k in range(j):
                A[i, j] -= A[i, k] * A[j, k]
            A[i, j] /= A[j, j]
        for k in range(i):
            A[i, i] -= A[i, k] * A[i, k]
        A[i, i] = math.sqrt(A[i, i])


def compiled(name: str) -> Callable[..., Any] | None:
    """The kernel called `name`, compiled at its first call; None without numba or kernel."""
    try:
        import numba
    except ImportError:
        return None
    function = globals().get(name)
    found: Callable[..., Any] | None = numba.njit(function) if function is not None else None
    return found
