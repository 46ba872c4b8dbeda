"""What calls and both sides of an `if` certainly store: empties are filled, buffers copy nothing in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import islpy as isl
import numpy as np
import pytest
from callers import check_caller
from common import assert_same_results

import tracealloc as ta
from tracealloc import grid, index, int32, kernel
from tracealloc.check.interpret.interpret import interpret
from tracealloc.poly.dataflow.effects import effects_of

N = 8


@kernel
def load(A: int32[N], B: int32[N]):
    for i in grid(N):
        B[i] = A[i]


@kernel
def double(A: int32[N], B: int32[N]):
    for i in grid(N):
        B[i] = A[i] * 2


@kernel
def both(A: int32[N], B: int32[N]):
    T = ta.empty((N,), int32)
    load(A, T)
    double(T, B)


@kernel
def sums(A: int32[N], B: int32[N]):
    for i in grid(N):
        B[i] = 0
        for k in grid(N):
            B[i] += A[k] * i


@kernel
def clamp(A: int32[N], B: int32[N]):
    for i in grid(N):
        if A[i] > 3:
            B[i] = 3
        elif A[i] < 1:
            B[i] = 1
        else:
            B[i] = A[i]


@kernel
def chosen(A: int32[N], B: int32[N]):
    for i in grid(N):
        B[i] = A[i] if A[i] > 3 else 7


@kernel
def guarded(A: int32[N], B: int32[N]):
    for i in grid(N):
        with ta.when(A[i] > 3):
            B[i] = 3
        with ta.otherwise():
            B[i] = 4


@kernel
def either(A: int32[N], B: int32[N]):
    if A[0] > 2:
        load(A, B)
    else:
        double(A, B)


@kernel
def half(A: int32[N], B: int32[N], start: index):
    for i in grid(N // 2):
        B[i + start] = A[i + start] + 1


@kernel
def part(A: int32[N], B: int32[N], start: int32, n: int32):
    for i in ta.range(start, start + n):
        B[i] = A[i] - 1


@kernel
def row(M: int32[4, N], r: int32, value: int32):
    for j in grid(N):
        M[r, j] = value


def filled_by(*fills: Callable[..., None]) -> Any:
    @kernel
    def top(A: int32[N], C: int32[N]):
        B = ta.empty((N,), int32)
        for fill in fills:
            fill(A, B)
        for i in grid(N):
            C[i] = B[i] + 1

    return top


def halves(A: Any, B: Any) -> None:
    half(A, B, 4)
    half(A, B, 0)


def parts(A: Any, B: Any) -> None:
    part(A, B, 0, 3)
    part(A, B, 2, 6)


def views(A: Any, B: Any) -> None:
    @kernel
    def quarter(X: int32[2], Y: int32[2]):
        for i in grid(2):
            Y[i] = X[i] * X[0]

    for t in ta.range(4):
        quarter(A[2 * t : 2 * t + 2], B[2 * t : 2 * t + 2])


@kernel
def rows(A: int32[4, N], C: int32[4, N]):
    B = ta.empty((4, N), int32)
    for r in ta.range(4):
        if A[r, 0] > 0:
            double(A[r], B[r])
        else:
            row(B, r, 9)
    for i, j in grid(4, N):
        C[i, j] = B[i, j]


@kernel
def columns(A: int32[N, 4], C: int32[N, 4]):
    B = ta.empty((N, 4), int32)
    for t in ta.range(4):
        clamp(A[:, t], B[:, t])
    for i, j in grid(N, 4):
        C[i, j] = B[i, j]


@kernel
def pipeline(A: int32[4, N], C: int32[4, N]):
    buf = ta.empty((N,), int32)
    out = ta.empty((N,), int32)
    for t in ta.range(4):
        load(A[t], buf)
        both(buf, out)
        load(out, C[t])


FILLED = {
    "load": filled_by(load),
    "nested": filled_by(both),
    "sums": filled_by(sums),
    "elif": filled_by(clamp),
    "conditional": filled_by(chosen),
    "when": filled_by(guarded),
    "calls on both sides": filled_by(either),
    "halves": filled_by(halves),
    "overlapping parts": filled_by(parts),
    "views": filled_by(views),
    "rows": rows,
    "columns": columns,
}


@pytest.mark.parametrize("name", FILLED)
def test_calls_initialise_what_they_store(name: str) -> None:
    top = FILLED[name]
    program = top.trace()
    arrays = [np.arange(-3, array.size - 3, dtype=np.int32).reshape(array.shape) for array in program.args]
    expected = [a.copy() for a in arrays]
    ta.customize(top).build(target="c")(*arrays)
    interpret(program, *expected)
    for mine, other in zip(arrays, expected, strict=True):
        np.testing.assert_array_equal(mine, other)
    s = ta.customize(top)
    loops = s.loops()
    s.buffer_at("B", loops[0] if name in ("rows", "columns") else loops[-1])
    assert "_init" not in str(s.lowered).partition("C[")[0], str(s)
    assert s.verify()
    assert_same_results(s)


def test_load_compute_store_copies_nothing() -> None:
    s = ta.customize(pipeline)
    s.buffer_at(s.buf, "t")
    s.buffer_at(s.out, "t")
    assert "init" not in str(s.lowered) and "back" not in str(s.lowered)
    assert s.verify()
    assert_same_results(s)
    for name in ("both", "load", "double"):
        s.inline(name)
        assert s.verify()
        assert_same_results(s)


@kernel
def some(A: int32[N], B: int32[N]):
    for i in grid(N):
        if A[i] > 3:
            B[i] = 3


@kernel
def seven(A: int32[N], B: int32[N]):
    for i in grid(7):
        B[i] = A[i]


@kernel
def reader(A: int32[N], B: int32[N]):
    for i in grid(N - 1):
        B[i] = A[i]
        A[i] = B[i + 1]


@kernel
def uneven(A: int32[N], B: int32[N]):
    for i in grid(N):
        if A[i] > 3:
            B[i] = 3
        else:
            B[0] = 4


@kernel
def inner_only(A: int32[N], B: int32[N]):
    for i in grid(N):
        if A[i] > 0:
            if A[i] > 3:
                B[i] = 3
            else:
                B[i] = 4


@pytest.mark.parametrize("fill", [seven, reader, some, uneven, inner_only])
def test_calls_that_leave_elements_out_do_not_initialise_them(fill: Any) -> None:
    with pytest.raises(ta.TraceError, match=r"^TA151 B"):
        ta.customize(filled_by(fill))


@pytest.mark.parametrize("fill", [some, uneven, inner_only])
def test_what_may_not_be_stored_is_copied_in(fill: Any) -> None:
    @kernel
    def top(A: int32[2, N], C: int32[2, N]):
        for t in ta.range(2):
            fill(A[t], C[t])

    s = ta.customize(top)
    s.buffer_at(s.C, "t")
    assert "_init" in str(s.lowered)
    assert s.verify()
    assert_same_results(s)
    s.inline(fill.__name__)
    assert s.verify()
    assert_same_results(s)


def test_one_side_alone_keeps_what_was_there() -> None:
    @kernel
    def top(A: int32[N], C: int32[N]):
        for i in grid(N):
            if A[i] > 0:
                if A[i] > 3:
                    C[i] = 3
                else:
                    C[i] = 4

    s = ta.customize(top)
    s.buffer_at(s.C, "i")
    assert "C_i = C[i]" in str(s.lowered)
    assert_same_results(s)


def test_sides_that_part_company_are_still_right() -> None:
    @kernel
    def top(A: int32[N], C: int32[N]):
        for i in grid(N):
            c = A[i] > 3
            if c:
                C[i] = A[i]
            else:
                C[i] = 7

    s = ta.customize(top)
    for step in (lambda: s.split("i", 3), lambda: s.peel("i.inner", 1), lambda: s.buffer_at(s.C, "i.outer")):
        step()
        assert s.verify()
        assert_same_results(s)
    assert "_init" not in str(s.lowered)


def test_rows_that_data_choose_are_updated() -> None:
    @kernel
    def top(A: int32[4], C: int32[4, N]):
        for r in ta.range(4):
            row(C, A[r] & 3, r)

    s = ta.customize(top)
    s.buffer_at(s.C, "r")
    assert "_init" in str(s.lowered)
    assert s.verify()
    assert_same_results(s)


def test_effects_are_given_for_each_value_of_the_scalars() -> None:
    effects = effects_of(part.trace())
    A, B, start, n = part.trace().args
    assert effects.scalars == (start, n)
    reads, stores = effects.parts[A, ()].reads, effects.parts[B, ()].stores
    assert reads.is_equal(stores)
    assert {str(m) for m in stores.intersect_domain(isl.Set("{ P[2, 3] }")).get_basic_maps()} == {
        "{ P[i0, i1] -> E[o0] : i0 = 2 and i1 = 3 and 2 <= o0 <= 4 }"
    }


@pytest.mark.parametrize("seed", range(12))
def test_random_callers(seed: int, long_mode: bool) -> None:
    many = range(seed, 1200, 12) if long_mode else [seed]
    assert {check_caller(each) for each in many} <= {"right", "refused"}
