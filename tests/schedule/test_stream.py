"""``stream``: an array between two processes becomes a FIFO."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from common import check_round_trip, refused

import tracealloc as ta
from tracealloc import float32, grid, int32, kernel


@kernel
def chain(A: float32[4, 6], D: float32[4, 6]):
    B = ta.empty((4, 6), float32)
    C = ta.empty((4, 6), float32)
    for i, j in grid(4, 6):
        B[i, j] = A[i, j] * 2
    for i, j in grid(4, 6):
        C[i, j] = B[i, j] + B[i, j] * B[i, j]
    for i, j in grid(4, 6):
        D[i, j] = C[i, j] - 1


@kernel
def turned(A: int32[4, 4], C: int32[4, 4]):
    B = ta.empty((4, 4), int32)
    for i, j in grid(4, 4):
        B[i, j] = A[i, j] * 2
    for i, j in grid(4, 4):
        C[i, j] = B[j, i]


@kernel
def blurred(A: int32[10], C: int32[8]):
    B = ta.empty((10,), int32)
    for i in grid(10):
        B[i] = A[i] * 2
    for i in grid(8):
        C[i] = B[i] + B[i + 1] + B[i + 2]


@kernel
def part(A: int32[8], C: int32[8]):
    B = ta.empty((8,), int32)
    for i in grid(8):
        B[i] = A[i] * 2
    for i in grid(6):
        C[i] = B[i]


def run(s: Any, expected: np.ndarray, *arrays: np.ndarray) -> None:
    s.build()(*arrays)
    np.testing.assert_array_equal(arrays[-1], expected)
    arrays[-1][...] = 0
    s.build(target="vitis_hls", mode="csim")(*arrays)
    np.testing.assert_array_equal(arrays[-1], expected)


def test_a_chain() -> None:
    s = ta.customize(chain)
    assert str(s.stream(s.B)) == "B"
    assert s.stream(s.C, depth=4).depth == 4
    check_round_trip(s, chain)
    text = str(s.lowered)
    assert "B: Stream[float32]" in text
    assert "B_head = B.get()" in text
    A = np.arange(24, dtype=np.float32).reshape(4, 6)
    run(s, A * 2 + A * A * 4 - 1, A, np.zeros_like(A))
    hls = s.build(target="vitis_hls").source
    # Nobody waits to put: the loops behind take at least as long for each.
    assert f"#pragma HLS stream variable=B depth={s.B.depth}" in hls
    assert "#pragma HLS stream variable=C depth=4" in hls


def test_both_sides_in_tiles() -> None:
    """The order is that of the loops: the same tiles on both sides are a FIFO again."""
    s = ta.customize(chain)
    s.split("L0.j", 4)
    s.reorder("L0.j.outer", "L0.i")
    message = refused(lambda: s.stream(s.B), s, ta.IllegalScheduleError)
    assert message.startswith(
        "TA291 stream(\"B\") cannot be: 'B' is read in another order than it is made in"
    )
    assert "B[0, 4] is wanted when B[1, 0] is at the head of the queue" in message
    s.split("L1.j", 4)
    s.reorder("L1.j.outer", "L1.i")
    s.stream(s.B)
    check_round_trip(s, chain)


def test_a_later_step_must_keep_the_order() -> None:
    s = ta.customize(chain)
    s.stream(s.B)
    message = refused(lambda: s.reverse("L1.i"), s, ta.ScheduleError)
    assert "'B' is read in another order than it is made in" in message
    s.pipeline("L1.j")
    check_round_trip(s, chain)


@pytest.mark.parametrize(
    ("of", "wanted"),
    [
        (turned, "B[1, 0] is wanted when B[0, 1] is at the head of the queue"),
        (blurred, "B[1] is wanted again when B[3] is at the head of the queue"),
    ],
)
def test_what_is_no_fifo(of: Any, wanted: str) -> None:
    s = ta.customize(of)
    assert wanted in refused(lambda: s.stream(s.B), s, ta.IllegalScheduleError)


def test_a_window_loads_in_two_places() -> None:
    """A line buffer reads each element once, in order: its first ones in a nest of their own."""
    s = ta.customize(blurred)
    s.reuse_at(s.B, "L1.i")
    s.stream(s.B)
    A = np.arange(10, dtype=np.int32)
    run(s, 6 * A[:8] + 6, A, np.zeros(8, np.int32))


def test_what_nobody_reads_is_not_put() -> None:
    s = ta.customize(part)
    s.stream(s.B)
    A = np.arange(8, dtype=np.int32)
    run(s, np.where(A < 6, A * 2, 0), A, np.zeros(8, np.int32))


def test_arguments_come_from_outside() -> None:
    s = ta.customize(chain)
    assert "what an argument holds comes from outside" in refused(
        lambda: s.stream(s.A), s, ta.IllegalScheduleError
    )
    assert "needs a depth that is a positive int, not 'deep'" in refused(
        lambda: s.stream(s.B, depth="deep"),
        s,
        ta.ScheduleError,
    )
