"""``cast``: another element type for an array."""

from __future__ import annotations

import numpy as np
import pytest

import tracealloc as ta
from tests.schedule.memory import outcome, schedule_of
from tracealloc import int32, kernel
from tracealloc.check.interpret.interpret import interpret
from tracealloc.check.verify import verify_module
from tracealloc.emit.run.runtime import build_c
from tracealloc.trace.diagnostics.errors import ScheduleError
from tracealloc.trace.ir.dtype import OVERFLOWS, DType, Fixed, Integer, boolean, float16, float32, float64
from tracealloc.trace.proxies.functional import constant, zeros
from tracealloc.trace.proxies.loops import grid


def gemm(A: float32[6, 8], B: float32[8, 10]):
    C = zeros((6, 10), float32)
    for i, j, k in grid(6, 10, 8):
        C[i, j] += A[i, k] * B[k, j]
    return C


def test_cast_is_exact_no_longer() -> None:
    s = schedule_of(gemm)
    s.reorder("k", "j")
    buffer = s.buffer_at(s.C, "i")
    s.cast(buffer, float64)
    proof = verify_module(s.module)
    assert not proof
    assert proof.counterexample == "C_i is stored as float64, not float32: values are converted"
    a, b = np.ones((6, 8), np.float32), np.ones((8, 10), np.float32)
    assert np.array_equal(build_c(s.lowered)(a, b), np.full((6, 10), 8, np.float32))


def test_cast_of_an_argument_changes_the_call() -> None:
    s = schedule_of(gemm)
    s.cast(s.A, Fixed(16, 8))
    a, b = np.ones((6, 8), np.int16), np.ones((8, 10), np.float32)
    assert np.array_equal(build_c(s.lowered)(a, b), np.full((6, 10), 8, np.float32))
    with pytest.raises(ScheduleError) as caught:
        s.cast(s.B, "half a float")
    assert caught.value.code == "TA236"


def test_cast_of_a_table_converts_its_content_as_a_store_does() -> None:
    rng = np.random.default_rng(0)
    table = (rng.standard_normal((5, 6)) * 3).astype(np.float32)

    def layer(x: float32[6], y: float32[5], copied: float32[5, 6]):
        w = constant(table)
        for i in grid(5):
            for j in grid(6):
                copied[i, j] = w[i, j]
                y[i] += w[i, j] * x[j]

    def stored(x: float32[6], y: float32[5], copied: float32[5, 6]):
        full = constant(table)
        w = zeros((5, 6), float32)
        for i in grid(5):
            for j in grid(6):
                w[i, j] = full[i, j]
        for i in grid(5):
            for j in grid(6):
                copied[i, j] = w[i, j]
                y[i] += w[i, j] * x[j]

    fixed = [Fixed(8, 4, True, r, o) for r in ("TRN", "RND_CONV", "TRN_ZERO") for o in OVERFLOWS]
    for dtype in (*fixed, Fixed(6, 3, False, "RND", "SAT"), int32, Integer(3, True), float16, boolean):
        outcomes = []
        for function in (layer, stored):
            s = schedule_of(function)
            s.cast("w", dtype)
            assert not s.verify()
            outcomes.append(outcome(lambda *args, s=s: interpret(s.lowered, *args), s.program))
            built = outcome(build_c(s.lowered), s.program)
            for a, b in zip(outcomes[-1], built, strict=True):
                assert np.array_equal(a, b)
        for a, b in zip(*outcomes, strict=True):
            assert np.array_equal(a, b), dtype


@kernel
def conditions(A: float32[6], M: boolean[6], B: float32[6]):  # type: ignore[valid-type]
    flags = ta.zeros((6,), boolean)
    on = ta.scalar(boolean, True)
    left = ta.scalar(boolean, True)
    for i in ta.range(6):
        flags[i] = M[i] and not (A[i] > 2)
    for i in ta.range(6):
        if flags[i]:
            B[i] = A[i]
        elif not on:
            B[i] = 3
        else:
            B[i] = ta.where(M[i] | flags[i], 5, -1)
        on.set(~on)
        B[i] += ta.where(on, 1, 0)
        if (flags[i] and on) or M[i]:
            B[i] += 10
    ta.while_loop(lambda: left & ~on | left, lambda: left.set(False))


@pytest.mark.parametrize("dtype", [int32, Integer(1, False), Integer(70, True), float16, Fixed(12, 4)])
def test_cast_conditions_stay_conditions(dtype: DType) -> None:
    """Whatever statements run by, cast to a number: it holds where it is not zero."""
    a, m = np.array([1, 3, 2, 5, 0, 9], np.float32), np.array([1, 0, 1, 1, 0, 1], bool)
    want = np.zeros(6, np.float32)
    conditions(a, m, want)
    s = ta.customize(conditions)
    for name in ("flags", "on", "left", *(str(array) for array in s.arrays() if str(array)[1:].isdigit())):
        s.cast(name, dtype)
    found, again = np.zeros(6, np.float32), np.zeros(6, np.float32)
    s.build()(a, m, found)
    interpret(s.lowered, a, m, again)
    np.testing.assert_array_equal(found, want)
    np.testing.assert_array_equal(again, want)
    assert len(s.history) == 3 + 5  # c0 to c4
