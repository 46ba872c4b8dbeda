"""Kernels of 200 statements, each with 60 primitives and a proof: ``python -m benchmarks.large [names]``.

Seconds are of the processor. They differ in what makes analyses slow: one array that all share, a chain of
nests, one body of 200 stores, guards, deep nests. The steps are taken in turn from all primitives, at
loops and arrays spread over the kernel; ``all`` is everything: steps that are refused, and what the handles
are asked for, too. The last two are steps that a user would take: every producer moves to where it is needed.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

STATEMENTS, STEPS = 200, 60


def shared() -> Any:
    """200 nests over one array of a row each."""
    from tracealloc import float32, grid, kernel

    @kernel
    def one_array(A: float32[210, 64]):  # type: ignore[no-untyped-def, valid-type]
        for n in range(STATEMENTS):
            for i, j in grid(4, 8):
                A[n + 1, i * 8 + j] = A[n, i * 8 + j] * 2.0 + A[n + 2, j]

    return one_array


def whole() -> Any:
    """200 nests over the whole of one array, forwards and backwards."""
    from tracealloc import float32, grid, kernel

    @kernel
    def whole_array(A: float32[32, 32], B: float32[32, 32]):  # type: ignore[no-untyped-def, valid-type]
        for n in range(STATEMENTS // 2):
            for i, j in grid(30, 30):
                B[i + 1, j + 1] = A[i, j] + A[i + 2, j + n % 3]
            for i, j in grid(30, 30):
                A[i + 1, j + 1] += B[i + 1, j + 1]

    return whole_array


def chain() -> Any:
    """A chain of 200 nests, each from one array to the next."""
    import tracealloc as ta
    from tracealloc import float32, grid, kernel

    @kernel
    def chained(A: float32[32, 32]) -> float32[32, 32]:  # type: ignore[no-untyped-def, valid-type]
        last: Any = A
        for _ in range(STATEMENTS // 2):
            made = ta.zeros((32, 32), float32)
            for i, j in grid(30, 32):
                made[i, j] = last[i + 1, j] + last[i, j]
            last = made
        return last

    return chained


def body() -> Any:
    """One nest whose body holds 200 stores."""
    from tracealloc import float32, grid, kernel

    @kernel
    def one_body(A: float32[64, 420], B: float32[64, 420]):  # type: ignore[no-untyped-def, valid-type]
        for i, j in grid(64, 2):
            for n in range(STATEMENTS):
                B[i, 2 * n + j] = A[i, 2 * n + j + 1] * 3.0 + A[i, n]

    return one_body


def window() -> Any:
    """One nest whose body of 200 stores passes values on in one array."""
    import tracealloc as ta
    from tracealloc import float32, kernel

    @kernel
    def one_window(A: float32[100, 420]):  # type: ignore[no-untyped-def, valid-type]
        for i in ta.range(1, 100):
            for j in ta.range(2):
                for n in range(STATEMENTS):
                    A[i, 2 * n + j] = A[i - 1, 2 * n + j + 1] * 3.0 + A[i, n]

    return one_window


def guarded() -> Any:
    """100 nests under conditions on iterators and on data."""
    import tracealloc as ta
    from tracealloc import float32, kernel

    @kernel
    def conditions(A: float32[64, 64], B: float32[64, 64]):  # type: ignore[no-untyped-def, valid-type]
        for n in range(STATEMENTS // 2):
            for i in ta.range(60):
                for j in ta.range(60):
                    if j <= i:
                        B[i, j] += A[i, j + n % 4]
                    if A[i, j] > 0:
                        B[i, j] = A[j, i]

    return conditions


def deep() -> Any:
    """200 products, three loops deep, over six arrays."""
    from tracealloc import float32, grid, kernel

    @kernel
    def products(  # type: ignore[no-untyped-def]
        A: float32[20, 20],  # type: ignore[valid-type]
        B: float32[20, 20],  # type: ignore[valid-type]
        C: float32[20, 20],  # type: ignore[valid-type]
        D: float32[20, 20],  # type: ignore[valid-type]
    ):
        arrays = [A, B, C, D]
        for n in range(STATEMENTS):
            x, y, z = arrays[n % 4], arrays[(n + 1) % 4], arrays[(n + 2) % 4]
            for i, j, k in grid(20, 20, 20):
                z[i, j] += x[i, k] * y[k, j]

    return products


def triangles() -> Any:
    """50 nests of four statements over triangles and steps."""
    import tracealloc as ta
    from tracealloc import float32, kernel

    @kernel
    def ragged(A: float32[100, 100], x: float32[100]):  # type: ignore[no-untyped-def, valid-type]
        for n in range(STATEMENTS // 4):
            for i in ta.range(n % 3, 98, 2 + n % 2):
                x[i] = 0.0
                for j in ta.range(i):
                    x[i] += A[i, j] * x[j]
                for j in ta.range(i, 98):
                    A[j, i] = A[i, j] - x[i]
                x[i] = x[i] / A[i, i]

    return ragged


def stages() -> Any:
    """A chain of 100 stencils; each goes into the loop of the last, from the back."""
    import tracealloc as ta
    from tracealloc import float32, grid, kernel

    @kernel
    def stencils(A: float32[64, 256]) -> float32[64, 256]:  # type: ignore[no-untyped-def, valid-type]
        last: Any = A
        for _ in range(STATEMENTS // 2):
            made = ta.zeros((64, 256), float32)
            for i, j in grid(62, 256):
                made[i, j] = last[i, j] + last[i + 1, j] * 2.0
            last = made
        return last

    return stencils


def ragged() -> Any:
    """100 sums over triangles, lower and upper in turn; each lower one goes into the loop that needs it."""
    import tracealloc as ta
    from tracealloc import float32, kernel

    @kernel
    def sums(  # type: ignore[no-untyped-def]
        A: float32[64, 64],  # type: ignore[valid-type]
        x: float32[64],  # type: ignore[valid-type]
        y: float32[64],  # type: ignore[valid-type]
    ):
        for _ in range(STATEMENTS // 4):
            t = ta.zeros((64,), float32)
            for i in ta.range(64):
                for j in ta.range(i + 1):
                    t[i] += A[i, j] * x[j]
            for i in ta.range(64):
                for j in ta.range(i, 64):
                    y[i] += A[j, i] * t[j]

    return sums


def recurrence() -> Any:
    """One nest of 200 statements under conditions, all on one row that they pass on."""
    import tracealloc as ta
    from tracealloc import float32, kernel

    @kernel
    def one_row(A: float32[64], B: float32[64, 64]):  # type: ignore[no-untyped-def, valid-type]
        for i in ta.range(1, 60):
            for j in ta.range(60):
                for n in range(STATEMENTS):
                    with ta.when(j <= i + n % 7):
                        A[j] = A[j + n % 3] * 0.5 + B[i, j]

    return one_row


def arrays() -> Any:
    """One nest of 200 statements over 60 arrays."""
    import tracealloc as ta
    from tracealloc import float32, grid, kernel

    @kernel
    def many_arrays(A: float32[32, 40]) -> float32[32, 40]:  # type: ignore[no-untyped-def, valid-type]
        made: list[Any] = [A, *(ta.zeros((32, 40), float32) for _ in range(59))]
        for i, j in grid(32, 32):
            for n in range(STATEMENTS):
                x, y, z = (made[(7 * n + k) % 60] for k in (0, 1, 11))
                z[i, j] = x[i, j + n % 2] + y[i, j] * 0.5
        return made[-1]

    return many_arrays


_ALL = (shared, whole, chain, body, window, guarded, deep, triangles, stages, ragged, recurrence, arrays)
CASES: dict[str, Callable[[], Any]] = {f.__name__: f for f in _ALL}


def bands(s: Any) -> list[list[Any]]:
    """Handles of the loops of each outermost nest."""
    from tracealloc.poly.model.tree import Sequence, loops_in

    handles = {loop.key: loop for loop in s.loops()}
    tree = s.module.state(s.name).tree
    nests = tree.children if isinstance(tree, Sequence) else (tree,)
    found = [[handles[loop.key] for loop in loops_in(nest)] for nest in nests]
    return [nest for nest in found if nest]


def steps(s: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Endless steps of all kinds over all of a schedule."""
    rng = np.random.default_rng(0)
    kinds = [
        "split", "reorder", "pipeline", "unroll", "buffer_at", "partition", "tile", "fuse", "skew", "merge",
        "distribute", "compute_at", "shift", "reverse", "peel", "parallel", "bind", "reuse_at", "vectorize",
    ]  # fmt: skip
    for number in range(10**6):
        nests = bands(s)
        at = int(rng.integers(len(nests)))
        nest = nests[at]
        after = nests[min(at + 1, len(nests) - 1)]
        arrays = [a for a in s.arrays() if a.shape]
        array = arrays[int(rng.integers(len(arrays)))]
        one = nest[int(rng.integers(len(nest)))]
        kind = kinds[number % len(kinds)]
        two = nest[:2] if len(nest) > 1 else [nest[0], nest[0]]
        arguments: tuple[Any, ...] = {
            "split": (one, 4), "reorder": (two[1], two[0]), "unroll": (nest[-1], 2), "tile": (two, [4, 4]),
            "buffer_at": (array, one), "reuse_at": (array, one), "partition": (array, 0, "cyclic", 2),
            "fuse": tuple(two), "skew": (two[1], two[0]), "merge": (nest[0], after[0]),
            "bind": (array, "bram"),
            "compute_at": (nest[0], after[0]), "shift": (one, 2), "peel": (one, 1),
        }.get(kind, (one,))  # fmt: skip
        yield kind, partial(getattr(s, kind), *arguments)


