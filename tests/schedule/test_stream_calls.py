"""``stream`` between called kernels, to several processes, with elements read again, and in pipelines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from common import refused

import tracealloc as ta
from tracealloc import grid, int32, kernel


@kernel
def scale(A: int32[4, 6], B: int32[4, 6]):
    for i, j in grid(4, 6):
        B[i, j] = A[i, j] * 2


@kernel
def rows(B: int32[4, 6], D: int32[4]):
    for i in grid(4):
        D[i] = 0
        for j in grid(6):
            D[i] += B[i, j]


@kernel
def doubled(A: int32[4, 6]) -> int32[4, 6]:
    B = ta.empty((4, 6), int32)
    for i, j in grid(4, 6):
        B[i, j] = A[i, j] * 2
    return B


@kernel
def added(A: int32[4, 6], B: int32[4, 6]):
    for i, j, _ in grid(4, 6, 3):
        B[i, j] += A[i, j]


@kernel
def calls(A: int32[4, 6], D: int32[4]):
    B = ta.empty((4, 6), int32)
    scale(A, B)
    rows(B, D)


@kernel
def results(A: int32[4, 6]) -> int32[4, 6]:
    B = doubled(A)
    C = doubled(B)
    return doubled(C)


@kernel
def fork(A: int32[4, 6], C: int32[4, 6], D: int32[4]):
    B = ta.empty((4, 6), int32)
    scale(A, B)
    for i, j in grid(4, 6):
        C[i, j] = B[i, j] + 1
    rows(B, D)


@kernel
def sums(A: int32[4, 6], D: int32[4]):
    B = ta.zeros((4, 6), int32)
    added(A, B)
    rows(B, D)


@kernel
def rates(A: int32[9], D: int32[4], U: int32[18], S: int32[3]):
    B = ta.empty((9,), int32)
    for i in grid(9):
        B[i] = A[i] * 3
    for i in grid(4):
        D[i] = B[2 * i] - B[2 * i + 1]
    for i in grid(18):
        U[i] = B[i // 2] + i
    for i in grid(3):
        S[i] = B[3 * i + 1]


@kernel
def chosen(A: int32[7], D: int32[7]):
    B = ta.empty((7,), int32)
    for i in grid(7):
        if A[i] > 0:
            B[i] = A[i]
        else:
            B[i] = 1 - A[i]
    for i in grid(7):
        if B[i] > 20:
            D[i] = B[i]
        elif B[i] > 5:
            D[i] = -B[i]
        else:
            D[i] = 0


@kernel
def late(A: int32[16], D: int32[16]):
    B = ta.empty((16,), int32)
    C = ta.empty((4,), int32)
    for i in grid(16):
        B[i] = A[i] * 3
    for i in grid(4):
        C[i] = B[4 * i + 3]
    for i in grid(16):
        D[i] = B[i] + C[i // 4]


def check(of: Any, s: Any, depth: int | None = None) -> str:
    """The same values as without queues in C, in order, and in simulation."""
    rng = np.random.default_rng(0)
    args = [rng.integers(-30, 30, a.shape).astype(np.int32) for a in of.trace().args]
    wanted = [a.copy() for a in args]
    expected = ta.customize(of).build()(*wanted)
    for built in (s.build(), s.build(target="vitis_hls", mode="csim")):
        found = [a.copy() for a in args]
        result = built(*found)
        for mine, other in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(mine, other)
        if expected is not None:
            np.testing.assert_array_equal(result, expected)
    assert bool(s.verify())
    return str(s.build(target="vitis_hls").source)


@pytest.mark.parametrize(
    ("of", "arrays"),
    [(calls, "B"), (results, "B"), (results, "BC"), (fork, "B"), (sums, "B"), (rates, "B"), (late, "BC")],
)
def test_values_stay(of: Any, arrays: str) -> None:
    s = ta.customize(of)
    for name in arrays:
        s.stream(name)
    check(of, s)


@pytest.mark.filterwarnings("ignore:.*TA292")
def test_data_choose_what_is_done_and_not_what_flows() -> None:
    s = ta.customize(chosen)
    s.stream("B")
    check(chosen, s)


def test_the_argument_of_a_called_kernel_becomes_a_queue() -> None:
    s = ta.customize(calls)
    s.stream("B")
    text = str(s.lowered)
    assert "kernel scale(A: int32[4, 6], B: Stream[int32])" in text
    assert "kernel rows(B: Stream[int32], D: int32[4])" in text
    source = s.build(target="vitis_hls").source
    assert "static void scale(const int32_t A[4][6], hls::stream<int32_t> &B)" in source
    assert "int32_t B[4][6]" not in source


def test_a_kernel_that_is_called_with_arrays_too_stays() -> None:
    s = ta.customize(results)
    s.stream("B")
    text = str(s.lowered)
    assert "kernel doubled_2(A: int32[4, 6], B: Stream[int32])" in text
    assert "kernel doubled_1(A: Stream[int32]) -> B: int32[4, 6]" in text
    assert "kernel doubled(A: int32[4, 6]) -> B: int32[4, 6]" in text


def test_what_nobody_reads_is_not_put() -> None:
    s = ta.customize(rates)
    s.stream("B")
    text = str(s.lowered)
    assert "if i < 8:" in text
    assert "if i % 3 == 1:" in text
    assert "B_2: Stream[int32]" in text


def test_queues_of_a_fork_are_deep_enough_for_the_longer_way() -> None:
    s = ta.customize(late)
    s.stream("B")
    s.stream("C")
    source = s.build(target="vitis_hls").source
    depth = s.B.depth
    assert depth > 1
    assert f"variable=B depth={depth}" in source
    assert f"variable=B_1 depth={depth}" in source


def test_a_step_in_a_called_kernel_keeps_the_order() -> None:
    s = ta.customize(calls)
    s.stream("B")
    message = refused(lambda: s.reverse("scale:L0.i"), s, ta.ScheduleError)
    assert "B[0, 0] is wanted when B[3, 0] is at the head of the queue" in message
    s.pipeline("scale:L0.j")
    check(calls, s)
    s.inline("scale")
    check(calls, s)


@kernel
def diagonal(A: int32[5, 5], D: int32[5]):
    B = ta.empty((5, 5), int32)
    for i, j in grid(5, 5):
        B[i, j] = A[i, j] * 2
    for i in grid(5):
        D[i] = B[i, i]


@kernel
def some(A: int32[6], D: int32[6]):
    B = ta.empty((6,), int32)
    for i in grid(6):
        B[i] = A[i] * 2
    for i in grid(6):
        D[i] = 0
        if A[i] > 0:
            D[i] = B[i]


@kernel
def twice(A: int32[4, 6], D: int32[4], E: int32[4]):
    B = ta.empty((4, 6), int32)
    scale(A, B)
    for t in grid(2):
        for i, j in grid(4, 6):
            D[i] += B[i, j] * t


@pytest.mark.parametrize(
    ("of", "wanted"),
    [
        (diagonal, "'B' flows at iterations that no condition on the loops around says"),
        (some, "data choose whether 'B' is read"),
        (twice, "B[0, 0] is wanted again when the queue is empty"),
    ],
)
def test_what_is_no_fifo(of: Any, wanted: str) -> None:
    s = ta.customize(of)
    assert wanted in refused(lambda: s.stream("B"), s, ta.IllegalScheduleError)


# ------------------------------------------------------------------------------------ an image pipeline


def pipeline(H: int, W: int) -> Any:
    @kernel
    def blur(A: int32[H, W], B: int32[H, W - 2]):
        for y, x in grid(H, W - 2):
            B[y, x] = (A[y, x] + A[y, x + 1] + A[y, x + 2]) // 3

    @kernel
    def sharpen(B: int32[H, W - 2], C: int32[H - 2, W - 2]):
        for y, x in grid(H - 2, W - 2):
            C[y, x] = 3 * B[y + 1, x] - B[y, x] - B[y + 2, x]

    @kernel
    def threshold(C: int32[H - 2, W - 2], D: int32[H - 2, W - 2]):
        for y, x in grid(H - 2, W - 2):
            D[y, x] = ta.where(C[y, x] > 10, 255, 0)

    @kernel
    def stages(A: int32[H, W], D: int32[H - 2, W - 2]):
        B = ta.empty((H, W - 2), int32)
        C = ta.empty((H - 2, W - 2), int32)
        blur(A, B)
        sharpen(B, C)
        threshold(C, D)

    return stages


@pytest.mark.parametrize(("H", "W"), [(6, 8), (8, 5), (4, 9), (5, 3)])
def test_an_image_pipeline_has_lines_and_no_image_between_its_stages(H: int, W: int) -> None:
    of = pipeline(H, W)
    s = ta.customize(of)
    if W > 3:  # else a row has one window
        s.reuse_at("blur:A", "blur:L0.x")
    s.reuse_at("sharpen:B", "sharpen:L0.y")
    s.stream("B")
    s.stream("C")
    source = check(of, s)
    assert f"int32_t B_y[3][{W - 2}];" in source
    assert f" B[{H}][{W - 2}]" not in source
    assert f" C[{H - 2}][{W - 2}]" not in source


@kernel
def nests(A: int32[6, 5], D: int32[4, 5]):
    B = ta.empty((6, 5), int32)
    for y, x in grid(6, 5, name="first"):
        B[y, x] = A[y, x] * 2
    for y, x in grid(4, 5, name="second"):
        D[y, x] = B[y, x] - B[y + 2, x]


def test_the_nests_of_a_window_are_one_process() -> None:
    s = ta.customize(nests)
    message = refused(lambda: s.stream("B"), s, ta.IllegalScheduleError)
    assert "B[2, 0] is wanted when B[0, 1] is at the head of the queue" in message
    s.reuse_at("B", "second.y")
    s.stream("B")
    assert "static void second(hls::stream<int32_t> &B, int32_t D[4][5])" in check(nests, s)
