"""Scheduled callees inside loops that depend on data: what is inlined there is told by its traced reads."""

# ruff: noqa: B023, RUF100

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import grid, int32, kernel


@kernel
def diagonal(p: int32[3, 2, 2]):
    for k in ta.range(1, 4, 3):
        for i, j in grid(4, 3):
            p[2, (2 * j + 1) % 2, 0] = p[2 - j, (k + k) % 2, (k - i) % 2]


@kernel
def adds(p: int32[3, 2, 2], q: int32[2, 2, 2]):
    for i, j in grid(2, 2):
        p[i + 1, j, 0] += p[2 - i, j, 1] + q[i, j, 0]


@kernel
def main(A: int32[2, 3, 2, 2], B: int32[2, 2, 2]):
    for n in ta.range(2):
        left = ta.scalar(int32, n + 1)

        def body() -> None:
            B[1, 1, (n + 1) % 2] += A[0, n, 1, 1]
            diagonal(A[1])
            adds(A[1], B)
            adds(A[0], B)
            left.set(left - 1)

        ta.while_loop(lambda: left > 0, body)


def scheduled() -> ta.Schedule:
    s = ta.customize(main)
    s.shift("diagonal:i", 1)
    s.split("adds:i", 2)
    s.buffer_at(s["adds:p"], "adds:i.outer")
    return s


Step = Callable[[ta.Schedule], object]
LATER: dict[str, list[Step]] = {
    "one after another": [
        lambda s: s.inline("diagonal"),
        lambda s: s.inline("adds_1"),
        lambda s: s.inline("adds_0"),
        lambda s: s.permute(s.B, [0, 2, 1]),
        lambda s: s.permute(s.A, [0, 2, 1, 3]),
    ],
    "layouts between": [
        lambda s: s.inline("diagonal"),
        lambda s: s.inline("adds"),
        lambda s: s.reshape(s.A, (2, 12)),
        lambda s: s.buffer_at(s.B, "n"),
    ],
    "splits of what was inlined": [
        lambda s: s.inline("adds"),
        lambda s: s.inline("diagonal"),
        lambda s: s.split("k", 2),
        lambda s: s.split("L0.i.inner#0", 3),
        lambda s: s.pack(s.A, 3, 2),
    ],
}


@pytest.mark.parametrize("name", LATER)
def test_every_step_is_proved_and_right(name: str) -> None:
    s = scheduled()
    for step in LATER[name]:
        step(s)
        assert s.verify(), s.verify()
    rng = np.random.default_rng(1)
    expected = [rng.integers(-9, 9, shape).astype(np.int32) for shape in ((2, 3, 2, 2), (2, 2, 2))]
    given = [array.copy() for array in expected]
    main(*expected)
    s.build()(*given)
    for mine, other in zip(given, expected, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_proofs_find_the_traced_reads() -> None:
    s = scheduled()
    s.inline("adds")
    state = s.module.state("main")
    (mine,) = (each for each in state.model.statements if each.traced is not None)
    assert mine.traced != mine.node
    assert mine.tagged().keys() == state.proof.base.statement(mine.name).tagged().keys()


@kernel
def reads_chosen(p: int32[2, 4]):
    t = ta.empty((4,), int32)
    for j in ta.range(4):
        t[j] = p[0, p[0, j] % 4] - j


@kernel
def chosen(A: int32[2, 4], B: int32[1]):
    for i in ta.range(A[0, 2] % 4):
        B[0] += i
        reads_chosen(A[:, :])


def test_a_layout_inside_the_callee_is_no_difference() -> None:
    s = ta.customize(chosen)
    s.permute(s["reads_chosen:p"], [1, 0])
    s.inline("reads_chosen")
    s.permute(s.B, [0])
    assert s.verify(), s.verify()


@kernel
def takes(p: int32[5], q: int32[1]):
    q[0] += 1


@kernel
def passes(A: int32[5], B: int32[1]):
    for _ in ta.range(4):
        takes(A, B)


def test_what_only_a_callee_was_passed_is_as_it_was_in_the_end() -> None:
    s = ta.customize(passes)
    s.reuse_at(s.A, s.loops()[0])
    s.inline("takes")
    assert s.verify(), s.verify()


@kernel
def data_loop(p: int32[2], q: int32[4]):
    for i in ta.range(p[1] % 2):
        for k in ta.range(1, i - 1, -1):
            t = ta.scalar(int32, p[p[k] % 2] % 6)
            q[i + k] += t


@kernel
def around(A: int32[2], B: int32[4]):
    for j in ta.range(1, 4, 3):
        for _ in ta.range(4, j - 1, -1):
            data_loop(A, B)


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_a_loop_of_a_data_loop_that_was_split_before(factor: int) -> None:
    s = ta.customize(around)
    s.split("data_loop:k", factor)
    for step in (
        lambda: s.inline("data_loop"),
        lambda: s.permute(s.B, [0]),
        lambda: s.split("k.outer", 2),
    ):
        step()
        assert s.verify(), s.verify()
    A, expected, found = np.array([3, 1], np.int32), np.zeros(4, np.int32), np.zeros(4, np.int32)
    around(A, expected)
    s.build()(A, found)
    np.testing.assert_array_equal(found, expected)


@kernel
def made_affine(n: int32, p: int32[8]):
    for i in ta.range(n % 5):
        for k in ta.range(i + 1):
            p[i + k] += k


@kernel
def passes_a_number(A: int32[8]):
    for _ in ta.range(2):
        made_affine(8, A)


def test_a_data_loop_that_becomes_affine() -> None:
    s = ta.customize(passes_a_number)
    s.inline("made_affine")
    assert s.verify(), s.verify()
    assert s.loops()


@kernel
def chosen_in_a_view(p: int32[1], n: int32):
    p[n % 1] += n


@kernel
def passes_one_element(A: int32[3, 2], N: int32[2]):
    for j in ta.range(2):
        chosen_in_a_view(A[j : j + 1, (j + 1) % 2], N[0])


def test_data_choose_within_the_view_alone() -> None:
    s = ta.customize(passes_one_element)
    s.buffer_at(s.A, "j")
    s.inline("chosen_in_a_view")
    assert s.verify(), s.verify()
    A, N = np.arange(6, dtype=np.int32).reshape(3, 2), np.array([5, 7], np.int32)
    expected = A.copy()
    passes_one_element(expected, N)
    s.build()(A, N)
    np.testing.assert_array_equal(A, expected)


Pair = ta.Struct(a=ta.float16, b=ta.int16)


@kernel
def rows_of_records(N: int32[3], P: Pair[4, 2]):
    for i in ta.range(N[1] % 7):
        P[3, (i + 1) % 2] = P[N[0] % 4, 1]
    for j in ta.range(2):
        row = P[j + 2, :][j : j + 1]
        row[0].b = P[j, 0].b


def test_a_split_touches_no_more_than_before() -> None:
    s = ta.customize(rows_of_records)
    s.reshape(s.P, (8,))
    s.split("i", 5)
    assert s.verify(), s.verify()
