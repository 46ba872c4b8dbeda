"""Marks of loops: they stay where a loop is split, and a step that takes one away says so."""

from __future__ import annotations

import warnings

import pytest
from common import check_round_trip

import tracealloc as ta
from tracealloc import float32, grid, kernel


@kernel
def matmul(A: float32[4, 5], B: float32[5, 6], C: float32[4, 6]):
    for i, j, k in grid(4, 6, 5):
        C[i, j] += A[i, k] * B[k, j]


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
