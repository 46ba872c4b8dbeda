"""What 1,000 kernels that were traced, scheduled and dropped leave: ``python -m benchmarks.memory``."""

from __future__ import annotations

import gc
import sys
import warnings
from pathlib import Path

PAGE = 4096


def resident() -> float:
    """What this process holds, in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 1e6


def one(number: int) -> None:
    """A kernel that no other is like, under some steps."""
    import tracealloc as ta
    from tracealloc import float32, kernel

    rows, columns = 20 + number % 13, 20 + number // 13

    @kernel
    def blur(A: float32[rows, columns], B: float32[rows, columns]):  # type: ignore[no-untyped-def, valid-type]
        for i in ta.range(1, rows - 1):
            for j in ta.range(columns):
                B[i, j] = A[i - 1, j] + A[i, j] + A[i + 1, j] * (number % 7)
        for i in ta.range(rows):
            for j in ta.range(columns):
                A[i, j] += B[i, j] * 0.5

    s = ta.customize(blur)
    (s.reuse_at if number % 2 else s.buffer_at)(s.A, "L0.i")
    s.tile(["L1.i", "L1.j"], [4, 8])
    str(s.lowered)


def main() -> None:
    """Print what is held at the start and after each tenth of the kernels."""
    warnings.simplefilter("ignore")
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    one(0)
    start = resident()
    print(f"{start:.0f} MB at the start, one kernel in")
    for number in range(1, count + 1):
        one(number)
        if number % max(count // 10, 1) == 0:
            gc.collect()
            print(f"{number:5d} kernels: {resident() - start:+.0f} MB", flush=True)


if __name__ == "__main__":
    main()
