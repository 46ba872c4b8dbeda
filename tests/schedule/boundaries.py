"""Random steps among which functions are inlined and outlined, on kernels that call kernels."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
from common import check_round_trip, values_for

import tracealloc as ta
from tracealloc import grid, int32, kernel
from tracealloc.check.interpret.interpret import interpret
from tracealloc.schedule.core.boundaries import scope_of
from tracealloc.schedule.core.names import full_name, loops_of, visible_arrays

N = 6
_RISING = np.arange(N, dtype=np.int32)
_FALLING = _RISING[::-1].copy()


@kernel
def scale(X: int32[N], Y: int32[N], k: int32):
    w = ta.constant(_RISING)
    t = ta.zeros((2,), int32)
    for i in grid(N):
        t[i % 2] += X[i] * k + w[i]
        Y[i] += t[i % 2]


@kernel
def total(X: int32[N]) -> int32[N]:
    out = ta.zeros((N,), int32)
    for i in grid(N):
        for j in ta.range(i + 1):
            out[i] += X[j]
    return out


@kernel
def part(X: int32[N, N], n: ta.index, m: int32):
    for i in ta.range(n):
        for j in ta.range(N):
            X[i, j] += m * j


@kernel
def product(A: int32[N, N], B: int32[N, N], C: int32[N, N]):
    for i, j in grid(N, N):
        acc = ta.scalar(int32, 0)
        for k in ta.range(N):
            acc += A[i, k] * B[k, j]
        C[i, j] = acc


@kernel
def cube(A: int32[N, N], C: int32[N, N]):
    T = ta.zeros((N, N), int32)
    product(A, A, T)
    product(T, A, C)


@kernel
def flat(A: int32[N, N], B: int32[N, N]):
    v = ta.constant(_FALLING)
    for i in grid(N):
        if A[i, 0] > 2:
            scale(A[i], B[N - 1 - i], A[i, 1] + i)
    scale(B[0], A[2], 3)
    S = total(A[1])
    for j in grid(N):
        B[j, j] = S[j] + v[j]
    for r in grid(N):
        part(B, r, r * 2)


@kernel
def nested(A: int32[N, N], B: int32[N, N]):
    for _ in ta.range(2):
        cube(A, B)
        for i in grid(N):
            for j in ta.range(i, N):
                A[i, j] = B[j, i] + A[i, j]


_FUNCTIONS = ("scale", "total", "part", "product", "cube", "o1", "o2", "o3")
_CALLED = (*_FUNCTIONS, "scale_0", "scale_1", "product_0", "cube_0")
_ONE = ("pipeline", "unroll", "reverse", "distribute")
_NAMES = (
    *("split", "split", "reorder", "fuse", "skew", "shift", "peel", "merge", "compute_at", *_ONE),
    *("buffer_at", "reshape", "partition", "inline", "inline", "outline", "outline", "outline"),
)


def _loops(s: ta.Schedule, function: str) -> list[str]:
    state = s.module.state(function)
    return [f"{function}:{full_name(state, x)}" for x in loops_of(state, scope_of(s.module, function))]


def _arrays(s: ta.Schedule, function: str) -> list[Any]:
    found = visible_arrays(s.module.state(function), scope_of(s.module, function))
    return [array for array in found if array.rank]


def random_step(rng: Random, s: ta.Schedule) -> tuple[str, tuple[Any, ...]]:
    """A primitive and its arguments."""
    name = rng.choice(_NAMES)
    if name == "inline":
        return name, (rng.choice([*_CALLED, *s.module.names()]),)
    function = rng.choice([f for f in s.module.names() if _loops(s, f)])
    loops = _loops(s, function)
    loop = rng.choice(loops)
    arrays = _arrays(s, function)
    if not arrays:
        return "pipeline", (loop,)
    match name:
        case "outline":
            return name, (loop, f"o{rng.randint(1, 3)}")
        case "split" | "peel" | "shift":
            return name, (loop, rng.randint(1, 4))
        case "reorder" | "fuse" | "merge":
            return name, tuple(rng.sample(loops, min(2, len(loops))))
        case "skew" | "compute_at":
            return name, (rng.choice(loops), loop)
        case "buffer_at":
            return name, (f"{function}:{rng.choice(arrays).name}", loop)
        case "reshape":
            array = rng.choice(arrays)
            return name, (f"{function}:{array.name}", (array.size,))
        case "partition":
            return name, (f"{function}:{rng.choice(arrays).name}", 0, "cyclic", 2)
    return name, (loop,)


def check_random(seed: int) -> None:
    """A random schedule: proved, right in the interpreter and in C, and rebuilt by its script."""
    rng = Random(seed)
    chosen = rng.choice([flat, nested])
    s = ta.customize(chosen)
    for _ in range(rng.randint(2, 7)):
        name, args = random_step(rng, s)
        before = s.module
        try:
            getattr(s, name)(*args)
        except ta.ScheduleError:
            assert s.module is before
    check_round_trip(s, chosen)
    arrays = [values_for(array, np.random.default_rng(seed)) for array in s.program.args]
    expected = [array.copy() for array in arrays]
    interpret(s.lowered, *expected)
    s.build()(*arrays)
    assert all(np.array_equal(a, b) for a, b in zip(arrays, expected, strict=True)), s.script()
