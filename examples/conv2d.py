"""A 2-D convolution that reads each pixel from memory once: a line buffer, and a window in registers.

python examples/conv2d.py
"""

from __future__ import annotations

import numpy as np

import tracealloc as ta
from tracealloc import float32, grid, kernel


def make(*, H: int, W: int, R: int = 3, S: int = 3, dtype: object = float32) -> ta.Kernel:
    @kernel
    def conv2d(A: dtype[H, W], F: dtype[R, S], B: dtype[H - R + 1, W - S + 1]):
        for i, j in grid(H - R + 1, W - S + 1):
            total = ta.scalar(dtype, 0)
            for r, s in grid(R, S):
                total += A[i + r, j + s] * F[r, s]
            B[i, j] = total

    return conv2d


def schedule(kernel: ta.Kernel) -> ta.Schedule:
    """R lines and an R x S window of A on chip: one pixel is loaded, and one result made, per cycle."""
    s = ta.customize(kernel)
    lines = s.reuse_at(s.A, "i")
    s.reuse_at(lines, "j")
    s.partition(s.F)
    s.pipeline("j")
    return s


def main() -> None:
    conv2d = make(H=64, W=96)
    s = schedule(conv2d)
    print(s)
    print(f"s.verify(): {s.verify()}")
    print(s.conflicts())
    random = np.random.default_rng(0)
    A, F = random.random((64, 96), dtype=np.float32), random.random((3, 3), dtype=np.float32)
    plain, fast = np.zeros((2, 62, 94), np.float32)
    conv2d(A, F, plain)
    s.build()(A, F, fast)
    expected = np.einsum("ijrs,rs->ij", np.lib.stride_tricks.sliding_window_view(A, F.shape), F)
    print(f"against the plain loops: {'the same bits' if np.array_equal(plain, fast) else 'DIFFERENT'}")
    print(f"largest difference from NumPy: {np.abs(fast - expected).max():.1e}")


if __name__ == "__main__":
    main()
