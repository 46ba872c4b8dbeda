"""Four systolic arrays of one matrix product, each eight to twelve lines of schedule.

python examples/systolic.py [FOLDER]     FOLDER: where to write the Vitis HLS projects
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np

import tracealloc as ta
from tracealloc import grid, int8, int32, kernel


def make(*, M: int, N: int, K: int, dtype: object = int8, out: object = int32) -> ta.Kernel:
    @kernel
    def matmul(A: dtype[M, K], B: dtype[K, N]) -> out[M, N]:
        C = ta.zeros((M, N), out)
        for i, j, k in grid(M, N, K, name="PE"):
            C[i, j] += A[i, k] * B[k, j]
        return C

    return matmul


def output_stationary(kernel: ta.Kernel) -> ta.Schedule:
    """`C` stays: rows of `A` travel to the right, columns of `B` down."""
    s = ta.customize(kernel)
    (M, _), (_, N) = s.A.shape, s.B.shape
    row = s.buffer_at(s.A, "j")
    column = s.buffer_at(s.B, "j")
    pe = s.unfold("PE", axis=[0, 1], factor=[M, N])
    s.partition(s.A, dim=0)
    s.partition(s.B, dim=1)
    s.partition(s.C, dim=[0, 1])
    s.relay(row, pe, axis=0, depth=M + 1)
    s.relay(column, pe, axis=1, depth=N + 1)
    return s


def weight_stationary(kernel: ta.Kernel) -> ta.Schedule:
    """`B` stays: rows of `A` travel to the right, sums of `C` down."""
    s = ta.customize(kernel)
    K, N = s.B.shape
    s.reorder("k", "j", "i")
    column = s.buffer_at(s.A, "j")
    sums = s.buffer_at(s.C, "j")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ta.TraceallocWarning)  # the PEs share sums until these are relayed
        pe = s.unfold("PE", axis=[0, 1], factor=[K, N])
        s.partition(s.A, dim=1)
        s.partition(s.B, dim=[0, 1])
        s.partition(s.C, dim=1)
        s.relay(column, pe, axis=0)
    s.relay(sums, pe, axis=1)
    return s


def one_dimensional(kernel: ta.Kernel) -> ta.Schedule:
    """A row of PEs, one for each column of `C`: `A` travels along them, `B` comes from a loader for each."""
    s = ta.customize(kernel)
    _, N = s.B.shape
    row = s.buffer_at(s.A, "j")
    column = s.buffer_at(s.B, "j")
    pe = s.unfold("PE", axis=1, factor=N)
    s.partition(s.B, dim=1)
    s.partition(s.C, dim=1)
    s.relay(row, pe, axis=0)
    s.relay(column, pe, axis=1)
    return s


def tiled(kernel: ta.Kernel, rows: int = 2, columns: int = 3) -> ta.Schedule:
    """An output-stationary array of any size: each PE goes over all tiles in one pipeline.

    Loaders, PEs and stores overlap from tile to tile; the last tiles may be smaller.
    """
    s = ta.customize(kernel)
    (M, _), (_, N) = s.A.shape, s.B.shape
    rows, columns = min(rows, M), min(columns, N)
    s.tile(["i", "j"], [rows, columns])
    row = s.buffer_at(s.A, "j.inner")
    column = s.buffer_at(s.B, "j.inner")
    s.buffer_at(s.C, "j.inner")
    pe = s.unfold("PE", axis=[2, 3], factor=[rows, columns])
    s.partition(s.A, dim=0, kind="cyclic", factor=rows)
    s.partition(s.B, dim=1, kind="cyclic", factor=columns)
    s.partition(s.C, dim=0, kind="cyclic", factor=rows)
    s.partition(s.C, dim=1, kind="cyclic", factor=columns)
    s.relay(row, pe, axis=2)
    s.relay(column, pe, axis=3)
    s.flatten("k")
    return s


ARRAYS = {"output": output_stationary, "weight": weight_stationary, "one": one_dimensional, "tiled": tiled}


def main(folder: str | None = None) -> None:
    matmul = make(M=4, N=6, K=8)
    random = np.random.default_rng(0)
    A = random.integers(-128, 128, (4, 8)).astype(np.int8)
    B = random.integers(-128, 128, (8, 6)).astype(np.int8)
    for name, schedule in ARRAYS.items():
        s = schedule(matmul)
        print(f"{s}\ns.verify(): {s.verify()}")
        same = np.array_equal(s.build()(A, B), A.astype(np.int32) @ B)
        print(f"{name}: against NumPy: {'the same bits' if same else 'DIFFERENT'}\n")
        if folder is not None:
            s.build(target="vitis_hls").write(Path(folder) / name)


if __name__ == "__main__":
    main(*sys.argv[1:2])
