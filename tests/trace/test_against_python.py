"""Programs that are hard to record, against plain Python: what is recorded computes what Python says."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tests.plain import run_plain
from tracealloc import float32, grid, int8, int32, kernel
from tracealloc.check.interpret.interpret import interpret
from tracealloc.trace.functions import trace

N = 6
CASES: list[Any] = []


def case(function: Any) -> Any:
    CASES.append(function)
    return function


@case
def old_value(A: int32[N], B: int32[N]):
    for i in ta.range(N):
        t = A[i]
        A[i] = 5
        B[i] = t
        u = A[i] + t
        A[i] = u
        B[i] += u * t


@case
def swap_elements(A: int32[N], B: int32[N]):
    for i in ta.range(N - 1):
        A[i], A[i + 1] = A[i + 1], A[i]
        A[i], B[i] = B[i], A[i]


@case
def condition_before_write(A: int32[N], B: int32[N]):
    for i in ta.range(N):
        c = A[i] > B[i]
        A[i] = 0
        if c:
            B[i] = 1
        else:
            B[i] = A[i] - 1
        if c or B[i] > 0:
            A[i] += 7


@case
def load_outside_the_loop(A: int32[N], B: int32[N]):
    for i in ta.range(N):
        t = A[i]
        u = A[(i + 1) % N] * 2
        for j in ta.range(N):
            A[j] += t + u
            B[j] -= t


@case
def subscript_is_read_once(A: int32[N], B: int32[N]):
    for i in ta.range(N):
        k = A[i] % N
        A[k] += k
        B[k] = A[k] * k
        A[A[i] % N] = k
        B[A[k] % N] += 1


@case
def choices_in_subscripts(A: int32[N], B: int32[N]):
    for i in ta.range(N):
        x = A[i] if A[i] > 0 else -A[i]
        B[i if x % 2 == 0 else N - 1 - i] = x if x < 5 else 5
        A[min(i + 1, N - 1)] = max(A[i], B[i], 0)


@case
def products_of_choices(A: int32[N], B: int32[N]):
    for i in ta.range(N):
        c, d = A[i] > 0, B[i] > 0
        B[i] = (0 if c else 1) * (0 if d else 4)
        A[i] = (2 if c else 3) + (10 if d else 20)


@case
def continues(A: int32[N], B: int32[N]):
    for i in ta.range(N):
        if A[i] == 0:
            continue
        for j in ta.range(i, N):
            if B[j] < 0 or A[j] < 0:
                continue
            B[j] -= A[i]
            if j == i:
                continue
            A[j] += 1
        B[i] += 1


@case
def chained_comparisons(A: int32[N], B: int32[N]):
    for i in ta.range(N):
        if 0 < A[i] <= B[i] < 10 and not (i == 2 or i == 4):
            A[i] = B[i]
        elif A[i] < 0 < B[i] or -3 <= i - 4 < 0:
            B[i] = A[i]
        else:
            A[i] += 1


@case
def matches(A: int32[N], B: int32[N]):
    for i in ta.range(N):
        match A[i] % 4:
            case 0 | 1:
                A[i] = 10
            case 2 if B[i] > 0:
                B[i] = A[i]
            case _:
                A[i] = B[i]
        if (t := B[i] * 2) > 3:
            A[i] = t


@case
def helper_with_branches(A: int32[N], B: int32[N]):
    def act(u):
        t = A[u] * 3
        if t > 4:
            A[u] = t * t - 1
            return t
        B[u] = t
        return t + 1

    for u in range(2):
        if A[u] > 0:
            act(u)
        x = act((u + 1) % N)
        B[u] += x


@case
def guards(A: int32[N], B: int32[N]):
    for i in ta.range(N):
        with ta.when(A[i] > 0):
            A[i] -= 1
            with ta.when(B[i] > 0):
                B[i] = A[i]
            with ta.otherwise():
                B[i] -= 3
        with ta.otherwise():
            if B[i] > 2:
                A[i] = B[i]
            B[i] += 1


@case
def scalars(A: int32[N], B: int32[N]):
    best, at = ta.scalar(int32, -1000), ta.scalar(int32, 0)
    for i in ta.range(N):
        if A[i] > best:
            best.set(A[i])
            at[...] = i
        old = best * 1
        best += B[i]
        B[i] = old - best
    A[0] = best
    A[1] = at


@case
def scratch_list(A: int32[N], B: int32[N]):
    window = [None] * 3
    for i in ta.range(N - 2):
        for k in range(3):
            window[k] = A[i + k]
        A[i] = 1
        B[i] = sum(window)


@case
def loop_bounds_from_data(A: int32[N], B: int32[N]):
    for i in ta.range(N):
        for k in ta.range(A[i] % 3, B[i] % N):
            A[k] += i
            B[i] += 1


@case
def negative_steps(A: int32[N], B: int32[N]):
    for i in ta.range(N - 1, -1, -2):
        for j in ta.range(i, 0, -1):
            A[j] = A[j - 1] + B[i]
    for i in ta.range(1, N, 3):
        B[i] = i * i - i // 2 + (-i) // 2 + (-i) % 3


@case
def nested_decisions(A: int32[N], B: int32[N]):
    for i in ta.range(N):
        step = 1 if A[i] > 0 else 2
        for j in ta.range(0, N, 1):
            if j % step == 0 and A[j] != B[i]:
                B[j] += step
            else:
                A[j] -= step


@case
def same_values_twice(A: int32[N], B: int32[N]):
    for i in ta.range(N):
        x = A[i] * B[i]
        y = x * x + x
        A[i] = y
        B[i] = y + x


@case
def division(A: int32[N], B: int32[N]):
    for i in ta.range(N):
        q, r = A[i] // 3, A[i] % 3
        A[i] = q * 10 + r
        if B[i] != 0 and A[i] // B[i] > 1:
            B[i] = A[i] % B[i]


@case
def narrow_types(A: int8[N], B: int8[N]):
    for i in ta.range(N):
        A[i] = A[i] * B[i] + 100
        B[i] = abs(A[i]) - (B[i] << 2) + (A[i] >> 1)
        A[i] ^= B[i] & 15 | ~A[i]


@case
def floats(A: float32[N], B: float32[N]):
    for i in ta.range(N):
        t = A[i] / 3
        A[i] = B[i] * 0.1 + i
        B[i] = t - A[i] if t > B[i] else min(t, B[i])


@case
def bits(A: int32[N], B: int32[N]):
    for i in ta.range(N):
        A[i][3] = B[i][0]
        A[i][8:12] = A[i][0:4] + 1
        t = ta.scalar(int32, B[i])
        t[i] = 1
        B[i] = t[2:7] + t[31]


@kernel
def add_row(X: int32[N], Y: int32[N], factor: int32) -> int32:
    total = ta.scalar(int32, 0)
    for i in grid(N):
        if Y[i] > 0:
            X[i] += factor
        total += X[i]
    return total


@case
def calls(A: int32[N, N], B: int32[N]):
    for i in ta.range(N):
        x = A[i, 0]
        s = add_row(A[i], B, i + 1)
        if s > 0:
            t = add_row(B, A[i], x)
            A[i, 1] = t - s


@case
def before_and_after(A: int32[N], B: int32[N]):
    if A[0] > 0:
        first = A[1]
        A[1] = 0
    else:
        first = B[1]
    for i in ta.range(N):
        B[i] += first
    if B[0] > 2 and A[2] < 2:
        A[0] = first
    C = ta.zeros((N,), int32)
    for i in ta.range(N):
        C[i] = A[i] + B[i]
    return C


@pytest.mark.parametrize("function", CASES, ids=lambda function: function.__name__)
def test_recorded_as_python_says(function: Any) -> None:
    found = trace(function)
    rng = random.Random(1)
    for _ in range(30):
        args = []
        for array in found.args:
            data = [rng.randint(-6, 6) for _ in range(array.size)]
            kind = {int8: np.int8, int32: np.int32, float32: np.float32}[array.dtype]
            args.append(np.array(data, kind).reshape(array.shape))
        mine, python = [a.copy() for a in args], [a.copy() for a in args]
        result, expected = interpret(found, *mine), run_plain(function, *python)
        for got, want in zip(mine, python, strict=True):
            np.testing.assert_array_equal(got, want)
        if expected is not None:
            np.testing.assert_array_equal(result, expected)
