"""Which initiation interval chains of values allow: flattened nests, memories and registers, unrolling."""

from __future__ import annotations

import re
import warnings

import pytest

import tracealloc as ta
from tracealloc import float32, grid, kernel


@kernel
def dot(A: float32[8], B: float32[8], C: float32[1]):
    t = ta.scalar(float32, 0)
    for i in grid(8):
        t += A[i] * B[i]
    C[0] = t


@kernel
def sums(A: float32[5, 12], B: float32[12]):
    for i, j in grid(5, 12):
        B[j] += A[i, j]


@pytest.mark.parametrize(
    ("lanes", "registers", "expected"),
    [
        (2, False, "ii=2, not 1.*8 cycles of float32 arithmetic at distance 6;"),
        (2, True, "ii=2, not 1.*7 cycles of float32 arithmetic at distance 6;"),
        (4, False, "ii=3, not 1.*8 cycles of float32 arithmetic at distance 3;"),
        (1, False, None),
        (5, False, "ii=3, not 1.*8 cycles of float32 arithmetic at distance 3;"),
    ],
)
def test_a_flattened_nest_does_not_drain(lanes: int, registers: bool, expected: str | None) -> None:
    s = ta.customize(sums)
    if registers:
        s.partition(s.B)
    outer, _ = s.split("j", lanes)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        s.pipeline(outer)
    assert len(caught) == (expected is not None)
    assert all(re.search(expected or "", str(warning.message)) for warning in caught)


@kernel
def triangle(A: float32[5, 5], B: float32[5]):
    for i in grid(5):
        for j in ta.range(i + 1):
            B[j] += A[i, j]


@kernel
def two_nests(A: float32[5, 4], B: float32[4]):
    for i in grid(5):
        for j in ta.range(4):
            B[j] += A[i, j]
        for j in ta.range(4):
            B[j] *= 2


def test_a_nest_that_is_not_flattened_drains() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ta.customize(triangle).pipeline("j")
        s = ta.customize(two_nests)
        for loop in s.loops()[1:]:
            s.pipeline(loop)


def test_iterations_that_start_together_wait_for_one_another() -> None:
    s = ta.customize(dot)
    s.unroll("i", factor=4)
    with pytest.warns(ta.TraceallocWarning, match=r"ii=28, not 7.*distance 1, 4 iterations at a time"):
        s.pipeline("i", ii=7)
