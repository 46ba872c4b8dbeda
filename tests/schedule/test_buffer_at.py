"""buffer_at: what is copied in and out, what is refused, and that the proof sees a broken copy."""

from __future__ import annotations

import importlib
from dataclasses import replace

import numpy as np
import pytest

from tests.schedule.memory import agree, schedule_of
from tracealloc.check.verify import verify_module
from tracealloc.customize import Schedule
from tracealloc.emit.vitis.hardware import HARDWARE
from tracealloc.kernel import kernel
from tracealloc.poly.model.statements import make_statement
from tracealloc.poly.proof import step_proof as family
from tracealloc.trace.diagnostics.errors import ScheduleError, TraceallocError
from tracealloc.trace.functions import trace
from tracealloc.trace.ir.dtype import Integer, Struct, float32, index
from tracealloc.trace.ir.expr import Binary, Load
from tracealloc.trace.ir.program import Store
from tracealloc.trace.proxies.functional import constant as constant_array
from tracealloc.trace.proxies.functional import scalar, zeros
from tracealloc.trace.proxies.loops import grid
from tracealloc.trace.proxies.loops import range as ta_range
from tracealloc.trace.queries.affine import constant

int32 = Integer(32, True)
buffer_module = importlib.import_module("tracealloc.schedule.primitives.buffer_at")


def gemm(A: float32[6, 8], B: float32[8, 10], C: float32[6, 10]):
    for i, j, k in grid(6, 10, 8):
        C[i, j] += A[i, k] * B[k, j]


def gather(at: int32[8], A: float32[64], out: float32[8]):
    for i in grid(8):
        out[i] = A[at[i]]


def copies(schedule: Schedule) -> list[str]:
    """The suffixes of the copies that the schedule has made."""
    state = schedule.module.state(schedule.name)
    return sorted(s.name.partition("_at")[2].partition("_")[2] for s in state.model.statements if s.copy)


def test_read_array_is_copied_in_only() -> None:
    s = schedule_of(gemm)
    buffer = s.buffer_at(s.A, "i")
    assert (buffer.name, buffer.shape, copies(s)) == ("A_i", (8,), ["init"])
    agree(s, c=True)


def test_updated_array_is_copied_in_and_out() -> None:
    s = schedule_of(gemm)
    s.buffer_at("C", "j")
    assert copies(s) == ["back", "init"]
    agree(s, c=True)


def test_array_written_before_it_is_read_is_copied_out_only() -> None:
    def overwrite(A: float32[8], B: float32[8, 8]):
        for i, j in grid(8, 8):
            B[i, j] = A[j] * 2

    s = schedule_of(overwrite)
    s.buffer_at("B", "i")
    assert copies(s) == ["back"]
    agree(s, c=True)


def test_value_that_nobody_sees_is_not_copied_out() -> None:
    def local(A: float32[8, 8], B: float32[8]):
        T = zeros((8,), float32)
        for i in grid(8):
            for j in grid(8):
                T[j] = A[i, j]
            for j in grid(8):
                B[i] += T[j]

    s = schedule_of(local)
    s.buffer_at("T", "L0.i" if len(s.bands()) > 1 else "i")
    assert copies(s) == []
    agree(s, c=True)


def test_constant_first_content_is_set_not_copied() -> None:
    def product(A: float32[6, 8], B: float32[8, 10]):
        C = zeros((6, 10), float32)
        for i, j, k in grid(6, 10, 8):
            C[i, j] += A[i, k] * B[k, j]
        return C

    s = schedule_of(product)
    s.reorder("k", "j")
    s.buffer_at("C", "i")
    assert "C_i[j_init] = 0" in str(s)
    assert "C = zeros" not in str(s)
    agree(s, c=True)


def test_buffer_of_a_buffer_and_of_a_tile() -> None:
    s = schedule_of(gemm)
    outer, _ = s.split("k", 3)
    s.reorder(outer, "i")
    first = s.buffer_at(s.B, outer)
    second = s.buffer_at(first, "j")
    s.buffer_at(s.C, "i")
    assert (first.shape, second.shape) == ((3, 10), (3,))
    agree(s, c=True)


def test_triangle_steps_and_downward_loops() -> None:
    def triangle(A: float32[12, 12], B: float32[12, 12]):
        for i in ta_range(11, -1, -1):
            for j in ta_range(0, i + 1, 2):
                A[i, j] = A[i, j] + B[j, i] * A[j, j]

    for array in ("A", "B"):
        for loop in ("i", "j"):
            s = schedule_of(triangle)
            s.buffer_at(array, loop)
            agree(s)


def test_unused_array_is_refused() -> None:
    def two(A: float32[8], B: float32[8]):
        for i in grid(8, name="first"):
            A[i] += 1
        for i in grid(8, name="second"):
            B[i] += 1

    s = schedule_of(two)
    before = s.module
    with pytest.raises(ScheduleError) as caught:
        s.buffer_at("B", "first.i")
    assert caught.value.code == "TA240"
    assert caught.value.summary == "buffer_at(\"B\", \"first.i\") finds no use of 'B' inside loop 'i'"
    assert s.module is before


