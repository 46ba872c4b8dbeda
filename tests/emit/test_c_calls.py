"""Calls in emitted C that a compiler once got wrong."""

from __future__ import annotations

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import grid, int32, kernel
from tracealloc.check.interpret.interpret import interpret


@kernel
def product(A: int32[6, 6], B: int32[6, 6], C: int32[6, 6]):
    for i, j in grid(6, 6):
        acc = ta.scalar(int32, 0)
        for k in ta.range(6):
            acc += A[i, k] * B[k, j]
        C[i, j] = acc


@kernel
def cube(A: int32[6, 6], C: int32[6, 6]):
    T = ta.zeros((6, 6), int32)
    product(A, A, T)
    product(T, A, C)


@kernel
def steps(A: int32[6, 6], B: int32[6, 6]):
    for _ in ta.range(2):
        cube(A, B)
        for i in grid(6):
            for j in ta.range(i, 6):
                A[i, j] = B[j, i] + A[i, j]


def test_a_callee_sees_what_earlier_iterations_stored() -> None:
    """gcc 12, inlining functions with restrict into a loop, moved loads of A out of the loop over t."""
    s = ta.customize(steps)
    s.split("product:i", 2)  # a scheduled loop keeps its order: the one that was compiled wrongly
    rng = np.random.default_rng(0)
    a, b = (rng.integers(-9, 9, (6, 6)).astype(np.int32) for _ in range(2))
    expected = a.copy(), b.copy()
    interpret(steps.trace(), *expected)
    s.build()(a, b)
    assert np.array_equal(a, expected[0]) and np.array_equal(b, expected[1])


@kernel
def bump(p: int32[3], q: int32[3]):
    for i in ta.range(3):
        p[i] += i
        q[i] -= p[i]


@kernel
def columns(A: int32[3, 4], B: int32[3, 4]):
    bump(A[:, 0], B[:, 1])
    bump(A[:, 1], B[:, 2])
    for j in ta.range(3):
        bump(A[:, j], B[:, j + 1])
        bump(B[:, j], A[:, j + 1])
        if A[0, j] > 0:
            bump(A[:, j], B[:, 0])
            bump(A[:, 3], B[:, j])
    bump(A[:, 2], B[:, 3])


@pytest.mark.parametrize("build", [{}, {"target": "vitis_hls", "mode": "csim"}], ids=["C", "simulation"])
def test_columns_of_one_array_in_several_calls(build: dict[str, str]) -> None:
    """Each has a copy of its own: the second in a block was declared under the name of the first."""
    module = ta.customize(columns).build(**build)
    rng = np.random.default_rng(0)
    a, b = (rng.integers(-9, 9, (3, 4)).astype(np.int32) for _ in range(2))
    expected = a.copy(), b.copy()
    interpret(columns.trace(), *expected)
    module(a, b)
    assert np.array_equal(a, expected[0])
    assert np.array_equal(b, expected[1])
    assert "Named otherwise" not in module.source
