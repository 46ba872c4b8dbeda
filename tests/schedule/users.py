"""Kernels as users write them: factorisations, sorting, transforms, convolutions, dynamic programs."""

from __future__ import annotations

import tracealloc as ta
from tracealloc import float32, grid, int8, int32, kernel, uint8

N = 7


@kernel
def lu(A: float32[N, N]):
    for k in grid(N):
        for i in ta.range(k + 1, N):
            A[i, k] = A[i, k] / A[k, k]
            for j in ta.range(k + 1, N):
                A[i, j] -= A[i, k] * A[k, j]


@kernel
def trisolv(L: float32[N, N], b: float32[N], x: float32[N]):
    for i in grid(N):
        x[i] = b[i]
        for j in ta.range(i):
            x[i] -= L[i, j] * x[j]
        x[i] = x[i] / L[i, i]


@kernel
def cholesky(A: float32[N, N]):
    for i in grid(N):
        for j in ta.range(i):
            for k in ta.range(j):
                A[i, j] -= A[i, k] * A[j, k]
            A[i, j] = A[i, j] / A[j, j]
        for k in ta.range(i):
            A[i, i] -= A[i, k] * A[i, k]
        A[i, i] = ta.sqrt(ta.abs(A[i, i]))


@kernel
def hist(A: int32[2, N], H: int32[8]):
    for i in grid(8, name="init"):
        H[i] = 0
    for r, i in grid(2, N, name="cnt"):
        H[A[r, i] & 7] += 1
    acc = ta.scalar(int32, 0)
    for i in grid(8, name="scan"):
        acc += H[i]
        H[i] = acc


@kernel
def bitonic(A: int32[8]):
    for p in range(1, 4):
        for q in range(p):
            d = 1 << (p - 1 - q)
            for i in grid(8):
                up = ((i >> p) & 1) == 0
                l = i ^ d
                if l > i:
                    a = A[i]
                    b = A[l]
                    lo = ta.minimum(a, b)
                    hi = ta.maximum(a, b)
                    A[i] = ta.where(up, lo, hi)
                    A[l] = ta.where(up, hi, lo)


@kernel
def oddeven(A: int32[8]):
    for t in grid(8):
        for i in ta.range(t % 2, 7, 2):
            if A[i] > A[i + 1]:
                x = A[i]
                A[i] = A[i + 1]
                A[i + 1] = x


