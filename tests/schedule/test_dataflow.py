"""``dataflow``: the nests and calls of a function become processes."""

from __future__ import annotations

import numpy as np
from common import check_round_trip, refused

import tracealloc as ta
from tracealloc import float32, grid, kernel


@kernel
def stages(A: float32[8], C: float32[8]):
    B = ta.empty((8,), float32)
    for i in grid(8):
        B[i] = A[i] * 2
    for i in grid(8):
        C[i] = B[7 - i] + 1


@kernel
def inner(A: float32[8], B: float32[8], C: float32[8]):
    for i in grid(8):
        B[i] = A[i] * 2
    for i in grid(8):
        C[i] = A[i] + 1


@kernel
def outer(A: float32[8], C: float32[8]):
    B = ta.empty((8,), float32)
    inner(A, B, C)
    for i in grid(8):
        C[i] += B[i]


@kernel
def forks(A: float32[8], C: float32[8], D: float32[8]):
    B = ta.empty((8,), float32)
    for i in grid(8):
        B[i] = A[i] * 2
    for i in grid(8):
        C[i] = B[i]
    for i in grid(8):
        D[i] = B[i]


@kernel
def twice(A: float32[8], B: float32[8]):
    for i in grid(8):
        B[i] = A[i]
    for i in grid(8):
        B[i] += 1


def test_nests_are_processes() -> None:
    s = ta.customize(stages)
    s.dataflow()
    check_round_trip(s, stages)
    A = np.arange(8, dtype=np.float32)
    C = np.zeros_like(A)
    s.build()(A, C)
    np.testing.assert_array_equal(C, A[::-1] * 2 + 1)
    text = s.build(target="vitis_hls").source
    assert "#pragma HLS dataflow" in text
    assert "  L0(" in text
    assert "  L1(" in text
    s.undo()
    assert "HLS dataflow" not in s.build(target="vitis_hls").source


def test_of_a_function() -> None:
    s = ta.customize(outer)
    s.dataflow("inner")
    assert s.module.state("inner").concurrent
    assert not s.module.state("outer").concurrent
    check_round_trip(s, outer)
    A = np.arange(8, dtype=np.float32)
    C = np.zeros_like(A)
    s.build()(A, C)
    np.testing.assert_array_equal(C, A * 3 + 1)


def test_steps_inside_processes() -> None:
    s = ta.customize(stages)
    s.dataflow()
    s.pipeline("L0.i")
    s.split("L1.i", 3)
    check_round_trip(s, stages)
    assert "pipeline" in str(s)


def test_a_channel_has_one_consumer() -> None:
    s = ta.customize(forks)
    assert refused(s.dataflow, s, ta.ScheduleError) == (
        "TA288 dataflow() cannot make a channel of 'B': it goes from L0 to two processes, L1 and L2\n"
        "  because: a channel has one producer and one consumer\n"
        "  try: copy 'B' in a nest of its own: one array for each; or merge the nests"
    )


def test_an_element_is_stored_by_one() -> None:
    s = ta.customize(twice)
    message = refused(s.dataflow, s, ta.ScheduleError)
    assert message.startswith(
        "TA288 dataflow() would not leave processes that can run beside one another: "
        "'B' is stored to by two processes, L0 and L1"
    )


def test_no_such_function() -> None:
    s = ta.customize(outer)
    assert refused(lambda: s.dataflow("iner"), s, ta.ScheduleError) == (
        "TA288 dataflow(\"iner\") finds no function 'iner'\n"
        "  because: the functions are inner, outer\n"
        "  try: did you mean 'inner'?"
    )
