"""Systolic arrays whose PEs make what the next ones need: what one made or got, it hands on.

python examples/wavefront_arrays.py [FOLDER]     FOLDER: where to write the Vitis HLS projects

A triangular system with a PE for each row, an LU decomposition in place with a PE for each column, and an
alignment of two sequences (Smith-Waterman) with a PE for each character of one of them.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np

import tracealloc as ta
from tracealloc import float32, grid, int8, int16, kernel


def make_solve(*, N: int, dtype: object = float32) -> ta.Kernel:
    @kernel
    def solve(L: dtype[N, N], b: dtype[N]) -> dtype[N]:
        x = ta.empty((N,), dtype)
        for i in ta.range(N, name="PE"):
            x[i] = b[i]
            for j in ta.range(i):
                x[i] -= L[i, j] * x[j]
            x[i] /= L[i, i]
        return x

    return solve


def make_lu(*, N: int, dtype: object = float32) -> ta.Kernel:
    @kernel
    def lu(A: dtype[N, N]):
        for j in ta.range(N, name="PE"):
            for k in ta.range(j):
                for i in ta.range(k + 1, N):
                    A[i, j] -= A[i, k] * A[k, j]
            for below in ta.range(j + 1, N):
                A[below, j] /= A[j, j]

    return lu


def make_align(*, N: int, M: int, dtype: object = int16) -> ta.Kernel:
    @kernel
    def align(a: int8[N], b: int8[M]) -> dtype[N, M]:
        H = ta.zeros((N + 1, M + 1), dtype)  # scores, and what they begin with
        score = ta.empty((N, M), dtype)
        for j, i in grid(M, N, name="PE"):
            same = H[i, j] + ta.where(a[i] == b[j], 2, -1)
            gap = ta.maximum(H[i, j + 1], H[i + 1, j]) - 1
            score[i, j] = ta.maximum(ta.maximum(same, gap), 0)
            H[i + 1, j + 1] = score[i, j]
        return score

    return align


def solve_rows(solve: ta.Kernel) -> ta.Schedule:
    """A PE for each unknown: it gets those before it, one by one, and hands them on with its own."""
    s = ta.customize(solve)
    (N,) = s.b.shape
    known = s.buffer_at(s.x, "i")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ta.TraceallocWarning)  # the PEs share `x` until it is relayed
        pe = s.unfold("PE", axis=0, factor=N)
    s.partition(s.L, dim=0)
    s.partition(s.b)
    s.partition(s.x)
    s.relay(known, pe, along=0)
    return s


def lu_columns(lu: ta.Kernel) -> ta.Schedule:
    """A PE for each column: columns of the lower triangle pass it, each eliminates an unknown."""
    s = ta.customize(lu)
    N, _ = s.A.shape
    columns = s.buffer_at(s.A, "j")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ta.TraceallocWarning)
        pe = s.unfold("PE", axis=0, factor=N)
    s.partition(s.A, dim=1)
    s.partition(columns, dim=1)
    s.pipeline("below")
    s.relay(columns, pe, along=0)
    return s


def align_columns(align: ta.Kernel) -> ta.Schedule:
    """A PE for each character of `b`: those of `a` pass it, with the scores of the column before."""
    s = ta.customize(align)
    (M,) = s.b.shape
    letters = s.buffer_at(s.a, "j")
    scores = s.buffer_at(s.H, "j")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ta.TraceallocWarning)
        pe = s.unfold("PE", axis=0, factor=M)
        s.partition(s.b)
        s.partition(s.score, dim=1)
        s.relay(letters, pe, along=0)
    s.relay(scores, pe, along=0)
    return s


def main(folder: str | None = None) -> None:
    random = np.random.default_rng(0)
    A = random.random((6, 6)).astype(np.float32) + 6 * np.eye(6, dtype=np.float32)
    b = random.random(6).astype(np.float32)
    one, two = (random.integers(0, 4, n).astype(np.int8) for n in (9, 6))
    arrays = {
        "solve": (solve_rows, make_solve(N=6), (A, b)),
        "lu": (lu_columns, make_lu(N=6), (A,)),
        "align": (align_columns, make_align(N=9, M=6), (one, two)),
    }
    for name, (schedule, plain, args) in arrays.items():
        s = schedule(plain)
        print(f"{s}\ns.verify(): {s.verify()}")
        mine, theirs = [x.copy() for x in args], [x.copy() for x in args]
        found, wanted = [*mine, s.build()(*mine)], [*theirs, plain(*theirs)]
        same = all(np.array_equal(x, y) for x, y in zip(found, wanted, strict=True))
        print(f"{name}: against the plain loops: {'the same bits' if same else 'DIFFERENT'}\n")
        if folder is not None:
            s.build(target="vitis_hls").write(Path(folder) / name)


if __name__ == "__main__":
    main(*sys.argv[1:2])
