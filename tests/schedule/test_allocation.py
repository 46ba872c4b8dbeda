"""``allocation``: operations that share instances, and wait for them."""

from __future__ import annotations

import pytest
from common import check_round_trip, refused

import tracealloc as ta
from tests.schedule.memory import said
from tracealloc import float32, grid, kernel
from tracealloc.emit.vitis.hardware import HARDWARE


@kernel
def sums(A: float32[8, 8], B: float32[8], C: float32[8]):
    for i, j in grid(8, 8):
        C[j] += A[i, j] * B[j]


@pytest.mark.parametrize(
    ("loop", "op", "limit", "least"),
    [("i", "fadd", 2, 4), ("i", "fadd", 8, 1), ("i", "fmul", 3, 3), ("j", "fadd", 1, 1), ("i", "fmul", 1, 8)],
)
def test_intervals_go_by_it(loop: str, op: str, limit: int, least: int) -> None:
    s = ta.customize(sums)
    s.partition(s.A, dim=1)
    s.partition(s.B)
    s.partition(s.C)
    s.reorder("i", "j")
    s.pipeline(loop, 8)
    s.allocation(loop, op, limit)
    found = [text for text in said(s, loop, 1) if ": allocation allows" in text]
    start = f'pipeline("{loop}", 1): allocation allows ii={least}, not 1: an iteration has 8 {op}, '
    assert found == ([] if least == 1 else [f"{start}of which {limit} may start in a cycle"])


def test_allocation() -> None:
    s = ta.customize(sums)
    with pytest.warns(ta.TraceallocWarning):
        s.pipeline("i")
    with pytest.warns(ta.TraceallocWarning) as caught:
        s.allocation("i", "fadd", limit=2)
    assert [str(each.message) for each in caught] == [
        'allocation("i", "fadd", limit=2): allocation allows ii=4, not 1: '
        "an iteration has 8 fadd, of which 2 may start in a cycle"
    ]
    assert "i: II asked 1, needed 4: an iteration has 8 fadd, of which 2 may start in a cycle" in str(
        s.conflicts()
    )
    assert "[pipeline ii=1, fadd at most 2]" in str(s)
    assert "#pragma HLS allocation operation instances=fadd limit=2\n" in s.build(target="vitis_hls").source
    check_round_trip(s, sums)


def test_copies_and_calls_count() -> None:
    @kernel
    def inner(x: float32[4], y: float32[4]):
        for k in grid(4):
            y[k] = x[k] * 2 + 1

    @kernel
    def outer(X: float32[8, 4], Y: float32[8, 4]):
        for i in grid(8):
            inner(X[i], Y[i])

    s = ta.customize(outer)
    s.unroll("i", factor=2)
    s.pipeline("i", 100)
    s.allocation("i", "fmul", 1)
    (text,) = [text for text in said(s, "i", 1) if ": allocation allows" in text]
    assert "an iteration has 8 fmul, of which 1 may start in a cycle" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ('"i", "fadd", 0', "TA283 {} needs a limit of at least 1 instance, not 0"),
        ('"i", "add", 1',
         "TA283 {} finds no add in loop 'i'\n  because: its operations are fadd, fmul"),
        ('"i", "fmull", 1',
         "TA280 {} names the unknown operation 'fmull'\n"
         f"  because: the operations are {', '.join(HARDWARE.operations)}\n  try: 'fmul'"),
    ],
)  # fmt: skip
def test_refusals(arguments: str, message: str) -> None:
    s = ta.customize(sums)
    text = refused(lambda: eval(f"s.allocation({arguments})", {"s": s}), s, ta.ScheduleError)
    assert text == message.format(f"allocation({arguments})")
