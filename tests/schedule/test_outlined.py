"""What `outline` cuts out: its keys, what it is passed, and what it hands back."""

from __future__ import annotations

import pytest
from test_calls import check

import tracealloc as ta
from tracealloc import grid, int32, kernel

N = 6


def test_what_is_outlined_keeps_apart_from_its_caller() -> None:
    """A condition of the caller is an argument; what the new function makes has keys of its own."""

    @kernel
    def guarded(A: int32[N, N], B: int32[N, N], v: int32[N]):
        for i in grid(N):
            if v[i] > 1:
                for j in grid(N):
                    A[i, j] += B[i, j]
                    if B[j, i] > 0:
                        A[j, i] = 2
                        A[j, j] -= 1
                v[i] = A[i, i]

    s = ta.customize(guarded)
    s.outline("j", "row")
    check(guarded, s)
    s.split("row:j", 3)
    check(guarded, s)
    s.inline("row")
    check(guarded, s)

    @kernel
    def products(A: int32[N, N], B: int32[N, N]):
        for i in grid(N):
            for j in grid(N):
                for k in grid(N):
                    B[i, j] += A[i, k]

    s = ta.customize(products)
    s.buffer_at("B", "i")
    s.outline("i", "part")
    s.buffer_at("part:A", "part:i")
    s.buffer_at("part:B_i", "part:j")
    s.inline("part")
    check(products, s)


def test_a_function_of_the_name_of_one_that_was_inlined() -> None:
    """Handles of the first are not taken for loops of the second; their arrays stay apart."""

    @kernel
    def twice(A: int32[N], B: int32[N], v: int32[N]):
        for i in grid(N):
            if v[i] > 1:
                for j in grid(N):
                    A[j] += B[j]
                v[i] = A[0]
                for k in grid(N):
                    B[k] = A[k] + A[0]

    s = ta.customize(twice)
    s.outline("j", "row")
    first = s.loops("row")[0]
    buffer = s.buffer_at("row:A", first)
    s.inline("row")
    s.outline("k", "row")
    s.unroll(first, 2)
    assert first.owner is s
    assert [str(loop) for loop in s.loops("row")] == ["k"]
    assert "unroll" not in repr(s.loops("row"))
    s.buffer_at("row:A", "row:k")
    s.inline("row")
    assert buffer.shape == () and s.A_j.name == buffer.name
    assert len({array.key for array in s.module.state("twice").model.arrays}) == len(s.arrays())
    check(twice, s)


@kernel
def add_row(X: int32[N], Y: int32[N]):
    for i in grid(N):
        Y[i] += X[i]


def test_an_outlined_nest_is_moved_with_its_calls() -> None:
    """Its call has no iterators until then, and what its own calls look at moves with them."""

    @kernel
    def stages(A: int32[N, N], V: int32[N], w: int32[N]):
        for p in grid(N - 1):
            add_row(A[p + 1], V)
        for i, j in grid(N, N):
            w[i] += V[j]

    s = ta.customize(stages)
    s.outline("p", "first")
    s.compute_at("V", "i")
    check(stages, s)
    s.inline("first")
    check(stages, s)
    s.inline("add_row")
    check(stages, s)


def test_a_buffer_around_an_outlined_loop_on_data_holds_what_it_uses() -> None:
    @kernel
    def gathered(A: int32[N, N], n: int32[N], V: int32[N]):
        for i in grid(N - 1):
            for _k in ta.range(n[i] & 3):
                add_row(A[i + 1], V)
            V[i] = 1
        for k in grid(N):
            V[k] += 1

    s = ta.customize(gathered)
    s.outline("_k", "part")
    s.split("i", 2)
    part = s.buffer_at("A", "i.outer")
    assert part.shape == (2, N)
    check(gathered, s)
    s.inline("part")
    check(gathered, s)


def test_a_condition_that_an_outlined_loop_evaluates_for_others() -> None:
    @kernel
    def chosen(A: int32[N, N], V: int32[N]):
        for i in grid(N):
            for k in ta.range(2, 4, 2):
                if A[k, i] > 3:
                    add_row(A[i], V)

    s = ta.customize(chosen)
    first, _ = s.distribute("k")
    s.outline(first, "condition")
    check(chosen, s)
    s.inline("condition")
    check(chosen, s)


