"""``partition``: split an array into banks."""

from __future__ import annotations

import pytest

from tests.schedule.memory import schedule_of
from tracealloc.trace.diagnostics.errors import ScheduleError
from tracealloc.trace.ir.dtype import float32
from tracealloc.trace.ir.layout import Banks, Layout
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


def test_asking_twice_is_a_join() -> None:
    s = schedule_of(gemm)
    s.partition(s.B, dim=1, kind="cyclic", factor=4)
    s.partition(s.B, dim=1, kind="cyclic", factor=6)
    s.partition(s.B, dim=1, kind="cyclic", factor=3)
    assert layout(s, "B").banks == (Banks(), Banks("complete", 10))
    s.partition(s.A, dim=[0, 1], kind="block", factor=2)
    assert layout(s, "A").banks == (Banks("block", 2), Banks("block", 2))
    s.partition(s.A)
    assert layout(s, "A").banks == (Banks("complete", 6), Banks("complete", 8))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"dim": 2}, "TA230"),
        ({"dim": -1}, "TA230"),
        ({"dim": True}, "TA207"),
        ({"dim": 1, "kind": "cyclic"}, "TA231"),
        ({"dim": 1, "kind": "cyclic", "factor": 0}, "TA231"),
        ({"dim": 1, "kind": "circular", "factor": 2}, "TA231"),
        ({"dim": 1, "factor": 2}, "TA231"),
    ],
)
def test_partitions_that_are_refused(arguments: dict[str, object], code: str) -> None:
    s = schedule_of(gemm)
    before = s.module
    with pytest.raises(ScheduleError) as caught:
        s.partition(s.B, **arguments)
    assert caught.value.code == code
    assert s.module is before
