"""Factors and divisors that are one number for all values of a size: ``n // 100`` where n has two bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import grid, int32, kernel

N = 12


@kernel
def in_a_condition(A: int32[N], n: ta.UInt(2)):
    for i in grid(3):
        for j in grid(2):
            if i < (i + j) * (n // 100) + 2:
                A[i + j] += 1


@kernel
def in_a_subscript(A: int32[N], n: ta.UInt(2)):
    for i in grid(6):
        A[i * (n // 4 + 2)] += n


@kernel
def on_the_left(A: int32[N], n: ta.UInt(2)):
    for i in grid(6):
        A[(n // 4 + 2) * i + 1] += n


@kernel
def as_a_bound(A: int32[N], n: ta.UInt(2)):
    for i in grid(4):
        for j in ta.range(i * (n // 8 + 1), i + 2):
            A[j] += 1


CASES = [in_a_condition, in_a_subscript, on_the_left, as_a_bound]


@pytest.mark.parametrize("which", CASES, ids=lambda k: k.name)
def test_a_factor_that_is_one_number(which: Any) -> None:
    s = ta.customize(which)
    s.split("i", 2)
    assert s.verify()
    for n in range(4):
        expected, found, looped = (np.arange(N, dtype=np.int32) for _ in range(3))
        which.python(expected, n)
        s.build()(found, n)
        ta.interpret(which, looped, n)
        assert (found == expected).all()
        assert (looped == expected).all()
