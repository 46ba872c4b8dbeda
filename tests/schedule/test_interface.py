"""``interface``: the top-level port of an argument."""

from __future__ import annotations

from typing import Any

import pytest
from common import check_round_trip, refused

import tracealloc as ta
from tracealloc import float32, grid, kernel
from tracealloc.trace.ir.layout import Port


@kernel
def scale(A: float32[8], B: float32[8], f: float32):
    for i in grid(8):
        B[i] = A[i] * f


def port_of(s: ta.Schedule, name: str) -> Port | None:
    """The port that an argument has now."""
    state = s.module.state(s.name)
    return state.layout(next(array for array in state.model.arrays if array.name == name)).port


def test_the_last_port_that_was_asked_counts() -> None:
    s = ta.customize(scale)
    s.interface(s.A, "axis")
    s.interface(s.A, "m_axi", bundle="gmem0", latency=64)
    assert port_of(s, "A") == Port("m_axi", (("bundle", "gmem0"), ("latency", 64)))
    assert port_of(s, "B") is None
    assert s.script().splitlines()[1:] == [
        's.interface(s.A, "axis")',
        's.interface(s.A, "m_axi", bundle="gmem0", latency=64)',
    ]
    check_round_trip(s, scale)
    s.undo()
    assert port_of(s, "A") == Port("axis")
    assert "#pragma HLS interface mode=axis port=A" in s.build(target="vitis_hls").source


@pytest.mark.parametrize(
    ("array", "arguments", "options", "lines"),
    [
        (
            "A",
            ("axi",),
            {},
            [
                'TA233 interface("A", "axi") names the unknown kind of port \'axi\'',
                "  because: the kinds are m_axi, axis, ap_memory, s_axilite",
                "  try: 'axis'",
            ],
        ),
        (
            "A_i",
            ("m_axi",),
            {},
            [
                'TA233 interface("A_i", "m_axi") needs an argument of scale, and \'A_i\' is not one',
                "  because: its arguments and results are A, B, f",
                "  try: s.bind('A_i', ...) chooses the memory of an array inside",
            ],
        ),
        (
            "f",
            ("ap_memory",),
            {},
            [
                'TA233 interface("f", "ap_memory") needs an array for a port of kind \'ap_memory\', '
                "and 'f' is a scalar",
                "  try: 's_axilite'",
            ],
        ),
        (
            "A",
            ("m_axi",),
            {"bundle": "a b"},
            [
                'TA233 interface("A", "m_axi", bundle="a b") got bundle=\'a b\', '
                "which is neither a word nor a number"
            ],
        ),
    ],
)
def test_what_no_port_is(
    array: str, arguments: tuple[Any, ...], options: dict[str, Any], lines: list[str]
) -> None:
    s = ta.customize(scale)
    s.buffer_at(s.A, "i")
    message = refused(lambda: s.interface(array, *arguments, **options), s, ta.ScheduleError)
    assert message.splitlines() == lines
