"""Gauss-Seidel sweeps run in parallel along wavefronts, though every cell waits for its neighbours.

python examples/wavefront.py
"""

from __future__ import annotations

import numpy as np

import tracealloc as ta
from tracealloc import float32, kernel


def make(*, N: int, TSTEPS: int, dtype: object = float32) -> ta.Kernel:
    @kernel
    def wavefront(A: dtype[N, N]):
        for _t in ta.range(TSTEPS):
            for i in ta.range(1, N - 1):
                for j in ta.range(1, N - 1):
                    A[i, j] = (A[i - 1, j] + A[i, j - 1] + A[i, j] + A[i, j + 1] + A[i + 1, j]) * 0.2

    return wavefront


def schedule(kernel: ta.Kernel) -> ta.Schedule:
    """Cells of one diagonal do not wait for each other."""
    s = ta.customize(kernel)
    s.skew("j", by="i")
    s.reorder("j", "i")
    s.parallel("i")
    return s


def main() -> None:
    wavefront = make(N=200, TSTEPS=4)
    s = ta.customize(wavefront)
    try:
        s.parallel("i")
    except ta.IllegalScheduleError as error:
        print(f"{error}\n")
    s = schedule(wavefront)
    print(s)
    print(f"s.verify(): {s.verify()}")
    plain = np.random.default_rng(0).random((200, 200), dtype=np.float32)
    fast = plain.copy()
    wavefront(plain)
    s.build()(fast)
    print(f"against the plain loops: {'the same bits' if np.array_equal(plain, fast) else 'DIFFERENT'}")


if __name__ == "__main__":
    main()
