"""Primitives that say how a loop is executed: pipeline, unroll, parallel, vectorize."""

from __future__ import annotations

import warnings

import pytest
from common import check_round_trip, refused

import tracealloc as ta
from tracealloc import float32, float64, grid, int32, kernel


@kernel
def matmul(A: float32[4, 5], B: float32[5, 6], C: float32[4, 6]):
    for i, j, k in grid(4, 6, 5):
        C[i, j] += A[i, k] * B[k, j]


@kernel
def dot(A: float32[8], B: float32[8], C: float32[1]):
    t = ta.scalar(float32, 0)
    for i in grid(8):
        t += A[i] * B[i]
    C[0] = t


@kernel
def distant(A: float64[9], B: float64[9]):
    for i in grid(6):
        B[i] = A[i] * 2
        A[i + 3] = B[i] + 1


@kernel
def isum(A: int32[4], C: int32[1]):
    for i in grid(4):
        C[0] += A[i]


@kernel
def diagonal(A: float32[8, 8]):
    for i, j in grid(6, 6):
        A[i + 1, j + 1] = A[i, j] * 0.5


def test_pipeline_says_what_stands_in_the_way() -> None:
    s = ta.customize(matmul)
    with pytest.warns(ta.TraceallocWarning) as caught:
        s.pipeline("k")
    assert [str(w.message) for w in caught] == [
        'pipeline("k"): dependences allow ii=8, not 1: iteration (i=0, j=0, k=0) writes C[0, 0] '
        "(test_execution.py:17), which iteration (i=0, j=0, k=1) reads as C[i, j] (test_execution.py:17): "
        '8 cycles of float32 arithmetic at distance 1; "i" and "j" would not wait for it'
    ]
    t = ta.customize(dot)
    with pytest.warns(ta.TraceallocWarning, match="allow ii=7, not 1.*7 cycles of float32.*distance 1"):
        t.pipeline("i")
    u = ta.customize(distant)
    with pytest.warns(ta.TraceallocWarning, match=r"allow ii=6, not 2.*18 cycles of float64.*distance 3"):
        u.pipeline("i", ii=2)


def test_pipeline_is_quiet_where_nothing_waits() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kernel_, loop, ii in ((matmul, "j", 1), (matmul, "k", 8), (isum, "i", 1), (dot, "i", 7)):
            s = ta.customize(kernel_)
            s.pipeline(loop, ii=ii)
            check_round_trip(s, kernel_)


def test_a_parallel_loop_stays_parallel() -> None:
    s = ta.customize(diagonal)
    s.parallel("j")
    message = refused(lambda: s.reorder("j", "i"), s, ta.IllegalScheduleError)
    assert message == "\n".join(
        [
            'TA211 reorder("j", "i") would run iterations at the same time that depend on one another',
            "  because: iteration (i=0, j=0) writes A[1, 1] (test_execution.py:44), "
            "which iteration (i=1, j=1) reads as A[i, j] (test_execution.py:44), at distance 1 in 'j'",
            "  because: loop 'j' is parallel, and would then carry this dependence",
            "  try: take this step first, and mark a loop that carries nothing then",
        ]
    )
    check_round_trip(s, diagonal)


def test_parallel_refuses_sums() -> None:
    s = ta.customize(isum)
    message = refused(lambda: s.parallel("i"), s, ta.IllegalScheduleError)
    assert message == "\n".join(
        [
            'TA211 parallel("i") would run iterations at the same time that depend on one another',
            "  because: iteration (i=0) writes C[0] (test_execution.py:38), "
            "which iteration (i=1) writes as C[0] (test_execution.py:38), at distance 1 in 'i'",
            "  because: loop 'i' carries a sum, whose parts would be added at the same time",
            "  try: no loop around the sum is free of dependences: add up several sums in the kernel",
        ]
    )
    t = ta.customize(matmul)
    t.vectorize("j")
    t.parallel("i")
    t.unroll("k", factor=5)
    check_round_trip(t, matmul)


def test_pipeline_shows_the_read_that_meets_the_write() -> None:
    """Of several reads of one array, the first was shown, whichever the value goes to."""

    @kernel
    def smooth(A: float32[4, 9]):
        for r in grid(4):
            for i in ta.range(1, 8):
                A[r, i] = A[r, i + 1] * 0.5 + A[r, i - 1]

    s = ta.customize(smooth)
    with pytest.warns(ta.TraceallocWarning) as caught:
        s.pipeline("i")
    assert "iteration (r=0, i=1) writes A[0, 1] (" in str(caught[0].message)
    assert "which iteration (r=0, i=2) reads as A[r, i - 1] (" in str(caught[0].message)


def marks_of(s: ta.Schedule) -> dict[str, str]:
    return {loop.name: ", ".join(loop.marks.words()) for loop in s.module.state(s.module.top).loops()}


def test_marks_stay_when_a_loop_is_split() -> None:
    """They were dropped without a word: a pipelined loop that was split ran an iteration at a time."""
    s = ta.customize(matmul)
    s.pipeline("j", ii=2)
    s.unroll("k")
    s.parallel("i")
    for loop in ("i", "j", "k"):
        s.split(loop, 3)
    assert marks_of(s) == {
        "i.outer": "parallel",
        "i.inner": "",
        "j.outer": "",
        "j.inner": "pipeline ii=2",
        "k.outer": "unroll",
        "k.inner": "unroll",
    }
    check_round_trip(s, matmul)
    t = ta.customize(matmul)
    t.vectorize("j")
    t.unroll("k", 2)
    t.tile(["j", "k"], 2)
    assert marks_of(t) == {
        "i": "",
        "j.outer": "",
        "k.outer": "",
        "j.inner": "vectorize",
        "k.inner": "unroll 2",
    }
    check_round_trip(t, matmul)


def test_marks_that_a_step_takes_away_are_named() -> None:
    s = ta.customize(matmul)
    s.parallel("i")
    s.pipeline("j")
    with pytest.warns(ta.TraceallocWarning) as caught:
        s.fuse("i", "j")
    assert [str(w.message) for w in caught] == [
        'fuse("i", "j"): loop \'i\' was marked parallel, which the loop made of it is not'
    ]
    assert marks_of(s) == {"i_j": "pipeline ii=1", "k": ""}
    t = ta.customize(matmul)
    t.parallel("i")
    t.parallel("j")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        t.fuse("i", "j")
    assert marks_of(t) == {"i_j": "parallel", "k": ""}

    @kernel
    def two(A: float32[8], B: float32[8]):
        for i in grid(8):
            A[i] = 1
        for j in grid(8):
            B[j] = 2

    u = ta.customize(two)
    u.unroll("j", 2)
    u.pipeline("i")
    with pytest.warns(ta.TraceallocWarning) as caught:
        u.merge("i", "j")
    assert [str(w.message) for w in caught] == [
        'merge("i", "j"): loop \'j\' was marked unroll 2, which the loop made of it is not'
    ]
