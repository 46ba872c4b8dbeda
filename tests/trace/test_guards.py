"""Guards: the object of `ta.when` and `ta.otherwise` is a block that is entered, and nothing else."""

# The kernels are written as users write them, wrong ones included.
# ruff: noqa: B010, RUF100

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tests.trace.forms import message, refused
from tracealloc import grid, int32, kernel

N = 8


def truth(A: int32[N]):
    for i in grid(N):
        if ta.when(A[i] > 3):
            A[i] = 1


def test_a_guard_has_no_truth() -> None:
    refused(
        truth,
        """
        TraceError TA124 ta.when is a block, not a condition
          at +2:9
            +2 |         if ta.when(A[i] > 3):
               |         ^
          because: it has no truth of its own
          try: if c: or with ta.when(c):, and for two conditions with ta.when(a & b):
        """,
        newer=((3, 13), "ta.when(A[i] > 3)"),
    )


def alone(A: int32[N]):
    for i in grid(N):
        ta.when(A[i] > 3)
        A[i] = 1


def test_a_guard_that_is_never_entered() -> None:
    refused(
        alone,
        """
        TraceError TA124 ta.when is called, but no with statement enters it
          at +2:9
            +2 |         ta.when(A[i] > 3)
               |         ^^^^^^^^^^^^^^^^^
          because: what it should guard would run always
          try: with ta.when(c):
        """,
    )


def negated(A: int32[N]):
    for i in grid(N):
        if not ta.when(A[i] > 3):
            continue
        A[i] = 1


def both(A: int32[N]):
    for i in grid(N):
        with ta.when(A[i] > 3) and ta.when(A[i] < 5):
            A[i] = 1


def either(A: int32[N]):
    for i in grid(N):
        with ta.when(A[i] > 3) or ta.when(A[i] < 5):
            A[i] = 1


def joined(A: int32[N]):
    for i in grid(N):
        with ta.when(A[i] > 3) & ta.when(A[i] < 5):
            A[i] = 1


def inverted(A: int32[N]):
    for i in grid(N):
        with ~ta.when(A[i] > 3):
            A[i] = 1


def chosen(A: int32[N]):
    for i in grid(N):
        A[i] = 1 if ta.when(A[i] > 3) else 2


def asserted(A: int32[N]):
    for i in grid(N):
        assert ta.when(A[i] > 3)
        A[i] = 1


def repeated(A: int32[N]):
    for i in grid(N):
        while not ta.when(A[i] > 3):
            A[i] += 1


def asked(A: int32[N]):
    A[0] = int(bool(ta.when(A[1] > 3)))


def compared(A: int32[N]):
    if ta.when(A[1] > 3) == True:  # noqa: E712
        A[0] = 1


def decorates(A: int32[N]):
    @ta.when(A[1] > 3)
    def body():
        A[0] = 1


def other_truth(A: int32[N]):
    with ta.when(A[1] > 3):
        A[0] = 1
    if ta.otherwise():
        A[0] = 2


@pytest.mark.parametrize(
    "function",
    [negated, both, either, joined, inverted, chosen, asserted, repeated, asked, compared, decorates],
    ids=lambda function: function.__name__,
)
def test_other_ways_to_ask(function: Callable[..., Any]) -> None:
    found = message(function)
    assert found.startswith("TraceError TA124 ta.when is a block, not a condition\n"), found
    assert found.endswith("try: if c: or with ta.when(c):, and for two conditions with ta.when(a & b):")


def test_otherwise_has_no_truth() -> None:
    found = message(other_truth)
    assert found.startswith("TraceError TA124 ta.otherwise is a block, not a condition\n"), found
    assert found.endswith("try: else: of a plain if, or with ta.otherwise():")


def other_alone(A: int32[N]):
    with ta.when(A[1] > 3):
        A[0] = 1
    ta.otherwise()


def at_the_top(A: int32[N]):
    A[0] = 1
    ta.when(A[1] > 3)


def in_a_block(A: int32[N]):
    with ta.when(A[1] > 3):
        ta.when(A[2] > 3)


def in_a_while(A: int32[N]):
    def body():
        A[0] += 1
        ta.when(A[2] > 3)

    ta.while_loop(lambda: A[0] < 3, body)


def on_one_path(A: int32[N]):
    for i in grid(N):
        guard = ta.when(A[i] > 3)
        if A[i] > 1:
            with guard:
                A[i] = 1


def matched(A: int32[N]):
    match ta.when(A[1] > 3):
        case True:
            A[0] = 1


def entered_too_late(A: int32[N]):
    guards = []
    with ta.when(A[0] > 1):
        guards.append(ta.when(A[1] > 3))
    with guards[0]:
        A[0] = 1


@pytest.mark.parametrize(
    ("function", "line"),
    [(other_alone, 3), (at_the_top, 2), (in_a_block, 2), (in_a_while, 3), (on_one_path, 2), (matched, 1),
     (entered_too_late, 3)],
    ids=lambda item: getattr(item, "__name__", ""),
)  # fmt: skip
def test_other_ways_not_to_enter(function: Callable[..., Any], line: int) -> None:
    found = message(function)
    assert re.match(
        r"TraceError TA124 ta\.(when|otherwise) is called, but no with statement enters it\n", found
    )
    assert f"  at +{line}:" in found, found


GUARDS: list[Any] = []


def keeps(A: int32[N]):
    GUARDS.append(ta.when(A[1] > 3))
    with GUARDS[0]:
        A[0] = 1


def late(A: int32[N]):
    with GUARDS[0]:
        A[0] = 2


def test_a_guard_outside_its_scope() -> None:
    kernel(keeps).trace()
    refused(
        late,
        """
        TraceError TA124 ta.when is entered after the scope that it was made in has ended
          at +1:5
            +1 |     with GUARDS[0]:
               |     ^
          because: its condition was computed there
          try: with ta.when(c): where the condition is computed
        """,
        newer=((3, 13), "GUARDS[0]"),
    )


def test_a_caught_refusal_is_not_forgotten() -> None:
    def caught(A: int32[N]):
        for i in grid(N):
            with suppress(Exception):
                if ta.when(A[i] > 3):
                    A[i] = 1

    assert message(caught).startswith("TraceError TA124 ta.when is a block, not a condition\n")


def test_a_guard_may_be_entered_often() -> None:
    @kernel
    def often(A: int32[N]):
        guard = ta.when(A[0] > 3)
        for i in ta.range(1, N):
            with guard, guard:
                A[i] = 1
            with ExitStack() as stack:
                stack.enter_context(guard)
                stack.enter_context(ta.when(A[i] == 1))
                A[i] += 1
        with guard:
            A[0] = 0

    a = np.arange(N, dtype=np.int32)
    often(a)
    assert a.tolist() == list(range(N))
    a[0] = 4
    often(a)
    assert a.tolist() == [0, *[2] * (N - 1)]