@kernel
def fft(R: float32[16], I: float32[16], W: float32[16]):
    for st in range(4):
        half = 1 << st
        for g in grid(16 // (2 * half), name=f"s{st}"):
            for k in ta.range(half):
                i = g * 2 * half + k
                tr = R[i + half] * W[k] - I[i + half] * W[k + 8]
                ti = R[i + half] * W[k + 8] + I[i + half] * W[k]
                R[i + half] = R[i] - tr
                I[i + half] = I[i] - ti
                R[i] = R[i] + tr
                I[i] = I[i] + ti


@kernel
def convpad(A: float32[6, 6], W: float32[3, 3], C: float32[6, 6]):
    for y, x in grid(6, 6):
        s = ta.scalar(float32, 0)
        for u, v in ta.reduction(3, 3):
            if y + u - 1 >= 0 and y + u - 1 < 6 and x + v - 1 >= 0 and x + v - 1 < 6:
                s += A[y + u - 1, x + v - 1] * W[u, v]
        C[y, x] = s


@kernel
def floyd(D: int32[N, N]):
    for k, i, j in grid(N, N, N):
        D[i, j] = ta.minimum(D[i, j], D[i, k] + D[k, j])


@kernel
def pool(A: float32[8, 8], P: float32[4, 4]):
    for y, x in grid(4, 4):
        m = ta.scalar(float32, A[2 * y, 2 * x])
        for u, v in grid(2, 2):
            if A[2 * y + u, 2 * x + v] > m:
                m[...] = A[2 * y + u, 2 * x + v]
        P[y, x] = m


@kernel
def lcs(a: int8[N], b: int8[N], L: int32[N + 1, N + 1]):
    for i in grid(N + 1):
        L[i, 0] = 0
    for j in grid(N + 1):
        L[0, j] = 0
    for i in ta.range(1, N + 1):
        for j in ta.range(1, N + 1):
            if a[i - 1] == b[j - 1]:
                L[i, j] = L[i - 1, j - 1] + 1
            else:
                L[i, j] = ta.maximum(L[i - 1, j], L[i, j - 1])


@kernel
def gemmk0(A: float32[4, 5], B: float32[5, 6], C: float32[4, 6]):
    for i, j, k in grid(4, 6, 5):
        if k == 0:
            C[i, j] = 0
        C[i, j] += A[i, k] * B[k, j]


@kernel
def seidel(A: float32[8, 8]):
    for t in grid(3):  # noqa: B007
        for i in ta.range(1, 7):
            for j in ta.range(1, 7):
                A[i, j] = (A[i - 1, j] + A[i + 1, j] + A[i, j - 1] + A[i, j + 1] + A[i, j]) * 0.2


@kernel
def jac(A: float32[10], B: float32[10]):
    for t in grid(4):  # noqa: B007
        for i in ta.range(1, 9):
            B[i] = A[i - 1] + A[i] + A[i + 1]
        for i in ta.range(1, 9):
            A[i] = B[i]


@kernel
def bitmat(A: uint8[6], B: uint8[6], C: uint8[6]):
    for i in grid(6):
        r = ta.scalar(uint8, 0)
        for k in ta.range(6):
            if A[i][k] == 1:
                r ^= B[k]
        C[i] = r


@kernel
def steps(A: int32[20]):
    for i in ta.range(0, 10, 3):
        for j in ta.range(i, i + 9, 2):
            A[j] += A[j + 1] * (i + 1)


@kernel
def downs(A: int32[20], B: int32[20]):
    for i in ta.range(18, 2, -3):
        B[i] = A[i]
        for j in ta.range(i, 0, -2):
            A[j] = A[j - 1] + B[j]


@kernel
def extents(A: int32[5, 5], B: int32[5]):
    for i in grid(1):
        for j in ta.range(0):
            A[i, j] = 1
        B[i] = 3
    for i in grid(5):
        for j in ta.range(4, 4 + 1):
            A[i, j] = A[i, j] + B[i]
        for j in ta.range(i, 2):
            A[i, j] = B[j] - A[i, j]


@kernel
def mm(A: int32[3, 4], B: int32[4, 5], C: int32[3, 5]):
    for i, j in grid(3, 5, name="PE"):
        for k in ta.range(4):
            C[i, j] += A[i, k] * B[k, j]


@kernel
def twomm(A: int32[3, 4], B: int32[4, 5], D: int32[5, 5], E: int32[3, 5]):
    T = ta.zeros((3, 5), int32)
    mm(A, B, T)
    for i, j in grid(3, 5):
        for k in ta.range(5):
            E[i, j] += T[i, k] * D[k, j]


@kernel
def spmv(lo: int32[6], col: int32[8], val: float32[8], x: float32[6], y: float32[5]):
    for i in grid(5):
        y[i] = 0
        for p in ta.range(lo[i], lo[i + 1]):
            y[i] += val[p] * x[col[p]]


@kernel
def nuss(S: int32[N, N]):
    for i in ta.range(N - 1, -1, -1):
        for j in ta.range(i + 1, N):
            S[i, j] = ta.maximum(S[i, j], S[i, j - 1])
            for k in ta.range(i + 1, j):
                S[i, j] = ta.maximum(S[i, j], S[i, k] + S[k, j])


@kernel
def softmax(X: float32[4, 6], Y: float32[4, 6]):
    for i in grid(4):
        m = ta.scalar(float32, X[i, 0])
        for j in ta.range(1, 6):
            m[...] = ta.maximum(m, X[i, j])
        s = ta.scalar(float32, 0)
        E = ta.empty((6,), float32)
        for j in ta.range(6):
            E[j] = ta.exp(X[i, j] - m)
            s += E[j]
        for j in ta.range(6):
            Y[i, j] = E[j] / s


@kernel
def two_phase(A: float32[6, 6], B: float32[6], C: float32[6]):
    for k, i, j in grid(2, 6, 6):
        if k == 0:
            if j == 0:
                B[i] = 0
            B[i] += A[i, j]
        else:
            if j == 0:
                C[i] = 1
            C[i] *= B[j]


@kernel
def while_k(A: int32[6], B: int32[6]):
    for i in grid(6):
        n = ta.scalar(int32, A[i])
        c = ta.scalar(int32, 0)

        def halve(n=n, c=c):
            n[...] = n // 2
            c[...] = c + 1

        ta.while_loop(lambda n=n: n > 0, halve)
        B[i] = c
