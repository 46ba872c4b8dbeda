"""What programs require of their sizes: conditions, ends of arguments, calls, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import grid, index, int8, int32, int64, kernel, uint8
from tracealloc.trace.ir.text import expr_text


def required(used: ta.Kernel) -> list[str]:
    """The requirements of a kernel, as a person reads them."""
    return [expr_text(each.cond) for each in used.trace().requires]


def one(body: Callable[..., None]) -> ta.Kernel:
    """A kernel of two sizes and two arrays."""

    @kernel
    def sized(n: int32, m: int32, A: int32[60, 72], x: int32[60]):
        body(n, m, A, x)

    return sized


def _row(n, m, A, x):  # type: ignore[no-untyped-def]
    for i in ta.range(n):
        for j in ta.range(m):
            A[i, j] = i


def _shifted(n, m, A, x):  # type: ignore[no-untyped-def]
    for i in ta.range(n):
        x[i + m] = i


def _last(n, m, A, x):  # type: ignore[no-untyped-def]
    for i in ta.range(n):
        x[n - 5 - i + 4] = i


def _whole(n, m, A, x):  # type: ignore[no-untyped-def]
    x[n] = x[m // 2]


def _halves(n, m, A, x):  # type: ignore[no-untyped-def]
    for i in ta.range(n // 2):
        x[2 * i + 1] = x[i]


def _late(n, m, A, x):  # type: ignore[no-untyped-def]
    for i in ta.range(n // 2):
        x[n - 5] = i


def _guarded(n, m, A, x):  # type: ignore[no-untyped-def]
    for i in ta.range(n):
        if i < 60:
            x[i] = i


def _on_data(n, m, A, x):  # type: ignore[no-untyped-def]
    for i in ta.range(8):
        if x[i] > 0:
            x[n + i] = i


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (_row, ["n <= 60", "m <= 72"]),
        (_shifted, ["m >= 0 and n + m <= 60"]),
        (_last, ["n <= 60"]),
        (_whole, ["m >= 0 and m <= 119", "n >= 0 and n <= 59"]),
        (_halves, ["n <= 121", "n <= 61"]),
        (_late, ["n >= 5 and n <= 64 or n <= 1"]),
        (_guarded, []),
        (_on_data, []),
    ],
)
def test_conditions(body: Callable[..., None], text: list[str]) -> None:
    assert required(one(body)) == text


def test_arguments_know_their_ends() -> None:
    n, m = one(_row).trace().args[:2]
    assert n.parameter is not None and (n.parameter.low, n.parameter.high) == (-(2**31), 60)
    assert m.parameter is not None and m.parameter.high == 72


def test_what_is_never_inside_is_refused() -> None:
    @kernel
    def never(n: int32, x: int32[8]):
        for i in ta.range(n):
            x[i - 1] = 0

    with pytest.raises(ta.BoundsError) as found:
        never.trace()
    assert found.value.code == "TA150"


def test_sizes_that_are_passed_on() -> None:
    @kernel
    def inner(k: int8, x: int32[60]):
        for i in ta.range(k):
            x[i] += 1

    @kernel
    def outer(n: int32, x: int32[60], y: int32[4]):
        inner(n, x)
        for r in ta.range(3):
            inner(n + r, x)
        inner(y[0], x)

    assert required(outer)[:2] == ["n <= 127 and n >= -128", "n <= 60"]
    for n in (-128, 0, 58):
        x = np.zeros(60, np.int32)
        outer(n, x, np.array([7, 0, 0, 0], np.int32))
        expected = sum((np.arange(60) < size).astype(np.int32) for size in (n, n, n + 1, n + 2, 7))
        assert np.array_equal(x, expected)
    for n, said in ((59, "outer requires n <= 58, not n = 59"), (-200, "not n = -200")):
        x = np.zeros(60, np.int32)
        with pytest.raises(ta.BoundsError, match=said):
            outer(n, x, np.zeros(4, np.int32))
        assert not x.any()
    with pytest.raises(ta.BoundsError, match="inner requires k <= 60"):
        outer(2, np.zeros(60, np.int32), np.array([61, 0, 0, 0], np.int32))


@pytest.mark.parametrize("dtype", [int8, uint8, int32, int64, index, ta.Int(33), ta.UInt(5)])
def test_types(dtype: ta.DType) -> None:
    """Every integer type, at its ends: sums of sizes do not wrap, in C, HLS C++ and the interpreter."""

    @kernel
    def both(n: dtype, m: dtype, y: int32[20]):  # type: ignore[valid-type]
        for i in ta.range(-2, n + m):
            if i >= 0:
                y[i] = i + 1

    runs = (both, lambda *a: ta.interpret(both, *a), ta.customize(both).build("vitis_hls", mode="csim"))
    ends = (-(2**63), -(2**31), -128, -1, 0, 3, 10, 17, 31, 127, 255, 2**31 - 1, 2**63 - 1)
    for n in ends:
        for m in (0, 3, -1, 127, 2**31 - 1, 2**63 - 1):
            for run in runs:
                y = np.zeros(20, np.int32)
                try:
                    run(n, m, y)
                except ta.ArgumentError:
                    continue
                except ta.BoundsError:
                    assert n + m > 20 or max(abs(n), abs(m)) > 2**56
                    assert not y.any()
                    continue
                assert n + m <= 20
                assert np.array_equal(y, np.where(np.arange(20) < n + m, np.arange(20) + 1, 0))


def test_message() -> None:
    with pytest.raises(ta.BoundsError) as found:
        one(_row)(61, 3, np.zeros((60, 72), np.int32), np.zeros(60, np.int32))
    assert found.value.summary == "sized requires n <= 60, not n = 61"
    assert found.value.because == (
        "A[i, j] would go outside A, whose shape is (60, 72)",
        "this was found before anything was written",
    )
    assert found.value.hint == "pass a size that fits, or make the array larger"


def test_views_end_before_their_arrays() -> None:
    @kernel
    def part(n: int32, x: int32[8]):
        v = x[1:5]
        for i in ta.range(n):
            v[i] = i + 1

    assert required(part) == ["n <= 4"]
    x = np.zeros(8, np.int32)
    part(4, x)
    assert x.tolist() == [0, 1, 2, 3, 4, 0, 0, 0]
    with pytest.raises(ta.BoundsError, match="would go outside the view x"):
        part(5, x)


def test_a_call_that_never_fits_is_refused() -> None:
    @kernel
    def inner(k: int32, x: int32[8]):
        for i in ta.range(k):
            x[i] = 0

    @kernel
    def outer(x: int32[8]):
        for r in ta.range(10):
            inner(r, x)

    with pytest.raises(ta.BoundsError, match="inner requires k <= 8, which what is passed"):
        outer.trace()


def test_counts_of_a_grid() -> None:
    @kernel
    def added(n: int32, m: int32, A: int32[60, 72]):
        for i, j in grid(n, m):
            A[i, j] += 1

    A = np.zeros((60, 72), np.int32)
    added(7, 5, A)
    assert A.sum() == 35 and A[:7, :5].all()


def test_what_is_read_is_stored() -> None:
    @kernel
    def copied(n: int32, m: int32, x: int32[8]):
        t = ta.empty((8,), int32)
        for i in ta.range(m):
            t[i] = i + 1
        for i in ta.range(n):
            x[i] = t[i]

    assert required(copied) == ["m <= 8", "n <= 8", "m >= n"]
    x = np.zeros(8, np.int32)
    copied(5, 7, x)
    assert x.tolist() == [1, 2, 3, 4, 5, 0, 0, 0]
    with pytest.raises(ta.BoundsError, match=r"copied requires m >= n, not m = 2, n = 3"):
        copied(3, 2, x)


@pytest.mark.parametrize("dtype", [int64, ta.uint64])
def test_data_of_64_bits_are_no_sizes(dtype: ta.DType) -> None:
    """A hash may be any number: its remainder is a subscript, and conditions on it hold or not."""

    @kernel
    def hashed(h: dtype, x: int32[7], y: int32[7]):  # type: ignore[valid-type]
        x[h % 7] += 1
        x[(h + 3) % 7] += 10
        if h > 5:
            y[h // 3 % 7] = 2

    assert required(hashed) == []
    runs = (hashed, lambda *a: ta.interpret(hashed, *a), ta.customize(hashed).build("vitis_hls", mode="csim"))
    for h in (-(2**63), -1, 0, 5, 6, 2**56 + 1, 2**63 - 1, 2**64 - 1):
        x, y = np.zeros(7, np.int32), np.zeros(7, np.int32)
        x[h % 7] += 1
        x[(h + 3) % 7] += 10
        if h > 5:
            y[h // 3 % 7] = 2
        for run in runs:
            a, b = np.zeros(7, np.int32), np.zeros(7, np.int32)
            try:
                run(h, a, b)
            except ta.ArgumentError:
                continue
            assert np.array_equal(a, x) and np.array_equal(b, y), h
