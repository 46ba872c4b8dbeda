"""``pack``: several elements in one wide word."""

from __future__ import annotations

import pytest

from tests.schedule.memory import agree, schedule_of
from tracealloc.trace.diagnostics.errors import LayoutError, ScheduleError
from tracealloc.trace.ir.dtype import float32
from tracealloc.trace.ir.layout import Layout, Pack
from tracealloc.trace.proxies.functional import zeros
from tracealloc.trace.proxies.loops import grid


def gemm(A: float32[6, 8], B: float32[8, 10]):
    C = zeros((6, 10), float32)
    for i, j, k in grid(6, 10, 8):
        C[i, j] += A[i, k] * B[k, j]
    return C


def layout(schedule, name: str) -> Layout:  # type: ignore[no-untyped-def]
    state = schedule.module.state(schedule.name)
    return state.layout(next(a for a in state.model.arrays if a.name == name))


def test_pack() -> None:
    s = schedule_of(gemm)
    s.pack(s.B, 1, 2)
    s.pack(s.B, 1, 10)
    assert layout(s, "B").pack == Pack(1, 10)
    agree(s, c=True)
    for wrong in (lambda: s.pack(s.A, 1, 3), lambda: s.pack(s.B, 0, 2), lambda: s.partition(s.B, dim=1)):
        with pytest.raises(LayoutError) as caught:
            wrong()
        assert caught.value.code == "TA234"
    with pytest.raises(ScheduleError):
        s.pack(s.A, 2, 2)
