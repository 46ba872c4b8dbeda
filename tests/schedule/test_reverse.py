"""``reverse``: run a loop from its last iteration to its first."""

from __future__ import annotations

from common import check_round_trip, nest, refused

import tracealloc as ta
from tracealloc import grid, int32, kernel


@kernel
def isum(A: int32[4, 6], C: int32[4]):
    for i, j in grid(4, 6):
        C[i] += A[i, j]


def test_integer_sums_are_free() -> None:
    s = ta.customize(isum)
    s.reverse("j")
    assert s.verify().assumptions == ("integer sums may be reordered",)
    check_round_trip(s, isum)


@kernel
def prefix(A: int32[8], B: int32[8]):
    for i in ta.range(1, 8):
        A[i] = A[i - 1] + 1
    for i in ta.range(6, 0, -2):
        B[i] = A[i]


def test_reverse_is_its_own_inverse() -> None:
    s = ta.customize(prefix)
    s.reverse("L1.i")
    assert nest(s)[2:] == ["L1: for i in 2:7:2", "      B[i] = A[i]"]
    check_round_trip(s, prefix)
    s.reverse("L1.i")
    assert nest(s) == nest(ta.customize(prefix))


def test_a_loop_that_carries_a_value_keeps_its_direction() -> None:
    s = ta.customize(prefix)
    assert refused(lambda: s.reverse("L0.i"), s, ta.IllegalScheduleError) == "\n".join(
        [
            'TA210 reverse("L0.i") would run a read before the write it needs',
            "  because: iteration (i=1) writes A[1] (test_reverse.py:LINE), "
            "which iteration (i=2) reads as A[i - 1] (test_reverse.py:LINE)",
            "  because: with 'i' reversed the second of these would come first",
            '  try: keep "i" as it is: it carries the dependence',
        ]
    ).replace("LINE", str(prefix.function.__code__.co_firstlineno + 3))
