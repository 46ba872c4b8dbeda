"""Primitives that take loops apart and put them together: distribute, merge, peel, compute_at."""

from __future__ import annotations

from common import check_round_trip, nest, refused

import tracealloc as ta
from tracealloc import float32, grid, kernel


@kernel
def two(A: float32[10], B: float32[10], C: float32[8]):
    for i in grid(10):
        B[i] = A[i] * 2
    for i in grid(8):
        C[i] = B[i] + B[i + 1]


@kernel
def rows(A: float32[6, 5], B: float32[6]):
    for i in grid(6):
        t = ta.scalar(float32, 0)
        for k in ta.range(5):
            t += A[i, k]
        B[i] = t


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


def test_merge_names_the_shift() -> None:
    s = ta.customize(two)
    assert refused(lambda: s.merge("L0.i", "L1.i"), s, ta.IllegalScheduleError) == "\n".join(
        [
            'TA210 merge("L0.i", "L1.i") would run a read before the write it needs',
            "  because: iteration (i=1) writes B[1] (test_fission.py:14), "
            "which iteration (i=0) reads as B[i + 1] (test_fission.py:16)",
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
            "  because: iteration (i=0) (test_fission.py:57) reads A[0]",
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
            "  because: iteration (i=1) writes C[1] (test_fission.py:200), "
            "which iteration (i=2) reads as C[i - 1] (test_fission.py:199)",
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
