"""What must never be called equal: kernels that fail, leave holes, or compute otherwise after casts."""

from __future__ import annotations

import pytest

import tracealloc as ta
from tracealloc import int8, int32, kernel


@kernel
def plain(A: int32[4], B: int32[4]):
    for i in ta.range(4):
        B[i] = A[i] * 1


def test_elements_that_nothing_took() -> None:
    @kernel
    def leaves(A: int32[4], B: int32[4]):
        q = ta.stream(int32)
        for i in ta.range(4):
            q.put(A[i])
        for i in ta.range(4):
            B[i] = A[i]

    found = ta.verify(leaves, plain)
    assert not found and not found.decided
    assert "the queue q ends with elements that nothing took" in str(found)


def test_results_with_holes() -> None:
    def some(more: int) -> ta.Kernel:
        @kernel
        def holes(A: int32[4]) -> int32[4]:
            C = ta.empty((4,), int32)
            for i in ta.range(3):
                C[i] = A[i] + more - more if more else A[i]
            return C

        return holes

    found = ta.verify(some(0), some(1))
    assert not found and not found.decided and "an element of C is returned" in str(found)


@pytest.mark.parametrize("swap", [False, True])
def test_casts_are_part_of_what_is_compared(swap: bool) -> None:
    def scaled(early: bool) -> ta.Kernel:
        @kernel
        def tripled(A: int32[4], B: int32[4]):
            X = ta.empty((4,), int32)
            for i in ta.range(4):
                X[i] = A[i] * 3 if early else A[i]
            for i in ta.range(4):
                B[i] = X[i] if early else X[i] * 3

        return tripled

    assert ta.verify(scaled(swap), scaled(not swap))
    schedules = [ta.customize(scaled(early)) for early in (swap, not swap)]
    for schedule in schedules:
        schedule.cast("X", int8)
    found = ta.verify(*schedules)
    assert not found and found.decided and "B[0] is " in str(found)


def test_what_grows_without_end_is_too_large() -> None:
    def squares(turned: bool) -> ta.Kernel:
        @kernel
        def chain(A: int32[30], B: int32[1]):
            x = ta.scalar(int32, 1)
            for i in ta.range(30):
                x.set(A[i] + x * x if turned else x * x + A[i])
            B[0] = x

        return chain

    found = ta.verify(squares(False), squares(True))
    assert not found and not found.decided and "too large" in str(found)
