"""What a question may cost: answers are remembered, and a question without one is told as such."""

from __future__ import annotations

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import float32, grid, int16, int32, kernel
from tracealloc.poly.codegen import contraction as storage
from tracealloc.poly.isl import remembered
from tracealloc.poly.isl.budget import limited
from tracealloc.schedule.core import primitive
from tracealloc.schedule.loops import carried as carried_by
from tracealloc.schedule.session import apply


@kernel
def row(A: float32[64], B: float32[64, 64]):
    for i in ta.range(1, 60):
        for j in ta.range(60):
            for k in range(8):
                with ta.when(j <= i + k % 7):
                    A[j] = A[j + k % 3] * 0.5 + B[i, j]


def tiled() -> tuple[ta.Schedule, ta.ArrayHandle]:
    s = ta.customize(row)
    jo, ji = s.split("j", 4)
    buffer = s.buffer_at(s.A, ji)
    s.skew(jo, "i")
    s.split(ji, 4)
    s.reorder(jo, "i")
    outer = s.tile([jo, "i"], [4, 4])
    s.skew(outer[1], outer[0])
    s.reorder(outer[1], outer[0])
    s.tile([outer[1], outer[0]], [4, 4])
    return s, buffer


def test_the_shape_of_a_buffer_is_found_once_and_takes_little() -> None:
    _, buffer = tiled()
    with limited(400_000):  # it took 20 million
        assert buffer.shape == (3,)
    with limited(1):
        assert buffer.shape == (3,)


def test_a_step_finds_it_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    s, buffer = tiled()
    asked: list[object] = []
    usual = storage._storage

    def counted(*args):  # type: ignore[no-untyped-def]
        asked.append(args)
        return usual(*args)

    monkeypatch.setattr(storage, "_storage", counted)
    for _ in range(3):
        assert buffer.shape == (3,)
    assert len(asked) == 1
    s.undo()
    assert buffer.shape == (3,)
    assert len(asked) == 2


def test_a_step_beyond_its_budget_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    s = ta.customize(row)
    before = s.module
    monkeypatch.setattr(apply, "STEP", 200)
    with pytest.raises(ta.ScheduleError) as raised:
        s.fuse("i", "j")
    assert s.module is before
    lines = str(raised.value).splitlines()
    assert lines[0] == 'TA260 fuse("i", "j") cannot be proved right'
    assert lines[-2].startswith("  because: a budget of 200 isl operations was used up, the last in isl_")
    assert lines[-1] == "  try: take the step earlier, or in simpler parts"


@kernel
def sort(x: int16[5, 7], y: int16[5, 7]):
    for m in ta.range(5):
        r = ta.empty((7,), int16)
        for i in ta.range(7, name="load"):
            r[i] = x[m, i]
        for turn in ta.range(7):
            for i in ta.range(4):
                p = 2 * i + turn % 2
                if p + 1 < 7:
                    a, b = r[p], r[p + 1]
                    r[p], r[p + 1] = min(a, b), max(a, b)
        for i in ta.range(7, name="store"):
            y[m, i] = r[i]


def test_what_a_small_sort_needs_is_followed_from_instance_to_instance() -> None:
    s = ta.customize(sort)
    with limited(3_000_000):  # each part of a step has a budget of its own
        s.compute_at(s.r, "store.i")
    assert "for turn in 0:7" in str(s) and s.r_i.shape == (7,)
    assert s.verify()
    x = np.random.default_rng(0).integers(-99, 99, (5, 7), np.int16)
    y = np.zeros_like(x)
    ta.interpret(s, x, y)
    assert (y == np.sort(x, axis=1)).all()


@kernel
def updated_in_place(A: int32[4, 8], H: int32[8, 8]):
    for i, k in grid(6, 3):
        for m in ta.range(6):
            H[i, m // 3] = H[m // 2 + 1, m // 4] + H[m // 4 + 2, 0]
        H[i, 1] += H[k, k // 4 + 1]
    for j, n in grid(2, 4):
        A[j, n] = H[n, j // 3] + H[2 * j + 1, n // 3]


def test_what_is_wrong_with_a_small_move_is_found_by_running_it() -> None:
    s = ta.customize(updated_in_place)
    with pytest.raises(ta.IllegalScheduleError) as raised, limited(4_000_000):
        s.compute_at(s.H, "n")
    lines = [line for line in str(raised.value).splitlines() if "|" not in line]
    assert lines[0] == 'TA210 compute_at("H", "n") would give a read another value'
    assert lines[2].endswith("reads H[1, 0]")


def test_a_refusal_needs_no_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    @kernel
    def stencil(A: int32[20, 20]):
        for i in grid(19):
            for j in ta.range(1, 20):
                A[i + 1, j - 1] += A[i, j]

    s = ta.customize(stencil)
    with pytest.raises(ta.IllegalScheduleError, match=r"TA210 reorder.*(\n.*)*try: s.skew") as found:
        s.reorder("j", "i")
    with pytest.raises(ta.IllegalScheduleError, match=r"TA211 parallel.*(\n.*)*try: s.parallel") as carried:
        s.parallel("i")
    monkeypatch.setattr(primitive, "CURE", 1)
    monkeypatch.setattr(carried_by, "CURE", 1)
    for forget in remembered._forget:  # what is remembered costs nothing
        forget()
    with pytest.raises(ta.IllegalScheduleError, match="TA210 reorder") as bare:
        s.reorder("j", "i")
    assert bare.value.because == found.value.because
    with pytest.raises(ta.IllegalScheduleError, match="TA211 parallel") as alone:
        s.parallel("i")
    assert alone.value.because == carried.value.because
    assert alone.value.hint is None
