"""A blur in two stages, along rows and then along columns, that never stores the whole first stage.

python examples/blur.py
"""

from __future__ import annotations

import numpy as np

import tracealloc as ta
from tracealloc import float32, grid, kernel


def make(*, H: int, W: int, dtype: object = float32) -> ta.Kernel:
    @kernel
    def blur(image: dtype[H, W], out: dtype[H - 2, W - 2]):
        rows = ta.empty((H, W - 2), dtype)
        for y, x in grid(H, W - 2):
            rows[y, x] = (image[y, x] + image[y, x + 1] + image[y, x + 2]) / 3
        for i, j in grid(H - 2, W - 2):
            out[i, j] = (rows[i, j] + rows[i + 1, j] + rows[i + 2, j]) / 3

    return blur


def schedule(kernel: ta.Kernel, strip: int = 8) -> ta.Schedule:
    """Strips of rows: each makes the rows of the first stage that it needs, just before it needs them."""
    s = ta.customize(kernel)
    i, row = s.split("i", strip)
    s.compute_at(s.rows, i)
    s.reuse_at(s.image, "x")
    s.reuse_at(s.rows_i_outer, row)
    s.pipeline("x")
    s.pipeline("j")
    return s


def main() -> None:
    blur = make(H=66, W=130)
    s = schedule(blur)
    print(s)
    print(f"s.verify(): {s.verify()}")
    print(s.conflicts())
    image = np.random.default_rng(0).random((66, 130), dtype=np.float32)
    plain, fast = np.zeros((2, 64, 128), np.float32)
    blur(image, plain)
    s.build()(image, fast)
    expected = np.lib.stride_tricks.sliding_window_view(image, (3, 3)).mean(axis=(2, 3))
    print(f"against the plain loops: {'the same bits' if np.array_equal(plain, fast) else 'DIFFERENT'}")
    print(f"largest difference from NumPy: {np.abs(fast - expected).max():.1e}")


if __name__ == "__main__":
    main()
