"""`inline` and `outline`: function boundaries come and go, results stay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from boundaries import check_random

import tracealloc as ta
from tracealloc import grid, int32, kernel
from tracealloc.check.interpret.interpret import interpret
from tracealloc.check.verify import verify_module
from tracealloc.poly.model.tree import Sequence
from tracealloc.schedule.core.proof import Claim

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


def test_a_scalar_that_an_outlined_loop_adds_to_gets_an_element() -> None:
    s = ta.customize(sums)
    s.outline("j", "row")
    assert "row(acc, A, i)" in str(s.lowered)
    s.pipeline("row:j")
    check(sums, s)
    s.undo()
    s.inline("row")
    s.split("j", 2)
    check(sums, s)


def test_outline_needs_a_name_of_its_own() -> None:
    s = ta.customize(sums)
    for name in ("sums", "for", "two words", "", None):
        with pytest.raises(ta.ScheduleError, match=r"TA271|TA207|TA209"):
            s.outline("i", name)
    s.outline("i", "everything")
    check(sums, s)


def test_outline_and_inline_again() -> None:
    """Steps before and between; the loops keep their handles on both sides of the boundary."""
    s = ta.customize(caller)
    i = s.loops()[0]
    s.split(i, 4)
    inner = next(loop for loop in s.loops() if loop.name == "i.inner")
    s.outline(inner, "rows")
    assert "rows(" in str(s.lowered)
    check(caller, s)
    s.unroll("i.outer")
    s.inline("rows")
    s.unroll(inner)
    assert s.module.names() == ("scale", "total", "caller")
    check(caller, s)


def test_an_outlined_function_comes_back_as_it_was_scheduled() -> None:
    s = ta.customize(caller)
    i = s.loops()[0]
    s.buffer_at("A", i)
    s.outline(i, "rows")
    outer, inner = s.split(i, 4)
    s.peel(outer, 1)
    check(caller, s)
    s.inline("rows")
    assert "i.inner" in str(s.lowered) and s.module.names() == ("scale", "total", "caller")
    s.unroll(inner)
    s.outline(outer, "again")
    s.inline("total")
    check(caller, s)
    s.inline("again")
    s.inline("scale")
    assert s.module.names() == ("caller",)
    check(caller, s)


def test_what_was_wrong_before_a_sum_was_split_stays_wrong() -> None:
    """A proof that starts anew still holds what was to be proved before."""

    @kernel
    def added(A: int32[N, N], y: int32[N]):
        for p in grid(N):
            y[p] = 1
        for i, j in grid(N, N):
            y[i] += A[i, j]

    s = ta.customize(added)
    s.rfactor("y", "j")
    state = s.module.state("added")
    earlier, *others = state.proof.obligations
    assert isinstance(earlier, Claim) and isinstance(earlier.tree, Sequence)
    damaged = replace(earlier, tree=Sequence(tuple(reversed(earlier.tree.children))))
    module = s.module.with_state(
        "added", replace(state, proof=replace(state.proof, obligations=(damaged, *others)))
    )
    assert s.verify()
    assert not verify_module(module)


@pytest.mark.filterwarnings("ignore::tracealloc.TraceallocWarning")
@pytest.mark.parametrize("seed", range(12))
def test_random_steps_with_boundaries(seed: int) -> None:
    check_random(seed)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::tracealloc.TraceallocWarning")
def test_many_random_steps_with_boundaries() -> None:
    for seed in range(12, 500):
        check_random(seed)


def test_handles_follow_their_loops_across_boundaries() -> None:
    s = ta.customize(caller)
    outer, inner = s.split("total:j", 2)
    row = s["total:out"]
    s.inline("total")
    s.unroll(inner)
    s.partition(row)
    i = s.loops()[0]
    s.outline(i, "rows")
    with pytest.raises(ta.ScheduleError) as apart:
        s.fuse(outer, i)
    assert apart.value.code == "TA208"
    s.split(i, 2)
    check(caller, s)
    s.undo()
    s.inline("rows")
    s.split(i, 2)
    assert s.module.names() == ("scale", "caller")
    check(caller, s)


@kernel
def spread(X: int32[N], Y: int32[N]):
    for i in grid(N):
        for t in ta.range(3):
            Y[i] += X[i // 2 + t] * 2


@kernel
def under_a_condition(A: int32[N, N], B: int32[N, N]):
    for r in grid(N):
        if A[r, 0] > 0:
            spread(A[r], B[r])
        else:
            B[r, 0] = 7


@kernel
def rows_by_data(p: int32[N], A: int32[N, N], B: int32[N, N]):
    for r in grid(N):
        spread(A[p[r] & 3], B[r])


@kernel
def rows_again(A: int32[N, N], C: int32[4, N]):
    B = ta.zeros((N, N), int32)
    for r in grid(N):
        spread(A[r], B[r])
    for r, c in grid(4, N, name="sum"):
        C[r, c] = B[r, c] + B[r + 1, c] + B[r + 2, c]


@pytest.mark.parametrize("kernel_", [under_a_condition, rows_by_data, rows_again], ids=lambda k: k.name)
def test_buffers_of_a_callee_stay_where_no_proof_sees_through_them(kernel_: ta.Kernel) -> None:
    """Calls under conditions, of parts chosen by data, and repeated ones: both functions are proved apart."""
    s = ta.customize(kernel_)
    if kernel_ is rows_again:
        s.split("sum.r", 2)
        s.compute_at("L0", "r.outer")
    for array in "XY":
        s.buffer_at(f"spread:{array}", "spread:i")
    s.inline("spread")
    assert s.module.names() == (kernel_.name,)
    check(kernel_, s)
    s.pipeline("t")
    if kernel_ is under_a_condition:
        s.buffer_at("B", "r")
    check(kernel_, s)
    state = s.module.state(kernel_.name)
    caller_, callee = state.proof.obligations
    only_copies = [part for part in callee.model.statements if part.copy]
    damaged = replace(callee, model=callee.model.with_statements(only_copies, callee.tree))
    module = s.module.with_state(
        kernel_.name, replace(state, proof=replace(state.proof, obligations=(caller_, damaged)))
    )
    assert not verify_module(module)
