"""``flatten``: whether a pipeline drains between iterations of the loop around it."""

from __future__ import annotations

import pytest
from common import check_round_trip, nest, refused

import tracealloc as ta
from tests.schedule.memory import said
from tracealloc import float32, grid, kernel


@kernel
def sums(A: float32[8, 8], B: float32[8], C: float32[8]):
    for i, j in grid(8, 8):
        C[j] += A[i, j] * B[j]


@kernel
def short(A: float32[8, 4], C: float32[4]):
    for i, j in grid(8, 4):
        C[j] += A[i, j]


@kernel
def triangle(A: float32[8, 8]):
    for i in grid(8):
        for j in ta.range(i + 1):
            A[i, j] = 0


@kernel
def twice(A: float32[8, 8], y: float32[8]):
    for i in grid(8):
        y[i] = 0
        for j in ta.range(8):
            y[i] += A[i, j]


@kernel
def two(A: float32[8, 8], y: float32[8]):
    for i in grid(8):
        for j in ta.range(8):
            A[i, j] = 0
        for k in ta.range(8):
            y[i] += A[i, k]


@kernel
def read_between(A: float32[8, 8], y: float32[8], z: float32[8]):
    for i in grid(8):
        for j in ta.range(8):
            y[j] = A[i, j]
        z[i] = y[0] + y[7]


def test_flatten() -> None:
    s = ta.customize(short)
    assert "dependences allow ii=2, not 1" in said(s, "j")[0]  # C[j] comes again after 4 iterations
    s.flatten("j", off=True)
    assert said(s, "j") == []
    assert "[pipeline ii=1, not flattened]" in str(s)
    assert "#pragma HLS loop_flatten off\n" in s.build(target="vitis_hls").source
    (facts,) = s.build(target="vitis_hls").text.facts.functions.values()
    assert [len(loop.nest) for loop in facts.loops.values() if loop.nest] == [1]
    check_round_trip(s, short)
    s.flatten("j")
    assert "flattened" not in str(s).partition("history")[0]
    assert "loop_flatten" not in s.build(target="vitis_hls").source
    assert "dependences allow ii=2, not 1" in said(s, "j")[0]
    check_round_trip(s, short)


def test_it_stays_with_the_outer_half_of_a_split() -> None:
    s = ta.customize(sums)
    s.flatten("j", off=True)
    s.split("j", 4)
    assert [line.partition("[")[2] for line in str(s).splitlines() if "for j." in line] == [
        "not flattened]",
        "",
    ]
    check_round_trip(s, sums)


@pytest.mark.parametrize(
    ("made", "loop", "message"),
    [
        (short, "i", "TA284 flatten(\"i\") cannot flatten 'i': no loop is around it"),
        (triangle, "j",
         "TA284 flatten(\"j\") cannot flatten 'j': how often it runs depends on the loops around it\n"
         "  because: only the bounds of the outermost loop of a flattened nest may vary"),
        (two, "j",
         "TA284 flatten(\"j\") cannot flatten 'j': it is not the only loop in loop 'i'\n"
         "  because: loops are one where nothing runs between them\n  try: s.distribute(\"i\")"),
    ],
)  # fmt: skip
def test_refusals(made: ta.Kernel, loop: str, message: str) -> None:
    s = ta.customize(made)
    assert refused(lambda: s.flatten(loop), s, ta.ScheduleError) == message


def test_what_stands_beside_the_loop_goes_into_it() -> None:
    s = ta.customize(twice)
    s.pipeline("j")
    s.flatten("j")
    assert nest(s) == [
        "L0: for i in 0:8",
        "      for j in 0:8                                       [pipeline ii=1]",
        "        if j == 0:",
        "          y[i] = 0",
        "        y[i] += A[i, j]",
    ]
    (facts,) = s.build(target="vitis_hls").text.facts.functions.values()
    assert [len(loop.nest) for loop in facts.loops.values() if loop.nest] == [2]
    check_round_trip(s, twice)


def test_what_is_read_afterwards_goes_into_the_last_iteration() -> None:
    s = ta.customize(read_between)
    s.flatten("j")
    assert nest(s)[-2:] == ["        if j == 7:", "          z[i] = y[0] + y[7]"]
    check_round_trip(s, read_between)


def test_a_loop_whose_bounds_depend_on_data_is_not_flattened() -> None:
    @kernel
    def counted(n: ta.int32[4], y: float32[8]):
        for i in ta.range(4):
            for j in ta.range(n[i]):
                y[i] += j

    s = ta.customize(counted)
    s.flatten("j", off=True)
    check_round_trip(s, counted)
