"""``reorder``: permute loops of a nest."""

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


@kernel
def between(A: float32[6, 6], B: float32[6]):
    for i in ta.range(1, 6):
        B[i] = A[i - 1, 0]
        for j in ta.range(6):
            A[i, j] = A[i, j] + B[i]


def test_reorder_of_a_stencil_names_the_skew() -> None:
    s = ta.customize(sweep)
    assert refused(lambda: s.reorder("j", "i"), s, ta.IllegalScheduleError) == "\n".join(
        [
            'TA210 reorder("j", "i") would run a read before the write it needs',
            "  because: iteration (i=0, j=1) writes A[1, 2] (test_reorder.py:14), "
            "which iteration (i=1, j=0) reads as A[i, j + 2] (test_reorder.py:14)",
            "  because: in the order (j, i) the second of these would come before the first",
            '  try: s.skew("j", by="i") first',
        ]
    )
    s.skew("j", by="i")
    s.reorder("j", "i")
    assert nest(s) == [
        "L0: for j in 0:11",
        "      for i in max(0, j - 5):min(6, j + 1)",
        "        A[i + 1, j - i + 1] = A[i, j - i + 2] * 0.5",
    ]
    check_round_trip(s, sweep)


def test_reorder_sets_statements_apart() -> None:
    s = ta.customize(chain)
    s.reorder("j", "i")
    assert nest(s)[:3] == ["L0_1: for i_1 in 0:6", "        A[i_1, 0] = B[i_1] * 2", "L0: for j in 1:6"]
    check_round_trip(s, chain)


def test_reorder_sinks_where_setting_apart_is_illegal() -> None:
    s = ta.customize(between)
    s.reorder("j", "i")
    assert nest(s) == [
        "L0: for j in 0:6",
        "      for i in 1:6",
        "        if j == 0:",
        "          B[i] = A[i - 1, 0]",
        "        A[i, j] += B[i]",
    ]
    check_round_trip(s, between)
