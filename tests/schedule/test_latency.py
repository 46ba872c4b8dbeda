"""``latency``: the least and the most cycles of an iteration."""

from __future__ import annotations

from typing import Any

import pytest
from common import check_round_trip, refused

import tracealloc as ta
from tracealloc import float32, grid, kernel


@kernel
def sums(A: float32[8, 8], B: float32[8], C: float32[8]):
    for i, j in grid(8, 8):
        C[j] += A[i, j] * B[j]


def test_latency() -> None:
    s = ta.customize(sums)
    s.pipeline("j")
    s.latency("j", min=4)
    assert "[pipeline ii=1, least 4 cycles]" in str(s)
    s.latency("j", min=4, max=12)
    assert "[pipeline ii=1, least 4 cycles, most 12 cycles]" in str(s)
    s.latency("i", max=900)
    assert s.script().splitlines()[-1] == 's.latency("i", max=900)'
    text = s.build(target="vitis_hls").source
    assert "#pragma HLS latency min=4 max=12\n" in text and "#pragma HLS latency max=900\n" in text
    check_round_trip(s, sums)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, 'TA282 latency("j") needs a least or a greatest number of cycles\n  try: max=8'),
        ({"min": -1}, 'TA282 latency("j", min=-1) needs whole numbers of cycles, not -1'),
        ({"max": 2.5}, 'TA282 latency("j", max=2.5) needs whole numbers of cycles, not 2.5'),
        ({"min": 9, "max": 3}, 'TA282 latency("j", min=9, max=3) asks for at least 9 and at most 3 cycles'),
    ],
)
def test_refusals(options: dict[str, Any], message: str) -> None:
    s = ta.customize(sums)
    assert refused(lambda: s.latency("j", **options), s, ta.ScheduleError) == message


def test_of_a_loop_on_data() -> None:
    @kernel
    def rows(low: ta.int32[9], A: float32[64]):
        for i in ta.range(8):
            for k in ta.range(low[i], low[i + 1]):
                A[k] = 0

    s = ta.customize(rows)
    s.latency("k", max=4)
    assert "[most 4 cycles]" in str(s)
    assert s.verify() and "HLS latency max=4" in s.build(target="vitis_hls").source
