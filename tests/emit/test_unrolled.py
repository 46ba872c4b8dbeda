"""Loops that HLS unrolls have constant bounds in its text, and compute the same."""

from __future__ import annotations

import numpy as np

import tracealloc as ta
from tracealloc import int32, kernel


@kernel
def lower(A: int32[6, 6], B: int32[6]):
    for i in ta.range(6):
        for j in ta.range(i, 6):
            B[j] += A[i, j]


def loops_of(schedule: ta.Schedule) -> list[str]:
    lines = schedule.build(target="vitis_hls").source.splitlines()
    return [line.strip() for line in lines if "for (" in line or "if (" in line]


def test_inside_a_pipelined_loop_a_guard_takes_the_place_of_variable_bounds() -> None:
    s = ta.customize(lower)
    s.pipeline("i")
    assert loops_of(s) == [
        "i: for (int i = 0; i < 6; ++i) {",
        "j: for (int j = 0; j < 6; ++j) {",
        "if (j >= i) {",
    ]
    A, B = np.arange(36, dtype=np.int32).reshape(6, 6), np.zeros(6, np.int32)
    s.build(target="vitis_hls", mode="csim")(A, B)
    assert np.array_equal(B, np.triu(A).sum(axis=0))


def test_a_loop_that_is_not_unrolled_keeps_its_bounds() -> None:
    s = ta.customize(lower)
    s.pipeline("j")
    assert loops_of(s) == ["i: for (int i = 0; i < 6; ++i) {", "j: for (int j = i; j < 6; ++j) {"]


def test_iterations_that_no_array_has_are_not_made() -> None:
    @kernel
    def tail(A: int32[6, 10]):
        for i in ta.range(6):
            for j in ta.range(ta.minimum(2 * i + 3, 10)):
                A[i, j] += 1

    s = ta.customize(tail)
    s.pipeline("i")
    assert loops_of(s)[1] == "j: for (int j = 0; j < 10; ++j) {"
