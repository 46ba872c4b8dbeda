"""Loops that data end: split with bounds on data, and while loops by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from common import check_round_trip, refused

import tracealloc as ta
from tracealloc import float32, grid, int32, kernel

ROWS = np.array([0, 3, 3, 4, 9, 12], np.int32)


@kernel
def spmv(rows: int32[6], vals: float32[12], cols: int32[12], x: float32[5], y: float32[5]):
    for i in grid(5):
        for j in ta.range(rows[i], rows[i + 1]):
            y[i] += vals[j] * x[cols[j]]


@kernel
def down(rows: int32[6], vals: float32[12], cols: int32[12], x: float32[5], y: float32[5]):
    for i in grid(5):
        n = ta.scalar(int32, rows[i + 1])
        for j in ta.range(n - 1, rows[i] - 1, -2):
            for k in ta.range(3):
                y[i] = y[i] * 2 + vals[j] * x[cols[k]]

        def halve(n=n, i=i):
            n.set(n // 2)
            for q in ta.range(4):
                y[i] += q * n

        ta.while_loop(lambda n=n: n > 0, halve, name="halve")


@kernel
def grows(n: int32[1], A: int32[40]):
    for i in ta.range(n[0]):
        A[i] = i
        n[0] += 1


@kernel
def gcd(a: int32, b: int32) -> int32:
    x, y = ta.scalar(int32, a), ta.scalar(int32, b)

    def step():
        t = ta.scalar(int32, x % y)
        x.set(y)
        y.set(t)

    ta.while_loop(lambda: y != 0, step)
    return x


def check(s: ta.Schedule, kernel: Any) -> None:
    """The proof, C, the emitted HLS C++ and the round trips agree with the kernel."""
    check_round_trip(s, kernel)
    rng = np.random.default_rng(3)
    vals, x = rng.random(12).astype(np.float32), rng.random(5).astype(np.float32)
    cols = rng.integers(0, 5, 12).astype(np.int32)
    found = [np.ones(5, np.float32) for _ in range(3)]
    for run, y in zip((kernel, s.build(), s.build(target="vitis_hls", mode="csim")), found, strict=True):
        run(ROWS, vals, cols, x, y)
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


def _inner_unrolled(s: ta.Schedule) -> None:
    outer, inner = s.split("j", 3)
    s.unroll(inner)
    s.pipeline(s.split(outer, 2)[1])


@pytest.mark.filterwarnings("ignore::tracealloc.TraceallocWarning")
@pytest.mark.parametrize(
    ("kernel", "steps"),
    [
        (spmv, lambda s: s.pipeline(s.split("j", 4)[0])),
        (spmv, lambda s: s.pipeline(s.split("j", 4)[1])),
        (spmv, lambda s: s.split("j", 1)),
        (spmv, lambda s: s.split("j", 100)),
        (spmv, _inner_unrolled),
        (spmv, lambda s: (s.split("i", 2), s.split("j", 2), s.buffer_at("y", "i.outer"))),
        (down, lambda s: s.split("j", 2)),
        (down, lambda s: (s.split("k", 3), s.split("q", 4), s.unroll("q.inner"))),
        (down, lambda s: (s.split("k", 2), s.split("q", 3), s.outline("j", "part"))),
        (down, lambda s: (s.split("j", 2), s.outline("halve", "part"), s.inline("part"))),
    ],
)
def test_splits_with_bounds_on_data(kernel: Any, steps: Callable[[ta.Schedule], Any]) -> None:
    s = ta.customize(kernel)
    steps(s)
    check(s, kernel)


def test_text_of_a_split_with_bounds_on_data() -> None:
    s = ta.customize(spmv)
    outer, inner = s.split("j", 4)
    assert (outer.name, inner.name) == ("j.outer", "j.inner")
    s.pipeline(inner)
    assert repr(s.loops()).splitlines()[1:] == [
        "j.outer  rows[i]:rows[i + 1]:4  in L0",
        "j.inner  0:4                    in L0  pipeline ii=1",
    ]
    assert "if (j_outer + j_inner < rows[i + 1]) {" in s.build(target="vitis_hls").source


def test_no_condition_where_the_factor_divides() -> None:
    s = ta.customize(down)
    s.split("q", 2)
    assert "q.inner <" not in str(s)


def test_a_bound_that_the_body_changes_is_read_once() -> None:
    s = ta.customize(grows)
    assert refused(lambda: s.split("i", 4), s, ta.ScheduleError) == "\n".join(
        [
            "TA220 split(\"i\", 4) cannot split loop 'i', which changes what its bounds were read from",
            "  because: its body stores to n, and each tile would read its end again",
            "  try: keep the bound in a ta.scalar that the body leaves alone",
        ]
    )


def test_while_is_a_loop() -> None:
    s = ta.customize(gcd)
    assert repr(s.loops()) == "while  while y != 0"
    with pytest.warns(ta.TraceallocWarning, match="how often loop 'while' runs is known only when it has"):
        s.pipeline("while", ii=2)
    assert "  while y != 0:                                            [pipeline ii=2]" in str(s)
    source = s.build(target="vitis_hls").source
    assert "  while_: while (y != 0) {  // test_data_loops.py:" in source
    assert "#pragma HLS pipeline II=2\n" in source
    check_round_trip(s, gcd)
    assert s.build()(12, 18) == s.build(target="vitis_hls", mode="csim")(12, 18) == 6


def test_while_by_the_name_it_was_given() -> None:
    s = ta.customize(down)
    assert [str(loop) for loop in s.loops()] == ["i", "j", "k", "halve", "q"]
    assert "        halve: while n > 0:\n" in str(s)
    assert "halve: while (n > 0) {" in s.build(target="vitis_hls").source


def test_while_is_not_unrolled() -> None:
    s = ta.customize(gcd)
    for factor in (None, 2):
        message = refused(lambda factor=factor: s.unroll("while", factor), s, ta.ScheduleError)  # type: ignore[misc]
        assert message.splitlines()[0].startswith('TA227 unroll("while"')
        assert message.endswith(
            "cannot unroll 'while': it runs until what it computes ends it\n"
            "  because: copies of its body would each need the test, one after the other\n"
            '  try: s.pipeline("while"), or unroll the loops inside it'
        )


def test_the_name_of_a_while_is_a_text() -> None:
    @kernel
    def wrong(A: int32[1]):
        ta.while_loop(lambda: A[0] > 0, lambda: None, name=3)

    with pytest.raises(ta.TraceError, match=r"TA124 the name of ta.while_loop is a text, not 3"):
        wrong.trace()
