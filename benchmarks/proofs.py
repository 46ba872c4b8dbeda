"""Proofs that are hard for the analysis: ``python -m benchmarks.proofs [names]``.

Steps, uneven tiles, skews, windows and buffers in one schedule: the integer divisions that they bring are
what makes exact analyses slow. For each: seconds of the processor for the steps and for the proof,
at two sizes; the time must not depend on the size.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from typing import Any


def stepped(n: int) -> Any:
    """A stencil over every third row and column, tiled unevenly."""
    import tracealloc as ta
    from tracealloc import float32, kernel

    @kernel
    def stencil(A: float32[n + 4, n + 4], B: float32[n + 4, n + 4]):  # type: ignore[no-untyped-def, valid-type]
        for i in ta.range(1, n, 3):
            for j in ta.range(0, n, 3):
                B[i, j] = A[i - 1, j] + A[i + 1, j + 2]
        for i in ta.range(1, n, 3):
            for j in ta.range(0, n, 3):
                A[i, j] = B[i, j] * 2.0

    s = ta.customize(stencil)
    s.tile(s.loops()[:2], [4, 5])
    s.tile(s.loops()[4:], [5, 7])
    return s


def stepped_split(n: int) -> Any:
    """Every third element, split twice, in place."""
    import tracealloc as ta
    from tracealloc import float32, kernel

    @kernel
    def every_third(A: float32[n + 8], B: float32[n + 8]):  # type: ignore[no-untyped-def, valid-type]
        for _ in ta.range(4):
            for i in ta.range(0, n, 3):
                A[i + 3] = A[i] + B[i]

    s = ta.customize(every_third)
    s.split("i", 5)
    s.split("i.inner", 2)
    return s


def split_buffered(n: int) -> Any:
    """A product split unevenly in all loops, with buffers."""
    import tracealloc as ta
    from tracealloc import float32, grid, kernel

    @kernel
    def product(  # type: ignore[no-untyped-def]
        A: float32[n, n],  # type: ignore[valid-type]
        B: float32[n, n],  # type: ignore[valid-type]
        C: float32[n, n],  # type: ignore[valid-type]
    ):
        for i, j, k in grid(n, n, n):
            C[i, j] += A[i, k] * B[k, j]

    s = ta.customize(product)
    s.tile(["i", "j", "k"], [5, 7, 11])
    s.buffer_at("C", "j.outer")
    s.buffer_at("A", "k.outer")
    s.buffer_at("B", "k.outer")
    return s


def skewed(n: int) -> Any:
    """A Seidel sweep, skewed and tiled."""
    import tracealloc as ta
    from tracealloc import float32, kernel

    @kernel
    def seidel(A: float32[n, n]):  # type: ignore[no-untyped-def, valid-type]
        for t in ta.range(20):  # noqa: B007
            for i in ta.range(1, n - 1):
                for j in ta.range(1, n - 1):
                    A[i, j] = (A[i - 1, j] + A[i, j - 1] + A[i, j] + A[i, j + 1] + A[i + 1, j]) * 0.2

    s = ta.customize(seidel)
    s.skew("i", by="t")
    s.skew("j", by="t")
    s.skew("j", by="i")
    s.tile(["t", "i", "j"], [4, 6, 9])
    return s


def diamond(n: int) -> Any:
    """A Jacobi sweep in time, in two nests, merged, skewed and tiled."""
    import tracealloc as ta
    from tracealloc import float32, kernel

    @kernel
    def jacobi(A: float32[n], B: float32[n]):  # type: ignore[no-untyped-def, valid-type]
        for t in ta.range(50):  # noqa: B007
            for i in ta.range(1, n - 1):
                B[i] = A[i - 1] + A[i] + A[i + 1]
            for j in ta.range(1, n - 1):
                A[j] = B[j - 1] + B[j] + B[j + 1]

    s = ta.customize(jacobi)
    s.shift("j", 1)
    s.merge("i", "j")
    s.skew("i", by="t", factor=2)
    s.tile(["t", "i"], [3, 8])
    return s


def fused(n: int) -> Any:
    """Fused loops, split again unevenly, with a buffer."""
    import tracealloc as ta
    from tracealloc import float32, grid, kernel

    @kernel
    def rows(A: float32[n, 50], B: float32[n, 50]):  # type: ignore[no-untyped-def, valid-type]
        for i, j in grid(n, 50):
            B[i, j] = A[i, j] + 1.0
        for i, j in grid(n, 49):
            A[i, j] = B[i, j] + B[i, j + 1]

    s = ta.customize(rows)
    first = s.fuse(*s.loops()[:2])
    s.split(first, 13)
    second = s.fuse(*s.loops()[2:4])
    s.split(second, 9)
    return s


def windows(n: int) -> Any:
    """A convolution with line and window buffers."""
    import tracealloc as ta
    from tracealloc import float32, kernel

    @kernel
    def convolution(  # type: ignore[no-untyped-def]
        A: float32[n + 2, n + 2],  # type: ignore[valid-type]
        W: float32[3, 3],  # type: ignore[valid-type]
        B: float32[n, n],  # type: ignore[valid-type]
    ):
        for i in ta.range(n):
            for j in ta.range(n):
                v = ta.scalar(float32, 0)
                for r in ta.range(3):
                    for c in ta.range(3):
                        v += A[i + r, j + c] * W[r, c]
                B[i, j] = v

    s = ta.customize(convolution)
    lines = s.reuse_at("A", "i")
    s.reuse_at(lines, "j")
    return s


def triangle(n: int) -> Any:
    """A triangular solve, tiled, with a buffer."""
    import tracealloc as ta
    from tracealloc import float32, kernel

    @kernel
    def product(A: float32[n, n], B: float32[n, n]):  # type: ignore[no-untyped-def, valid-type]
        for i in ta.range(n):
            for j in ta.range(n):
                for k in ta.range(i + 1, n):
                    B[i, j] += A[k, i] * B[k, j]
                B[i, j] *= 1.5

    s = ta.customize(product)
    s.split("i", 7)
    s.split("j", 5)
    s.split("k", 3)
    s.buffer_at("A", "i.inner")
    s.buffer_at("B", "i.inner")
    return s


def mixed_steps(n: int) -> Any:
    """Steps of two and three over one array, split by other factors."""
    import tracealloc as ta
    from tracealloc import float32, kernel

    @kernel
    def sieve(A: float32[n]):  # type: ignore[no-untyped-def, valid-type]
        for i in ta.range(0, n, 2):
            A[i] = A[i] + 1.0
        for j in ta.range(0, n, 3):
            A[j] = A[j] * 2.0
        for k in ta.range(n - 1, 0, -4):
            A[k] = A[k] + A[k - 1]

    s = ta.customize(sieve)
    for loop, factor in zip(s.loops(), (5, 4, 3), strict=True):
        s.split(loop, factor)
    return s


def parity(n: int) -> Any:
    """Red and black cells under a condition on the parity, tiled."""
    import tracealloc as ta
    from tracealloc import float32, kernel

    @kernel
    def red_black(A: float32[n, n]):  # type: ignore[no-untyped-def, valid-type]
        for _ in ta.range(10):
            for i in ta.range(1, n - 1):
                for j in ta.range(1, n - 1):
                    if (i + j) % 2 == 0:
                        A[i, j] = A[i - 1, j] + A[i + 1, j] + A[i, j - 1] + A[i, j + 1]
            for p in ta.range(1, n - 1):
                for q in ta.range(1, n - 1):
                    if (p + q) % 2 == 1:
                        A[p, q] = A[p - 1, q] + A[p + 1, q] + A[p, q - 1] + A[p, q + 1]

    s = ta.customize(red_black)
    s.tile(["i", "j"], [6, 10])
    s.tile(["p", "q"], [7, 9])
    return s


def pyramid(n: int) -> Any:
    """Halving the size of an image by strides, level after level, under one another."""
    import tracealloc as ta
    from tracealloc import float32, kernel

    @kernel
    def levels(A: float32[4 * n, 4 * n]) -> float32[n, n]:  # type: ignore[no-untyped-def, valid-type]
        half = ta.zeros((2 * n, 2 * n), float32)
        quarter = ta.zeros((n, n), float32)
        for i in ta.range(2 * n):
            for j in ta.range(2 * n):
                half[i, j] = A[2 * i, 2 * j] + A[2 * i + 1, 2 * j + 1]
        for p in ta.range(n):
            for q in ta.range(n):
                quarter[p, q] = half[2 * p, 2 * q] + half[2 * p + 1, 2 * q + 1]
        return quarter

    s = ta.customize(levels)
    s.tile(["p", "q"], [5, 3])
    s.compute_at("i", "q.outer")
    return s


CASES: dict[str, Callable[[int], Any]] = {
    f.__name__: f
    for f in (
        stepped, stepped_split, split_buffered, skewed, diamond, fused, windows, triangle, mixed_steps,
        parity, pyramid,
    )
}  # fmt: skip


def measure(name: str, n: int) -> str:
    """Seconds for the steps and the proof."""
    import tracealloc as ta

    warnings.simplefilter("ignore")
    start = time.process_time()
    try:
        s = CASES[name](n)
    except ta.TraceallocError as error:
        return f"{name:15s} {n:5d} {time.process_time() - start:7.2f} s refused: {str(error).splitlines()[0]}"
    scheduled = time.process_time()
    try:
        proof = s.verify()
    except ta.TraceallocError as error:
        return f"{name:15s} {n:5d} {str(error).splitlines()[0]}"
    seconds = time.process_time() - scheduled
    verdict = "proved" if proof else f"NOT PROVED {proof}"
    return f"{name:15s} {n:5d} steps {scheduled - start:6.2f} s  proof {seconds:6.2f} s  {verdict}"


def main() -> None:
    """Print two lines for each case."""
    for name in sys.argv[1:] or CASES:
        for n in (60, 1000):
            print(measure(name, n), flush=True)


if __name__ == "__main__":
    main()
