"""``unroll``: replicate a loop's body."""

from __future__ import annotations

import pytest
from common import check_round_trip, nest, refused

import tracealloc as ta
from tracealloc import grid, int32, kernel


@kernel
def matmul(A: int32[4, 5], B: int32[5, 6], C: int32[4, 6]):
    for i, j, k in grid(4, 6, 5):
        C[i, j] += A[i, k] * B[k, j]


@kernel
def rows(n: int32, length: int32[4], A: int32[4, 9]):
    for i in grid(4):
        for j in ta.range(length[i]):
            A[i, j] = j
    for k in ta.range(n):
        A[0, 0] += k


@kernel
def halves(A: int32[8]):
    for i in grid(8):

        def halve(i=i):
            A[i] = A[i] // 2

        ta.while_loop(lambda i=i: A[i] > 3, halve, name="again")


def test_a_part_and_the_whole() -> None:
    s = ta.customize(matmul)
    s.unroll("k")
    s.unroll("j", 4)  # of six: C, like HLS, runs what is left
    assert nest(s) == [
        "L0: for i in 0:4",
        "      for j in 0:6                                       [unroll 4]",
        "        for k in 0:5                                     [unroll]",
        "          C[i, j] += A[i, k] * B[k, j]",
    ]
    assert s.script().splitlines()[1:] == ['s.unroll("k")', 's.unroll("j", 4)']
    check_round_trip(s, matmul)


def test_the_last_mark_counts() -> None:
    s = ta.customize(matmul)
    s.unroll("k")
    s.unroll("k", 2)
    assert nest(s)[2].split("[")[1] == "unroll 2]"
    s.undo()
    assert nest(s)[2].split("[")[1] == "unroll]"


@pytest.mark.parametrize("factor", [0, -1, True])
def test_a_factor_counts_copies(factor: object) -> None:
    s = ta.customize(matmul)
    assert refused(lambda: s.unroll("k", factor), s, ta.ScheduleError) == (
        f'TA221 unroll("k", {factor!r}) needs a factor of at least 1, not {factor!r}'
    )


def test_an_extent_on_data_is_unrolled_in_part() -> None:
    s = ta.customize(rows)
    assert refused(lambda: s.unroll("j"), s, ta.ScheduleError) == "\n".join(
        [
            "TA227 unroll(\"j\") cannot unroll 'j' completely: its extent depends on data",
            '  try: s.unroll("j", factor=4)',
        ]
    )
    assert refused(lambda: s.unroll("k"), s, ta.ScheduleError) == "\n".join(
        [
            "TA227 unroll(\"k\") cannot unroll 'k' completely: its extent depends on n",
            "  because: it may have up to 2147483647 iterations, and hardware is as large as the most",
            '  try: s.unroll("k", factor=4)',
        ]
    )
    s.unroll("j", 4)
    s.unroll("k", factor=4)
    assert s.verify()


def test_a_while_loop_has_no_copies() -> None:
    s = ta.customize(halves)
    assert refused(lambda: s.unroll("again", 2), s, ta.ScheduleError) == "\n".join(
        [
            "TA227 unroll(\"again\", 2) cannot unroll 'again': it runs until what it computes ends it",
            "  because: copies of its body would each need the test, one after the other",
            '  try: s.pipeline("again"), or unroll the loops inside it',
        ]
    )