def one_after_another(s: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Each stage of a chain at the loop of the last."""
    *others, last = [f"{band}.i" for band in s.bands()]
    for stage in reversed(others):
        yield "compute_at", partial(s.compute_at, stage, last)


def each_at_the_next(s: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Every other nest at the inner loop of the next, whose outer one is split then."""
    names = s.bands()
    for stage, user in zip(names[::2], names[1::2], strict=True):
        yield "compute_at", partial(s.compute_at, stage, f"{user}.j")
        yield "split", partial(s.split, f"{user}.i", 8)


PLANS = {"stages": one_after_another, "ragged": each_at_the_next}


def measure(name: str) -> str:
    """Seconds for tracing, 60 steps that are applied (and those refused between), and the proof."""
    import tracealloc as ta

    warnings.simplefilter("ignore")
    start = time.process_time()
    s = ta.customize(CASES[name]())
    traced = time.process_time()
    taken: dict[str, list[float]] = {}
    refused: list[tuple[float, str]] = []
    for kind, step in PLANS.get(name, steps)(s):
        begun = time.process_time()
        try:
            step()
        except ta.TraceallocError:
            refused.append((time.process_time() - begun, kind))
        else:
            taken.setdefault(kind, []).append(time.process_time() - begun)
        if len(s.history) == STEPS or len(refused) > 2 * STEPS:
            break
    scheduled = time.process_time()
    proof = s.verify()
    proved = time.process_time()
    total = sum(map(sum, taken.values()))
    slow = sorted(((max(v), k) for k, v in taken.items()), reverse=True)[:4]
    return (
        f"{name:10s} trace {traced - start:5.2f} s, {len(s.history)} steps {total:6.2f} s,"
        f" {len(refused)} refused {sum(t for t, _ in refused):6.2f} s, proof {proved - scheduled:6.2f} s,"
        f" all {proved - start:6.2f} s {'proved' if proof else 'NOT PROVED'}"
        f"  slowest {', '.join(f'{k} {t * 1e3:.0f} ms' for t, k in slow)};"
        f" refused {', '.join(f'{k} {t * 1e3:.0f} ms' for t, k in sorted(refused, reverse=True)[:3])}"
    )


def main() -> None:
    """Print a line for each kernel."""
    for name in sys.argv[1:] or CASES:
        print(measure(name), flush=True)


if __name__ == "__main__":
    main()