def test_part_chosen_by_data_is_refused() -> None:
    s = schedule_of(gather)
    with pytest.raises(ScheduleError) as caught:
        s.buffer_at("A", "i")
    assert caught.value.code == "TA241"
    assert "cannot tell which part of 'A' an iteration of 'i' uses" in str(caught.value)


def broken(schedule: Schedule, suffix: str, how: str) -> Schedule:
    """The schedule with one copy broken: its source one element off, or part of it missing."""
    state = schedule.module.state(schedule.name)
    model = state.model
    copy = next(s for s in model.statements if s.name.endswith(suffix))
    assert isinstance(copy.node, Store)
    assert isinstance(copy.node.value, Load)
    node, domain = copy.node, copy.domain
    if how == "index":
        indices = node.value.indices
        moved = Binary("-", constant(7), indices[-1], index)
        node = replace(node, value=replace(node.value, indices=(*indices[:-1], moved)))
    elif how == "part":
        domain = domain.subtract(domain.lexmin())
    else:
        domain = domain.subtract(domain)
    wrong = make_statement(model, copy.name, node, copy.dims, domain, dict(copy.scopes), copy=True)
    statements = [wrong if s is copy else s for s in model.statements]
    changed = replace(state, model=replace(model, statements=tuple(statements)))
    other = schedule.copy()
    other._module = schedule.module.with_state(schedule.name, changed)
    return other


@pytest.mark.parametrize("how", ["index", "part", "drop"])
@pytest.mark.parametrize(("array", "suffix"), [("A", "_init"), ("C", "_init"), ("C", "_back")])
def test_the_proof_sees_a_broken_copy(array: str, suffix: str, how: str) -> None:
    def square(A: float32[8, 8], B: float32[8, 8], C: float32[8, 8]):
        for i, j, k in grid(8, 8, 8):
            C[i, j] += A[i, k] * B[k, j]

    s = schedule_of(square)
    s.buffer_at(array, "i")
    agree(s)
    proof = verify_module(broken(s, suffix, how).module)
    assert not proof
    assert proof.counterexample is not None
    assert array in proof.counterexample or "no value" in proof.counterexample


def test_script_and_undo() -> None:
    s = schedule_of(gemm)
    first = str(s)
    s.buffer_at(s.C, "i")
    assert 's.buffer_at(s.C, "i")' in s.script()
    s.undo()
    assert str(s) == first


def test_records_keep_the_fields_that_are_not_written() -> None:
    pair = Struct((("x", float32), ("y", int32)))

    def mark(A: pair[8, 8], B: float32[8]):  # type: ignore[valid-type]
        for i, j in grid(8, 8):
            A[i, j].y = 3
        for j in grid(8):
            B[j] = A[j, j].x

    program = trace(mark, namespace={"pair": pair})
    s = Schedule(None, program, HARDWARE)  # type: ignore[arg-type]
    s.buffer_at("A", s.loops()[0])
    assert copies(s) == ["back", "init"]
    assert verify_module(s.module)


def test_constants_are_arrays_like_others() -> None:
    def taps(A: float32[10], B: float32[8]):
        w = constant_array(np.arange(6, dtype=np.float32).reshape(2, 3))
        for i in grid(8):
            for r in grid(3):
                B[i] += A[i + r] * w[1, r]

    for step in ("buffer_at", "reuse_at"):
        s = schedule_of(taps)
        assert getattr(s, step)("w", "i").shape == (3,)
        agree(s, c=True)
    s = schedule_of(taps)
    s.permute("w", (1, 0))
    s.partition("w", dim=0)
    s.buffer_at("w", "i")
    agree(s, c=True)
    assert not verify_module(broken(s, "_init", "part").module)


def test_array_made_inside_the_loop() -> None:
    def rows(A: float32[6, 8], B: float32[6]):
        for i in grid(6):
            acc = scalar(float32, 0)
            T = zeros((8,), float32)
            for j in grid(8):
                T[j] += A[i, j]
            for j in grid(7):
                acc += T[j] * T[j + 1]
            B[i] = acc

    for array in ("acc", "T"):
        s = schedule_of(rows)
        s.buffer_at(array, s.loops()[0])
        assert copies(s) == []
        agree(s, c=True)


def test_a_slice_of_one_stays_a_slice() -> None:
    @kernel
    def total(x: float32[3], y: float32[1]):
        for i in grid(3):
            y[0] += x[i]

    def sums(A: float32[12, 4], B: float32[10]):
        for i in grid(10):
            for j in grid(4):
                total(A[i : i + 3, j], B[i : i + 1])

    for loop in ("i", "j"):
        s = schedule_of(sums)
        assert s.buffer_at("B", loop).shape == (1,)
        s.buffer_at("A", loop)
        agree(s, c=True)


