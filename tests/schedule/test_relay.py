"""``relay``: values and partial sums travel from PE to PE; systolic arrays of every size."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from common import check_round_trip, refused

import tracealloc as ta
from tracealloc import float32, grid, int8, int16, int32, kernel
from tracealloc.customize import Schedule

SIZES = [(3, 4, 5), (1, 1, 1), (1, 4, 1), (4, 1, 3), (3, 1, 2), (2, 2, 7)]


def product(m: int, n: int, k_: int, of: Any = int8, to: Any = int32) -> Any:
    @kernel
    def matmul(A: of[m, k_], B: of[k_, n]) -> to[m, n]:
        C = ta.zeros((m, n), to)
        for i, j, k in grid(m, n, k_, name="PE"):
            C[i, j] += A[i, k] * B[k, j]
        return C

    return matmul


def output_stationary(s: Schedule, m: int, n: int, k: int) -> None:
    buf_A = s.buffer_at(s.A, "j")
    buf_B = s.buffer_at(s.B, "j")
    pe = s.unfold("PE", axis=[0, 1], factor=[m, n])
    s.partition(s.A, dim=0)
    s.partition(s.B, dim=1)
    s.partition(s.C, dim=[0, 1])
    s.relay(buf_A, pe, axis=0, depth=m + 1)
    s.relay(buf_B, pe, axis=1, depth=n + 1)


def weight_stationary(s: Schedule, m: int, n: int, k: int) -> None:
    s.reorder("k", "j", "i")
    buf_A = s.buffer_at(s.A, "j")
    buf_C = s.buffer_at(s.C, "j")
    pe = s.unfold("PE", axis=[0, 1], factor=[k, n])
    s.partition(s.A, dim=1)
    s.partition(s.B, dim=[0, 1])
    s.partition(s.C, dim=1)
    s.relay(buf_A, pe, axis=0)
    s.relay(buf_C, pe, axis=1)


def one_dimensional(s: Schedule, m: int, n: int, k: int) -> None:
    buf_A = s.buffer_at(s.A, "j")
    buf_B = s.buffer_at(s.B, "j")
    pe = s.unfold("PE", axis=1, factor=n)
    s.partition(s.B, dim=1)
    s.partition(s.C, dim=1)
    s.relay(buf_A, pe, axis=0)
    s.relay(buf_B, pe, axis=1)


ARRAYS: dict[str, Callable[[Schedule, int, int, int], None]] = {
    "output": output_stationary,
    "weight": weight_stationary,
    "one": one_dimensional,
}


def systolic(name: str, m: int, n: int, k: int, of: Any = int8, to: Any = int32) -> tuple[Schedule, Any]:
    kernel_ = product(m, n, k, of, to)
    s = ta.customize(kernel_)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that PEs run in order until sums are relayed
        ARRAYS[name](s, m, n, k)
    return s, kernel_


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ARRAYS)
def test_systolic_arrays(name: str, size: tuple[int, int, int]) -> None:
    s, kernel_ = systolic(name, *size)
    assert s.module.state(s.name).concurrent
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_round_trip(s, kernel_)
    m, n, k = size
    rng = np.random.default_rng(sum(size))
    A = rng.integers(-128, 128, (m, k)).astype(np.int8)
    B = rng.integers(-128, 128, (k, n)).astype(np.int8)
    np.testing.assert_array_equal(s.build()(A, B), A.astype(np.int32) @ B.astype(np.int32))


@pytest.mark.parametrize(
    ("of", "to"), [(int8, int16), (ta.Fixed(16, 8), ta.Fixed(32, 16)), (float32, float32)]
)
@pytest.mark.parametrize("name", ARRAYS)
def test_types(name: str, of: Any, to: Any) -> None:
    s, kernel_ = systolic(name, 3, 2, 4, of, to)
    rng = np.random.default_rng(1)
    dtype = np.int8 if of == int8 else np.float32 if of == float32 else float
    A = rng.integers(-9, 9, (3, 4)).astype(dtype)
    B = rng.integers(-9, 9, (4, 2)).astype(dtype)
    np.testing.assert_array_equal(s.build()(A, B), kernel_(A, B))


def test_the_output_stationary_array(golden: Any) -> None:
    s, _ = systolic("output", 2, 3, 4)
    golden("schedule/systolic_output.txt", str(s) + "\n")
    golden("schedule/systolic_output.cpp", s.build(target="vitis_hls").source)


def test_the_weight_stationary_array(golden: Any) -> None:
    s, _ = systolic("weight", 3, 2, 2)
    golden("schedule/systolic_weight.txt", str(s) + "\n")
    golden("schedule/systolic_weight.cpp", s.build(target="vitis_hls").source)


def test_the_text_grows_with_the_families() -> None:
    small, _ = systolic("output", 3, 3, 3)
    large, _ = systolic("output", 12, 12, 3)
    lines = [len(s.build(target="vitis_hls").source.splitlines()) for s in (small, large)]
    assert lines[0] == lines[1]


def test_a_queue_has_the_depth_that_was_asked_for() -> None:
    s, _ = systolic("output", 2, 3, 4)
    text = s.build(target="vitis_hls").source
    assert "#pragma HLS stream variable=A_fifo depth=3" in text
    assert "#pragma HLS stream variable=B_fifo depth=4" in text
    again = s.undo(1)
    assert "B_fifo" not in again.build(target="vitis_hls").source


def test_neighbours_must_copy_the_same() -> None:
    s = ta.customize(product(3, 4, 5))
    buf_A = s.buffer_at(s.A, "j")
    pe = s.unfold("PE", axis=[0, 1], factor=[3, 4])
    assert refused(lambda: s.relay(buf_A, pe, axis=1), s, ta.IllegalScheduleError) == (
        'TA290 relay("A_j", ["i", "j"], axis=1) cannot be: neighbours along \'i\' copy different elements:'
        " A[i, k_init]\n"
        "  because: copy number 0 is of A[0, 0] at i = 0, and of A[1, 0] at i = 1\n"
        "  try: the values travel along the other axis: axis= is the one along which the elements vary"
    )


def test_what_is_no_buffer() -> None:
    s = ta.customize(product(3, 4, 5))
    pe = s.unfold("PE", axis=[0, 1], factor=[3, 4])
    assert "no PE has the buffer" in refused(lambda: s.relay(s.A, pe, axis=0), s, ta.IllegalScheduleError)


def test_what_is_no_grid() -> None:
    s = ta.customize(product(3, 4, 5))
    buf_A = s.buffer_at(s.A, "j")
    assert refused(lambda: s.relay(buf_A, ["i", "j"], axis=0), s, ta.ScheduleError) == (
        'TA290 relay("A_j", ["i", "j"], axis=0) needs a grid of PEs, not the loops (i, j)\n'
        '  try: pe = s.unfold("PE", axis=[0, 1], factor=[M, N])'
    )
    pe = s.unfold("PE", axis=[0, 1], factor=[3, 4])
    assert "finds no axis 3: the band has 3" in refused(
        lambda: s.relay(buf_A, pe, axis=3), s, ta.ScheduleError
    )
    assert "needs a depth that is a positive int, not 0" in refused(
        lambda: s.relay(buf_A, pe, axis=0, depth=0), s, ta.ScheduleError
    )


def test_sums_need_a_beginning() -> None:
    """The first PE begins with what the array is filled with: of an argument nobody knows."""

    @kernel
    def update(A: int8[3, 5], B: int8[5, 4], C: int32[3, 4]):
        for i, j, k in grid(3, 4, 5, name="PE"):
            C[i, j] += A[i, k] * B[k, j]

    s = ta.customize(update)
    s.reorder("k", "j", "i")
    buf_C = s.buffer_at(s.C, "j")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pe = s.unfold("PE", axis=[0, 1], factor=[5, 4])
    message = refused(lambda: s.relay(buf_C, pe, axis=1), s, ta.IllegalScheduleError)
    assert "the first PE begins with what 'C' holds, which the last one stores to" in message


def test_a_matrix_vector_product() -> None:
    @kernel
    def matvec(A: int32[4, 6], x: int32[6]) -> int32[4]:
        y = ta.zeros((4,), int32)
        for i, k in grid(4, 6, name="PE"):
            y[i] += A[i, k] * x[k]
        return y

    s = ta.customize(matvec)
    buf = s.buffer_at(s.x, "i")
    pe = s.unfold("PE", axis=0, factor=4)
    s.relay(buf, pe, axis=1)
    assert s.module.state(s.name).concurrent
    check_round_trip(s, matvec)
    rng = np.random.default_rng(0)
    A, x = rng.integers(-9, 9, (4, 6)).astype(np.int32), rng.integers(-9, 9, 6).astype(np.int32)
    np.testing.assert_array_equal(s.build()(A, x), A @ x)
    assert "x_fifo" in str(s)
