"""Accesses beside a loop of data that touch the same elements, each under a condition of its own."""

from __future__ import annotations

import pytest

import tracealloc as ta
from tracealloc import grid, int32, kernel


@kernel
def where_inside(A: int32[4], N: int32[4], B: int32[3, 2]):
    for i in grid(3):
        for _j in ta.range(N[0] % 7):
            for x, y in grid(2, 4):
                A[y] = ta.where(N[0] >= 0, ta.where(not y + 1 < 0, 1, A[0]), B[i, x % 2])


@kernel
def never_first(A: int32[4], N: int32[4], B: int32[3, 2]):
    for i in grid(3):
        for _j in ta.range(N[0] % 7):
            for x, y in grid(2, 4):
                if y < 0:
                    A[y] = B[i, x % 2]
                else:
                    A[y] = B[i, x % 2] + 1


@kernel
def never_last(A: int32[4], N: int32[4], B: int32[3, 2]):
    for i in grid(3):
        for _j in ta.range(N[0] % 7):
            for x, y in grid(2, 4):
                if y >= 0:
                    A[y] = B[i, x % 2]
                else:
                    A[y] = B[i, x % 2] + 1


@kernel
def each_its_part(A: int32[4], N: int32[4], B: int32[3, 2]):
    for i in grid(3):
        for _j in ta.range(N[0] % 7):
            for x, y in grid(2, 4):
                if y >= 2:
                    A[y] = B[i, x % 2]
                else:
                    A[y] = B[i, x % 2] + 1


@kernel
def stored_too(A: int32[4], N: int32[4], B: int32[3, 2]):
    for i in grid(3):
        for _j in ta.range(N[0] % 7):
            for x, y in grid(2, 4):
                if y < 0:
                    B[i, x % 2] = A[y]
                else:
                    B[i, x % 2] = A[y] + B[i, x % 2]


@kernel
def read_once(A: int32[4], N: int32[4], B: int32[3, 2]):
    for i in grid(3):
        for _j in ta.range(N[0] % 7):
            for x, y in grid(2, 4):
                with ta.when(y < 0):
                    A[x] = B[i, x % 2]


@kernel
def read_of_one(A: int32[4], N: int32[4], B: int32[3, 2]):
    for i in grid(3):
        for _j in ta.range(N[0] % 7):
            for y in grid(4):
                with ta.when(y >= 4):
                    A[0] = B[i, 0]


@kernel
def beside_no_iteration(A: int32[4], N: int32[4], B: int32[3, 2]):
    for i in grid(3):
        for _j in ta.range(N[0] % 7):
            for x in grid(2):
                for _y in grid(0):
                    A[x] = B[i, x % 2] + A[x + 1]


@kernel
def some_instances(A: int32[4], N: int32[4], B: int32[3, 2]):
    for i in grid(3):
        for _j in ta.range(N[0] % 7):
            for x, y in grid(2, 4):
                with ta.when(y + i >= 5):
                    A[x] = B[1, x % 2] + B[i, 0]


KERNELS = [read_once, read_of_one, beside_no_iteration, some_instances]
KERNELS += [where_inside, never_first, never_last, each_its_part, stored_too]


@pytest.mark.parametrize("made", KERNELS, ids=lambda made: made.name)
def test_steps_on_the_loop_of_data(made: ta.Kernel) -> None:
    s = ta.customize(made)
    assert s.verify()
    s.split("_j", 4)
    assert s.verify()
    s.unroll("_j.inner")
    assert s.verify()
    s.split("i", 2)
    assert s.verify()


@pytest.mark.parametrize("made", KERNELS, ids=lambda made: made.name)
def test_steps_around(made: ta.Kernel) -> None:
    s = ta.customize(made)
    s.peel("i", 1)
    assert s.verify()
    s = ta.customize(made)
    s.outline("_j", "part")
    assert s.verify()