def test_a_wrong_rewrite_is_no_wrong_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    right = buffer_module.readable
    monkeypatch.setattr(buffer_module, "readable", lambda *a: right(*a).subtract(right(*a).lexmin()))
    s = schedule_of(gemm)
    before = s.module
    with pytest.raises(TraceallocError) as caught:
        s.buffer_at("A", "i")
    assert caught.value.code == "TA261"
    assert caught.value.summary == (
        'buffer_at("A", "i") was about to change what a read of \'A\' sees: a bug in tracealloc'
    )
    (reason,) = caught.value.because
    assert reason.endswith("at (i=0, j=0, k=0) reads A[0, 0]: expected the caller's value, found no value")
    assert s.module is before


def test_elements_between_those_used_are_not_held() -> None:
    def strided(A: float32[10, 40], B: float32[10]):
        for i in grid(10):
            for j in grid(9):
                B[i] += A[i, 3 * j + 1] * A[i, 3 * j + 13]

    def far(A: float32[200]):
        for i in grid(50):
            A[i] = A[i + 100] + A[i + 150]

    def rows(A: float32[50, 20], B: float32[10]):
        for i in grid(10):
            for j in ta_range(0, 20, 4):
                B[i] += A[i, j] * A[i + 30, j]

    for function, shape in ((strided, (13,)), (far, (3,)), (rows, (2, 5))):
        s = schedule_of(function)
        assert s.buffer_at("A", "i").shape == shape
        agree(s, c=True)
    assert "# buffer of A[i:i + 31:30, 0:17:4]" in str(s)


def test_records_of_which_only_some_fields_are_read() -> None:
    pair = Struct((("x", float32), ("y", int32)))

    def total(A: pair[8, 10], B: float32[8]):  # type: ignore[valid-type]
        for i in grid(8):
            for j in grid(8):
                B[i] += A[i, j].x * A[i, j + 2].x

    program = trace(total, namespace={"pair": pair})
    for step, loop in (("buffer_at", 0), ("reuse_at", 1)):
        s = Schedule(None, program, HARDWARE)  # type: ignore[arg-type]
        getattr(s, step)("A", s.loops()[loop])
        assert verify_module(s.module)


def test_a_proof_that_takes_too_long_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(family, "PROOF", 10)
    s = schedule_of(gemm)
    before = s.module
    with pytest.raises(ScheduleError) as caught:
        s.buffer_at("A", "i")
    assert caught.value.code == "TA260"
    assert caught.value.because == ("the proof of 'A' takes too long",)
    assert s.module is before
    monkeypatch.undo()
    s.buffer_at("A", "i")
    agree(s)


def sparse(at: int32[7], col: int32[20], A: float32[20], x: float32[8, 6], y: float32[6, 6]):
    for i in grid(6):
        for p in ta_range(at[i] & 7, (at[i + 1] & 7) + 8):
            for q in ta_range(i, 6):
                y[i, q] += A[p] * x[col[p] & 7, q]
            for q in ta_range(4, 0, -2):
                y[i, q] -= 1.0


def test_loops_whose_bounds_depend_on_data_use_parts_that_do_not() -> None:
    s = schedule_of(sparse)
    row = s.buffer_at("y", "i")
    ends = s.buffer_at("at", "i")
    assert (row.shape, ends.shape) == ((6,), (2,))
    agree(s, c=True)
    for array in ("A", "x"):
        with pytest.raises(ScheduleError) as caught:
            s.buffer_at(array, "i")
        assert caught.value.code == "TA241"


def test_subscripts_of_a_part_that_moves_by_a_quotient_are_simple() -> None:
    """isl writes i // 2 as i - (i + 1) // 2; what is left of a subscript in the buffer is t all the same."""

    def half(X: float32[20], Y: float32[12]):
        for i in grid(12):
            for t in grid(3):
                Y[i] += X[i // 2 + t]

    def downwards(X: float32[20], Y: float32[12]):
        for i in grid(12):
            for t in grid(3):
                Y[i] += X[12 - i // 2 + t]

    def phases(X: float32[40], Y: float32[12]):
        for i in grid(12):
            for t in grid(3):
                Y[i] += X[(3 * i + 1) // 2 + t + i % 3]

    for function in (half, downwards, phases):
        s = schedule_of(function)
        assert s.buffer_at("X", "i").shape == (3,)
        assert "X_i[t_init] = X[" in str(s) and "Y[i] += X_i[t] " in str(s), str(s)
        agree(s, c=True)


def test_a_buffer_with_the_constant_of_a_peeled_fill_is_proved() -> None:
    @kernel
    def sums(A: int32[4]):
        for i in grid(4):
            for _k in grid(3):
                c = scalar(int32, 4)
                c.set(c - A[i])
                A[i] = c

    s = Schedule(sums, sums.trace(), HARDWARE)
    s.peel("_k", 1)
    s.distribute("i")
    s.buffer_at("c_1", "i_2")
    assert "c_1_i_2 = 4" in str(s.module)
    assert s.verify()
