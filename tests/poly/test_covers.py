"""An `if` whose sides both store an element: what is a certain write, and what the other side reads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import grid, int32, kernel

N = 6


@kernel
def other_reads_it(A: int32[N], c: int32[N]):
    for i in grid(N):
        if c[i] > 0:
            A[i] = 1
        else:
            A[i] = A[i] + 10


@kernel
def other_reads_another(A: int32[N], c: int32[N]):
    for i in grid(N - 1):
        if c[i] > 0:
            A[i] = 1
            A[i + 1] = 2
        else:
            A[i + 1] = A[i] + 10
            A[i] = 3


@kernel
def elif_reads_it(A: int32[N], c: int32[N]):
    for i in grid(N):
        if c[i] > 0:
            A[i] = 1
        elif A[i] > 2:
            A[i] = 2
        else:
            A[i] = 3


@kernel
def in_an_inner_loop(A: int32[N], c: int32[N]):
    for i in grid(N):
        if c[i] > 0:
            for _j in grid(2):
                A[i] = 1
        else:
            for _j in grid(2):
                A[i] = A[i] + 10


@kernel
def in_a_subscript(A: int32[N], c: int32[N]):
    for i in grid(N):
        if c[i] > 0:
            A[i] = 1
        else:
            A[i] = c[A[i] % N]


@kernel
def bump(V: int32[1]):
    V[0] = V[0] + 10


@kernel
def through_a_call(A: int32[N], c: int32[N]):
    for i in grid(N):
        if c[i] > 0:
            A[i] = 1
        else:
            bump(A[i : i + 1])


@kernel
def nested_in_then(A: int32[N], c: int32[N]):
    for i in grid(N):
        if c[i] > 0:
            if c[i] > 5:
                A[i] = 1
            else:
                A[i] = A[i] * 3
        else:
            A[i] = 2


SEEN = [other_reads_it, other_reads_another, elif_reads_it, in_an_inner_loop, in_a_subscript, through_a_call]
SEEN += [nested_in_then]


@kernel
def both_store(A: int32[N], c: int32[N]):
    for i in grid(N):
        if c[i] > 0:
            A[i] = 1
        else:
            A[i] = c[i]


@kernel
def other_reads_its_own(A: int32[N], c: int32[N]):
    for i in grid(N):
        if c[i] > 0:
            A[i] = 1
        else:
            A[i] = c[i]
            A[i] = A[i] + 10


@kernel
def guarded_reads_its_own(A: int32[N], c: int32[N]):
    for i in grid(N):
        if c[i] > 0:
            A[i] = 1
            A[i] = A[i] * c[i]
        else:
            A[i] = 2


UNSEEN = [both_store, other_reads_its_own, guarded_reads_its_own]


def _loads(s: Any) -> bool:
    """Whether elements are copied into the buffer."""
    return " = A[" in str(s.module)


def _agree(which: Any, s: Any) -> None:
    c = np.array([1, -1, 7, 0, -2, 9], np.int32)
    expected, found, looped = (np.arange(N, dtype=np.int32) * 2 for _ in range(3))
    which.python(expected, c)
    s.build()(found, c)
    ta.interpret(s, looped, c)  # refuses what is read before anything is stored to it
    assert (found == expected).all()
    assert (looped == expected).all()
    assert s.verify()


@pytest.mark.parametrize("which", SEEN, ids=lambda k: k.name)
def test_what_the_other_side_reads_is_copied_in(which: Any) -> None:
    s = ta.customize(which)
    s.buffer_at(s.A, "i")
    assert _loads(s)
    _agree(which, s)


@pytest.mark.parametrize("which", UNSEEN, ids=lambda k: k.name)
def test_what_both_sides_store_first_is_not_copied_in(which: Any) -> None:
    s = ta.customize(which)
    s.buffer_at(s.A, "i")
    assert not _loads(s)
    _agree(which, s)


@pytest.mark.parametrize("which", SEEN, ids=lambda k: k.name)
def test_an_argument_that_the_other_side_reads_is_an_input(which: Any) -> None:
    @kernel
    def top(c: int32[N]) -> int32[N]:
        A = ta.empty((N,), int32)
        which(A, c)
        return A

    with pytest.raises(ta.TraceallocError, match="TA"):
        ta.customize(top).build()(np.ones(N, np.int32))
