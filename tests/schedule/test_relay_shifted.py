"""``relay`` where neighbours use parts of an array that are shifted against one another."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from common import check_round_trip, refused
from hypothesis import given, settings
from hypothesis import strategies as st

import tracealloc as ta
from tracealloc import grid, int16, int32, kernel
from tracealloc.customize import Schedule


def filtered(n: int, t: int, by_n: int = 1, by_t: int = 1) -> Any:
    """``y[i] = sum(w[k] * x[by_n * i + by_t * k + first])``, whatever sign the factors have."""
    first = -min(0, by_n * (n - 1)) - min(0, by_t * (t - 1))
    length = abs(by_n) * (n - 1) + abs(by_t) * (t - 1) + 1

    @kernel
    def fir(x: int16[length], w: int16[t]) -> int32[n]:
        y = ta.zeros((n,), int32)
        for i, k in grid(n, t, name="PE"):
            y[i] += w[k] * x[by_n * i + by_t * k + first]
        return y

    return fir


def weights(s: Schedule, t: int, factor: int) -> Schedule:
    """A PE for each weight, neighbours `factor` iterations apart."""
    s.reorder("k", "i")
    if factor:
        s.skew("i", by="k", factor=factor)
    inputs, sums = s.buffer_at(s.x, "k"), s.buffer_at(s.y, "k")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that PEs run in order until sums are relayed
        pe = s.unfold("PE", axis=0, factor=t)
        s.partition(s.w)
        s.relay(sums, pe, axis=1, depth=4)
        s.relay(inputs, pe, axis=1, depth=4)
    return s


def test_all_get_what_one_needs() -> None:
    k_ = filtered(6, 3)
    s = weights(ta.customize(k_), 3, 1)
    assert str(s).splitlines()[2:21] == [
        "  y_fifo: Stream[int32][3]",
        "  x_fifo: Stream[int16][3]",
        "  load_x: for i in 0:8                                     [pipeline ii=1]",
        "            x_fifo[0].put(x[i])",
        "  PE: for k in 0:3                                         [space]",
        "        for i in 0:8                                       [pipeline ii=1]",
        "          x_k_i: int16",
        "          x_k_i = x_fifo[k].get()",
        "          if k < 2:",
        "            x_fifo[k + 1].put(x_k_i)",
        "          if i >= k and k >= i - 5:",
        "            y_k: int32                                     # buffer of y[:]",
        "            if k == 0:",
        "              y_k = 0",
        "            else:",
        "              y_k = y_fifo[k].get()",
        "            y_k += w[k] * x_k_i                            # test_relay_shifted.py:28",
        "            if k == 2:",
        "              y[i - k] = y_k",
    ]
    check_round_trip(s, k_)


def test_the_refusal_says_what_lines_neighbours_up() -> None:
    s = ta.customize(filtered(6, 3, by_t=2))
    s.reorder("k", "i")
    inputs, _ = s.buffer_at(s.x, "k"), s.buffer_at(s.y, "k")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pe = s.unfold("PE", axis=0, factor=3)
    assert refused(lambda: s.relay(inputs, pe, axis=1), s, ta.IllegalScheduleError) == (
        'TA290 relay("x_k", "k", axis=1) cannot be: '
        "neighbours along 'k' copy different elements: x[2 * k + i]\n"
        "  because: copy number 0 is of x[0] at k = 0, and of x[2] at k = 1\n"
        '  try: s.skew("i", by="k", factor=2) before s.unfold: then an element comes to all in one iteration'
    )


@settings(max_examples=12, deadline=None)
@given(
    st.integers(1, 5), st.integers(1, 4), st.sampled_from([1, -1, 2]), st.sampled_from([1, -1, 2, -2]),
    st.integers(-2, 2),
)  # fmt: skip
def test_right_or_refused(n: int, t: int, by_n: int, by_t: int, factor: int) -> None:
    k_ = filtered(n, t, by_n, by_t)
    s = ta.customize(k_)
    try:
        weights(s, t, factor)
    except ta.IllegalScheduleError as error:
        assert error.code == "TA290"
        assert t > 1
        assert by_t != by_n * factor
        return
    rng = np.random.default_rng(n * t)
    x = rng.integers(-99, 99, s.program.args[0].shape).astype(np.int16)
    w = rng.integers(-99, 99, t).astype(np.int16)
    assert s.verify()
    first = -min(0, by_n * (n - 1)) - min(0, by_t * (t - 1))
    expected = [sum(int(w[k]) * int(x[by_n * i + by_t * k + first]) for k in range(t)) for i in range(n)]
    np.testing.assert_array_equal(s.build()(x, w), expected)


def test_what_the_pes_store_to_is_not_passed_on() -> None:
    @kernel
    def smoothed(x: int32[8]):
        for k, i in grid(3, 6, name="PE"):
            x[i + k] = x[i + k] + k

    s = ta.customize(smoothed)
    s.skew("i", by="k")
    part = s.buffer_at(s.x, "k")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pe = s.unfold("PE", axis=0, factor=3)
    message = refused(lambda: s.relay(part, pe, axis=1), s, ta.IllegalScheduleError)
    assert "neighbours along 'k' copy different elements: x[" in message


@pytest.mark.parametrize("kept", ["triangle", "band"])
def test_triangles(kept: str) -> None:
    """Neighbours use parts of different lengths: each passes on what any of them uses."""
    n = 5
    low = (lambda i: 0) if kept == "triangle" else (lambda i: i)

    @kernel
    def product(L: int32[n, n], x: int32[n]) -> int32[n]:
        y = ta.zeros((n,), int32)
        for i in ta.range(n, name="PE"):
            for j in ta.range(low(i), i + 1):
                y[i] += L[i, j] * x[j]
        return y

    s = ta.customize(product)
    part = s.buffer_at(s.x, "i")
    pe = s.unfold("PE", axis=0, factor=n)
    s.partition(s.L, dim=0)
    s.partition(s.y)
    s.relay(part, pe, axis=1)
    check_round_trip(s, product)
    assert s.module.state(s.name).concurrent
    rng = np.random.default_rng(0)
    L, x = rng.integers(-9, 9, (n, n)).astype(np.int32), rng.integers(-9, 9, n).astype(np.int32)
    expected = (np.tril(L) if kept == "triangle" else np.diag(np.diag(L))) @ x
    np.testing.assert_array_equal(s.build()(L, x), expected)
