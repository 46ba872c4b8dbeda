"""``unfold``, ``relay`` and ``stream`` where what looks like a systolic array or a FIFO is none."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from common import check_round_trip, refused

import tracealloc as ta
from tracealloc import grid, int8, int32, kernel, uint8
from tracealloc.customize import Schedule

WIDE, NARROW = ta.Fixed(32, 16), ta.Fixed(16, 8)


def check(kernel_: Any, steps: Callable[[Schedule], Any], *arrays: np.ndarray) -> Schedule:
    """The scheduled program computes what the kernel says, compiled and interpreted."""
    s = ta.customize(kernel_)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        steps(s)
    assert s.module.state(s.name).concurrent
    if all(array.dtype == np.int32 for array in arrays):
        check_round_trip(s, kernel_)
    expected = ta.interpret(kernel_, *arrays)
    np.testing.assert_array_equal(s.build()(*arrays), expected)
    np.testing.assert_array_equal(ta.interpret(s, *arrays), expected)
    return s


def values(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).integers(-99, 99, shape).astype(np.int32)


@kernel
def matmul(A: int32[3, 4], B: int32[4, 3]) -> int32[3, 3]:
    C = ta.zeros((3, 3), int32)
    for i, j, k in grid(3, 3, 4, name="PE"):
        C[i, j] += A[i, k] * B[k, j]
    return C


@pytest.mark.parametrize(
    ("order", "at"),
    [
        (("k.inner", "j", "k.outer", "i"), "i"),
        (("k.inner", "j", "k.outer", "i"), "k.outer"),
        (("k.outer", "k.inner", "j", "i"), "j"),
    ],
)
def test_sums_over_a_loop_in_time_too(order: tuple[str, ...], at: str) -> None:
    """Each tile of the sum passes the PEs, and the first of them would begin anew each time."""
    s = ta.customize(matmul)
    s.split("k", 2)
    s.reorder(*order)
    buffer = s.buffer_at(s.C, at)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        axes = [order.index("k.inner"), order.index("j")]
        pe = s.unfold("PE", axis=axes, factor=[2, 3])
    message = refused(lambda: s.relay(buffer, pe, axis=axes[1]), s, ta.IllegalScheduleError)
    assert "partial sums of 'C' pass the PEs in each iteration of 'k.outer', and each begins anew" in message


def test_sums_of_which_several_are_one() -> None:
    @kernel
    def halves(A: int32[4, 6], x: int32[6]) -> int32[2]:
        y = ta.zeros((2,), int32)
        for k in grid(6, name="PE"):
            c = ta.empty((4,), int32)
            for i in grid(4):
                c[i] = y[i // 2]
                c[i] += A[i, k] * x[k]
                y[i // 2] = c[i]
        return y

    s = ta.customize(halves)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pe = s.unfold("PE", axis=0, factor=6)
    message = refused(lambda: s.relay(s.c, pe, axis=1), s, ta.IllegalScheduleError)
    assert "partial sums of 'y' pass the PEs more than once, and each begins anew" in message


@pytest.mark.parametrize("n", [0, 1, 4, 6])
def test_as_many_sums_as_the_caller_says(n: int) -> None:
    @kernel
    def some(n: int32, A: int32[6, 4], B: int32[4, 3]) -> int32[6, 3]:
        C = ta.full((6, 3), 7, int32)
        for k in grid(4, name="PE"):
            for j in ta.range(3):
                for i in ta.range(n):
                    C[i, j] += A[i, k] * B[k, j]
        return C

    s = ta.customize(some)
    buffer = s.buffer_at(s.C, "j")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pe = s.unfold("PE", axis=[0, 1], factor=[4, 3])
        s.relay(buffer, pe, axis=1)
    assert s.module.state(s.name).concurrent
    A, B = values(6, 4), values(4, 3)
    expected = np.full((6, 3), 7, np.int32)
    expected[:n] += A[:n] @ B
    np.testing.assert_array_equal(s.build()(n, A, B), expected)
    np.testing.assert_array_equal(ta.interpret(s, n, A, B), expected)


def test_sums_that_begin_with_values() -> None:
    """Another process stores what the first PE would begin with: the PEs run in order still."""

    @kernel
    def biased(A: int32[3, 4], B: int32[4, 3], D: int32[3]) -> int32[3, 3]:
        C = ta.zeros((3, 3), int32)
        for i, j in grid(3, 3, name="init"):
            C[i, j] = D[j]
        for i, j, k in grid(3, 3, 4, name="PE"):
            C[i, j] += A[i, k] * B[k, j]
        return C

    s = ta.customize(biased)
    s.reorder("PE.k", "PE.j", "PE.i")
    buffer = s.buffer_at(s.C, "PE.j")
    with pytest.warns(ta.TraceallocWarning, match="'C' is stored to by two processes"):
        pe = s.unfold("PE", axis=[0, 1], factor=[4, 3])
        s.relay(buffer, pe, axis=1)
    assert not s.module.state(s.name).concurrent
    A, B, D = values(3, 4), values(4, 3), values(3)
    np.testing.assert_array_equal(s.build()(A, B, D), A @ B + D)


@pytest.mark.parametrize(("of", "buffered"), [(int32, uint8), (WIDE, NARROW), (uint8, int32), (NARROW, WIDE)])
def test_a_buffer_of_another_type(of: Any, buffered: Any) -> None:
    """The neighbour gets what came, not what the buffer makes of it."""

    @kernel
    def narrow(A: of[3, 5], x: int32[5]) -> int32[3, 4]:
        C = ta.zeros((3, 4), int32)
        for i, j in grid(3, 4, name="PE"):
            b = ta.empty((5,), buffered)
            for k in grid(5):
                b[k] = A[i, k]
            for k in grid(5):
                C[i, j] += b[k] * x[k]
        return C

    def steps(s: Schedule) -> None:
        s.relay(s.b, s.unfold("PE", axis=[0, 1], factor=[3, 4]), axis=0)

    A = values(3, 5) if of == int32 else np.abs(values(3, 5)) / (1 if of == uint8 else 4)
    check(narrow, steps, A.astype(np.uint8) if of == uint8 else A, values(5))


def test_sums_of_another_type() -> None:
    """Each PE keeps what the array would hold: wrapped."""

    @kernel
    def wrapped(A: int32[3, 4], B: int32[4, 3]) -> int8[3, 3]:
        C = ta.zeros((3, 3), int8)
        for k, j in grid(4, 3, name="PE"):
            c = ta.empty((3,), int32)
            for i in grid(3):
                c[i] = C[i, j]
            for i in grid(3):
                c[i] += A[i, k] * B[k, j]
            for i in grid(3):
                C[i, j] = c[i]
        return C

    def steps(s: Schedule) -> None:
        s.relay(s.c, s.unfold("PE", axis=[0, 1], factor=[4, 3]), axis=1)

    check(wrapped, steps, values(3, 4), values(4, 3))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("first", [-2, 0, 2])
def test_a_grid_that_does_not_begin_at_zero(first: int, axis: int) -> None:
    @kernel
    def matvec(A: int32[3, 6], x: int32[6]) -> int32[3]:
        y = ta.zeros((3,), int32)
        for i in ta.range(first, first + 3):
            for k in ta.range(1, 6):
                y[i - first] += A[i - first, k] * x[k]
        return y

    def steps(s: Schedule) -> None:
        buffer = s.buffer_at(s.x, "i")
        s.relay(buffer, s.unfold("L0", axis=0, factor=3), axis=axis)

    check(matvec, steps, values(3, 6), values(6))


def test_a_field_is_no_element() -> None:
    Pair = ta.Struct(re=int32, im=int32)

    @kernel
    def field(A: Pair[3, 5], x: int32[5]) -> int32[3, 4]:
        C = ta.zeros((3, 4), int32)
        for i, j in grid(3, 4, name="PE"):
            b = ta.empty((5,), int32)
            for k in grid(5):
                b[k] = A[i, k].re
            for k in grid(5):
                C[i, j] += b[k] * x[k]
        return C

    s = ta.customize(field)
    pe = s.unfold("PE", axis=[0, 1], factor=[3, 4])
    message = refused(lambda: s.relay(s.b, pe, axis=0), s, ta.IllegalScheduleError)
    assert "'b' is not copied once into each PE" in message


def test_an_axis_is_needed() -> None:
    s = ta.customize(matmul)
    buffer = s.buffer_at(s.A, "j")
    pe = s.unfold("PE", axis=[0, 1], factor=[3, 3])
    for axis in (None, True, "i"):
        message = refused(lambda axis=axis: s.relay(buffer, pe, axis=axis), s, ta.ScheduleError)
        assert "needs an axis" in message or "cannot be" in message


def test_what_is_returned_is_no_queue() -> None:
    @kernel
    def both(A: int32[8]) -> (int32[8], int32[8]):
        B = ta.empty((8,), int32)
        C = ta.empty((8,), int32)
        for i in grid(8):
            B[i] = A[i] * 2
        for i in grid(8):
            C[i] = B[i] + 1
        return B, C

    s = ta.customize(both)
    assert "'B' is what the kernel returns too" in refused(lambda: s.stream(s.B), s, ta.IllegalScheduleError)
