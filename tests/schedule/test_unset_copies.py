"""Copies of elements that data may leave unset: a copy takes them along, and only a use of one is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tests.fuzz.run import compare_scheduled
from tracealloc import float64, int32, kernel, uint16


@kernel
def filled_and_forgotten(A: uint16[7, 5]):
    for i in ta.range(2):
        if A[i, 2 * i] != A[i + 1, i]:
            L = ta.full((2,), 1, float64)  # noqa: F841


@kernel
def stored_where_used(A: int32[6], C: int32[6]):
    H = ta.empty((6,), int32)
    for i in ta.range(6):
        if A[i] > 0:
            H[i] = A[i] + 1
    for t in ta.range(2):
        for k in ta.range(6):
            if A[k] > 0:
                C[k] += H[k] + t


@kernel
def stored_and_used_in_turn(A: int32[6], C: int32[6]):
    for t in ta.range(2):
        H = ta.empty((6,), int32)
        for i in ta.range(6):
            if A[i] > t:
                H[i] = A[i] + 1
        for k in ta.range(6):
            if A[k] > t:
                C[k] += H[k]


@pytest.mark.parametrize(
    ("kernel", "steps"),
    [
        (filled_and_forgotten, lambda s: s.buffer_at(s["L"], "i")),
        (stored_where_used, lambda s: s.buffer_at(s["H"], "t")),
        (stored_where_used, lambda s: s.buffer_at(s["H"], "i")),
        (stored_where_used, lambda s: (s.split("k", 3), s.buffer_at(s["H"], "k.outer"))),
        (stored_where_used, lambda s: (s.buffer_at(s["H"], "t"), s.reshape(s["H"], (2, 3)))),
        (stored_and_used_in_turn, lambda s: (s.split("i", 2), s.buffer_at(s["H"], "i.outer"))),
        (stored_and_used_in_turn, lambda s: (s.split("k", 4), s.buffer_at(s["H"], "k.outer"))),
    ],
)
def test_a_copy_takes_unset_elements_along(kernel: Any, steps: Callable[[ta.Schedule], Any]) -> None:
    s = ta.customize(kernel)
    steps(s)
    assert s.verify()
    compare_scheduled(s, kernel.trace(), 1)


def test_a_use_of_a_copied_unset_element_is_refused() -> None:
    @kernel
    def used(A: int32[4], C: int32[4]):
        H = ta.empty((4,), int32)
        for i in ta.range(4):
            if A[i] > 0:
                H[i] = A[i]
        for k in ta.range(4):
            C[k] = H[k]

    s = ta.customize(used)
    s.split("k", 2)
    s.buffer_at(s["H"], "k.outer")
    a, c = np.array([1, 1, 0, 1], np.int32), np.zeros(4, np.int32)
    with pytest.raises(ta.TraceallocError, match=r"TA602 H_k_outer\[0\] is read before anything is stored"):
        ta.interpret(s, a, c)
