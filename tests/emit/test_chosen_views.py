"""Views that data choose, passed to kernels that change these data: a view stays as it was chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import grid, int32, kernel

N = 3
Pair = ta.Struct(a=int32, b=int32)


@kernel
def add(p: int32[N], q: int32[1]):
    for i in grid(N):
        p[i] += 1
        q[0] += 3 * i + 2


@kernel
def raise_all(p: int32[N]):
    for i in grid(N):
        p[i] += 1


@kernel
def raise_pairs(p: Pair[N]):
    for i in grid(N):
        p[i].a += p[i].b + 1


@kernel
def take(p: int32[N]) -> int32[N]:
    found = ta.zeros((N,), int32)
    for i in grid(N):
        found[i] = p[i] + 1
        p[i] = 0
    return found


@kernel
def column_by_another(A: int32[N, N], B: int32[N]):
    for j in grid(N):
        add(A[:, B[j] % N], B[j : j + 1])


@kernel
def row_by_another(A: int32[N, N], B: int32[N]):
    for j in grid(N):
        add(A[B[j] % N], B[j : j + 1])


@kernel
def column_by_itself(A: int32[N, N], B: int32[N]):
    for j in grid(N):
        raise_all(A[:, A[j, 0] % N])


@kernel
def with_a_result(A: int32[N, N], B: int32[N]):
    for j in grid(N):
        found = take(A[:, A[0, j] % N])
        for i in grid(N):
            B[i] += found[i]


@kernel
def middle(A: int32[N, N], B: int32[N], j: int32):
    add(A[:, B[j] % N], B[j : j + 1])


@kernel
def through_another(A: int32[N, N], B: int32[N]):
    for j in grid(N):
        middle(A, B, j)


@kernel
def under_a_guard(A: int32[N, N], B: int32[N]):
    for j in grid(N):
        with ta.when(A[j, 1] > 3):
            add(A[:, (B[j] + A[j, 0]) % N], B[j : j + 1])


CASES = [column_by_another, row_by_another, column_by_itself, with_a_result, through_another, under_a_guard]


def _scheduled(which: Any, step: Callable[[ta.Schedule], object]) -> Callable[..., object]:
    s = ta.customize(which)
    step(s)
    assert s.verify()
    return s.build()


def ways(which: Any) -> list[Callable[..., object]]:
    """The ways to run a kernel, inlined, unrolled and outlined ones too."""
    return [
        which,
        lambda *args: ta.interpret(which, *args),
        ta.customize(which).build(target="vitis_hls", mode="csim"),
        _scheduled(which, lambda s: s.inline(s.module.names()[-2])),
        _scheduled(which, lambda s: s.unroll("j")),
        _scheduled(which, lambda s: s.outline("j", "part")),
    ]


@pytest.mark.parametrize("which", CASES, ids=lambda k: k.name)
def test_a_view_is_chosen_once(which: Any) -> None:
    A = np.array([[4, 7, 2], [0, 5, 8], [6, 1, 3]], np.int32)
    B = np.array([0, 4, 8], np.int32)
    expected = A.copy(), B.copy()
    which.python(*expected)
    for run in ways(which):
        found = A.copy(), B.copy()
        run(*found)
        assert all((mine == theirs).all() for mine, theirs in zip(found, expected, strict=True))


def test_a_view_of_records_is_chosen_once() -> None:
    @kernel
    def records(X: Pair[N, N]):
        for j in grid(N):
            raise_pairs(X[:, X[0, j].a % N])
            raise_pairs(X[X[j, 1].a % N])

    given = np.zeros((N, N), [("a", np.int32), ("b", np.int32)])
    given["a"] = [[4, 7, 2], [0, 5, 8], [6, 1, 3]]
    given["b"] = [[1, 0, 2], [3, 1, 1], [0, 2, 5]]
    expected = given.copy()
    records.python(expected)
    for run in ways(records)[:3]:
        found = given.copy()
        run(found)
        assert (found == expected).all()
