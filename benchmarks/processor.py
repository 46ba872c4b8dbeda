"""C for the processor beside C written by hand, in turns: ``python -m benchmarks.processor [names]``.

Loops bounded by scalar arguments, tiled schedules, and what `parallel` costs on one thread. Then the
matrix product of the examples beside NumPy's at sizes that its tiles divide, and at others.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import ctypes
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tracealloc as ta
from benchmarks.cases import C_FOLDER
from examples import cpu_gemm
from tracealloc import float32, grid, index, int32, kernel, uint8

N, ROWS, ENTRIES = 1 << 20, 1 << 16, 1 << 20
SIZES = [(1024, 1024, 1024), (1000, 1000, 1000), (1023, 1023, 1023), (768, 1536, 512)]


@kernel
def saxpy(n: index, a: float32, x: float32[N], y: float32[N]):  # type: ignore[no-untyped-def]
    for i in ta.range(n):
        y[i] += a * x[i]


@kernel
def prefix(n: index, x: int32[N], y: int32[N]):  # type: ignore[no-untyped-def]
    total = ta.scalar(int32, 0)
    for i in ta.range(n):
        total += x[i]
        y[i] = total


@kernel
def gemv(m: index, n: index, A: float32[1024, 1024], x: float32[1024], y: float32[1024]):  # type: ignore
    for i in ta.range(m):
        total = ta.scalar(float32, 0)
        for j in ta.range(n):
            total += A[i, j] * x[j]
        y[i] = total


@kernel
def spmv(  # type: ignore[no-untyped-def]
    start: int32[ROWS + 1],
    column: int32[ENTRIES],
    value: float32[ENTRIES],
    x: float32[ROWS],
    y: float32[ROWS],
):
    for i in ta.range(ROWS):
        total = ta.scalar(float32, 0)
        for k in ta.range(start[i], start[i + 1]):
            total += value[k] * x[column[k]]
        y[i] = total


@kernel
def histogram(n: index, data: uint8[N], count: int32[256]):  # type: ignore[no-untyped-def]
    for i in ta.range(n):
        count[data[i]] += 1


@kernel
def image(h: index, w: index, A: uint8[1080, 1920], B: uint8[1080, 1920]):  # type: ignore[no-untyped-def]
    for y in ta.range(h):
        for x in ta.range(1, w - 1):
            B[y, x] = (A[y, x - 1] + 2 * A[y, x] + A[y, x + 1]) >> 2


@kernel
def stencil(A: float32[1300, 1300], B: float32[1300, 1300]):  # type: ignore[no-untyped-def]
    for i, j in grid(1298, 1298):
        B[i + 1, j + 1] = 0.2 * (
            A[i + 1, j + 1] + A[i + 1, j] + A[i + 1, j + 2] + A[i, j + 1] + A[i + 2, j + 1]
        )


@kernel
def convolution(X: float32[16, 64, 64], K: float32[32, 16, 3, 3], Y: float32[32, 62, 62]):  # type: ignore
    for o, y, x, c, ky, kx in grid(32, 62, 62, 16, 3, 3):
        Y[o, y, x] += X[c, y + ky, x + kx] * K[o, c, ky, kx]


def schedules(parallel: bool) -> dict[str, ta.Schedule]:
    """The tiled schedules, with or without threads."""
    s = ta.customize(stencil)
    tiles = s.tile(["i", "j"], [64, 256])
    t = ta.customize(convolution)
    o, o_in = t.split("o", 8)
    x, x_in = t.split("x", 16)
    t.reorder(o, "y", x, "c", "ky", "kx", o_in, x_in)
    t.buffer_at(t.Y, x)
    t.unroll(o_in)
    t.vectorize(x_in)
    if parallel:
        s.parallel(tiles[0])
        t.parallel(o)
    return {"stencil": s, "convolution": t}


def arguments() -> dict[str, list[Any]]:
    """Random arguments of each kernel; the scalars leave some elements out."""
    random = np.random.default_rng(0)

    def real(*shape: int) -> np.ndarray:
        return random.random(shape, dtype=np.float32)

    def whole(dtype: Any, top: int, *shape: int) -> np.ndarray:
        return random.integers(0, top, shape).astype(dtype)

    start = np.arange(ROWS + 1, dtype=np.int32) * (ENTRIES // ROWS)
    return {
        "saxpy": [N - 3, 2.0, real(N), real(N)],
        "prefix": [N - 3, whole(np.int32, 9, N), whole(np.int32, 9, N)],
        "gemv": [1000, 1001, real(1024, 1024), real(1024), real(1024)],
        "spmv": [start, whole(np.int32, ROWS, ENTRIES), real(ENTRIES), real(ROWS), real(ROWS)],
        "histogram": [N - 3, whole(np.uint8, 256, N), whole(np.int32, 1, 256)],
        "image": [1080, 1919, whole(np.uint8, 256, 1080, 1920), whole(np.uint8, 256, 1080, 1920)],
        "stencil": [real(1300, 1300), real(1300, 1300)],
        "convolution": [real(16, 64, 64), real(32, 16, 3, 3), real(32, 62, 62)],
    }


def by_hand(folder: str) -> ctypes.CDLL:
    """The hand-written C, compiled with the flags that tracealloc uses."""
    from tracealloc.emit.run.compiler import c_flags, find_compiler

    out = Path(folder) / "processor.so"
    command = [*find_compiler().command, *c_flags(""), str(C_FOLDER / "processor.c"), "-o", str(out)]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(out))


def _called(function: Any, values: list[Any]) -> Callable[[], object]:
    kinds = {int: ctypes.c_int64, float: ctypes.c_float}
    given = [v.ctypes.data_as(ctypes.c_void_p) if type(v) not in kinds else kinds[type(v)](v) for v in values]
    return lambda: function(*given)


def _turns(calls: dict[str, Callable[[], object]], seconds: float = 1.0) -> dict[str, np.ndarray]:
    """The times of each call, taken in turns."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(next(iter(taken.values()))) < 9:
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            taken[name].append(time.perf_counter() - start)
    return {name: np.array(found) for name, found in taken.items()}


