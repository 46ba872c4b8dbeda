"""``dependence``: what iterations need of one another, proved before the tool is told."""

from __future__ import annotations

from typing import Any

import pytest
from common import check_round_trip, refused

import tracealloc as ta
from tests.schedule.memory import said
from tracealloc import float32, grid, kernel


@kernel
def sums(A: float32[8, 8], B: float32[8], C: float32[8]):
    for i, j in grid(8, 8):
        C[j] += A[i, j] * B[j]


@kernel
def shifted(A: float32[64]):
    for i in ta.range(4, 64):
        A[i] = A[i - 4] * 2


@kernel
def hist(x: ta.uint8[64], h: ta.uint32[256]):
    for i in grid(64):
        h[x[i]] += 1


@kernel
def eliminate(A: float32[16, 16], B: float32[16]):
    for k in ta.range(16):
        for i in ta.range(k):
            B[i] += A[k, i] * B[k]


def pragmas(s: ta.Schedule) -> list[str]:
    return [line for line in s.build(target="vitis_hls").source.splitlines() if "HLS dependence" in line]


def test_independent() -> None:
    s = ta.customize(eliminate)
    s.dependence(s.B, "i")
    assert pragmas(s) == []  # the tool asks only where iterations overlap
    s.pipeline("i")
    assert "[pipeline ii=1, B independent]" in str(s)
    assert pragmas(s) == ["#pragma HLS dependence variable=B type=inter false"]
    check_round_trip(s, eliminate)


def test_apart() -> None:
    s = ta.customize(shifted)
    s.dependence(s.A, "i", distance=3)
    s.dependence(s.A, "i", distance=4)
    assert "[A 4 apart]" in str(s)
    said(s, "i")
    assert pragmas(s) == ["#pragma HLS dependence variable=A type=inter distance=4 true"]
    check_round_trip(s, shifted)


def test_what_later_steps_undo_is_not_said() -> None:
    """Iterations of j alone are independent; once the loops are one again, they are 8 apart."""
    s = ta.customize(sums)
    s.flatten("j", off=True)
    s.dependence(s.C, "j")
    s.pipeline("j")
    assert pragmas(s) == ["#pragma HLS dependence variable=C type=inter false"]
    s.flatten("j")
    assert pragmas(s) == ["#pragma HLS dependence variable=C type=inter distance=8 true"]
    s.undo()
    s.undo()
    s.reorder("j", "i")
    said(s, "i")
    assert pragmas(s) == []


def test_copies_behind_ports_keep_it() -> None:
    s = ta.customize(shifted)
    s.interface(s.A, "m_axi")
    s.partition(s.A, kind="cyclic", factor=2)
    s.dependence(s.A, "i", distance=4)
    said(s, "i")
    assert pragmas(s) == ["#pragma HLS dependence variable=A_local type=inter distance=4 true"]


@pytest.mark.parametrize(
    ("made", "arguments", "error", "message"),
    [
        (shifted, ("A", "i"), ta.IllegalScheduleError,
         "TA286 dependence(\"A\", \"i\") is not so: iterations of 'i' that are 4 apart use one element\n"
         "  because: iteration (i=4) writes A[4] (test_dependence.py:24), which iteration (i=8) reads as "
         "A[i - 4] (test_dependence.py:24)\n  try: s.dependence(\"A\", \"i\", distance=4)"),
        (shifted, ("A", "i", 5), ta.IllegalScheduleError,
         "TA286 dependence(\"A\", \"i\", 5) is not so: iterations of 'i' that are 4 apart use one element\n"
         "  because: iteration (i=4) writes A[4] (test_dependence.py:24), which iteration (i=8) reads as "
         "A[i - 4] (test_dependence.py:24)\n  try: s.dependence(\"A\", \"i\", distance=4)"),
        (hist, ("h", "i"), ta.IllegalScheduleError,
         "TA286 dependence(\"h\", \"i\") is not so: iterations of 'i' that are 1 apart may use one element\n"
         "  because: iteration (i=0) may write h[0] (test_dependence.py:30), which iteration (i=1) may write "
         "as h[x[i]] (test_dependence.py:30)"),
        (sums, ("C", "i"), None, ""),
        (shifted, ("A", "i", 1), ta.ScheduleError,
         "TA285 dependence(\"A\", \"i\", 1) needs a distance of at least 2 iterations, not 1\n"
         "  because: neighbours are one apart: that is what the tool assumes by itself"),
    ],
)  # fmt: skip
def test_refusals(made: ta.Kernel, arguments: tuple[Any, ...], error: Any, message: str) -> None:
    s = ta.customize(made)
    if error is None:
        with pytest.raises(ta.IllegalScheduleError, match="TA286"):
            s.dependence(*arguments)
        return
    assert refused(lambda: s.dependence(*arguments), s, error) == message


def test_an_array_that_the_loop_does_not_use() -> None:
    @kernel
    def parts(A: float32[8], B: float32[8]):
        for i in grid(8):
            A[i] = 1
        for j in grid(8):
            B[j] = 2

    s = ta.customize(parts)
    assert refused(lambda: s.dependence(s.B, "i"), s, ta.ScheduleError) == (
        "TA285 dependence(\"B\", \"i\") says nothing: loop 'i' does not use 'B'"
    )


def test_a_store_before_the_inner_loop_does_not_keep_the_tool_from_flattening() -> None:
    """Vitis moves it inside (its reports of bicg): then iterations of the outer loop overlap as well."""

    @kernel
    def around(q: float32[16], c: float32[16], A: float32[16, 16]):
        for i in ta.range(16):
            q[i] = 0
            for j in ta.range(16):
                c[(j * 3) % 16] += A[i, j]

    s = ta.customize(around)
    s.pipeline("j", 8)
    assert pragmas(s) == ["#pragma HLS dependence variable=c type=inter distance=16 true"]
    s.flatten("j", off=True)
    assert pragmas(s) == ["#pragma HLS dependence variable=c type=inter false"]
