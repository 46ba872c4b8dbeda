"""``relay`` where PEs make what the next ones need, and hand it on."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from common import check_round_trip, refused
from hypothesis import given, settings
from hypothesis import strategies as st

import tracealloc as ta
from tracealloc import grid, int32, kernel
from tracealloc.customize import Schedule


def banded(n: int, first: int, last: int, ends: bool) -> Any:
    """``x[i]`` is made of ``x[i - last], ..., x[i - first]``."""

    @kernel
    def recurrence(b: int32[n]) -> int32[n]:
        x = ta.empty((n,), int32)
        for i in ta.range(n, name="PE"):
            x[i] = b[i]
            for j in ta.range(max_(i - last, 0), i - first + 1):
                x[i] += 3 * x[j]
            if ends:
                x[i] = x[i] * x[i]
        return x

    return recurrence


def max_(a: Any, b: int) -> Any:
    return ta.maximum(a, b)


def unfolded(k_: Any, n: int, array: str = "x") -> tuple[Schedule, Any, Any]:
    s = ta.customize(k_)
    buffer = s.buffer_at(array, "i")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that PEs run in order until their values are handed on
        pe = s.unfold("PE", axis=0, factor=n)
    return s, buffer, pe


@settings(max_examples=12, deadline=None)
@given(st.integers(2, 7), st.integers(1, 2), st.integers(1, 6), st.booleans())
def test_bands(n: int, first: int, last: int, ends: bool) -> None:
    """Each PE passes on what later ones need; the next one must need it too."""
    k_ = banded(n, first, last, ends)
    b = np.random.default_rng(n).integers(-9, 9, n).astype(np.int32)
    try:
        s, buffer, pe = unfolded(k_, n)
        s.relay(buffer, pe, along=0)
    except ta.IllegalScheduleError as error:
        assert error.code == "TA290"
        assert first > 1  # what one PE makes, the next one does not want
        return
    assert s.verify()
    assert s.module.state(s.name).concurrent
    np.testing.assert_array_equal(s.build()(b), k_(b))


def test_the_triangular_recurrence() -> None:
    k_ = banded(4, 1, 9, False)
    s, buffer, pe = unfolded(k_, 4)
    s.relay(buffer, pe, along=0)
    assert [line.split("#")[0].rstrip() for line in str(s).splitlines()[2:13]] == [
        "  x_fifo: Stream[int32][4]",
        "  PE: for i in 0:4                                         [space]",
        "        x_i: int32[4]",
        "        x_i[i] = b[i]",
        "        for j in 0:i                                       [pipeline ii=1]",
        "          x_i[j] = x_fifo[i].get()",
        "          if i < 3:",
        "            x_fifo[i + 1].put(x_i[j])",
        "          x_i[i] += 3 * x_i[j]",
        "        for i_back in i:i + 1                              [pipeline ii=1]",
        "          if i < 3:",
    ]
    check_round_trip(s, k_)


def test_the_next_one_must_want_it() -> None:
    s, buffer, pe = unfolded(banded(6, 2, 2, False), 6)
    message = refused(lambda: s.relay(buffer, pe, along=0), s, ta.IllegalScheduleError)
    assert message.startswith('TA290 relay("x_i", "i", along=0) cannot be: ')


def test_an_element_is_made_by_one() -> None:
    @kernel
    def shared(b: int32[5]) -> int32[6]:
        x = ta.zeros((6,), int32)
        for i in ta.range(5, name="PE"):
            x[i] = x[i] + b[i]
            x[i + 1] = x[i] * 2
        return x

    s, buffer, pe = unfolded(shared, 5)
    message = refused(lambda: s.relay(buffer, pe, along=0), s, ta.IllegalScheduleError)
    assert "cannot be: " in message


def test_what_is_seen_later_is_stored() -> None:
    """An array that nobody reads but the next PE is none any more; one that a later nest reads is kept."""

    def made(later: bool) -> Any:
        @kernel
        def prefix(b: int32[5]) -> int32[5]:
            x = ta.zeros((6,), int32)
            y = ta.empty((5,), int32)
            for i in ta.range(5, name="PE"):
                y[i] = x[i] + b[i]
                x[i + 1] = y[i]
            if later:
                for k in ta.range(5, name="after"):
                    y[k] = y[k] + x[k]
            return y

        return prefix

    for later in (False, True):
        k_ = made(later)
        s, buffer, pe = unfolded(k_, 5)
        s.relay(buffer, pe, along=0)
        assert ("x: int32[6]" in str(s)) == later
        check_round_trip(s, k_)
        b = np.arange(5, dtype=np.int32)
        np.testing.assert_array_equal(s.build()(b), k_(b))


def test_values_go_along_an_axis() -> None:
    s, buffer, pe = unfolded(banded(4, 1, 9, False), 4)
    assert refused(lambda: s.relay(buffer, pe), s, ta.ScheduleError) == (
        'TA290 relay("x_i", "i") needs an axis\n'
        "  try: axis= is the one along which the elements vary, along= the one along which they travel"
    )
    with pytest.raises(ta.ScheduleError, match="finds no axis 3"):
        s.relay(buffer, pe, along=3)


def along_j(k_: Any, n: int) -> Schedule:
    s = ta.customize(k_)
    buffer = s.buffer_at(s.H, "j")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pe = s.unfold("PE", axis=0, factor=n)
    s.relay(buffer, pe, along=0)
    assert s.module.state(s.name).concurrent
    check_round_trip(s, k_)
    A, found, wanted = np.arange(n * n, dtype=np.int32).reshape(n, n), *np.zeros((2, n, n), np.int32)
    s.build()(A, found)
    k_(A, wanted)
    np.testing.assert_array_equal(found, wanted)
    return s


def test_three_neighbours_of_a_cell() -> None:
    n = 5

    @kernel
    def sweep(A: int32[n, n], out: int32[n, n]):
        H = ta.zeros((n + 1, n + 1), int32)
        for j, i in grid(n, n, name="PE"):
            H[i + 1, j + 1] = A[i, j] + H[i, j + 1] * 2 + H[i + 1, j] - H[i, j]
            out[i, j] = H[i + 1, j + 1]

    text = str(along_j(sweep, n))
    assert "H_j[i + 1, 0] = H_fifo[j].get()" in text  # in the loop that uses it
    assert "  H = " not in text


def test_what_two_later_ones_need() -> None:
    """Each PE hands on what it made, and what the one before it made."""
    n = 5

    @kernel
    def back(A: int32[n, n], out: int32[n, n]):
        H = ta.zeros((n + 2, n), int32)
        for j in ta.range(n, name="PE"):
            for i in ta.range(n):
                H[j + 2, i] = A[i, j] + 3 * H[j, i] + H[j + 1, i]
                out[i, j] = H[j + 2, i]

    along_j(back, n)


def test_lanes() -> None:
    """A system for each right-hand side, beside one another."""
    n, m = 4, 3

    @kernel
    def solve(L: int32[n, n], B: int32[n, m]) -> int32[n, m]:
        X = ta.empty((n, m), int32)
        for r in ta.range(m, name="PE"):
            for i in ta.range(n):
                X[i, r] = B[i, r]
                for j in ta.range(i):
                    X[i, r] -= L[i, j] * X[j, r]
        return X

    s = ta.customize(solve)
    buffer = s.buffer_at(s.X, "i")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pe = s.unfold("PE", axis=[0, 1], factor=[m, n])
    s.relay(buffer, pe, axis=0)
    check_round_trip(s, solve)
    rng = np.random.default_rng(0)
    L, B = rng.integers(-3, 4, (n, n)).astype(np.int32), rng.integers(-9, 9, (n, m)).astype(np.int32)
    np.testing.assert_array_equal(s.build()(L, B), solve(L, B))


def test_several_systems_one_after_the_other() -> None:
    n, m = 3, 2

    @kernel
    def solve(L: int32[n, n], B: int32[n, m]) -> int32[n, m]:
        X = ta.empty((n, m), int32)
        for i in ta.range(n, name="PE"):
            for r in ta.range(m):
                X[i, r] = B[i, r]
                for j in ta.range(i):
                    X[i, r] -= L[i, j] * X[j, r]
        return X

    s, buffer, pe = unfolded(solve, n, "X")
    s.relay(buffer, pe, along=0)
    check_round_trip(s, solve)
    rng = np.random.default_rng(0)
    L, B = rng.integers(-3, 4, (n, n)).astype(np.int32), rng.integers(-9, 9, (n, m)).astype(np.int32)
    np.testing.assert_array_equal(s.build()(L, B), solve(L, B))


def test_another_order_shows() -> None:
    n, m = 3, 4

    @kernel
    def turned(B: int32[n, m]) -> int32[n + 1, m]:
        X = ta.zeros((n + 1, m), int32)
        for i, r in grid(n, m, name="PE"):
            X[i + 1, r] = B[i, r] + X[i, m - 1 - r]
        return X

    s, buffer, pe = unfolded(turned, n, "X")
    assert refused(lambda: s.relay(buffer, pe, along=0), s, ta.IllegalScheduleError) == (
        "TA290 relay(\"X_i\", \"i\", along=0) cannot be: neighbours along 'i' do not use 'X' in one order\n"
        "  because: i = 0 hands on X[1, 0] as number 0, and the next one wants X[1, 3]"
    )


def test_what_came_can_be_stored_elsewhere() -> None:
    @kernel
    def seen(x: int32[6], y: int32[4, 6]):
        for i, k in grid(4, 6, name="PE"):
            y[i, k] = x[k]

    s, buffer, pe = unfolded(seen, 4, "x")
    s.relay(buffer, pe, along=0)
    check_round_trip(s, seen)
    x, y = np.arange(6, dtype=np.int32), np.zeros((4, 6), np.int32)
    s.build()(x, y)
    np.testing.assert_array_equal(y, np.stack([x] * 4))


NEAR = [(0, 1), (1, 0), (1, 1), (2, 0), (0, 2), (2, 1), (1, 2)]


@settings(max_examples=15, deadline=None)
@given(
    st.integers(1, 5), st.integers(1, 5), st.lists(st.sampled_from(NEAR), min_size=1, max_size=3, unique=True)
)
def test_wavefronts(n: int, m: int, near: list[tuple[int, int]]) -> None:
    """A cell is made of cells that are made before it: what is accepted is right."""

    @kernel
    def cells(A: int32[m, n], out: int32[m, n]):
        H = ta.zeros((m + 2, n + 2), int32)
        for j in ta.range(n, name="PE"):
            for i in ta.range(m):
                total = ta.scalar(int32, A[i, j])
                for up, left in near:
                    total += (1 + up + 3 * left) * H[i + 2 - up, j + 2 - left]
                H[i + 2, j + 2] = total
                out[i, j] = total

    s = ta.customize(cells)
    try:
        buffer = s.buffer_at(s.H, "j")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pe = s.unfold("PE", axis=0, factor=n)
        s.relay(buffer, pe, along=0)
    except ta.IllegalScheduleError as error:
        assert error.code == "TA290"
        return
    assert s.verify()
    A = np.random.default_rng(n * m).integers(-9, 9, (m, n)).astype(np.int32)
    found, wanted = np.zeros((2, m, n), np.int32)
    s.build()(A, found)
    cells(A, wanted)
    np.testing.assert_array_equal(found, wanted)
