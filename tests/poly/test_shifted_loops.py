"""Loops whose values have a distance: their variable is the time of all that is in them.

isl would count 0, 1, 2 for a loop at 0, 2, 4, and share a loop at 0, 2, 4 with what runs at 1, 3, 5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import grid, int32, kernel

M = 40


@kernel
def evens_and_odds(A: int32[M], B: int32[M], C: int32[M]):
    for i in grid(12):
        for j in grid(6):
            if i == 2 * j:
                B[j] = A[i]
        for q in grid(6):
            if i == 2 * q + 3:
                C[q] = A[i] + 1


@kernel
def one_trip_outside(A: int32[M], B: int32[M], C: int32[M]):
    for i in ta.range(0, 3, 3):
        for j in grid(3):
            B[i + 2 * j] = A[i + j]


@kernel
def two_nests(A: int32[M], B: int32[M], C: int32[M]):
    for i in ta.range(0, 12, 4):
        for j in ta.range(i, i + 1):
            B[j] = A[i]
        for _q in ta.range(2, 3):
            for r in ta.range(i + 2, i + 3):
                C[r] = A[i] + 1


@kernel
def two_bands(A: int32[M], B: int32[M], C: int32[M]):
    for i in ta.range(0, 12, 2, name="P"):
        for j in ta.range(i, i + 1):
            B[j] = A[i]
    for i in ta.range(3, 12, 2, name="Q"):
        for j in ta.range(i, i + 1):
            C[j] = A[i]


@kernel
def three_residues(A: int32[M], B: int32[M], C: int32[M]):
    for i in grid(13):
        for j in grid(5):
            if i == 3 * j:
                B[j] = A[i] + 1
            if i == 3 * j + 1:
                B[j + 10] = A[i] + 2
        for q in grid(5):
            if i == 3 * q + 2:
                C[q] = A[i] + 3


@kernel
def descending(A: int32[M], B: int32[M], C: int32[M]):
    for i in ta.range(11, -1, -1):
        for j in grid(6):
            if i == 2 * j:
                B[j] = A[i] + C[j]
        for q in grid(6):
            if i == 2 * q + 1:
                C[q] = A[i] + B[q]


def _skewed_and_merged(s: Any) -> None:
    s.distribute("i")
    s.skew("i_2", "_q", 1)
    s.merge("i_1", "i_2")


CASES: list[tuple[Any, Callable[[Any], object]]] = [
    (evens_and_odds, lambda s: None),
    (evens_and_odds, lambda s: s.pipeline("j")),
    (evens_and_odds, lambda s: s.split("i", 5)),
    (one_trip_outside, lambda s: s.skew("i", "j", 2)),
    (one_trip_outside, lambda s: s.skew("i", "j", -4)),
    (one_trip_outside, lambda s: (s.skew("i", "j", 2), s.reverse("j"))),
    (two_nests, _skewed_and_merged),
    (two_bands, lambda s: s.merge("P.i", "Q.i")),
    (two_bands, lambda s: (s.merge("P.i", "Q.i"), s.split("i", 3))),
    (three_residues, lambda s: None),
    (three_residues, lambda s: s.pipeline("q")),
    (descending, lambda s: None),
]


@pytest.mark.parametrize("number", range(len(CASES)))
def test_shifted_loops_compute_what_the_kernel_does(number: int) -> None:
    which, steps = CASES[number]
    s = ta.customize(which)
    steps(s)
    assert s.verify()
    given = [np.arange(M, dtype=np.int32) * (k + 2) for k in range(3)]
    expected, found, looped = ([a.copy() for a in given] for _ in range(3))
    which.python(*expected)
    s.build()(*found)
    ta.interpret(s, *looped)
    for want, *got in zip(expected, found, looped, strict=True):
        assert all((array == want).all() for array in got)


def test_a_loop_counts_its_times() -> None:
    s = ta.customize(one_trip_outside)
    s.skew("i", "j", 2)
    assert "for i in 0:5:2" in str(s.module)
    assert "B[i] = A[j]" in str(s.module)
