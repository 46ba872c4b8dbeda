"""What a question may cost: answers are remembered, and a question without one is told as such."""

from __future__ import annotations

import pytest

import tracealloc as ta
from tracealloc import float32, kernel
from tracealloc.poly.codegen import contraction as storage
from tracealloc.poly.isl.budget import limited
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
