"""A matrix product for the CPU: packed panels and a tile of C in vector registers, by schedule alone.

python examples/cpu_gemm.py [size, default 1024]

Every element of C is still summed in the order of k: the bits are those of the three plain loops.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import time
from collections.abc import Callable

import numpy as np

import tracealloc as ta
from tracealloc import float32, grid, kernel


def make(*, M: int, N: int, K: int) -> ta.Kernel:
    @kernel
    def gemm(A: float32[M, K], B: float32[K, N], C: float32[M, N]):
        for i, j, k in grid(M, N, K):
            C[i, j] += A[i, k] * B[k, j]

    return gemm


def factor(extent: int, most: int) -> int:
    """A tile: a divisor not much below `most`, else `most`, and the last tile is cut.

    The C back end keeps a nest of constant trip counts for the whole tiles.
    """
    found = [d for d in range(1, most + 1) if extent % d == 0]
    return found[-1] if found[-1] >= min(extent, most / 2) else most


def schedule(kernel: ta.Kernel) -> ta.Schedule:
    """Up to 16 x 16 of C in registers, a panel of B in the first level cache, a block of A in the second."""
    s = ta.customize(kernel)
    rows, depth = s.A.shape
    k, k_in = s.split("k", factor(depth, 256))
    i, i_in = s.split("i", factor(rows, 256))
    tile, row = s.split(i_in, factor(factor(rows, 256), 16))
    j, lane = s.split("j", 16)
    s.reorder(k, i, j, tile, lane, k_in, row)
    block = s.buffer_at(s.A, i)
    s.permute(block, (1, 0))  # the rows of a tile lie side by side
    s.buffer_at(s.B, j)
    s.buffer_at(s.C, tile)
    s.unroll(row)
    s.vectorize(lane)
    s.parallel(i)
    return s


def best(call: Callable[[], object], rounds: int = 7) -> float:
    """The shortest of several runs, in seconds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def main(size: int = 1024) -> None:
    gemm = make(M=size, N=size, K=size)
    s = schedule(gemm)
    print(s)
    print(f"s.verify(): {s.verify()}")
    random = np.random.default_rng(0)
    A, B = random.random((2, size, size), dtype=np.float32)
    plain, fast = np.zeros((2, size, size), np.float32)
    gemm(A, B, plain)
    module = s.build()
    module(A, B, fast)
    print(f"against the plain loops: {'the same bits' if np.array_equal(plain, fast) else 'DIFFERENT'}")
    ours, numpys = best(lambda: module(A, B, fast)), best(lambda: A @ B)
    flops = 2e-9 * size**3
    print(f"this schedule {ours * 1e3:.1f} ms, {flops / ours:.0f} Gflop/s")
    print(f"NumPy         {numpys * 1e3:.1f} ms, {flops / numpys:.0f} Gflop/s; ratio {numpys / ours:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1024)
