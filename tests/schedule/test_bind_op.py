"""``bind_op``: how an operation is made, and what that does to intervals."""

from __future__ import annotations

from typing import Any

import pytest
from common import check_round_trip, refused

import tracealloc as ta
from tests.schedule.memory import said
from tracealloc import float32, grid, kernel
from tracealloc.emit.vitis.hardware import HARDWARE


@kernel
def saxpy(a: float32, X: float32[64], Y: float32[64]):
    for i in grid(64):
        t = ta.scalar(float32, a * X[i])
        Y[i] = t + Y[i]


@kernel
def sums(A: float32[8, 8], B: float32[8], C: float32[8]):
    for i, j in grid(8, 8):
        C[j] += A[i, j] * B[j]


def test_bind_op() -> None:
    s = ta.customize(saxpy)
    s.bind_op(s.Y, "fadd", impl="fulldsp")
    s.bind_op(s.Y, "fadd", impl="fabric", latency=4)
    s.bind_op("t", "fmul", latency=2)
    assert s.script().splitlines()[1:] == [
        's.bind_op(s.Y, "fadd", impl="fulldsp")',
        's.bind_op(s.Y, "fadd", impl="fabric", latency=4)',
        's.bind_op("t", "fmul", latency=2)',
    ]
    assert str(s.layouts().reasons("Y")).splitlines()[1].startswith("  fadd fabric latency 4  step 2: ")
    text = s.build(target="vitis_hls").source
    assert "#pragma HLS bind_op variable=Y op=fadd impl=fabric latency=4\n" in text
    assert "#pragma HLS bind_op variable=t op=fmul latency=2\n" in text
    assert text.count("HLS bind_op") == 2
    check_round_trip(s, saxpy)


@pytest.mark.parametrize(
    ("options", "least"),
    [
        ({"latency": 3}, 5),  # 4 stages, and the memory
        ({"latency": 0}, 3),
        ({"impl": "fabric"}, 6),
        ({"impl": "fulldsp"}, 8),
        ({"impl": "meddsp"}, 8),  # no row of it: as the tool likes
        ({"impl": "auto", "latency": 9}, 11),
    ],
)
def test_recurrences_go_by_it(options: dict[str, Any], least: int) -> None:
    s = ta.customize(sums)
    s.reorder("j", "i")
    s.bind_op(s.C, "fadd", **options)
    (text,) = said(s, "i")
    assert f"dependences allow ii={least}, not 1: " in text
    assert said(s, "i", least) == []


def test_of_integers_and_through_calls() -> None:
    @kernel
    def walk(x: ta.int32[64], y: ta.int32[64]):
        s = ta.scalar(ta.int32, 1)
        for i in ta.range(64):
            s.set(s * x[i])
            y[i] = s

    s = ta.customize(walk)
    assert "allow ii=3, not 1" in said(s, "i")[0]
    s.bind_op("s", "mul", latency=0)
    assert said(s, "i") == []
    assert "#pragma HLS bind_op variable=s op=mul latency=0" in s.build(target="vitis_hls").source
    check_round_trip(s, walk)


HINT = "  try: t = ta.scalar(float32, ...) for the result of the operation, and bind that"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ('"C", "fadx"',
         "TA280 {} names the unknown operation 'fadx'\n"
         f"  because: the operations are {', '.join(HARDWARE.operations)}\n  try: 'fadd'"),
        ('"C", "fadd", "dsp48"',
         "TA280 {} names the unknown implementation 'dsp48'\n"
         f"  because: the implementations are {', '.join(HARDWARE.implementations)}\n  try: 'dsp'"),
        ('"C", "fadd", "dsp", -1', "TA280 {} needs a latency of 0 to 100 cycles, not -1"),
        ('"C", "fmul"',
         "TA281 {} finds no fmul whose result is stored in 'C'\n"
         f"  because: the operations whose results it holds: fadd\n{HINT}"),
        ('"A", "fadd"',
         "TA281 {} finds no fadd whose result is stored in 'A'\n"
         f"  because: the operations whose results it holds: none\n{HINT}"),
    ],
)  # fmt: skip
def test_refusals(arguments: str, message: str) -> None:
    s = ta.customize(sums)
    text = refused(lambda: eval(f"s.bind_op({arguments})", {"s": s}), s, ta.ScheduleError)
    assert text == message.format(f"bind_op({arguments})")


def test_a_bound_port_keeps_its_burst() -> None:
    """What is said of operations is nothing that a port's array needs a copy for."""
    s = ta.customize(saxpy)
    s.interface(s.Y, "m_axi")
    s.bind_op(s.Y, "fadd", latency=3)
    assert "Y_local" not in s.build(target="vitis_hls").source
