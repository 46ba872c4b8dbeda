"""``merge``: one loop for two neighbouring loops."""

from __future__ import annotations

import pytest
from common import check_round_trip, nest, refused

import tracealloc as ta
from tracealloc import float32, grid, int32, kernel


@kernel
def mirrored(A: int32[8], B: int32[8], C: int32[8]):
    for i in ta.range(8):
        B[i] = A[i] + 1
    for k in ta.range(7, -1, -1):
        C[k] += B[7 - k]


@kernel
def by_steps(A: int32[8], B: int32[8], C: int32[10]):
    for i in ta.range(0, 8, 2):
        B[i] = A[i] + 1
    for k in ta.range(9, 0, -3):
        C[k] += B[6 - 2 * (k // 3)]


def test_merge_of_loops_that_run_up_and_down() -> None:
    s = ta.customize(mirrored)
    s.merge("i", "k")
    assert nest(s) == ["L0: for i in 0:8", "      B[i] = A[i] + 1", "      C[7 - i] += B[i]"]
    for each, pair in ((mirrored, "ik"), (mirrored, "ki"), (by_steps, "ik"), (by_steps, "ki")):
        s = ta.customize(each)
        s.merge(*pair)
        check_round_trip(s, each)
    s = ta.customize(mirrored)
    s.reverse("i")  # its last iteration makes what the first of the other reads
    s.reverse("k")
    s.merge("i", "k")
    check_round_trip(s, mirrored)
    s = ta.customize(mirrored)
    s.reverse("i")
    with pytest.raises(ta.IllegalScheduleError, match="would run a read before the write it needs"):
        s.merge("i", "k")


@kernel
def two(A: float32[10], B: float32[10], C: float32[8]):
    for i in grid(10):
        B[i] = A[i] * 2
    for i in grid(8):
        C[i] = B[i] + B[i + 1]


@kernel
def blur(A: float32[12, 12], C: float32[10, 10]):
    B = ta.zeros((12, 10), float32)
    for i, j in grid(12, 10, name="rows"):
        B[i, j] = A[i, j] + A[i, j + 1] + A[i, j + 2]
    for y, x in grid(10, 10, name="cols"):
        C[y, x] = B[y, x] + B[y + 1, x] + B[y + 2, x]


def test_merge_names_the_shift() -> None:
    s = ta.customize(two)
    assert refused(lambda: s.merge("L0.i", "L1.i"), s, ta.IllegalScheduleError) == "\n".join(
        [
            'TA210 merge("L0.i", "L1.i") would run a read before the write it needs',
            "  because: iteration (i=1) writes B[1] (test_merge.py:50), "
            "which iteration (i=0) reads as B[i + 1] (test_merge.py:52)",
            "  because: in one loop 'i' the second of these would come first",
            '  try: s.shift("L1.i", 1) first',
        ]
    )
    s.shift("L1.i", 1)
    first = s.loops()[0]
    merged = s.merge(first, "L1.i")
    assert merged == first  # the handle of the first loop is the merged loop's
    assert nest(s) == [
        "L0: for i in 0:10",
        "      B[i] = A[i] * 2",
        "      if i >= 1 and i <= 8:",
        "        C[i - 1] = B[i - 1] + B[i]",
    ]
    check_round_trip(s, two)


def test_merge_needs_neighbours() -> None:
    s = ta.customize(blur)
    assert refused(lambda: s.merge("i", "x"), s, ta.ScheduleError) == "\n".join(
        [
            "TA254 merge(\"i\", \"x\") needs neighbouring loops: 'i' and 'x' are not in the same block",
            "  try: merge the loops around them first; s.loops() shows the nests",
        ]
    )
