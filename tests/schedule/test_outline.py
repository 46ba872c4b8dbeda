"""``outline``: a function is a mark on a loop; what was legal inside before is legal after."""

from __future__ import annotations

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import ScheduleError, grid, int32, kernel
from tracealloc.check.interpret.interpret import interpret

N = 6


@kernel
def gemm(A: int32[N, N], B: int32[N, N], C: int32[N, N]):
    for i, j, k in grid(N, N, N, name="PE"):
        C[i, j] += A[i, k] * B[k, j]


@kernel
def rows(A: int32[N, N], y: int32[N]):
    for i in grid(N):
        acc = ta.scalar(int32, 0)
        for j in grid(N):
            if A[i, j] > 0:
                acc += A[i, j]
        y[i] = acc


@kernel
def by_data(A: int32[N, N], n: int32[N], y: int32[N]):
    for i in grid(N):
        for j in ta.range(n[i] & 3):
            for k in grid(N):
                y[i] += A[j, k]


def scheduled(kernel_: ta.Kernel, steps: str) -> ta.Schedule:
    s = ta.customize(kernel_)
    exec(steps, {"s": s})
    return s


def check(kernel_: ta.Kernel, s: ta.Schedule) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.integers(-9, 9, a.shape).astype(np.int32) for a in kernel_.trace().args]
    expected = [array.copy() for array in arrays]
    interpret(kernel_.trace(), *expected)
    for run in (lambda *a: interpret(s.lowered, *a), s.build(), s.build(target="vitis_hls", mode="csim")):
        mine = [array.copy() for array in arrays]
        run(*mine)
        assert all(np.array_equal(a, b) for a, b in zip(expected, mine, strict=True))
    assert s.verify()


@pytest.mark.parametrize(
    "kernel_, steps",
    [
        (gemm, 's.outline("j", "row"); s.reorder("row:k", "row:j")'),
        (gemm, 's.outline("j", "row"); s.split("row:j", 4); s.split("row:k", 5)'),
        (gemm, 's.outline("j", "row"); s.tile(["row:j", "row:k"], 4); s.reverse("i")'),
        (gemm, 's.outline("j", "row"); s.fuse("row:j", "row:k")'),
        (gemm, 's.outline("j", "row"); s.peel("i", 1); s.pipeline("row_1:k")'),
        (gemm, 's.outline("j", "row"); s.peel("row:j", 2); s.inline("row")'),
        (gemm, 's.outline("j", "row"); s.outline("row:k", "mac"); s.pipeline("mac:k"); s.inline("row")'),
        (gemm, 's.outline("j", "row"); s.buffer_at("C", "row:j"); s.partition("row:B", 0)'),
        (gemm, 's.outline("j", "row"); s.buffer_at("B", "i"); s.partition("row:B_i", 0)'),
        (gemm, 's.outline("k", "mac"); s.reorder("j", "i"); s.split("i", 4); s.unroll("i.inner")'),
        (gemm, 's.outline("k", "mac"); s.fuse("i", "j"); s.rfactor("C", "mac:k", 2)'),
        (gemm, 's.outline("i", "all"); s.skew("all:k", "all:j"); s.parallel("all:i")'),
        (rows, 's.outline("j", "inner"); s.parallel("i")'),
        (rows, 's.outline("j", "inner"); s.split("i", 4); s.distribute("i.inner")'),
        (rows, 's.distribute("i"); s.outline("i_2", "f"); s.split("f:i_2", 2)'),
        (rows, 's.outline("j", "inner"); s.buffer_at("A", "i"); s.buffer_at("A_i", "inner:j")'),
        (rows, 's.outline("i", "all"); s.peel("all:i", 2)'),
        (by_data, 's.outline("j", "some"); s.split("i", 4); s.unroll("some:k")'),
        (by_data, 's.outline("k", "line"); s.pipeline("line:k"); s.reverse("i")'),
    ],
)  # fmt: skip
def test_steps_inside_and_around_a_function(kernel_: ta.Kernel, steps: str) -> None:
    s = scheduled(kernel_, steps)
    check(kernel_, s)
    again = scheduled(kernel_, s.script().partition("\n")[2])
    assert str(again.lowered) == str(s.lowered)


def test_inline_brings_a_loop_back_as_it_was() -> None:
    s = ta.customize(gemm)
    s.tile(["i", "j"], 2)
    before, text = s.module, str(s.lowered)
    s.outline("k", "mac")
    s.inline("mac")
    assert str(s.lowered) == text
    assert s.module.state("gemm").tree == before.state("gemm").tree


def test_handles_survive_both_ways() -> None:
    s = ta.customize(gemm)
    k = next(loop for loop in s.loops() if loop.name == "k")
    s.outline("j", "row")
    outer, inner = s.split(k, 2)
    assert "k.outer" in repr(outer) and repr(outer).startswith("kernel row")
    s.inline("row")
    s.unroll(inner)
    assert "[unroll]" in str(s)
    check(gemm, s)


def test_what_a_function_is_called_and_has() -> None:
    s = scheduled(gemm, 's.outline("j", "row"); s.outline("row:k", "mac")')
    assert [loop.name for loop in s.loops()] == ["i"]
    assert [loop.name for loop in s.loops("row")] == ["j"]
    assert [loop.name for loop in s.loops("mac")] == ["k"]
    assert [array.name for array in s.arrays("mac")] == ["A", "B", "C"]
    assert {name for name in s.layouts() if ":" not in name} == {"A", "B", "C"}
    assert repr(s.loops("row")) == "j  0:6  in PE  function row"


@pytest.mark.parametrize(
    "steps, refused, code, text",
    [
        ('s.outline("j", "row")', 's.reorder("row:j", "i")', "TA208", "different functions"),
        ('s.outline("j", "row")', 's.fuse("i", "row:j")', "TA208", "different functions"),
        ('s.outline("j", "row")', 's.pipeline("k")', "TA201", "no loop is called 'k' in gemm"),
        ('s.outline("j", "row")', 's.outline("i", "row")', "TA271", "needs the name of a new function"),
        ('s.outline("j", "row")', 's.outline("row:j", "again")', "TA274", "cannot make 'row:j' a function"),
        ('s.outline("j", "row")', 's.inline("rows")', "TA270", "finds no call of 'rows'"),
    ],
)
def test_refusals(steps: str, refused: str, code: str, text: str) -> None:
    s = scheduled(gemm, steps)
    before = str(s)
    with pytest.raises(ScheduleError, match=text) as caught:
        exec(refused, {"s": s})
    assert caught.value.code == code
    assert str(s) == before
