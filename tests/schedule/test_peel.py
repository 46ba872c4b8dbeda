"""``peel``: the first or last iterations of a loop on their own."""

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


def test_peel() -> None:
    s = ta.customize(rows)
    assert s.peel("i", 2).name == "i_peel"
    assert s.peel("k", 1) is None
    check_round_trip(s, rows)
    assert refused(lambda: s.peel("i", 4), s, ta.ScheduleError) == "\n".join(
        [
            "TA255 peel(\"i\", 4) would leave nothing in 'i', which has at most 4 iterations",
            '  try: s.unroll("i") replicates the whole loop',
        ]
    )
    assert "'i', which has at most 4 iterations" in refused(lambda: s.peel("i", 9), s, ta.ScheduleError)
    assert refused(lambda: s.peel("i", 0), s, ta.ScheduleError) == (
        'TA255 peel("i", 0) needs a number of iterations other than 0'
    )


@kernel
def steps_down(A: float32[12], B: float32[12]):
    for i in ta.range(11, 0, -2):
        for j in ta.range(i):
            B[j] = B[j] * A[i]


def test_peel_from_the_end() -> None:
    s = ta.customize(rows)
    tail = s.peel("i", -2)
    assert tail.name == "i_peel"
    assert s.peel("k", -1) is None
    heads = [line.strip() for line in nest(s) if ": for" in line]
    assert heads == ["L0: for i in 0:4", "L0_peel: for i_peel in 4:6"]
    check_round_trip(s, rows)
    t = ta.customize(steps_down)
    t.peel("i", -2)
    t.peel("j", -3)
    t.peel("j_peel", 1)
    check_round_trip(t, steps_down)
    assert refused(lambda: s.peel(tail, -2), s, ta.ScheduleError) == "\n".join(
        [
            "TA255 peel(\"i_peel\", -2) would leave nothing in 'i_peel', which has at most 2 iterations",
            '  try: s.unroll("i_peel") replicates the whole loop',
        ]
    )


def test_peeled_parts_merge_again() -> None:
    s = ta.customize(rows)
    first, last = s.peel("i", 2), s.peel("i", -2)
    s.merge(first, "i")
    s.merge(first, last)
    assert [handle.name for handle in s.loops() if handle.name.startswith("i")] == ["i_peel"]
    check_round_trip(s, rows)


def test_what_a_single_peeled_iteration_makes_is_declared() -> None:
    s = ta.customize(rows)
    first, _, last = s.distribute("i")
    s.peel(first, 1)
    s.peel(last, 5)
    assert nest(s)[:2] == ["t: float32[6]", "t[0] = 0"]
    check_round_trip(s, rows)
