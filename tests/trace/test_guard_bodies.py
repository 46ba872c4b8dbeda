"""What stands in a `ta.when` block: Python runs it whatever the condition is, and must not show it after."""

# The kernels are written as users write them, wrong ones included.
# ruff: noqa: B010, RUF100

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tests.trace.forms import message, refused
from tracealloc import grid, int32, kernel

N = 8


def rebinds(A: int32[N], B: int32[N]):
    for i in grid(N):
        x = 1
        with ta.when(A[i] > 0):
            x = 2
        B[i] = x


def test_a_variable_that_a_block_sets() -> None:
    refused(
        rebinds,
        """
        TraceError TA104 'x' is used after the ta.when block that sets it
          at +5:9
            +5 |         B[i] = x
               |         ^^^^
          because: the block at +3 is traced once: Python changes 'x' whatever the condition will be
          try: x = ta.scalar(dtype, init) before the block, x.set(value) in it; or a plain 'if', of
              which both outcomes are traced
        """,
    )


def grows(A: int32[N], B: int32[N]):
    for i in grid(N):
        found = []
        with ta.when(A[i] > 0):
            found.append(1)
        B[i] = len(found)


def test_a_list_that_a_block_fills() -> None:
    refused(
        grows,
        """
        TraceError TA104 'found' is changed in the ta.when block
          at +3:9
            +3 |         with ta.when(A[i] > 0):
               |         ^
          because: Python changes 'found' whatever the condition will be
          try: found = ta.scalar(dtype, init) before the block, found.set(value) in it; or a plain 'if',
              of which both outcomes are traced
        """,
        newer=((3, 13), "ta.when(A[i] > 0)"),
    )


def skips(A: int32[N], B: int32[N]):
    for i in grid(N):
        with ta.when(A[i] > 0):
            B[i] = 1
            continue
        B[i] = 2


def test_a_block_that_is_left_early() -> None:
    refused(
        skips,
        """
        TraceError TA105 the ta.when block is left early
          at +2:9
            +2 |         with ta.when(A[i] > 0):
               |         ^
          because: continue, break and return happen while tracing, whatever the condition will be
          try: a plain 'if', of which both outcomes are traced, may continue and return
        """,
        newer=((3, 13), "ta.when(A[i] > 0)"),
    )


def otherwise(A: int32[N], B: int32[N]):
    for i in grid(N):
        x = A
        with ta.when(A[i] > 0):
            B[i] = 1
        with ta.otherwise():
            x = B
        B[i] = x[i]


def decided(A: int32[N], B: int32[N]):
    found = False
    with ta.when(A[0] > 0):
        found = True
    if found:
        B[0] = 1


def subscript(A: int32[N], B: int32[N]):
    n = 0
    with ta.when(A[0] > 0):
        n = 1
    B[n] = 5


def element(A: int32[N], B: int32[N]):
    found = {"n": 0}
    with ta.when(A[0] > 0):
        found["n"] = 1
    B[0] = found["n"]


def first_seen(A: int32[N], B: int32[N]):
    with ta.when(A[0] > 0):
        n = 1
    B[0] = n


def branches(A: int32[N], B: int32[N]):
    with ta.when(A[0] > 0):
        n = 1
    with ta.otherwise():
        n = 2
    B[0] = n


def nested(A: int32[N], B: int32[N]):
    n = 0
    with ta.when(A[0] > 0), ta.when(A[1] > 0):
        n = 1
    B[0] = n


def attribute(A: int32[N], B: int32[N]):
    attribute.n = 0
    with ta.when(A[0] > 0):
        attribute.n = 1
    B[0] = attribute.n


def nonlocal_(A: int32[N], B: int32[N]):
    n = 0

    def count() -> None:
        nonlocal n
        n += 1

    with ta.when(A[0] > 0):
        count()
    B[0] = n


def iterator(A: int32[N], B: int32[N]):
    numbers = iter([1, 2, 3])
    with ta.when(A[0] > 0):
        B[1] = next(numbers)
    B[0] = next(numbers)


def by_stack(A: int32[N], B: int32[N]):
    n = 0
    with ExitStack() as stack:
        stack.enter_context(ta.when(A[0] > 0))
        n = 1
    B[0] = n


@contextmanager
def positive(A: Any, i: Any) -> Iterator[None]:
    with ta.when(A[i] > 0):
        yield


class Positive:
    def __init__(self, A: Any, i: Any) -> None:
        self.guard = ta.when(A[i] > 0)

    def __enter__(self) -> None:
        self.guard.__enter__()

    def __exit__(self, *error: Any) -> None:
        self.guard.__exit__(*error)


def by_manager(A: int32[N], B: int32[N]):
    n = 0
    with positive(A, 0):
        n = 1
    B[0] = n


