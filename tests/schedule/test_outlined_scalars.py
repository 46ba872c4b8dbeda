"""`outline` of loops that store to scalars: the function takes and gives them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from common import check_round_trip, run

import tracealloc as ta
from tracealloc import float32, int16, int32, kernel, uint8

N = 8


def dot(dtype: Any) -> Any:
    @kernel
    def dot(A: dtype[N], B: dtype[N]) -> dtype:
        total = ta.scalar(dtype, 0)
        for k in ta.range(N):
            total += A[k] * B[k]
        return total

    return dot


@kernel
def two(A: int32[N], C: int32[N]) -> (int32, int32):
    a = ta.scalar(int32, 1)
    b = ta.scalar(int32, 0)
    for k in ta.range(N):
        a += A[k]
        b.set(ta.maximum(b, A[k]))
        C[k] = a + b
    return a, b


@kernel
def above(A: int32[N], B: int32[N]) -> int32:
    t = ta.scalar(int32, 0)
    least = ta.scalar(int32, 2)
    for k in ta.range(N):
        if A[k] > least:
            t += A[k] * B[0]
    return t


@kernel
def bits(A: uint8[N]) -> uint8:
    t = ta.scalar(uint8, 0)
    for k in ta.range(N):
        t[k] = A[k][0]
    return t


@kernel
def again(A: int32[N], C: int32[2]):
    t = ta.scalar(int32, 0)
    for j in ta.range(N):
        t += A[j]
    C[0] = t
    t.set(5)
    for k in ta.range(N):
        t += A[k]
    C[1] = t


@kernel
def inner(A: int32[N, N], C: int32[N]) -> int32:
    s = ta.scalar(int32, 0)
    for i in ta.range(N):
        t = ta.scalar(int32, 0)
        for k in ta.range(N):
            t += A[i, k]
            s += t
        C[i] = t
    return s


@kernel
def by_data(A: int32[N]) -> int32:
    t = ta.scalar(int32, 0)
    for k in ta.range(A[0] & 7):
        t += A[k]
    return t


Pair = ta.Struct(a=int32, b=int16)


@kernel
def record(A: int32[N], C: int32[2]):
    t = ta.scalar(Pair)
    t.a = 1
    t.b = 2
    for k in ta.range(N):
        t.a += A[k]
        C[0] = t.b
    C[1] = t.a


_INTEGERS = [dot(t) for t in (int32, int16, ta.Int(5), ta.UInt(3))]
_ALL = [*_INTEGERS, dot(float32), two, above, bits, again, inner, by_data, record]


@pytest.mark.parametrize("top", _ALL, ids=lambda top: top.name)
def test_a_function_takes_and_gives_scalars(top: Any) -> None:
    s = ta.customize(top)
    s.outline("k", "part")
    assert s.verify()
    check_round_trip(s, top)
    expected = run(top.trace())
    for build in (s.build(), s.build(target="vitis_hls", mode="csim")):
        arrays = run_with(build, top)
        for mine, other in zip(arrays, expected, strict=True):
            np.testing.assert_array_equal(mine, other)
    s.inline("part")
    assert s.verify()
    check_round_trip(s, top)


@kernel
def countdown(A: int32[N], C: int32[1]):
    left = ta.scalar(int32, 4)

    def body() -> None:
        left.set(left - 1)
        C[0] += A[left]

    ta.while_loop(lambda: left > 0, body)


@kernel
def while_by_data(A: int32[N], C: int32[1]):
    for _ in ta.range(A[0] & 3):
        countdown(A, C)


@kernel
def set_by_data(A: int32[N], C: int32[N]):
    for i in ta.range(A[0] & 3):
        if A[1] > 2:
            t = A[i] + 1
            for k in ta.range(N):
                C[k] += t


@pytest.mark.parametrize(("top", "loop"), [(while_by_data, "while"), (set_by_data, "k")])
def test_scalars_inside_what_depends_on_data(top: Any, loop: str) -> None:
    """Also one that a callee made there."""
    s = ta.customize(top)
    if len(s.module.names()) > 1:
        s.inline("countdown")
    s.outline(loop, "part")
    check_round_trip(s, top)
    np.testing.assert_array_equal(run_with(s.build(), top)[1], run(top.trace())[1])


def run_with(build: Any, top: Any) -> list[np.ndarray]:
    from common import values_for

    rng = np.random.default_rng(0)
    arrays = [values_for(array, rng) for array in top.trace().args]
    found = build(*arrays)
    results = found if isinstance(found, tuple) else () if found is None else (found,)
    return [*arrays, *map(np.asarray, results)]
