"""`outline` where the function may have nothing to do: scalars not set, arrays not touched."""

from __future__ import annotations

import pytest
from test_calls import check

import tracealloc as ta
from tracealloc import grid, int32, kernel

N = 4


@kernel
def nested(A: int32[N, N], B: int32[N, N], v: int32[N]):
    for i in grid(N):
        if v[i] > 1 and v[i] + A[i, 0] > 3:
            for k in ta.range(N):
                B[i, k] += A[k, i]


@kernel
def scalar(A: int32[N, N], B: int32[N, N], v: int32[N]):
    for i in grid(N):
        if v[i] > 1:
            x = ta.scalar(int32, 1)
            x += A[i, i]
            for k in ta.range(N):
                B[i, k] += A[k, i] + x


@kernel
def counted(A: int32[N, N], B: int32[N, N], v: int32[N]):
    for i in grid(N):
        if v[i] > 1 and A[i, i] > 1:
            for k in ta.range(v[i] - 1):
                for l in ta.range(N):
                    B[i, l] += A[l, i] + k


@kernel
def beside(A: int32[N, N], B: int32[N, N], v: int32[N]):
    for i in grid(N):
        if v[i] > 1:
            t = A[i, i] * 3
            for k in ta.range(N):
                B[i, k] += A[k, i] + t
        for k2 in ta.range(N):
            B[i, k2] += 1


@kernel
def some(A: int32[N, N], B: int32[N, N], v: int32[N]):
    for i in grid(N):
        if i > 1:
            t = A[i, i] * 3
            for k in ta.range(N):
                B[i, k] += A[k, i] + t + v[i]
        for k2 in ta.range(N):
            B[i, k2] += 1


@pytest.mark.parametrize(
    ("kernel_", "steps"),
    [
        (nested, 's.outline("k", "part"); s.split("part:k", 3); s.inline("part")'),
        (nested, 's.outline("k", "part"); s.outline("i", "all"); s.inline("part")'),
        (nested, 's.distribute("i"); s.outline("k", "part"); s.inline("part")'),
        (scalar, 's.split("i", 3); s.outline("k", "part"); s.buffer_at("B", "i.inner"); s.inline("part")'),
        (scalar, 's.outline("k", "part"); s.outline("i", "all")'),
        (counted, 's.outline("k", "part"); s.outline("part:l", "row"); s.inline("row")'),
        (beside, 's.merge("k", "k2"); s.outline("k", "part"); s.inline("part")'),
        (beside, 's.merge("k", "k2"); s.split("i", 2); s.reorder("k", "i.inner"); s.outline("i.inner", "p")'),
        (some, 's.merge("k", "k2"); s.outline("k", "part"); s.inline("part")'),
    ],
)
def test_a_scalar_that_is_set_under_a_condition_is_not_read_for_the_call(
    kernel_: ta.Kernel, steps: str
) -> None:
    """What a function takes by value is read wherever it is called, so it takes this by reference."""
    s = ta.customize(kernel_)
    for step in steps.split("; "):
        exec(step, {"s": s})
        check(kernel_, s)


def test_a_scalar_that_is_always_set_is_passed_by_value() -> None:
    s = ta.customize(nested)
    s.outline("k", "part")
    (part,) = s.lowered.callees()
    assert [argument.shape for argument in part.args if argument.dtype == ta.boolean] == [()]


@kernel
def untouched(A: int32[N, N], B: int32[N, N], v: int32[N]):
    for i in grid(N):
        for k in ta.range(v[i]):
            B[0, 0] += k
            for l in ta.range(0):
                B[i, l] += A[l, i]


@kernel
def below(A: int32[N, N], B: int32[N, N]):
    for i in grid(N):
        for k in ta.range(i):
            B[i, k] += A[k, i]


@kernel
def rows(A: int32[N, N], B: int32[N, N], n: int32):
    for i in grid(N):
        for j in ta.range(n):
            B[i, j] += A[j, i]


@kernel
def no_rows(A: int32[N, N], B: int32[N, N]):
    for i in grid(N):
        B[i, i] = i
        rows(A, B, 0)


@pytest.mark.parametrize(
    ("kernel_", "array", "shape"),
    [
        (untouched, "A", (1,)),
        (untouched, "B", (1, 1)),
        (below, "A", (3,)),
        (below, "B", (3,)),
        (no_rows, "A", (N, N)),
        (no_rows, "B", (N, N)),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_a_buffer_around_a_call(kernel_: ta.Kernel, array: str, shape: tuple[int, ...]) -> None:
    """A call is passed the whole of a buffer, touched or not; an outlined loop what it uses."""
    s = ta.customize(kernel_)
    if kernel_ is not no_rows:
        s.outline("k", "part")
    assert s.buffer_at(array, "i").shape == shape
    check(kernel_, s)


def test_a_window_that_no_iteration_looks_into() -> None:
    s = ta.customize(untouched)
    s.outline("k", "part")
    with pytest.raises(ta.ScheduleError, match="finds no element of 'A' that two iterations of 'i' read"):
        s.reuse_at("A", "i")
    check(untouched, s)