@kernel
def product(A: int32[N, N], B: int32[N, N], C: int32[N, N]):
    for i, j in grid(N, N):
        acc = ta.scalar(int32, 0)
        for k in ta.range(N):
            acc += A[i, k] * B[k, j]
        C[i, j] = acc


@kernel
def scratch(A: int32[N, N], B: int32[N, N], w: int32[N]):
    for i in grid(N):
        t = ta.zeros((N,), int32)
        add_row(A[i], t)
        if w[i] > 0:
            for j in grid(N):
                t[j] += 1
        add_row(t, B[i])


@kernel
def kept_along(A: int32[N, N], B: int32[N, N]):
    for i in grid(N):
        t = ta.empty((N,), int32)
        for j in ta.range(N):
            for k in grid(N):
                if j == 0:
                    t[k] = A[i, k]
                else:
                    B[j, k] += t[k] + j


@pytest.mark.parametrize(
    ("kernel_", "steps"),
    [
        (product, 's.reorder("k", "j"); s.outline("k", "mac"); s.pipeline("mac:j"); s.inline("mac")'),
        (product, 's.tile(["i", "j"], 4); s.reorder("k", "i.inner", "j.inner"); s.outline("j.inner", "row")'),
        (
            product,
            's.reorder("k", "i", "j"); s.outline("i", "row"); s.partition("row:acc", 0); s.outline("k", "o")',
        ),
        (scratch, 's.distribute("i"); s.outline("i_1", "a"); s.outline("i_3", "b"); s.reverse("b:i_3")'),
        (scratch, 's.distribute("i"); s.outline("i_2", "a"); s.outline("i_5", "b"); s.inline("add_row")'),
        (scratch, 's.distribute("i"); s.outline("i_4", "a"); s.inline("a"); s.merge("i_1", "i_2")'),
        (kept_along, 's.outline("k", "a"); s.pipeline("a:k"); s.outline("j", "b"); s.inline("a")'),
    ],
)
def test_an_outlined_loop_is_passed_all_instances_that_it_uses(kernel_: ta.Kernel, steps: str) -> None:
    """Arrays and scalars that loops outside it make anew live beside one another then."""
    s = ta.customize(kernel_)
    for step in steps.split("; "):
        exec(step, {"s": s})
        check(kernel_, s)
    again: dict[str, object] = {"ta": ta, kernel_.name: kernel_}
    exec(s.script(), again)
    assert again["s"].module == s.module  # type: ignore[attr-defined]


def test_a_condition_on_data_around_loops_that_run_once() -> None:
    @kernel
    def once(A: int32[N, N], v: int32[N]):
        for i in grid(N):
            for j in grid(1):
                if v[i] > 0:
                    for k in grid(N):
                        A[i, k] += j + 1

    s = ta.customize(once)
    s.outline("k", "row")
    check(once, s)
    s.inline("row")
    check(once, s)
    s.split("j", 2)
    s.outline("k", "row")
    s.outline("j.inner", "rows")
    check(once, s)


def test_inlined_in_what_was_outlined() -> None:
    """The part comes back with what was inlined in it, not with a call of a function that is gone."""

    @kernel
    def repeated(A: int32[N, N], B: int32[N, N], n: int32[N]):
        for i in grid(N):
            add_row(A[i], B[i])
            for _k in ta.range(n[i] & 1):
                add_row(B[i], A[i])

    @kernel
    def outer(A: int32[N, N], B: int32[N, N], n: int32[N]):
        for _k in ta.range(n[0] & 1):
            repeated(A, B, n)
        repeated(B, A, n)

    s = ta.customize(repeated)
    s.outline("L0.i", "rows")
    s.inline("add_row")
    check(repeated, s)
    s.inline("rows")
    assert s.module.names() == ("repeated",)
    check(repeated, s)
    s = ta.customize(outer)
    s.inline("add_row")
    check(outer, s)
    s.inline("repeated")
    assert s.module.names() == ("outer",)
    check(outer, s)
