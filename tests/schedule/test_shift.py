"""``shift``: run a loop earlier or later by a constant."""

from __future__ import annotations

from common import check_round_trip, refused

import tracealloc as ta
from tracealloc import float32, grid, kernel


@kernel
def sweep(A: float32[8, 8]):
    for i, j in grid(6, 6):
        A[i + 1, j + 1] = A[i, j + 2] * 0.5


@kernel
def triangle(A: float32[8, 8]):
    for i in ta.range(8):
        for j in ta.range(i + 1):
            A[i, j] = A[i, j] * 2


def test_shift_and_reverse() -> None:
    s = ta.customize(triangle)
    s.shift("j", -2)
    s.reverse("i")
    s.reorder("j", "i")
    check_round_trip(s, triangle)
    assert refused(lambda: s.shift("j", 1.5), s, ta.ScheduleError) == (
        'TA252 shift("j", 1.5) needs a whole number to shift by, not 1.5'
    )
    t = ta.customize(sweep)
    assert refused(lambda: t.reverse("i"), t, ta.IllegalScheduleError) == "\n".join(
        [
            'TA210 reverse("i") would run a read before the write it needs',
            "  because: iteration (i=0, j=1) writes A[1, 2] (test_shift.py:14), "
            "which iteration (i=1, j=0) reads as A[i, j + 2] (test_shift.py:14)",
            "  because: with 'i' reversed the second of these would come first",
            '  try: keep "i" as it is: it carries the dependence',
        ]
    )