def compare(name: str, hand: ctypes.CDLL) -> str:
    """One line: ours, by hand, and the ratios of best runs and of medians."""
    values = arguments()[name]
    copies = [v.copy() if isinstance(v, np.ndarray) else v for v in values]
    tiled = schedules(False).get(name)
    built = tiled.build() if tiled is not None else globals()[name]
    built(*values)
    _called(getattr(hand, name), copies)()
    for mine, other in zip(values, copies, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5)
    theirs = _called(getattr(hand, name), values)  # on the same arrays: as warm as those of ours
    calls: dict[str, Callable[[], object]] = {"ours": lambda: built(*values), "hand": theirs}
    if tiled is not None:
        threads = schedules(True)[name].build()
        calls["parallel"] = lambda: threads(*values)
    found = _turns(calls)
    ratio = found["ours"].min() / found["hand"].min(), np.median(found["ours"]) / np.median(found["hand"])
    line = (
        f"{name:12s} {found['ours'].min() * 1e6:9.0f} us {found['hand'].min() * 1e6:9.0f} us"
        f" {ratio[0]:7.2f} {ratio[1]:7.2f}"
    )
    if tiled is not None:
        line += f"   with parallel, one thread: {found['parallel'].min() / found['ours'].min():.2f} of that"
    return line


def product(m: int, n: int, k: int) -> str:
    """One line: the matrix product of the examples beside NumPy's."""
    made = cpu_gemm.make(M=m, N=n, K=k)
    s = cpu_gemm.schedule(made)
    random = np.random.default_rng(0)
    A, B = random.random((m, k), dtype=np.float32), random.random((k, n), dtype=np.float32)
    plain, fast = np.zeros((2, m, n), np.float32)
    made(A, B, plain)
    module = s.build()
    module(A, B, fast)
    same = "the same bits" if np.array_equal(plain, fast) else "DIFFERENT"
    found = _turns({"ours": lambda: module(A, B, fast), "NumPy": lambda: A @ B})
    ratio = found["NumPy"].min() / found["ours"].min(), np.median(found["NumPy"]) / np.median(found["ours"])
    proof = "proved" if s.verify() else "NOT PROVED"
    return (
        f"product {m} x {n} x {k}: {ratio[0]:.2f} of NumPy's speed (medians {ratio[1]:.2f}), {same}, {proof}"
    )


def main() -> None:
    """Print the lines."""
    names = list(arguments())
    wanted = sys.argv[1:] or [*names, "product"]
    print("kernel            ours         by hand    best  median")
    with tempfile.TemporaryDirectory() as folder:
        hand = by_hand(folder)
        for name in (name for name in names if name in wanted):
            print(compare(name, hand), flush=True)
    for size in SIZES if "product" in wanted else ():
        print(product(*size), flush=True)


if __name__ == "__main__":
    main()
