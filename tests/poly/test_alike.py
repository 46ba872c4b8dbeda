"""Parts of a tree that differ in names alone share isl's loops, and come out as if each had its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from random import Random

import numpy as np
import pytest

import tracealloc as ta
from tests.poly.test_lower import same
from tests.schedule.common import assert_same_results, schedule_of
from tests.schedule.nests import random_program
from tests.schedule.steps import arguments
from tracealloc import grid, int32, kernel
from tracealloc.poly.codegen import isl_codegen as generate
from tracealloc.poly.codegen.isomorphic import Reduced, reduced
from tracealloc.schedule.core.state import lowered
from tracealloc.trace.ir.program import Block, Program, Store, map_blocks

N = 12


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> Callable[[ta.Schedule], str]:
    """The text of a schedule whose loops isl makes one by one."""

    def text(s: ta.Schedule) -> str:
        with monkeypatch.context() as patch:
            patch.setattr(generate, "reduced", lambda model, tree: Reduced(model, tree, {}, {}))
            return str(lowered(s.module))

    return text


def stores(count: int) -> ta.Kernel:
    @kernel
    def body(A: int32[N, N], B: int32[8, N, N]):
        for i, j in grid(N, N):
            for n in range(count):
                if n == 3:
                    if j <= i:
                        B[n, i, j] = A[i, j] - n
                else:
                    B[n, i, j] = A[i, j] + n

    return body


def check(s: ta.Schedule, k: ta.Kernel, apart: Callable[[ta.Schedule], str]) -> None:
    assert str(lowered(s.module)) == apart(s)
    a = np.arange(N * N, dtype=np.int32).reshape(N, N)
    assert same(k, s, a, np.zeros((8, N, N), np.int32))


def test_rows_of_stores_and_of_nests(apart: Callable[[ta.Schedule], str]) -> None:
    k = stores(8)
    s = ta.customize(k)
    s.split("j", 5)
    s.tile(["i", "j.outer"], [5, 2])
    model, tree = s.module.state(s.name).model, s.module.state(s.name).tree
    assert len(reduced(model, tree).model.statements) == 3  # three, one, four
    check(s, k, apart)
    s.distribute("j.inner")
    assert len(reduced(s.module.state(s.name).model, s.module.state(s.name).tree).model.statements) == 3
    check(s, k, apart)
    s.reverse("j.inner_6")  # now two, one, two
    s.parallel("j.inner_2")
    assert len(reduced(s.module.state(s.name).model, s.module.state(s.name).tree).model.statements) == 5
    check(s, k, apart)
    assert "[parallel]" in str(s)


def test_rows_in_rows(apart: Callable[[ta.Schedule], str]) -> None:
    @kernel
    def nests(A: int32[N, N], B: int32[8, N, N]):
        for i in ta.range(N):
            for n in range(0, 8, 4):
                for j in ta.range(i, N):
                    B[n, i, j] = A[i, j]
                    B[n + 1, i, j] = A[j, i]
                for j in ta.range(2):
                    B[n + 2, i, j] = A[i, j]
                    B[n + 3, i, j] = A[j, i]

    s = ta.customize(nests)
    s.split("i", 5)
    few = reduced(s.module.state(s.name).model, s.module.state(s.name).tree)
    assert [s.name for s in few.model.statements] == ["S0", "S2", "S4", "S6"]
    check(s, nests, apart)

    @kernel
    def doubled(A: int32[N, N], B: int32[8, N, N]):
        for i in ta.range(N):
            for n in range(0, 8, 2):
                for j in ta.range(i, N):
                    B[n, i, j] = A[i, j]
                    B[n + 1, i, j] = A[j, i]

    s = ta.customize(doubled)
    s.split("i", 5)
    few = reduced(s.module.state(s.name).model, s.module.state(s.name).tree)
    assert [s.name for s in few.model.statements] == ["S0"]
    check(s, doubled, apart)


def test_a_loop_that_is_none_is_left_out_of_the_whole_row(apart: Callable[[ta.Schedule], str]) -> None:
    @kernel
    def once(A: int32[N, N], B: int32[8, N, N]):
        for i in ta.range(N):
            for n in range(4):
                for j in ta.range(i, i + 1):
                    for k in ta.range(N):
                        B[n, j, k] = A[i, k] + n
                    if i > 4:
                        B[n + 4, j, 0] = A[i, 1]

    s = ta.customize(once)
    s.split("i", 5)
    check(s, once, apart)


@pytest.mark.parametrize("seed", range(12))
def test_random_nests_of_doubled_stores(seed: int, apart: Callable[[ta.Schedule], str]) -> None:
    rng = Random(seed)
    s = schedule_of(doubled(random_program(seed)))
    for _ in range(4):
        name = rng.choice(["split", "distribute", "distribute", "reverse", "fuse", "tile", "skew"])
        with suppress(ta.TraceallocError):
            getattr(s, name)(*arguments(rng, s, name))
    assert str(lowered(s.module)) == apart(s)
    assert_same_results(s)


def doubled(program: Program) -> Program:
    """A program in which every store stands three times."""

    def change(block: Block) -> Block:
        nodes = [map_blocks(node, change) for node in block]
        return tuple(n for node in nodes for n in (node,) * (3 if isinstance(node, Store) else 1))

    return replace(program, body=change(program.body))
