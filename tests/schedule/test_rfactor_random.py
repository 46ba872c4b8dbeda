"""Random sums that are added up in parts: proved, the same numbers, and damaged ones are found."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from common import assert_same_results

import tracealloc as ta
from tracealloc import int32, kernel
from tracealloc.poly.model.tree import LoopNode, Sequence, map_loops, restrict
from tracealloc.poly.proof.split_reduction import Split

STEPS = ("split", "reorder", *3 * ("rfactor",), "buffer_at", "reverse", "skew", "tile", "peel", "unroll")


def random_sum(random: Random) -> Any:
    """A kernel with sums of integers in a nest of three loops."""
    extents = [random.randint(1, 6) for _ in range(3)]
    low = random.choice([0, 0, 1, 2])
    steps = [random.choice([1, 1, 2]) for _ in range(3)]
    triangular = random.random() < 0.3
    guarded = random.random() < 0.3
    subscripts = random.choice(["i, j", "j, i", "0, k", "i, 0", "i + j, 1", "j, k % 3"])
    op = random.choice(["+=", "-=", "*="])
    first = random.random() < 0.5
    return f"""
@kernel
def sums(A: int32[40, 40], C: int32[24, 24], D: int32[40]):
    for i in ta.range({low}, {low + extents[0] * steps[0]}, {steps[0]}):
        {"D[i] += 1" if random.random() < 0.3 else "pass"}
        for j in ta.range({"i" if triangular else 0}, {extents[1] * steps[1]}, {steps[1]}):
            {f"C[{subscripts.replace('k', '0')}] = 2" if first and "k" not in subscripts else "pass"}
            for k in ta.range({extents[2] * steps[2]}{f", {steps[2]}" if steps[2] > 1 else ""}):
                {"with ta.when(A[i, k] > 3):" if guarded else "if True:"}
                    C[{subscripts}] {op} A[i + k, j]
"""


def compiled(source: str) -> Any:
    import linecache

    name = f"<sums {hash(source)}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    env: dict[str, Any] = {"ta": ta, "kernel": kernel, "int32": int32}
    exec(compile(source, name, "exec"), env)
    return env["sums"]


def random_step(s: ta.Schedule, random: Random) -> None:
    name = random.choice(STEPS)
    one, two = random.choice(s.loops()), random.choice(s.loops())
    array = random.choice([*s.arrays(), s.C, s.C, s.C])
    match name:
        case "rfactor":
            over = random.choice([None, None, two])
            s.rfactor(array, one, factor=random.choice([None, 1, 2, 3, 5]), over=over)
        case "buffer_at":
            s.buffer_at(array, one)
        case "split" | "peel":
            getattr(s, name)(one, random.randint(1, 3))
        case "tile":
            s.tile([one, two], [2, 3])
        case "reorder":
            s.reorder(one, two)
        case "skew":
            s.skew(one, two)
        case _:
            getattr(s, name)(one)


@pytest.mark.parametrize("seed", range(40))
def test_random_sums(seed: int) -> None:
    check_seed(seed)


def check_seed(seed: int) -> None:
    random = Random(seed)
    s = ta.customize(compiled(random_sum(random)))
    done = 0
    for _ in range(12 if s.loops() else 0):
        try:
            random_step(s, random)
            done += 1
        except ta.ScheduleError:
            continue
    assert s.verify(), s.script()
    assert_same_results(s, seed)
    if any(step.primitive == "rfactor" for step in s.history):
        damaged_are_found(s, random)


def damaged_are_found(s: ta.Schedule, random: Random) -> None:
    """A statement less, or an update that adds to another part or comes too late: the proof sees it."""
    for state in s.module.functions.values():
        for split in state.proof.obligations:
            if isinstance(split, Split):
                assert split.difference() is None
                for damaged in damages(split, random):
                    assert damaged.difference() is not None, s.script()


def damages(split: Split, random: Random) -> list[Split]:
    model, tree = split.after
    found: list[Split] = []
    runs = [name for name in (*split.updates, split.finish) if not model.statement(name).domain.is_empty()]
    for name in runs:
        statement = model.statement(name)
        point = statement.domain.sample_point()
        less = statement.domain.subtract(type(statement.domain).from_point(point))
        accesses = tuple(replace(a, relation=a.relation.intersect_domain(less)) for a in statement.accesses)
        fewer = [
            replace(s, domain=less, accesses=accesses) if s is statement else s for s in model.statements
        ]
        found.append(replace(split, after=(model.with_statements(fewer, tree), tree)))
    if runs:

        def swapped(loop: LoopNode) -> Any:
            if not isinstance(loop.body, Sequence):
                return loop
            return replace(loop, body=backwards(loop.body))

        def backwards(parts: Sequence) -> Sequence:
            names = [split.start, split.finish]
            mine = [c for c in parts.children if restrict(c, frozenset(names)) is not None]
            return Sequence(tuple(reversed(parts.children))) if len(mine) > 1 else parts

        late = map_loops(tree, swapped)
        late = backwards(late) if isinstance(late, Sequence) else late
        if late != tree and len(runs) > 1:
            found.append(replace(split, after=(model, late)))
    return found
