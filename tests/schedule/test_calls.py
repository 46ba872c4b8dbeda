"""`inline` and `outline`: function boundaries come and go, results stay."""

from __future__ import annotations

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import grid, int32, kernel
from tracealloc.check.interpret import interpret

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


@kernel
def sums(A: int32[N, N], y: int32[N]):
    for i in grid(N):
        acc = ta.scalar(int32, 0)
        for j in ta.range(i + 1):
            acc += A[i, j]
        y[i] = acc


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


def test_inline_comes_first() -> None:
    s = ta.customize(caller)
    s.pipeline("scale:i")
    with pytest.raises(ta.ScheduleError) as raised:
        s.inline("scale")
    assert raised.value.code == "TA273"
    with pytest.raises(ta.ScheduleError) as unknown:
        s.inline("matmul")
    assert unknown.value.because == ("the calls are scale_0, scale_1, total_0",)


def test_outline() -> None:
    s = ta.customize(caller)
    s.outline("L0.i", "rows")
    assert s.module.names() == ("scale", "total", "rows", "caller")
    assert "rows(A, B)" in str(s.lowered)
    check(caller, s)


def test_outline_an_inner_loop_takes_iterators_by_value() -> None:
    @kernel
    def outer(A: int32[N, N]):
        for i in grid(N):
            for j in ta.range(i, N):
                A[i, j] = A[i, j] * i + j

    s = ta.customize(outer)
    s.outline("j", "row")
    assert "row(A, i)" in str(s.lowered)
    check(outer, s)


def test_outline_refuses_to_lose_a_scalar() -> None:
    s = ta.customize(sums)
    with pytest.raises(ta.ScheduleError) as raised:
        s.outline("j", "row")
    assert raised.value.code == "TA272"
    with pytest.raises(ta.ScheduleError, match="TA271"):
        s.outline("i", "sums")
    s.outline("i", "everything")
    check(sums, s)
