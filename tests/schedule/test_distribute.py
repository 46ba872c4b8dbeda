"""``distribute``: a loop for each part of a body."""

from __future__ import annotations

from common import check_round_trip, nest, refused

import tracealloc as ta
from tracealloc import float32, grid, kernel


@kernel
def rows(A: float32[6, 5], B: float32[6]):
    for i in grid(6):
        t = ta.scalar(float32, 0)
        for k in ta.range(5):
            t += A[i, k]
        B[i] = t


def test_distribute_gives_scalars_an_element_each() -> None:
    s = ta.customize(rows)
    handles = s.distribute("i")
    assert [handle.name for handle in handles] == ["i_1", "i_2", "i_3"]
    assert nest(s) == [
        "t: float32[6]",
        "L0_1: for i_1 in 0:6",
        "        t[i_1] = 0",
        "L0_2: for i_2 in 0:6",
        "        for k in 0:5",
        "          t[i_2] += A[i_2, k]",
        "L0_3: for i_3 in 0:6",
        "        B[i_3] = t[i_3]",
    ]
    check_round_trip(s, rows)
    assert refused(lambda: s.distribute("k"), s, ta.ScheduleError) == "\n".join(
        [
            "TA253 distribute(\"k\") finds only one part in the body of 'k'",
            "  try: choose a loop around two or more loops or statements",
        ]
    )


@kernel
def chained(A: float32[9], B: float32[9], C: float32[9], D: float32[9]):
    for i in ta.range(1, 9):
        D[i] = A[i] * 2
        B[i] = C[i - 1] + D[i]
        C[i] = B[i] * 3
        A[i - 1] = C[i]


def test_distribute_cuts_where_it_is_asked_to() -> None:
    s = ta.customize(chained)
    assert refused(lambda: s.distribute("i"), s, ta.IllegalScheduleError) == "\n".join(
        [
            'TA210 distribute("i") would run a read before the write it needs',
            "  because: iteration (i=1) writes C[1] (test_distribute.py:48), "
            "which iteration (i=2) reads as C[i - 1] (test_distribute.py:47)",
            "  because: with a loop 'i' for each part the second of these would come first",
            '  try: s.distribute("i", at=[1, 3]): what depends on one another stays together',
        ]
    )
    handles = s.distribute("i", at=[3, 1])
    assert [handle.name for handle in handles] == ["i_1", "i_2", "i_3"]
    assert nest(s) == [
        "L0_1: for i_1 in 1:9",
        "        D[i_1] = A[i_1] * 2",
        "L0_2: for i_2 in 1:9",
        "        B[i_2] = C[i_2 - 1] + D[i_2]",
        "        C[i_2] = B[i_2] * 3",
        "L0_3: for i_3 in 1:9",
        "        A[i_3 - 1] = C[i_3]",
    ]
    check_round_trip(s, chained)
    t = ta.customize(chained)
    assert len(t.distribute("i", at=3)) == 2
    check_round_trip(t, chained)


def test_distribute_cuts_between_parts_only() -> None:
    s = ta.customize(chained)
    for at in (0, 4, True, 1.5):
        assert refused(lambda at=at: s.distribute("i", at=[1, at]), s, ta.ScheduleError) == "\n".join(
            [
                f"TA253 distribute(\"i\", at=[1, {at}]) cannot cut before part {at} of 'i', "
                "whose body has 4 parts",
                "  because: parts count from 0",
                "  try: a part from 1 to 3",
            ]
        )
    assert "names no part" in refused(lambda: s.distribute("i", at=[]), s, ta.ScheduleError)


@kernel
def two_bands(A: float32[9], B: float32[9]):
    for i in ta.range(9):
        A[i] = 1
        B[i] = 2
    for i in ta.range(9):
        A[i] *= 2
        B[i] *= 3


def test_distribute_names_its_loops_in_every_band() -> None:
    s = ta.customize(two_bands)
    for band in ("L0", "L1"):
        first, second = s.distribute(f"{band}.i")
        assert (first.name, second.name) == ("i_1", "i_2")
    assert [str(loop) for loop in s.loops()] == ["L0_1.i_1", "L0_2.i_2", "L1_1.i_1", "L1_2.i_2"]
    check_round_trip(s, two_bands)
