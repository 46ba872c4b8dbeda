"""``compute_at`` of what several iterations need, of what is not made there, and of what others need."""

from __future__ import annotations

from common import check_round_trip, nest, refused

import tracealloc as ta
from tracealloc import float32, grid, kernel


@kernel
def blur(A: float32[12, 12], C: float32[10, 10]):
    B = ta.zeros((12, 10), float32)
    for i, j in grid(12, 10, name="rows"):
        B[i, j] = A[i, j] + A[i, j + 1] + A[i, j + 2]
    for y, x in grid(10, 10, name="cols"):
        C[y, x] = B[y, x] + B[y + 1, x] + B[y + 2, x]


@kernel
def border(A: float32[8], C: float32[8]):
    B = ta.full((10,), 1, float32)
    for i in grid(8):
        B[i + 1] += A[i] * 2
    for j in grid(8):
        C[j] = B[j] + B[j + 1] + B[j + 2]


@kernel
def output(A: float32[8], B: float32[8], C: float32[8]):
    for i in grid(8):
        B[i] = A[i] * 2
    for i in grid(7):
        C[i] = B[i] + 1


@kernel
def overwritten(A: float32[8], B: float32[8], C: float32[8]):
    for i in grid(8):
        B[i] = A[i] * 2
    for j in grid(8):
        A[j] = 0
    for k in grid(8):
        C[k] = B[k] + 1


def test_compute_at_recomputes_what_overlaps() -> None:
    s = ta.customize(blur)
    s.compute_at("rows", "y")
    assert nest(s) == [
        "cols: for y in 0:10",
        "        B_y: float32[3, 10]",
        "        for i in y:y + 3",
        "          for j in 0:10",
        "            B_y[i - y, j] = A[i, j] + A[i, j + 1] + A[i, j + 2]",
        "        for x in 0:10",
        "          C[y, x] = B_y[0, x] + B_y[1, x] + B_y[2, x]",
    ]
    check_round_trip(s, blur)
    for producer in (lambda t: t.B, lambda t: "j", lambda t: t.bands()[0]):
        t = ta.customize(blur)
        t.compute_at(producer(t), "x")
        assert "B_x: float32[3]" in "\n".join(nest(t))
        check_round_trip(t, blur)


def test_compute_at_sets_what_the_nest_does_not_make() -> None:
    s = ta.customize(border)
    s.compute_at("B", "j")
    assert nest(s)[1:4] == ["      B_j: float32[3]", "      for B_0_init in 0:3", "        B_j[B_0_init] = 1"]
    check_round_trip(s, border)


def test_compute_at_leaves_what_others_need() -> None:
    s = ta.customize(output)
    s.compute_at("B", "L1.i")
    assert nest(s) == [
        *("L0: for i in 7:8", "      B[i] = A[i] * 2"),
        "L1: for i in 0:7",
        "      B[i] = A[i] * 2",
        "      C[i] = B[i] + 1",
    ]
    check_round_trip(s, output)


def test_compute_at_refusals() -> None:
    s = ta.customize(overwritten)
    assert refused(lambda: s.compute_at("B", "k"), s, ta.IllegalScheduleError) == "\n".join(
        [
            'TA210 compute_at("B", "k") would give a read another value',
            "  because: iteration (i=0) (test_compute_at_overlaps.py:40) reads A[0]",
            "  because: moved into 'k', it would be made too late, or from values since overwritten",
            "  try: choose a loop further out, or s.distribute what overwrites it",
        ]
    )
    assert refused(lambda: s.compute_at("i", "j"), s, ta.ScheduleError) == "\n".join(
        [
            "TA257 compute_at(\"i\", \"j\") finds that 'j' uses nothing that 'i' makes",
            "  try: choose a loop around the statements that read it",
        ]
    )
