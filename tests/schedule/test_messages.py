"""What a user is told of loops and arrays that steps have moved, renamed or taken away."""

from __future__ import annotations

import warnings

import pytest

import tracealloc as ta
from tracealloc import float32, grid, int32, kernel


@kernel
def rows(A: float32[8, 16], B: float32[8, 16], C: float32[8]) -> float32[8]:
    S = ta.zeros((8, 16), float32)
    for i, j in grid(8, 16, name="make"):
        S[i, j] = A[i, j] * B[i, j]
    D = ta.zeros((8,), float32)
    for i in grid(8, name="use"):
        for j in grid(16):
            D[i] += S[i, j]
        D[i] *= C[i]
    return D


@kernel
def fir(x: int32[32], h: int32[4], y: int32[29]):
    for n in grid(29):
        y[n] = 0
        for t in grid(4):
            y[n] += h[t] * x[n + t]


@kernel
def triangle(A: int32[8, 8]):
    for i in ta.range(8):
        for k in ta.range(i):
            A[i, k] = 0
        for k in ta.range(i):
            A[k, i] += 1


def said(s: ta.Schedule, call: str) -> list[str]:
    """The message without its place."""
    with pytest.raises(ta.TraceallocError) as caught:
        eval(call, {"s": s})
    return [line for line in str(caught.value).splitlines() if not line.startswith("  at ")]


def test_a_name_of_before_is_answered_with_what_became_of_it() -> None:
    s = ta.customize(rows)
    s.compute_at("make", "use.i")
    s.split("j", 4)
    assert said(s, 's.pipeline("make.j")') == [
        "TA201 pipeline(\"make.j\"): no loop is called 'make.j' in rows",
        '  because: compute_at("make", "use.i") gave it another name',
        "  because: the loops are i, i_1, j_1, j.outer, j.inner",
        "  try: 'j_1'",
    ]
    assert said(s, 's.pipeline("j")') == [
        "TA201 pipeline(\"j\"): no loop is called 'j' in rows",
        '  because: split("j", 4) took it away',
        "  because: the loops are i, i_1, j_1, j.outer, j.inner",
        "  try: 'j.outer' or 'j.inner'",
    ]
    t = ta.customize(triangle)
    assert said(t, 't.pipeline("L0.k")'.replace("t.", "s."))[-1] == (
        "  try: number it, as in 'L0.k#0', or use the loop's handle from s.loops()"
    )


def test_arrays_without_a_use_are_not_listed() -> None:
    s = ta.customize(rows)
    s.compute_at("make", "use.i")
    assert [array.name for array in s.arrays()] == ["A", "B", "C", "D", "S_i"]
    assert list(s.layouts()) == ["A", "B", "C", "D", "S_i"]
    assert said(s, 's.buffer_at("S", "i")') == [
        "TA240 buffer_at(\"S\", \"i\") finds no use of 'S' inside loop 'i'",
        "  try: 'S_i', which holds its values now",
    ]
    t = ta.customize(rows)
    assert said(t, 's.buffer_at("C", "make.i")')[-1] == "  try: 'use.i', where it is used"


def test_copies_are_called_what_they_are() -> None:
    s = ta.customize(fir)
    s.reuse_at(s.x, "n")
    lines = said(s, 's.reverse("n")')
    assert lines[1] == (
        "  because: iteration (n=0, t_shift=0) writes x_n[0] (the copy into x_n), "
        "which iteration (n=1, t=0) reads as x_n[t] (test_messages.py:31)"
    )


def test_loops_that_run_once_are_not_advised() -> None:
    s = ta.customize(rows)
    s.compute_at("make", "use.i")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        s.pipeline("j")
    assert str(caught[0].message).endswith('at distance 1; "i" would not wait for it')


def test_far_names_are_no_hints() -> None:
    s = ta.customize(fir)
    for name in ("compose",):
        with pytest.raises(AttributeError) as caught:
            getattr(s, name)
        assert caught.value.hint is None
    assert said(s, "s.spilt")[-1] == "  try: s.split"


def test_values_are_short_or_say_it_all() -> None:
    s = ta.customize(fir)
    assert repr(fir.trace()) == "<program fir: 3 arguments; print it to see its loops>"
    assert repr(s.module) == "<module of fir>"
    assert repr(s.module.state("fir")) == "<state of fir: 2 statements>"
    assert repr(s.module.state("fir").model) == "<model of fir: 2 statements>"
    made = s.split("n", 4)
    assert repr(made).splitlines()[:3] == [
        "kernel fir(x: int32[32], h: int32[4], y: int32[29])",
        "  L0: for n.outer in 0:8  # <-- here",
        "        for n.inner in 0:min(4, 29 - 4 * n.outer)  # <-- here",
    ]
    outer, inner = made
    assert (str(outer), str(inner)) == ("n.outer", "n.inner")
    s.pipeline("t")
    assert repr(s.conflicts()) == str(s.conflicts())
    assert repr(s.verify()).startswith("<equal (polyhedral, 145 instances, ")
