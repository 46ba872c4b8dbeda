"""``inline``: remove function boundaries."""

from __future__ import annotations

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import grid, int32, kernel
from tracealloc.check.interpret.interpret import interpret

N = 6


@kernel
def scale(X: int32[N], Y: int32[N], k: int32):
    t = ta.zeros((2,), int32)
    for i in grid(N):
        t[i % 2] += X[i] * k
        Y[i] += t[i % 2]


@kernel
def total(X: int32[N]) -> int32[N]:
    out = ta.zeros((N,), int32)
    for i in grid(N):
        for j in ta.range(i + 1):
            out[i] += X[j]
    return out


@kernel
def caller(A: int32[N, N], B: int32[N, N]):
    for i in grid(N):
        if A[i, 0] > 2:
            scale(A[i], B[N - 1 - i], A[i, 1] + i)
    scale(B[0], A[2], 3)
    S = total(A[1])
    for j in grid(N):
        B[j, j] = S[j]


def check(kernel_: ta.Kernel, s: ta.Schedule) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.integers(-9, 9, a.shape).astype(np.int32) for a in kernel_.trace().args]
    results = []
    for run in (
        lambda *a: interpret(kernel_.trace(), *a),
        lambda *a: interpret(s.lowered, *a),
        s.build(),
        s.build(target="vitis_hls", mode="csim"),
    ):
        mine = [array.copy() for array in arrays]
        run(*mine)
        results.append(mine)
    for other in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(results[0], other, strict=True))
    assert s.verify()


@pytest.mark.parametrize("callee", ["scale", "scale_0", "scale_1", "total"])
def test_inline(callee: str) -> None:
    s = ta.customize(caller)
    s.inline(callee)
    assert f"{callee}(" not in str(s.lowered) or callee == "scale"
    check(caller, s)


def test_inline_everything_then_schedule() -> None:
    s = ta.customize(caller)
    s.inline("scale")
    s.inline("total")
    assert s.module.names() == ("caller",)
    s.split(s.loops()[1], 4)
    s.buffer_at("A", s.loops()[0])
    check(caller, s)
    again = ta.customize(caller)
    exec(s.script().split("\n", 1)[1], {"s": again})
    assert str(again) == str(s)
    s.undo(4)
    assert s.module.names() == ("scale", "total", "caller")


def test_inline_after_steps_on_both_sides() -> None:
    s = ta.customize(caller)
    s.split("scale:i", 4)
    s.split("total:j", 2)
    inner = s["scale:t"]
    s.reverse("r") if any(loop.name == "r" for loop in s.loops()) else s.peel("L0.i", 2)
    s.buffer_at("A", "L0.i")
    s.inline("scale")
    s.inline("total")
    assert s.module.names() == ("caller",)
    assert "i.outer" in str(s.lowered) and "j.outer" in str(s.lowered)
    assert inner.name == "t"
    check(caller, s)


def test_inline_says_what_is_called() -> None:
    s = ta.customize(caller)
    with pytest.raises(ta.ScheduleError) as unknown:
        s.inline("matmul")
    assert unknown.value.because == ("the calls are scale_0, scale_1, total_0",)


def test_constants_of_caller_and_callee_stay_apart() -> None:
    first, second = np.arange(N, dtype=np.int32), np.arange(N, dtype=np.int32) * 10

    @kernel
    def weigh(X: int32[N]):
        w = ta.constant(first)
        for i in grid(N):
            X[i] += w[i]

    @kernel
    def twice(X: int32[N]):
        v = ta.constant(second)
        weigh(X)
        for i in grid(N):
            X[i] += v[i]

    s = ta.customize(twice)
    s.inline("weigh")
    check(twice, s)


def test_what_is_passed_makes_bounds_affine() -> None:
    @kernel
    def part(X: int32[N, N], n: ta.index, m: int32):
        for i in ta.range(n):
            for j in grid(N):
                X[i, j] += m * j

    @kernel
    def parts(X: int32[N, N]):
        for r in grid(N):
            part(X, r, r * 2)

    s = ta.customize(parts)
    s.inline("part")
    s.split("i", 4)
    s.reorder("j", "i.outer", "i.inner")
    check(parts, s)


def test_inline_in_functions_that_are_called() -> None:
    @kernel
    def double(X: int32[N]):
        for i in grid(N):
            X[i] = X[i] * 2

    @kernel
    def rows(A: int32[N, N]):
        for r in grid(N):
            double(A[r])

    @kernel
    def top(A: int32[N, N]):
        rows(A)
        double(A[1])

    s = ta.customize(top)
    s.inline("rows:double_0")
    assert s.module.names() == ("double", "rows", "top")
    s.split("rows:i", 4)
    s.inline("double")
    s.inline("rows")
    assert s.module.names() == ("top",)
    check(top, s)
    other = ta.customize(top)
    assert ta.verify(s, other)


def test_a_value_of_the_caller_in_the_subscript_of_a_view_is_that_of_the_iteration() -> None:
    @kernel
    def bump(p: int32[1]):
        for i in grid(3):
            p[0] += i

    @kernel
    def chosen(A: int32[4, N], B: int32[N]):
        for i in grid(2):
            for j in grid(N):
                t = ta.scalar(int32, 0)
                t.set(B[j] + i)
                bump(A[t % 4, j : j + 1])

    s = ta.customize(chosen)
    s.inline("bump")
    s.distribute("j")
    assert "t[j_3] % 4, j_3] += i_1" in str(s.module)
    check(chosen, s)


def test_a_callee_whose_view_would_depend_on_data_stays_a_call() -> None:
    @kernel
    def shifted(p: int32[4], at: ta.UInt(1)):
        V = p[at : at + 3]
        for i in ta.range(at, 3):
            V[i] += 1

    @kernel
    def chosen(A: int32[4], n: int32[3]):
        for j in grid(3):
            shifted(A, n[j])

    s = ta.customize(chosen)
    with pytest.raises(ta.ScheduleError) as caught:
        s.inline("shifted")
    sentence, *rest = str(caught.value).splitlines()
    assert sentence == 'TA273 inline("shifted") cannot take shifted apart'
    assert rest[-2].startswith("  because: p[at + i] is an access through a view, which depends on data here")
    check(chosen, s)
