"""``pipeline``: start iterations of a loop every few cycles."""

from __future__ import annotations

import warnings

import pytest
from common import check_round_trip

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


def test_pipeline_says_what_stands_in_the_way() -> None:
    s = ta.customize(matmul)
    with pytest.warns(ta.TraceallocWarning) as caught:
        s.pipeline("k")
    assert [str(w.message) for w in caught] == [
        'pipeline("k"): dependences allow ii=8, not 1: iteration (i=0, j=0, k=0) writes C[0, 0] '
        "(test_pipeline.py:17), which iteration (i=0, j=0, k=1) reads as C[i, j] (test_pipeline.py:17): "
        '8 cycles of float32 arithmetic at distance 1; "i" and "j" would not wait for it'
    ]
    t = ta.customize(dot)
    with pytest.warns(ta.TraceallocWarning, match="allow ii=7, not 1.*7 cycles of float32.*distance 1"):
        t.pipeline("i")
    u = ta.customize(distant)
    with pytest.warns(ta.TraceallocWarning, match=r"allow ii=6, not 2.*17 cycles of float64.*distance 3"):
        u.pipeline("i", ii=2)


def test_pipeline_is_quiet_where_nothing_waits() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kernel_, loop, ii in ((matmul, "j", 1), (matmul, "k", 8), (isum, "i", 1), (dot, "i", 7)):
            s = ta.customize(kernel_)
            s.pipeline(loop, ii=ii)
            check_round_trip(s, kernel_)


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


def test_a_mark_stands_where_its_advice_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interval is a wish: what a warning would cost is no reason to refuse it."""
    monkeypatch.setattr("tracealloc.schedule.primitives.pipeline.ADVICE", 100)
    s = ta.customize(matmul)
    with pytest.warns(ta.TraceallocWarning) as raised:
        s.pipeline("k")
    (text,) = [str(each.message) for each in raised]
    assert (
        "whether dependences allow ii=1 was not found out: a budget of 100 isl operations was used up" in text
    )
    assert "pipeline" in str(s.loops())
    check_round_trip(s)
