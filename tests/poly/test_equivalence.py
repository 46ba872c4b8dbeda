"""The proof of a whole schedule: true after every primitive, false for every planted fault."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import float32, grid, int16, kernel
from tracealloc.check.interpret.interpret import interpret
from tracealloc.poly.model.statements import make_statement
from tracealloc.poly.model.tree import LoopNode, Sequence
from tracealloc.poly.proof.equivalence import difference
from tracealloc.schedule.core.state import State
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Binary, Load, rewrite
from tracealloc.trace.ir.rewrite import map_expressions
from tracealloc.trace.queries.affine import constant

N = 12


@kernel
def gemm(A: float32[N, N], B: float32[N, N], C: float32[N, N]):
    for i, j, k in grid(N, N, N):
        C[i, j] += A[i, k] * B[k, j]


@kernel
def sums(A: int16[N, N], y: int16[N]):
    for i, j in grid(N, N):
        y[i] += A[i, j]


def buffered() -> State:
    s = ta.customize(gemm)
    s.tile(["i", "j"], [4, 5])
    s.buffer_at("A", "j.outer")
    s.buffer_at("C", "j.outer")
    return s.module.state("gemm")


def answer(state: State) -> str | None:
    base = state.proof.base
    wrong = difference(base, base.reference, state.model, state.tree, state.proof.reassociate)
    return None if wrong is None else state.claim.explain(wrong)


def test_copies_are_looked_through() -> None:
    assert answer(buffered()) is None


def test_a_copy_of_the_wrong_element_is_found() -> None:
    state = buffered()
    copy = next(s for s in state.model.statements if s.copy and s.reads[0].array.name == "A")

    def off_by_one(expr):
        if isinstance(expr, Load):
            first = Binary("-", constant(N - 1), expr.indices[0], index)
            return replace(expr, indices=(first, *expr.indices[1:]))
        return None

    node = map_expressions(copy.node, lambda e: rewrite(e, off_by_one))
    broken = make_statement(
        state.model, copy.name, node, copy.dims, copy.domain, dict(copy.scopes), copy=True
    )
    statements = [broken if s.name == copy.name else s for s in state.model.statements]
    model = state.model.with_statements(statements, state.model.reference)
    text = answer(replace(state, model=model))
    assert text is not None
    assert "reads A[0, 0]: expected the caller's value" in text


@pytest.mark.parametrize("which", ["A", "C"])
def test_a_copy_that_is_missing_in_part_is_found(which: str) -> None:
    state = buffered()
    copy = next(s for s in state.model.statements if s.copy and s.reads[0].array.name == which)
    points = copy.domain.lexmax()
    broken = make_statement(
        state.model,
        copy.name,
        copy.node,
        copy.dims,
        copy.domain.subtract(points),
        dict(copy.scopes),
        copy=True,
    )
    statements = [broken if s.name == copy.name else s for s in state.model.statements]
    model = state.model.with_statements(statements, state.model.reference)
    assert answer(replace(state, model=model)) is not None


def test_an_order_that_reverses_a_float_sum_is_found() -> None:
    s = ta.customize(gemm)
    state = s.module.state("gemm")
    t = ta.customize(gemm, reassociate=True)
    t.reverse("k")
    reversed_tree = t.module.state("gemm").tree
    text = answer(replace(state, tree=reversed_tree))
    assert text is not None
    assert text.startswith("test_equivalence.py:")
    assert answer(replace(state.freely(), tree=reversed_tree)) is None


def test_integer_sums_through_buffers_in_any_order() -> None:
    s = ta.customize(sums)
    s.split("j", 5)
    s.reorder("j.inner", "j.outer")
    s.buffer_at("y", "j.outer")
    assert s.verify()
    assert s.verify().assumptions == ("integer sums may be reordered",)


def test_time_does_not_depend_on_trip_counts() -> None:
    def scaled(n: int) -> ta.Kernel:
        @kernel
        def product(A: float32[n, n], B: float32[n, n], C: float32[n, n]):
            for i, j, k in grid(n, n, n):
                C[i, j] += A[i, k] * B[k, j]

        return product

    counts = []
    for n in (64, 10**6):
        s = ta.customize(scaled(n))
        s.tile(["i", "j"], [16, 16])
        s.buffer_at("C", "j.outer")
        proof = s.verify()
        assert proof
        counts.append(proof.operations)
    assert counts == [64**3, 10**18]


def test_an_update_that_runs_twice_is_not_a_free_sum() -> None:
    @kernel
    def once_then_used(A: int16[N], B: int16[N]):
        for i in ta.range(1):
            B[i + 1] += A[3]
        for j in ta.range(1, 3):
            B[j + 1] = B[j] * B[j - 1]

    s = ta.customize(once_then_used)
    s.compute_at("L0", "j")  # in the first iteration only: two use what it makes
    arrays = [np.arange(2, N + 2, dtype=np.int16) for _ in range(4)]
    interpret(s.program, *arrays[:2])
    interpret(s.lowered, *arrays[2:])
    np.testing.assert_array_equal(arrays[1], arrays[3])


def test_every_copy_of_a_read_sees_all_that_the_read_saw() -> None:
    @kernel
    def products(B: int16[4], F: int16[4]):
        for i in ta.range(1, 3):
            t = ta.scalar(int16, B[i - 1])
            for j in ta.range(2):
                B[2 * j + 1] *= t
        for n in grid(4):
            F[n] = B[1]

    s = ta.customize(products)
    with pytest.raises(ta.IllegalScheduleError):  # t would be made twice, once too early
        s.compute_at("i", "n")


def test_sums_and_products_of_one_array_keep_to_their_own() -> None:
    """Sums move among sums and products among products, never past one another."""

    @kernel
    def mixed(A: int16[4, 8], x: int16[8]):
        for t in ta.range(2):
            for i, j in grid(4, 8, name="add"):
                x[j] += A[i, j] + t
            for i, j in grid(4, 8, name="times"):
                x[j] *= A[i, j]

    s = ta.customize(mixed)
    s.reverse("add.i")
    s.reverse("times.i")
    assert s.verify().assumptions == ("integer sums may be reordered",)
    state = s.module.state("mixed")
    assert isinstance(state.tree, LoopNode) and isinstance(state.tree.body, Sequence)
    wrong = replace(state.tree, body=Sequence(state.tree.body.children[::-1]))
    assert answer(replace(state, tree=wrong)) is not None
