"""``skew``: run a loop later in later iterations of another."""

from __future__ import annotations

from common import check_round_trip, nest, refused

import tracealloc as ta
from tracealloc import float32, grid, kernel


@kernel
def sweep(A: float32[8, 8]):
    for i, j in grid(6, 6):
        A[i + 1, j + 1] = A[i, j + 2] * 0.5


@kernel
def chain(A: float32[6, 6], B: float32[7]):
    for i in grid(6):
        A[i, 0] = B[i] * 2
        for j in ta.range(1, 6):
            A[i, j] = A[i, j - 1] + B[i + 1]


def test_skew_refusals() -> None:
    s = ta.customize(sweep)
    assert refused(lambda: s.skew("j", by="i", factor=0), s, ta.ScheduleError) == (
        'TA250 skew("j", by="i", factor=0) needs a whole factor other than 0, not 0'
    )
    assert refused(lambda: s.skew("j", by="j"), s, ta.ScheduleError) == (
        'TA224 skew("j", by="j") needs one loop around the other: '
        "'j' is neither around nor inside 'j'\n  try: s.loops() shows the nests"
    )
    t = ta.customize(chain)
    assert refused(lambda: t.skew("i", by="j"), t, ta.ScheduleError) == "\n".join(
        [
            "TA251 skew(\"i\", by=\"j\") needs 'j' around every statement of 'i'",
            "  because: some statements of 'i' are outside 'j' and have no value of it",
            '  try: s.distribute("i") sets them apart',
        ]
    )


def test_skew_runs_a_loop_later_in_later_iterations() -> None:
    s = ta.customize(sweep)
    s.skew("j", by="i", factor=2)
    assert nest(s) == [
        "L0: for i in 0:6",
        "      for j in 2 * i:2 * i + 6",
        "        A[i + 1, j - 2 * i + 1] = A[i, j - 2 * i + 2] * 0.5",
    ]
    check_round_trip(s, sweep)
    s.skew("j", by="i", factor=-2)
    assert nest(s) == nest(ta.customize(sweep))
