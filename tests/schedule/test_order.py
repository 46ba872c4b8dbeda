"""Which orders of sums are free, and which are not."""

from __future__ import annotations

from common import check_round_trip, refused

import tracealloc as ta
from tracealloc import float32, grid, int32, kernel


@kernel
def jacobi(A: float32[10], B: float32[10]):
    for _t in grid(3):
        for i in ta.range(1, 9):
            B[i] = A[i - 1] + A[i + 1]
        for i in ta.range(1, 9):
            A[i] = B[i]


def test_loops_of_one_name_in_a_band_are_numbered() -> None:
    s = ta.customize(jacobi)
    assert [handle.name for handle in s.loops()][1:] == ["L0.i#0", "L0.i#1"]
    s.split(s.loops()[2], 3)
    s.reverse("i")
    assert s.script().splitlines()[1:] == ['s.split("L0.i#1", 3)', 's.reverse("i")']
    check_round_trip(s, jacobi)


@kernel
def solve(L: int32[8, 8], x: int32[8]):
    for i in grid(8):
        for j in ta.range(i):
            x[i] -= L[i, j] * x[j]


@kernel
def spread(x: int32[8]):
    for i, j in grid(8, 8):
        x[i] += x[j]


def test_a_sum_of_other_elements_of_its_array_is_free() -> None:
    s = ta.customize(solve)
    s.reverse("j")
    assert s.verify().assumptions == ("integer sums may be reordered",)
    check_round_trip(s)
    refused(lambda: s.reverse("i"), s, ta.IllegalScheduleError)
    refused(lambda: s.reorder("j", "i"), s, ta.IllegalScheduleError)  # j runs downwards
    s.undo()
    s.reorder("j", "i")
    check_round_trip(s)


def test_what_is_added_may_be_the_sum_itself() -> None:
    s = ta.customize(spread)
    refused(lambda: s.reverse("j"), s, ta.IllegalScheduleError)
    refused(lambda: s.reorder("j", "i"), s, ta.IllegalScheduleError)


def test_lu_by_columns_or_rows() -> None:
    @kernel
    def lu(A: float32[9, 9]):
        for k in ta.range(9):
            for i in ta.range(k + 1, 9):
                A[i, k] /= A[k, k]
                for j in ta.range(k + 1, 9):
                    A[i, j] -= A[i, k] * A[k, j]

    s = ta.customize(lu)
    s.reorder("j", "i")
    check_round_trip(s)
    t = ta.customize(lu, reassociate=True)
    refused(lambda: t.reverse("k"), t, ta.IllegalScheduleError)


def test_histograms_are_sums() -> None:
    @kernel
    def histogram(image: ta.UInt(4)[6, 7], H: int32[16], G: ta.UInt(4)[16]):
        for i, j in grid(6, 7):
            H[image[i, j]] += 1
        for j in grid(16):
            G[G[j]] += 1

    s = ta.customize(histogram)
    s.tile(["L0.j", "L0.i"], [2, 5])
    s.reverse("L0.j.outer")
    check_round_trip(s)
    refused(lambda: s.reverse("L1.j"), s, ta.IllegalScheduleError)


def test_histograms_that_are_looked_at_keep_their_order() -> None:
    @kernel
    def ranks(image: ta.UInt(4)[6, 7], H: int32[16], R: int32[6, 7]):
        for i, j in grid(6, 7):
            H[image[i, j]] += 1
            R[i, j] = H[image[i, j]]

    s = ta.customize(ranks)
    refused(lambda: s.reorder("j", "i"), s, ta.IllegalScheduleError)
    refused(lambda: s.reverse("i"), s, ta.IllegalScheduleError)
