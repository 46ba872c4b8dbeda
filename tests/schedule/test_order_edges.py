"""fuse around conditions, and merge of loops that run up and down."""

from __future__ import annotations

import pytest
from common import assert_same_results, check_round_trip, nest

import tracealloc as ta
from tracealloc import int32, kernel


@kernel
def guarded(A: int32[20], O: int32[20], n: int32[1]):
    for b in ta.range(5):
        for j in ta.range(3, -1, -1):
            n[0] = n[0] * 3 + b
            if 4 * b + j < 18:
                O[4 * b + j] = max(A[4 * b + j], n[0])
            elif j == 2:
                O[19] = n[0]


@kernel
def edge(A: int32[130], O: int32[130]):
    for b in ta.range(17):
        for j in ta.range(8):
            if 8 * b + j < 130:
                O[8 * b + j] = A[8 * b + j] + 1


def test_fuse_around_conditions() -> None:
    s = ta.customize(edge)
    s.fuse("b", "j")
    assert repr(s.loops()) == "b_j  0:130  in L0"
    check_round_trip(s, edge)
    for split in (False, True):
        s = ta.customize(guarded)
        s.fuse("b", s.split("j", 2)[0] if split else "j")
        assert s.verify()
        assert_same_results(s)


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
