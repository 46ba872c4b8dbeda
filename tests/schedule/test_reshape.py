"""``reshape`` and ``permute``: other dimensions, or another order of them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.schedule.memory import agree, schedule_of
from tracealloc.emit.run.runtime import build_c
from tracealloc.trace.diagnostics.errors import LayoutError, ScheduleError
from tracealloc.trace.ir.dtype import float32
from tracealloc.trace.ir.layout import Banks, Layout
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


def test_reshape_and_permute_of_buffers_only_change_subscripts() -> None:
    s = schedule_of(gemm)
    buffer = s.buffer_at(s.B, "i")
    s.permute(buffer, [1, 0])
    assert "B_i[j, k]" in str(s)
    s.reshape(buffer, 80)
    assert "B_i[8 * j + k]" in str(s)
    s.reshape(buffer, (2, 5, 8))
    agree(s, c=True)
    assert buffer.shape == (2, 5, 8)


def test_layouts_of_arguments_and_results_keep_the_call() -> None:
    s = schedule_of(gemm)
    s.permute(s.B, [1, 0])
    s.reshape(s.C, (3, 2, 10))
    assert "C_local[i // 2, i % 2, j]" in str(s)
    agree(s, c=True)
    a, b = np.ones((6, 8), np.float32), np.ones((8, 10), np.float32)
    assert build_c(s.lowered)(a, b).shape == (6, 10)


def test_banks_move_with_their_dimensions() -> None:
    s = schedule_of(gemm)
    buffer = s.buffer_at(s.B, "i")
    s.partition(buffer, dim=1, kind="cyclic", factor=5)
    s.permute(buffer, [1, 0])
    assert layout(s, "B_i").banks == (Banks("cyclic", 5), Banks())
    with pytest.raises(LayoutError):
        s.reshape(buffer, 80)


@pytest.mark.parametrize("shape", [(5, 9), 47, (0, 48), "6"])
def test_reshape_to_another_count_is_refused(shape: object) -> None:
    s = schedule_of(gemm)
    before = s.module
    with pytest.raises(ScheduleError):
        s.reshape(s.A, shape)
    assert s.module is before


@pytest.mark.parametrize("order", [[0], [0, 0], [1, 2], [0, 1, 2]])
def test_permute_needs_every_dimension_once(order: list[int]) -> None:
    s = schedule_of(gemm)
    with pytest.raises(LayoutError):
        s.permute(s.A, order)


def blur(A: float32[8, 10], B: float32[6, 8]):
    for i, j in grid(6, 8):
        for r, q in grid(3, 3):
            B[i, j] += A[i + r, j + q]


def test_registers_may_be_reshaped() -> None:
    s = schedule_of(blur)
    window = s.reuse_at(s.reuse_at("A", "i"), "j")
    s.reshape(window, (window.shape[0] * window.shape[1],))
    assert "complete" in str(s).partition("layouts")[2]
    agree(s)
