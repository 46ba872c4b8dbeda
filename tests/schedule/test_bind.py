"""``bind``: which memory resource holds an array."""

from __future__ import annotations

from typing import Any

import pytest
from common import refused

import tracealloc as ta
from tests.schedule.memory import agree, schedule_of
from tracealloc.emit.vitis.hardware import HARDWARE
from tracealloc.trace.ir.dtype import float32
from tracealloc.trace.ir.layout import Layout, Storage
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


def test_bind() -> None:
    s = schedule_of(gemm)
    s.bind(s.B, "bram")
    s.bind(s.B, "uram", ports=2)
    assert layout(s, "B").storage == Storage("uram", 2)
    agree(s)
    assert s.script().splitlines()[1:] == ['s.bind(s.B, "bram")', 's.bind(s.B, "uram", ports=2)']
    before = s.module
    s.undo()
    assert layout(s, "B").storage == Storage("bram")
    s.bind("B", "uram", ports=2)
    assert s.module.functions == before.functions


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("brom",),
            'TA232 bind("B", "brom") names the unknown resource \'brom\'\n'
            "  because: the resources are RESOURCES\n  try: 'bram'",
        ),
        (
            ("bram", 3),
            'TA232 bind("B", "bram", 3) needs 1 or 2 ports per bank, not 3\n'
            "  because: memories have 1 or 2 ports\n"
            "  try: no ports: 1 read + 1 either a cycle then",
        ),
    ],
)
def test_what_no_memory_is(arguments: tuple[Any, ...], message: str) -> None:
    s = schedule_of(gemm)
    wanted = message.replace("RESOURCES", ", ".join(HARDWARE.memories))
    assert refused(lambda: s.bind(s.B, *arguments), s, ta.ScheduleError) == wanted
