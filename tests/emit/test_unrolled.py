"""Loops that HLS unrolls have constant bounds in its text, and compute the same."""

from __future__ import annotations

import numpy as np
import pytest

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


def pragmas_of(schedule: ta.Schedule) -> list[str]:
    lines = schedule.build(target="vitis_hls").source.splitlines()
    return [line for line in lines if "#pragma" in line]


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


def test_a_loop_that_falls_or_takes_steps_gets_constant_bounds_too() -> None:
    @kernel
    def steps(A: int32[8, 8]):
        for i in ta.range(8):
            for j in ta.range(i, 8, 3):
                A[i, j] += 1
            for k in ta.range(i, -1, -1):
                A[i, k] += 2
            for m in ta.range(7, i, -2):
                A[i, m] += 3

    s = ta.customize(steps)
    s.pipeline("i")
    assert loops_of(s) == [
        "i: for (int i = 0; i < 8; ++i) {",
        "j: for (int j = 0; j < 3; ++j) {",
        "if (i + 3 * j < 8) {",
        "k: for (int k = 7; k > -1; --k) {",
        "if (k <= i) {",
        "m: for (int m = 7; m > 0; m -= 2) {",
        "if (m > i) {",
    ]
    A, B = np.zeros((2, 8, 8), np.int32)
    steps(A)
    s.build(target="vitis_hls", mode="csim")(B)
    assert np.array_equal(A, B)


def test_what_depends_on_data_is_not_pipelined_around() -> None:
    @kernel
    def rows(start: int32[5], A: int32[16], B: int32[4]):
        for i in ta.range(4):
            for k in ta.range(start[i], start[i + 1]):
                B[i] += A[k]

    s = ta.customize(rows)
    with pytest.warns(ta.TraceallocWarning, match="'k'"):
        s.pipeline("i")
    source = s.build(target="vitis_hls").source
    assert (
        "  i: for (int i = 0; i < 4; ++i) {\n"
        + ("    // Not pipelined: the trip count of k depends on data.\n")
        in source
    )
    assert "#pragma" not in source.partition("Not pipelined")[2]


def test_inside_a_pipelined_loop_no_loop_is_pipelined_or_unrolled_in_part() -> None:
    @kernel
    def add(A: int32[4, 6, 6]):
        for i, j, k in ta.grid(4, 6, 6):
            A[i, j, k] += 1

    s = ta.customize(add)
    s.pipeline("j")
    s.unroll("k", factor=2)
    s.pipeline("i", ii=36)
    assert pragmas_of(s) == ["#pragma HLS pipeline II=36"]


def test_scalar_arguments_of_a_function_have_the_ranges_of_its_calls() -> None:
    @kernel
    def triangle(A: int32[6, 6]):
        for i in ta.range(6):
            for j in ta.range(i + 1):
                A[i, j // 2] += 1

    s = ta.customize(triangle)
    s.outline("j", "row")
    s.pipeline("row:j")
    source = s.build(target="vitis_hls").source
    assert "static void row(int32_t A[6][6], int i) {" in source
    assert "#pragma HLS loop_tripcount min=1 max=6" in source
    A, B = np.zeros((2, 6, 6), np.int32)
    triangle(A)
    s.build(target="vitis_hls", mode="csim")(B)
    assert np.array_equal(A, B)


def test_a_scalar_whose_uses_a_guard_separates_is_declared_outside() -> None:
    @kernel
    def separate(A: int32[6], B: int32[6]):
        for i in ta.range(3):
            t = ta.scalar(int32, 1)
            for j in ta.range(i + 1, 4):
                t[...] = A[j]
            B[i] = t
        for m in ta.range(5):
            A[m] = B[m]

    s = ta.customize(separate)
    s.merge("L0.i", "L1.m")
    expected = [np.arange(6, dtype=np.int32) for _ in range(2)]
    separate(*expected)
    for options in ({}, {"target": "vitis_hls", "mode": "csim"}):
        found = [np.arange(6, dtype=np.int32) for _ in range(2)]
        s.build(**options)(*found)
        assert all(np.array_equal(a, b) for a, b in zip(expected, found, strict=True))


def test_a_dividend_that_may_be_negative_is_moved_up() -> None:
    @kernel
    def wrap(A: int32[7], B: int32[12]):
        for i in ta.range(12):
            B[i] = A[(i - 5) % 7] + (i - 9) // 3

    source = wrap.build("vitis_hls").source
    assert "B[i] = A[(i + 2) % 7] + (i / 3 - 3);" in source
    A, B = np.arange(7, dtype=np.int32), np.zeros((2, 12), np.int32)
    wrap(A, B[0])
    wrap.build("vitis_hls", mode="csim")(A, B[1])
    assert np.array_equal(B[0], B[1])


def test_fills_are_pipelined_where_nothing_around_is() -> None:
    @kernel
    def filled(A: int32[4, 6]):
        for i in ta.range(4):
            t = ta.zeros(6, int32)
            for j in ta.range(6):
                t[j] += A[i, j]
                A[i, 5 - j] = t[j]

    s = ta.customize(filled)
    assert pragmas_of(s) == ["#pragma HLS pipeline II=1"]
    s.pipeline("i", ii=40)
    assert pragmas_of(s) == ["#pragma HLS pipeline II=40"]


def test_the_absolute_value_of_a_real_number_brings_the_functions_along() -> None:
    @kernel
    def sizes(A: ta.float32[4]):
        for i in ta.range(4):
            A[i] = abs(A[i])

    module, A = sizes.build("vitis_hls", mode="csim"), np.array([-1.5, 2, -0.0, 3], np.float32)
    module(A)
    assert A.tolist() == [1.5, 2, 0, 3]


def test_bounds_that_move_together_are_counted_from_the_start() -> None:
    """A load of two new elements was unrolled over all that any iteration loads, each with a guard."""

    @kernel
    def halves(A: int32[17], B: int32[8]):
        for i in ta.range(8):
            for j in ta.range(2 * i + 1, 2 * i + 3):
                B[i] += A[j]
            for k in ta.range(2 * i + 2, 2 * i, -1):
                B[i] -= A[k] * k
            for m in ta.range(i, ta.minimum(i + 3, 8)):
                B[i] += A[m]

    s = ta.customize(halves)
    s.pipeline("i")
    assert loops_of(s) == [
        "i: for (int i = 0; i < 8; ++i) {",
        "j: for (int j = 0; j < 2; ++j) {",
        "k: for (int k = 0; k < 2; ++k) {",
        "m: for (int m = 0; m < 3; ++m) {",
        "if (i + m < 8) {",
    ]
    A, B = np.arange(17, dtype=np.int32), np.zeros(8, np.int32)
    expected = B.copy()
    halves(A, expected)
    s.build(target="vitis_hls", mode="csim")(A, B)
    assert np.array_equal(B, expected)
