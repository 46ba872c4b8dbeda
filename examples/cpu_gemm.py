"""A matrix product for the processor: tiles that fit the caches, a packed block, vector lanes, threads."""

import tracealloc as ta
from tracealloc import grid, kernel


def make(*, M, N, K, dtype=ta.float32):
    @kernel
    def gemm(A: dtype[M, K], B: dtype[K, N], C: dtype[M, N]):
        for i, j, k in grid(M, N, K):
            C[i, j] += A[i, k] * B[k, j]

    return gemm


def schedule(kernel, *, rows=4, steps=8, depth=256, panel=256, threads=False):
    """Pack blocks of B; a visit to a row of C adds `steps` products, and `rows` of them share the block."""
    s = ta.customize(kernel)
    block, column = s.split("j", panel)
    stage, step = s.split("k", depth)
    stripe, row = s.split("i", rows)
    step, inner = s.split(step, steps)
    s.reorder(block, stage, stripe, step, column, row, inner)
    s.buffer_at(s.B, stage)
    s.unroll(row)
    s.unroll(inner)
    s.vectorize(column)
    if threads:
        s.parallel(stripe)
    return s


if __name__ == "__main__":
    import time

    import numpy as np

    n = 1024
    s = schedule(make(M=n, N=n, K=n))
    print(s)
    print(s.verify())
    run = s.build()
    a, b, c = (np.random.rand(n, n).astype(np.float32) for _ in range(3))
    run(a, b, c)
    start = time.perf_counter()
    run(a, b, c)
    ours = time.perf_counter() - start
    start = time.perf_counter()
    a @ b
    print(f"ours {ours * 1e3:.1f} ms, NumPy {(time.perf_counter() - start) * 1e3:.1f} ms")