def by_object(A: int32[N], B: int32[N]):
    n = 0
    with Positive(A, 0):
        n = 1
    B[0] = n


@pytest.mark.parametrize(
    "function",
    [
        otherwise,
        decided,
        subscript,
        element,
        first_seen,
        branches,
        nested,
        attribute,
        nonlocal_,
        iterator,
        by_stack,
        by_manager,
        by_object,
    ],
    ids=lambda function: function.__name__,
)
def test_what_python_changes_in_a_block(function: Callable[..., Any]) -> None:
    assert message(function).startswith("TraceError TA104 "), message(function)


def breaks(A: int32[N], B: int32[N]):
    for i in grid(N):
        for k in range(3):
            with ta.when(A[i] > k):
                B[i] = k
                break


def returns(A: int32[N], B: int32[N]):
    with ta.when(A[0] > 0):
        B[0] = 1
        return
    B[1] = 2


def gives(A: int32[N], B: int32[N]):
    def chosen(i: Any) -> Any:
        with ta.when(A[i] > 0):
            return 5
        return 6

    for i in grid(N):
        B[i] = chosen(i)


def at_times(A: int32[N], B: int32[N]):
    for i in grid(N):
        with ta.when(A[i] > 0):
            if A[i] > 2:
                continue
            B[i] = 1
        B[i] += 2


def outer(A: int32[N], B: int32[N]):
    for i in grid(N):
        with ta.when(A[i] > 0), ta.when(A[i] > 2):
            continue
        B[i] += 2


def inside_try(A: int32[N], B: int32[N]):
    for i in grid(N):
        try:
            with ta.when(A[i] > 0):
                continue
        finally:
            B[i] += 1
        B[i] += 2


def stack_left(A: int32[N], B: int32[N]):
    for i in grid(N):
        with ExitStack() as stack:
            stack.enter_context(ta.when(A[i] > 0))
            continue
        B[i] = 1


def manager_left(A: int32[N], B: int32[N]):
    for i in grid(N):
        with positive(A, i):
            continue
        B[i] = 1


def object_left(A: int32[N], B: int32[N]):
    for i in grid(N):
        with Positive(A, i):
            continue
        B[i] = 1


@pytest.mark.parametrize(
    "function",
    [breaks, returns, gives, at_times, outer, inside_try, stack_left, manager_left, object_left],
    ids=lambda function: function.__name__,
)
def test_blocks_that_are_left_early(function: Callable[..., Any]) -> None:
    assert message(function).startswith("TraceError TA105 the ta.when block is left early\n"), message(
        function
    )


def asks_the_block(A: int32[N], B: int32[N]):
    with ta.when(A[0] > 0) as holds:
        if holds:
            B[0] = 1


def test_a_block_that_has_a_name_has_no_truth() -> None:
    assert message(asks_the_block).startswith("TraceError TA124 ta.when is a block, not a condition\n")


@kernel
def fine(A: int32[N], B: int32[N]):
    for i in grid(N):
        same, count = 3, 0
        with ta.when(A[i] > 3) as _:
            t = A[i] * 2
            for k in range(2):
                B[i] += t + k
            same = 3
            for k in ta.range(2):
                B[i] += k
            if A[i] > 4:
                B[i] += 100
        with ta.otherwise():
            t = A[i] * 3
            count = 1
            B[i] = t + count
        for k in range(2):
            t = k
        B[i] += same + t
        with positive(A, i):
            B[i] += 1000
            with ExitStack() as stack:
                stack.enter_context(ta.when(i > 4))
                B[i] += 10000
        if i > 6:
            with ta.when(A[i] > 0):
                B[i] += 1
                continue
        elif i > 5:
            with ta.when(A[i] > 5):
                B[i] += 2


def test_blocks_that_end_where_they_end() -> None:
    a, b = np.arange(N, dtype=np.int32), np.zeros(N, np.int32)
    fine(a, b)
    expected = []
    for i in range(N):
        value = 2 * (2 * i) + 2 + 100 * (i > 4) if i > 3 else 3 * i + 1
        expected.append(value + 4 + 1000 * (i > 0) + 10000 * (i > 4) + (i > 6) + 2 * (i == 6))
    assert b.tolist() == expected


@kernel
def uses_after(A: int32[N], B: int32[N]):
    for i in grid(N):
        with ta.when(A[i] > 3):
            T = ta.zeros((1,), int32)
            T[0] = 7
            B[i] = T[0]
            C = B
        C = A
        B[i] += C[i]


def test_a_variable_that_is_set_again_after_the_block() -> None:
    a, b = np.arange(N, dtype=np.int32), np.zeros(N, np.int32)
    uses_after(a, b)
    assert b.tolist() == [i + 7 * (i > 3) for i in range(N)]
