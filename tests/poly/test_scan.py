"""Loops of our own, where isl makes none in time or wrong ones."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np
import pytest

import tracealloc as ta
from tests.schedule.common import assert_same_results, nest, schedule_of
from tests.schedule.nests import random_program
from tests.schedule.short_nests import short_program
from tests.schedule.steps import arguments, called
from tracealloc import float32, int32, kernel
from tracealloc.check.interpret.interpret import interpret
from tracealloc.poly.codegen import isl_codegen as generate
from tracealloc.poly.isl.budget import limited
from tracealloc.poly.model.model import Model
from tracealloc.poly.model.tree import Tree


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """isl makes no loops."""

    def never(model: Model, tree: Tree) -> generate.Generated:
        raise generate._Wrong

    monkeypatch.setattr(generate, "_generated", never)


@kernel
def row(A: float32[64], B: float32[64, 64]):
    for i in ta.range(1, 60):
        for j in ta.range(60):
            with ta.when(j <= i):
                A[j] = A[j] * 0.5 + B[i, j]


def tiled() -> ta.Schedule:
    s = ta.customize(row)
    jo, ji = s.split("j", 4)
    s.buffer_at(s.A, ji)
    s.skew(jo, "i")
    s.split(ji, 4)
    s.reorder(jo, "i")
    outer = s.tile([jo, "i"], [4, 4])
    s.skew(outer[1], outer[0])
    s.reorder(outer[1], outer[0])
    s.tile([outer[1], outer[0]], [4, 4])
    return s


def test_lowering_has_a_bound() -> None:
    """isl reads its own loops back for hours here."""
    s = tiled()
    with limited(generate.LOOPS + generate.READ):
        text = str(s.lowered)
    assert "if " not in text, "the bounds say all"
    rng = np.random.default_rng(0)
    a, b = rng.random(64, np.float32), rng.random((64, 64), np.float32)
    plain, found = a.copy(), a.copy()
    interpret(s.program, plain, b)
    interpret(s.lowered, found, b)
    assert np.array_equal(plain, found)
    printed = [line.partition("for ")[2].partition(" in ")[0] for line in text.splitlines() if "for " in line]
    assert printed == [loop.name for loop in s.loops()]


@kernel
def triangle(A: int32[9, 9], x: int32[9]):
    for i in ta.range(0, 9, 2):
        x[i] = 1
        for j in ta.range(i, 9):
            A[i, j] = x[i] + j
    for k in ta.range(8, -1, -1):
        x[k] += A[0, k]


ORDERS = ("split", "skew", "tile", "fuse", "reverse", "merge", "peel", "buffer_at", "shift", "reorder")

STEPS: dict[str, tuple[Callable[[ta.Schedule], object], list[str]]] = {
    "as traced": (
        lambda s: None,
        [
            "L0: for i in 0:9",
            "      if i % 2 == 0:",
            "        x[i] = 1",
            "      for j in i:9",
            "        if i % 2 == 0:",
            "          A[i, j] = x[i] + j",
            "L1: for k in 8:-1:-1",
            "      x[k] += A[0, k]",
        ],
    ),
    "split": (
        lambda s: s.split("k", 4),
        [
            "L0: for i in 0:9",
            "      if i % 2 == 0:",
            "        x[i] = 1",
            "      for j in i:9",
            "        if i % 2 == 0:",
            "          A[i, j] = x[i] + j",
            "L1: for k.outer in 0:3",
            "      for k.inner in 0:min(4, 9 - 4 * k.outer)",
            "        x[8 - 4 * k.outer - k.inner] += A[0, 8 - 4 * k.outer - k.inner]",
        ],
    ),
}


@pytest.mark.usefixtures("ours")
@pytest.mark.parametrize("name", STEPS)
def test_text(name: str) -> None:
    step, expected = STEPS[name]
    s = ta.customize(triangle)
    step(s)
    assert nest(s) == expected
    assert_same_results(s)


@pytest.mark.usefixtures("ours")
@pytest.mark.filterwarnings("ignore::tracealloc.TraceallocWarning")
@pytest.mark.parametrize("make", [random_program, short_program])
def test_random_orders(make: Callable[[int], ta.Program]) -> None:
    for seed in range(25):
        s, rng = schedule_of(make(seed)), Random(seed)
        for _ in range(4):
            name = rng.choice(
                ["split", "skew", "tile", "fuse", "reverse", "merge", "peel", "buffer_at", "shift"]
            )
            try:
                getattr(s, name)(*called(rng, s, arguments(rng, s, name)))
            except ta.ScheduleError:
                continue
        assert_same_results(s)


@pytest.mark.usefixtures("ours")
def test_sizes_at_run_time() -> None:
    @kernel
    def upper(n: int32, A: int32[16, 16]):
        for i in ta.range(n):
            for j in ta.range(i, n):
                A[i, j] += i - j

    s = ta.customize(upper)
    s.tile(["i", "j"], [3, 4])
    for n in (-1, 0, 1, 2, 7, 16):
        plain, found = np.zeros((16, 16), np.int32), np.zeros((16, 16), np.int32)
        interpret(s.program, n, plain)
        interpret(s.lowered, n, found)
        assert np.array_equal(plain, found), n


def test_one_nest_that_isl_fails_on_leaves_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    s = ta.customize(triangle)
    usual = generate._generated

    def only_short(model: Model, tree: Tree) -> generate.Generated:
        if len(model.statements) > 1:
            raise generate._Wrong
        return usual(model, tree)

    monkeypatch.setattr(generate, "_generated", only_short)
    parts = generate.generated(s.module.state("triangle").model, s.module.state("triangle").tree)
    assert [part.ast is None for part in parts] == [True, False]
