"""Accesses that depend on data: outside an array nothing is touched, and the call says which one it was."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import grid, int8, int32, kernel, uint64
from tracealloc.check.interpret.interpret import interpret
from tracealloc.emit.common.access_checks import all_checks, checks_of
from tracealloc.emit.run.runtime import build_c
from tracealloc.emit.vitis.csim.ap_headers import open_headers

EDGE = 64  # canary elements on each side


def guarded(size: int) -> tuple[np.ndarray, np.ndarray]:
    """An array of zeros inside a larger one of canaries."""
    around = np.full(size + 2 * EDGE, 77, np.int32)
    inside = around[EDGE : EDGE + size]
    inside[:] = 0
    return inside, around


def intact(around: np.ndarray) -> bool:
    return bool((around[:EDGE] == 77).all() and (around[-EDGE:] == 77).all())


@kernel
def gather(A: int32[8], idx: int32[4], B: int32[4]):
    for i in grid(4):
        B[i] = A[idx[i]]


@kernel
def scatter(A: int32[8], idx: int32[4], B: int32[4]):
    for i in grid(4):
        A[idx[i]] = B[i]


@kernel
def update(A: int32[8], idx: int32[4], B: int32[4]):
    for i in grid(4):
        A[idx[i] + 1] += B[i] + 1


@kernel
def under_condition(A: int32[8], idx: int32[4], B: int32[4]):
    for i in grid(4):
        if idx[i] != 0:
            A[6 * i] = idx[i]


@kernel
def in_condition(A: int32[8], idx: int32[4], B: int32[4]):
    for i in grid(4):
        if A[idx[i] + 6] >= 0:
            B[i] = 1


@kernel
def searching(A: int32[8], idx: int32[4], B: int32[4]):
    at = ta.scalar(int32, 0)
    ta.while_loop(lambda: A[at] != 5, lambda: at.set(at + idx[0]))
    B[0] = at


@kernel
def between(A: int32[8], idx: int32[4], B: int32[4]):
    for i in ta.range(idx[0], idx[1]):
        A[i] = 3


@kernel
def chosen(A: int32[8], idx: int32[4], B: int32[4]):
    for i in grid(4):
        B[i] = ta.where(idx[i] < 8, A[idx[i]], 9)


CASES: list[tuple[Callable[..., None], list[int], str]] = [
    (gather, [0, 7, 8, 1], "A[idx[i]]"),
    (gather, [0, 7, -1, 1], "A[idx[i]]"),
    (gather, [2**31 - 1, 0, 0, 0], "A[idx[i]]"),
    (scatter, [0, 7, 8, 1], "A[idx[i]]"),
    (scatter, [0, -(2**31), 7, 1], "A[idx[i]]"),
    (update, [0, 6, 7, -1], "A[t0]"),
    (update, [-2, 0, 0, 0], "A[t0]"),
    (under_condition, [0, 1, 1, 0], "A[6 * i]"),
    (in_condition, [0, 1, 2, 0], "A[idx[i] + 6]"),
    (searching, [1, 0, 0, 0], "A[at]"),
    (searching, [-3, 0, 0, 0], "A[at]"),
    (between, [4, 9, 0, 0], "A[i]"),
    (between, [-1, 2, 0, 0], "A[i]"),
    (between, [0, 2**31 - 1, 0, 0], "A[i]"),
    (chosen, [0, 9, -1, 0], "A[idx[i]]"),
]


@pytest.mark.parametrize(("function", "idx", "text"), CASES)
def test_nothing_outside_is_touched(function: Callable[..., None], idx: list[int], text: str) -> None:
    a, around_a = guarded(8)
    b, around_b = guarded(4)
    with pytest.raises(ta.BoundsError) as found:
        function(a, np.array(idx, np.int32), b)
    assert found.value.code == "TA152"
    name = getattr(function, "__name__", "")
    assert found.value.summary == f"{name}: {text} went outside A, whose shape is (8)"
    assert intact(around_a)
    assert intact(around_b)
    assert not (a == 77).any()
    assert not (b == 77).any()


@pytest.mark.parametrize(
    ("function", "idx"),
    [
        (gather, [0, 7, 3, 1]),
        (scatter, [0, 7, 3, 1]),
        (update, [-1, 6, 3, 1]),
        (under_condition, [0, 1, 0, 0]),
        (in_condition, [-6, 1, 0, 0]),
        (between, [0, 8, 0, 0]),
        (between, [12, 9, 0, 0]),
        (chosen, [0, 9, 7, 100]),
    ],
)
def test_inside_nothing_is_said(function: Callable[..., None], idx: list[int]) -> None:
    arrays = (np.zeros(8, np.int32), np.array(idx, np.int32), np.zeros(4, np.int32))
    function(*arrays)
    function(*arrays)


def test_the_whole_message() -> None:
    arrays = (np.zeros(8, np.int32), np.array([0, 0, 9, 0], np.int32), np.zeros(4, np.int32))
    with pytest.raises(ta.BoundsError) as found:
        scatter(*arrays)
    line = scatter.function.__code__.co_firstlineno + 3
    assert str(found.value).split("\n") == [
        "TA152 scatter: A[idx[i]] went outside A, whose shape is (8)",
        f"  at test_c_bounds.py:{line}:9",
        f"{line:6} |         A[idx[i]] = B[i]",
        "       |         ^^^^^^^^^",
        "  because: this access depends on data, so it is checked while the kernel runs",
        "  because: it was not done, and loops that depend on data stopped: arrays may be partly written",
        "  try: interpret(scatter.trace(), ...) tells the iteration and the value of the subscript",
    ]


def test_the_first_one_is_told() -> None:
    @kernel
    def both(A: int32[8], idx: int32[4], B: int32[4]):
        for i in grid(4):
            B[idx[i]] = 1
            A[idx[i]] = 1

    with pytest.raises(ta.BoundsError, match=r"both: B\[idx\[i\]\] went outside B"):
        both(np.zeros(8, np.int32), np.array([0, 9, 0, 0], np.int32), np.zeros(4, np.int32))


def test_calls_of_kernels() -> None:
    """A view whose start is data is checked by the caller, what the callee does with data by the callee."""

    @kernel
    def put(row: int32[4], at: int32):
        row[at] = 1

    @kernel
    def rows(A: int32[2, 4], idx: int32[4], B: int32[4]):
        put(A[idx[0]], idx[1])
        put(B, idx[2])

    for idx, text in (
        ([0, 4, 0, 0], "put requires at >= 0 and at <= 3"),
        ([2, 0, 0, 0], "rows: A[idx[0], :] went outside A, whose shape is (2, 4)"),
        ([-1, 0, 0, 0], "rows: A[idx[0], :] went outside A, whose shape is (2, 4)"),
        ([0, 0, 4, 0], "put requires at >= 0 and at <= 3"),
    ):
        flat, around = guarded(8)
        a = flat.reshape(2, 4)
        b, around_b = guarded(4)
        with pytest.raises(ta.BoundsError) as found:
            rows(a, np.array(idx, np.int32), b)
        assert text in found.value.summary
        assert intact(around)
        assert intact(around_b)
    rows(np.zeros((2, 4), np.int32), np.array([1, 3, 3, 0], np.int32), np.zeros(4, np.int32))


def test_subscripts_wider_than_an_address() -> None:
    @kernel
    def wide(A: int32[8], x: uint64[2], B: int32[4]):
        B[0] = A[x[0] + x[1]]

    high = 2**64 - 1
    for pair in ([high, 1], [high, high], [2**63, 2**63], [8, 0]):
        with pytest.raises(ta.BoundsError):
            wide(np.ones(8, np.int32), np.array(pair, np.uint64), np.zeros(4, np.int32))
    b = np.zeros(4, np.int32)
    wide(np.arange(8, dtype=np.int32), np.array([3, 4], np.uint64), b)
    assert b[0] == 7


def test_threads_and_lanes_report_too() -> None:
    @kernel
    def spread(A: int32[64], idx: int32[64], B: int32[64]):
        for i in grid(64):
            B[i] = A[idx[i]]

    idx = np.arange(64, dtype=np.int32)
    for mark in ("parallel", "vectorize"):
        s = ta.customize(spread)
        getattr(s, mark)("i")
        module = s.build()
        assert "reduction(max:fault)" in module.source
        b = np.zeros(64, np.int32)
        module(np.arange(64, dtype=np.int32), idx, b)
        assert (b == idx).all()
        with pytest.raises(ta.BoundsError, match=r"A\[idx\[i\]\] went outside A"):
            module(np.arange(64, dtype=np.int32), idx + 1, b)


def test_a_split_loop_stays_proved() -> None:
    @kernel
    def copy(A: int32[10], B: int32[10]):
        for i in grid(10):
            B[i] = A[i]

    s = ta.customize(copy)
    s.split("i", 4)
    assert "fault" not in s.build().source


def test_proved_accesses_cost_nothing() -> None:
    @kernel
    def table(A: int8[256], sbox: ta.uint8[256], B: int32[4]):
        for i in grid(256):
            A[i] = sbox[sbox[i]].astype(int8)
        B[0] = 1

    program = table.trace()
    assert all_checks(program) == []
    assert "ta_at" not in build_c(program).source


def test_unstored_elements_are_not_trusted() -> None:
    """A 3-bit integer that nothing was stored to can hold any byte."""

    @kernel
    def peek(A: int32[8], idx: int32[4], B: int32[4]):
        small = ta.empty((4,), ta.UInt(3))
        if idx[0] > 0:
            small[0] = 1
        B[0] = A[small[0]]

    found = checks_of(peek.trace(), True).found.values()
    assert [check.text for check in found] == ["A[small[0]]"]


def test_names_of_the_helpers_are_free() -> None:
    @kernel
    def named(fault: int32[8], status: int32[4], ended: int32[4]):
        for i in grid(4):
            ended[i] = fault[status[i]]

    with pytest.raises(ta.BoundsError, match=r"fault\[status\[i\]\] went outside fault"):
        named(np.zeros(8, np.int32), np.full(4, 8, np.int32), np.zeros(4, np.int32))
    ended = np.zeros(4, np.int32)
    named(np.arange(8, dtype=np.int32), np.full(4, 7, np.int32), ended)
    assert (ended == 7).all()


def test_the_simulation_of_hardware_does_not_leave_arrays_either() -> None:
    if open_headers() is None or shutil.which("g++") is None:
        pytest.skip("needs hls4ml's headers and g++")
    module = gather.build("vitis_hls", mode="csim")
    a, b = np.arange(8, dtype=np.int32), np.full(4, 9, np.int32)
    with pytest.raises(ta.BoundsError) as found:
        module(a, np.array([0, 7, 8, 1], np.int32), b)
    assert found.value.because[1] == "the hardware would read or write another address there"
    assert (b == 9).all()
    module(a, np.array([0, 7, 3, 1], np.int32), b)
    assert b.tolist() == [0, 7, 3, 1]


@pytest.mark.parametrize("width", [1, 2, 3, 5])
@pytest.mark.parametrize("how", ["outline", "call", "inline", "nested"])
def test_functions_declare_what_their_checks_need(width: int, how: str) -> None:
    """A type that bounds a subscript of an argument bounds none of a caller's local: `fault` was missing."""
    extent, dtype = 1 << width, ta.UInt(width)

    @ta.kernel
    def walk(A: dtype[16, extent], B: ta.uint8[16]):  # type: ignore[valid-type]
        st = ta.scalar(dtype, 0)
        for k in ta.range(16):
            B[k] = st
            st.set(A[k, st])

    @ta.kernel
    def caller(A: dtype[16, extent], B: ta.uint8[16]):  # type: ignore[valid-type]
        walk(A, B)

    @ta.kernel
    def outer(A: dtype[16, extent], B: ta.uint8[16]):  # type: ignore[valid-type]
        caller(A, B)

    s = ta.customize({"outline": walk, "call": caller, "inline": caller, "nested": outer}[how])
    if how == "outline":
        s.outline("k", "part")
    elif how == "inline":
        s.inline("walk")
    a = np.random.default_rng(width).integers(0, extent, (16, extent)).astype(np.uint8)
    found, want = np.zeros(16, np.uint8), np.zeros(16, np.uint8)
    s.build()(a, found)
    interpret(walk.trace(), a, want)
    np.testing.assert_array_equal(found, want)
