"""Sums that are added up in parts."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from common import assert_same_results, check_round_trip, nest, refused, run

import tracealloc as ta
from tracealloc import float32, grid, int8, int32, kernel
from tracealloc.trace.ir.dtype import Integer


@kernel
def dot(a: float32[37], b: float32[37]) -> float32:
    total = ta.scalar(float32, 1)
    for i in grid(37):
        total += a[i] * b[i]
    return total


@kernel
def product(A: int8[5, 9], B: int8[9, 6], C: int32[5, 6]):
    for i, j, k in grid(5, 6, 9):
        C[i, j] += A[i, k] * B[k, j]


@kernel
def triangle(A: int32[7, 7], y: int32[7]):
    for i in grid(7):
        y[i] = 3
        for j in ta.range(i, 7):
            y[i] -= A[i, j]
        y[i] *= 2


@kernel
def running(A: int32[8], B: int32[8]):
    total = ta.scalar(int32, 0)
    for i in grid(8):
        total += A[i]
        B[i] = total


@kernel
def both(A: int32[6, 8], r: int32[6], c: int32[8]):
    for i, j in grid(6, 8):
        r[i] += A[i, j]
        c[j] += A[i, j]


@kernel
def solve(L: int32[6, 6], x: int32[6]):
    for i in grid(6):
        for j in ta.range(i):
            x[i] -= L[i, j] * x[j]


def test_parts_take_turns() -> None:
    s = ta.customize(dot)
    s.reassociate()
    parts = s.rfactor(s.total, "i", factor=8)
    assert nest(s) == [
        "total_parts: float32[8]",
        "total = 1",
        "L0_start: for i_start in 0:8",
        "            total_parts[i_start] = 0",
        "L0: for i in 0:37",
        "      total_parts[i % 8] += a[i] * b[i]",
        "L0_finish: for i_finish in 0:8",
        "             total += total_parts[i_finish]",
        "return total",
    ]
    s.partition(parts)
    s.pipeline("i")
    assert s.verify().assumptions == ("float sums may be reordered",)
    check_round_trip(s)
    a, b = np.random.default_rng(0).random((2, 37), dtype=np.float32)
    np.testing.assert_allclose(s.build()(a, b), 1 + a @ b, rtol=1e-5)


def test_a_part_for_each_iteration() -> None:
    s = ta.customize(product)
    k, lane = s.split("k", 4)
    s.reorder(k, lane, "i", "j")
    assert s.rfactor(s.C, lane).shape == (5, 6, 4)
    assert nest(s)[1:5] == [
        "L0_start: for i_start in 0:5",
        "            for j_start in 0:6                           [pipeline ii=1]",
        "              for k_inner_start in 0:4",
        "                C_parts[i_start, j_start, k_inner_start] = 0",
    ]
    check_round_trip(s)


def test_kept_over_an_inner_loop() -> None:
    s = ta.customize(product)
    lane = s.split("k", 4)[1]
    assert s.rfactor(s.C, lane, over=lane).shape == (4,)
    lines = [line.strip() for line in nest(s)]
    assert lines.index("for k.outer in 0:3") < lines.index("C_parts: int32[4]")
    check_round_trip(s)
    s.undo()
    assert s.rfactor(s.C, lane).shape == (4,)
    lines = [line.strip() for line in nest(s)]
    assert lines.index("for k.outer in 0:3") > lines.index("C_parts: int32[4]"), "around all additions"
    check_round_trip(s)


def test_triangles_and_differences() -> None:
    s = ta.customize(triangle)
    s.rfactor(s.y, "j", factor=3)
    assert "y_parts[j % 3] -= A[i, j]" in "\n".join(nest(s))
    check_round_trip(s)
    t = ta.customize(triangle)
    assert t.rfactor(t.y, "j").shape == (7,)
    check_round_trip(t)


def test_two_sums_of_one_nest() -> None:
    s = ta.customize(both)
    s.rfactor(s.c, "i", factor=4)
    s.rfactor(s.r, "j", factor=3)
    check_round_trip(s)


@pytest.mark.parametrize(
    ("op", "start"), [("+", 5), ("-", 5), ("*", 3), ("&", 93), ("|", 8), ("^", 12), ("min", 90), ("max", 2)]
)
@pytest.mark.parametrize("dtype", [int8, ta.UInt(7), ta.Int(11), int32])
def test_operators(op: str, start: int, dtype: Any) -> None:
    def combined(x: Any, y: Any) -> Any:
        if op in ("min", "max"):
            return (ta.minimum if op == "min" else ta.maximum)(x, y)
        return eval(f"x {op} y", {"x": x, "y": y})

    @kernel
    def fold(A: dtype[13], out: dtype[1]):
        out[0] = start
        for i in grid(13):
            out[0] = combined(out[0], A[i])

    s = ta.customize(fold)
    s.rfactor(s.out, "i", factor=4)
    assert s.verify().assumptions == ("integer sums may be reordered",)
    assert_same_results(s)
    expected, found = np.zeros(1, np.int32), None
    A = np.random.default_rng(1).integers(0, 60, 13)
    kind = run_type(dtype)
    expected, found = np.zeros(1, kind), np.zeros(1, kind)
    fold(A.astype(kind), expected)
    s.build()(A.astype(kind), found)
    assert (expected == found).all()


def run_type(dtype: Integer) -> Any:
    from tracealloc.emit.common.numpy_types import container

    return container(dtype)


def test_floats_of_all_operators() -> None:
    @kernel
    def fold(A: float32[11], out: float32[4]):
        for i in grid(11):
            out[0] += A[i]
            out[1] *= A[i]
            out[2] = ta.minimum(out[2], A[i])
            out[3] = ta.maximum(out[3], A[i])

    s = ta.customize(fold, reassociate=True)
    parts = s.distribute("i")
    for number, loop in enumerate(parts):
        s.rfactor(s.out, loop, factor=number + 2)
    assert s.verify()
    A = np.random.default_rng(0).random(11, dtype=np.float32) + 0.5
    out, found = np.ones(4, np.float32), np.ones(4, np.float32)
    fold(A, out)
    s.build()(A, found)
    np.testing.assert_allclose(found, out, rtol=1e-6)
    hls = np.ones(4, np.float32)
    s.build(target="vitis_hls", mode="csim")(A, hls)
    np.testing.assert_array_equal(hls, found)


def test_later_steps_are_proved_against_the_parts() -> None:
    s = ta.customize(product)
    s.reorder("k", "i", "j")
    parts = s.rfactor(s.C, "k", factor=4)
    s.reorder("i", "k")
    s.partition(s.buffer_at(parts, "i"))
    s.reshape(parts, (5, 24))
    s.permute(parts, (1, 0))
    check_round_trip(s)
    again = ta.customize(product)
    again.rfactor(again.C, "k", factor=4)
    assert ta.verify(s, again)


def test_parts_of_parts() -> None:
    s = ta.customize(dot, reassociate=True)
    outer, inner = s.split("i", 12)
    first = s.rfactor(s.total, inner)
    lanes = s.rfactor(first, outer, factor=2)
    assert first.shape == (12,)
    assert lanes.shape == (12, 2)
    assert s.verify()
    a, b = np.random.default_rng(0).random((2, 37), dtype=np.float32)
    np.testing.assert_allclose(s.build()(a, b), 1 + a @ b, rtol=1e-5)


def test_in_a_called_kernel_that_is_inlined() -> None:
    @kernel
    def row_sum(A: int32[9], out: int32[1]):
        for i in grid(9):
            out[0] += A[i]

    @kernel
    def top(M: int32[4, 9], sums: int32[4]):
        for n in grid(4):
            row_sum(M[n], sums[n : n + 1])

    s = ta.customize(top)
    s.rfactor("row_sum:out", "row_sum:i", factor=4)
    assert s.verify().assumptions == ("integer sums may be reordered",)
    assert_same_results(s)
    s.inline("row_sum")
    proof = s.verify()
    assert proof
    assert proof.assumptions == ("integer sums may be reordered",)
    check_round_trip(s)
    s.rfactor("sums", "n", factor=2)
    check_round_trip(s)


def test_outlined_afterwards() -> None:
    s = ta.customize(product)
    s.rfactor(s.C, "k", factor=4)
    s.outline("j", "cell")
    check_round_trip(s)
    s.inline("cell")
    check_round_trip(s)


def test_a_sum_of_other_elements_of_its_array() -> None:
    s = ta.customize(solve)
    s.rfactor(s.x, "j", factor=2)
    assert "x_parts[j % 2] -= L[i, j] * x[j]" in "\n".join(nest(s))
    check_round_trip(s)


def test_histograms() -> None:
    @kernel
    def histogram(image: ta.UInt(8)[12, 17], H: int32[256]):
        for i, j in grid(12, 17):
            H[image[i, j]] += 1

    s = ta.customize(histogram)
    parts = s.rfactor(s.H, "j", factor=4)
    assert parts.shape == (256, 4)
    assert "H_parts[image[i, j], j % 4] += 1" in "\n".join(nest(s))
    s.reorder("j", "i")
    s.partition(parts, dim=1)
    check_round_trip(s)
    image = np.random.default_rng(0).integers(0, 256, (12, 17)).astype(np.uint8)
    found, hls = np.zeros((2, 256), np.int32)
    s.build()(image, found)
    s.build(target="vitis_hls", mode="csim")(image, hls)
    expected = np.bincount(image.ravel(), minlength=256)
    assert (found == expected).all()
    assert (hls == expected).all()


def test_refused_without_permission() -> None:
    s = ta.customize(dot)
    assert refused(lambda: s.rfactor(s.total, "i", factor=8), s, ta.IllegalScheduleError) == (
        'TA247 rfactor("total", "i", factor=8) would add up \'total\' in another order\n'
        "  because: floating-point sums keep their order unless you say that it does not matter\n"
        "  try: s.reassociate() first, if it does not"
    )


def test_refused_where_something_else_looks() -> None:
    s = ta.customize(running)
    message = refused(lambda: s.rfactor("total", "i", factor=2), s, ta.ScheduleError)
    assert message.startswith('TA246 rfactor("total", "i", factor=2) finds no plain sum of \'total\'')
    s = ta.customize(solve)
    message = refused(lambda: s.rfactor(s.x, "j", factor=2, over="i"), s, ta.ScheduleError)
    assert message.startswith('TA246 rfactor("x", "j", factor=2, over="i") would hide sums of \'x\'')
    s = ta.customize(triangle)
    message = refused(lambda: s.rfactor(s.y, "j", factor=2, over="i"), s, ta.ScheduleError)
    assert "'i' has another use of y in it, test_rfactor.py:" in message
    assert 'try: over="j", or leave it out' in message
    message = refused(lambda: s.rfactor(s.y, "i", factor=2), s, ta.ScheduleError)
    assert message.startswith("TA246")
    message = refused(lambda: s.rfactor(s.A, "j"), s, ta.ScheduleError)
    assert message.startswith("TA246")

    @kernel
    def chase(H: int32[16], P: int32[16]):
        for i in grid(16):
            H[H[i]] += 1
        for j in grid(16):
            P[P[j]] += H[j]
            H[j] = P[H[j]]

    s = ta.customize(chase)
    for array, loop in ((s.H, "i"), (s.P, "j")):
        message = refused(lambda a=array, n=loop: s.rfactor(a, n, factor=2), s, ta.ScheduleError)  # type: ignore[misc]
        assert message.startswith("TA246")


@pytest.mark.parametrize("factor", [0, -1, 2.0, True])
def test_refused_factors(factor: Any) -> None:
    s = ta.customize(product)
    assert refused(lambda: s.rfactor(s.C, "k", factor=factor), s, ta.ScheduleError).startswith("TA221")


def test_the_interpreter_agrees_on_floats() -> None:
    s = ta.customize(dot, reassociate=True)
    s.rfactor(s.total, "i", factor=5)
    plain = ta.customize(dot)
    np.testing.assert_allclose(run(s.lowered)[-1], run(plain.lowered)[-1], rtol=1e-3)


def test_pipeline_names_the_parts_that_do_not_wait() -> None:
    s = ta.customize(dot)
    with pytest.warns(ta.TraceallocWarning, match="allow ii=7, not 1") as caught:
        s.pipeline("i")
    hint = str(caught[0].message).rpartition("; ")[2]
    assert hint == 's.reassociate() and s.rfactor("total", "i", factor=8) would add up in turns'
    for step in hint.partition(" would")[0].split(" and "):
        eval(step, {"s": s})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        s.pipeline("i")


def test_pipeline_names_no_parts_where_the_sum_is_looked_at() -> None:
    @kernel
    def prefix(A: float32[8], B: float32[8]):
        total = ta.scalar(float32, 0)
        for i in grid(8):
            total += A[i]
            B[i] = total

    s = ta.customize(prefix)
    with pytest.warns(ta.TraceallocWarning, match="allow ii=7, not 1") as caught:
        s.pipeline("i")
    assert "s.rfactor" not in str(caught[0].message)


def test_arrays_that_live_in_loops_that_were_split_or_peeled() -> None:
    """They were said to be made anew inside the loop."""

    @kernel
    def rows(A: int32[6, 5], B: int32[6]):
        for i in grid(6):
            t = ta.zeros((4,), int32)
            for k in ta.range(5):
                t[k % 4] += A[i, k]
            for j in grid(4):
                B[i] += t[j]

    s = ta.customize(rows)
    s.split("i", 4)
    s.buffer_at(s.t, "k")
    s.rfactor(s.B, "j", factor=2)
    check_round_trip(s)
    t = ta.customize(rows)
    t.peel("i", 1)
    t.buffer_at("t_1", "j_peel")
    t.rfactor("t_1", "k_peel", factor=2)
    check_round_trip(t)


def test_a_sum_beside_one_that_never_runs() -> None:
    """What the other reads of the array on its way gives no subscripts of the sum's."""

    @kernel
    def beside(A: int32[7, 3], B: int32[3]):
        for i in ta.range(3):
            for j in ta.range(5):
                with ta.when(j > 5):
                    A[A[j, 0] & 3, i] += 1
                with ta.otherwise():
                    A[5, i] += B[1] * j

    s = ta.customize(beside)
    s.rfactor("A", "j")
    check_round_trip(s)
