"""Which initiation interval chains of values allow: flattened nests, memories and registers, unrolling."""

from __future__ import annotations

import random
import re
import warnings
from typing import Any

import pytest

import tracealloc as ta
from benchmarks.hardware import perfect_nest, value_at
from tracealloc import float32, grid, kernel
from tracealloc.emit.vitis.hardware import HARDWARE
from tracealloc.schedule.timing.recurrence import recurrences
from tracealloc.trace.ir.expr import loads_of
from tracealloc.trace.ir.program import If, Loop, Store, walk_nodes


@kernel
def dot(A: float32[8], B: float32[8], C: float32[1]):
    t = ta.scalar(float32, 0)
    for i in grid(8):
        t += A[i] * B[i]
    C[0] = t


@kernel
def sums(A: float32[5, 12], B: float32[12]):
    for i, j in grid(5, 12):
        B[j] += A[i, j]


@pytest.mark.parametrize(
    ("lanes", "registers", "expected"),
    [
        (2, False, "ii=2, not 1.*8 cycles of float32 arithmetic at distance 6;"),
        (2, True, "ii=2, not 1.*7 cycles of float32 arithmetic at distance 6;"),
        (4, False, "ii=3, not 1.*8 cycles of float32 arithmetic at distance 3;"),
        (1, False, None),
        (5, False, "ii=3, not 1.*8 cycles of float32 arithmetic at distance 3;"),
    ],
)
def test_a_flattened_nest_does_not_drain(lanes: int, registers: bool, expected: str | None) -> None:
    s = ta.customize(sums)
    if registers:
        s.partition(s.B)
    outer, _ = s.split("j", lanes)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        s.pipeline(outer)
    assert len(caught) == (expected is not None)
    assert all(re.search(expected or "", str(warning.message)) for warning in caught)


@kernel
def triangle(A: float32[5, 5], B: float32[5]):
    for i in grid(5):
        for j in ta.range(i + 1):
            B[j] += A[i, j]


@kernel
def two_nests(A: float32[5, 4], B: float32[4]):
    for i in grid(5):
        for j in ta.range(4):
            B[j] += A[i, j]
        for j in ta.range(4):
            B[j] *= 2


def test_a_nest_that_is_not_flattened_drains() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ta.customize(triangle).pipeline("j")
        s = ta.customize(two_nests)
        for loop in s.loops()[1:]:
            s.pipeline(loop)


def test_iterations_that_start_together_wait_for_one_another() -> None:
    s = ta.customize(dot)
    s.unroll("i", factor=4)
    with pytest.warns(ta.TraceallocWarning, match=r"ii=28, not 7.*distance 1, 4 iterations at a time"):
        s.pipeline("i", ii=7)


@kernel
def diagonals(A: float32[4, 5, 6], B: float32[12]):
    for i, j, k in grid(4, 5, 6):
        B[j + k] += A[i, j, k]


@kernel
def lines(A: float32[4, 5, 6], B: float32[6]):
    for i, j, k in grid(4, 5, 6):
        B[k] += A[i, j, k]


@kernel
def triangles(A: float32[6, 6, 6], B: float32[6, 6]):
    for i, j in grid(6, 6):
        for k in ta.range(j + 1):
            B[k, i] += A[i, j, k]


@kernel
def steps(A: float32[40], B: float32[40]):
    for i in ta.range(3, 38, 3):
        B[i] = B[i - 2] * A[i] + B[i - 3]


@kernel
def products(A: float32[6, 9, 6], B: float32[6, 10]):
    for i, j, k in grid(6, 9, 6):
        B[i, j + 1] = B[i, j] * A[i, j, k]


def any_steps(s: ta.Schedule, rng: random.Random) -> None:
    for _ in range(rng.randint(0, 4)):
        names = [loop.name for loop in s.loops()]
        rng.shuffle(names)
        step = rng.choice(["split", "reorder", "skew", "shift", "reverse"])
        arguments: dict[str, tuple[Any, ...]] = {
            "split": (names[0], rng.randint(1, 4)),
            "reorder": tuple(names[:2]),
            "skew": (*names[:2], rng.choice([1, 2, -1])),
            "shift": (names[0], rng.randint(-3, 3)),
            "reverse": (names[0],),
        }
        if len(names) > 1 or step in ("split", "shift", "reverse"):
            try:
                getattr(s, step)(*arguments[step])
            except ta.TraceallocError:
                continue


def least_distance(s: ta.Schedule, key: str) -> int | None:
    """The least number of iterations of a pipelined nest between a store and a load of it, by running it."""
    found: list[int] = []

    def run(block: Any, values: dict[Any, int], nest: dict[str, Any] | None) -> None:
        for node in block:
            if isinstance(node, Loop):
                flat, inside = perfect_nest(node), nest
                if flat is not None and flat[-1].iter.key == key and nest is None:
                    inside = {"loop": flat[-1].iter, "count": 0, "stored": {}}
                for value in range(value_at(node.start, values), value_at(node.stop, values), node.step):
                    if inside is not None and node.iter == inside["loop"]:
                        inside["count"] += 1
                    run(node.body, {**values, node.iter: value}, inside)
            elif isinstance(node, If):
                run(node.then if value_at(node.cond, values) else node.orelse, values, nest)
            elif isinstance(node, Store) and nest is not None:
                for load in loads_of(node.value):
                    at = (load.array, *(value_at(e, values) for e in load.indices))
                    if nest["stored"].get(at, nest["count"]) < nest["count"]:
                        found.append(nest["count"] - nest["stored"][at])
                at = (node.array, *(value_at(e, values) for e in node.indices))
                nest["stored"][at] = nest["count"]

    run(s.lowered.body, {}, None)
    return min(found, default=None)


@pytest.mark.parametrize("seed", range(60))
def test_distances_against_running_the_loops(seed: int) -> None:
    rng = random.Random(seed)
    s = ta.customize(rng.choice([diagonals, lines, triangles, steps, products]))
    any_steps(s, rng)
    loop = rng.choice(s.loops()[-2:])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        s.pipeline(loop)
    if any(isinstance(node, Loop) and node.iter.key == loop.key for node in walk_nodes(s.lowered.body)):
        state = s.module.state(s.name)
        node = next(node for node in state.loops() if node.key == loop.key)
        found = recurrences(state, node, HARDWARE)  # type: ignore[arg-type]
        assert min((each.distance for each in found), default=None) == least_distance(s, loop.key), str(s)
