"""The last write before every read, and the updates since, against brute force: in trees of any order."""

from __future__ import annotations

import random
from dataclasses import replace

import islpy as isl
import pytest
from brute import Instances, points
from nests import random_program

import tracealloc as ta
from tracealloc import int32, kernel
from tracealloc.poly.dataflow import last_writes as latest
from tracealloc.poly.dataflow.effects import model_of
from tracealloc.poly.dataflow.solve import INPUT, solve
from tracealloc.poly.isl.coalesce import pieces
from tracealloc.poly.isl.named import dims_of
from tracealloc.poly.model.model import Model
from tracealloc.poly.model.tree import LoopNode, Sequence, Tree
from tracealloc.trace.ir.program import Program, Store

Instance = tuple[str, tuple[int, ...]]
Seen = set[tuple[Instance, tuple[object, ...], Instance | None]]


def found_by_isl(model: Model, tree: Tree, updates: frozenset[str], before: list[isl.Map]) -> Seen:
    """(read, element, write) for all that reads see; no write where they see none."""
    writes = [a.relation for s in model.statements if s.name not in updates for a in s.writes]
    more = [a.relation for s in model.statements if s.name in updates for a in s.writes]
    reads = [a.relation for s in model.statements for a in s.reads]
    solution = solve(model, tree, reads, [*writes, *before], more)
    found: Seen = set()
    for piece in pieces(solution.sources):
        reading = piece.range().unwrap()
        names = [str(m.get_tuple_name()) for m in (piece.domain(), reading.domain(), reading.range())]
        a, b, c = dims_of(piece.domain()), dims_of(reading.domain()), dims_of(reading.range())
        for p in points(piece.wrap().flatten(), a + b + c):
            found.add(((names[1], p[a : a + b]), (names[2], p[a + b :]), (names[0], p[:a])))
    for piece in pieces(solution.unset):
        b, c = dims_of(piece.domain()), dims_of(piece.range())
        for p in points(piece.wrap().flatten(), b + c):
            read = (str(piece.domain().get_tuple_name()), p[:b])
            found.add((read, (str(piece.range().get_tuple_name()), p[b:]), None))
    return found


def found_by_hand(model: Model, tree: Tree, updates: frozenset[str], held: set[object]) -> Seen:
    """The same, one instance after the other; `held` are elements with a value before everything."""
    spaces = {array.key: model.space(array) for array in model.arrays}
    memory: dict[object, list[Instance]] = {element: [(INPUT, ())] for element in held}
    found: Seen = set()
    for instance in Instances(model).ordered(tree):
        own = (instance.name, instance.values)
        for key, place in instance.reads:  # type: ignore[misc]
            element = (spaces[key], place)
            found |= {(own, element, write) for write in memory.get(element, [None])}  # type: ignore[list-item]
            if element in memory and memory[element][0][0] in updates:  # updates of what nothing set
                found.add((own, element, None))
        for key, place in instance.writes:  # type: ignore[misc]
            element = (spaces[key], place)
            memory[element] = [*memory.get(element, []), own] if instance.name in updates else [own]
    return found


def shuffled(tree: Tree, rng: random.Random) -> Tree:
    """Another order of the same loops: parts of bodies change places, loops run backwards."""

    def visit(node: Tree) -> Tree:
        match node:
            case LoopNode(body=body):
                return replace(node, body=visit(body), descending=rng.random() < 0.5)
            case Sequence(children):
                parts = [visit(child) for child in children]
                rng.shuffle(parts)
                return Sequence(tuple(parts))
            case _:
                return node

    return visit(tree)


def compare(program: Program, seed: int) -> None:
    """What reads see in three orders of a program, with random updates and arrays that hold something."""
    rng = random.Random(seed)
    model, tree = model_of(program)
    stores = [s.name for s in model.statements if isinstance(s.node, Store) and len(s.writes) == 1]
    reads = {a.space: a.relation.range() for s in model.statements for a in s.reads}
    for _ in range(3):  # answers are remembered from one order to the next
        updates = frozenset(name for name in stores if rng.random() < 0.4)
        kept = [space for space in reads if rng.random() < 0.4]
        before = [isl.Map.from_domain_and_range(isl.Set(f"{{ {INPUT}[] }}"), reads[s]) for s in kept]
        held: set[object] = {(s, p) for s in kept for p in points(reads[s], dims_of(reads[s]))}
        expected = found_by_hand(model, tree, updates, held)
        assert found_by_isl(model, tree, updates, before) == expected, seed
        tree = shuffled(tree, rng)


@pytest.mark.parametrize("few", [latest._FEW_WRITES, 0])
def test_reads_see_the_last_write_and_the_updates_since(
    few: int, long_mode: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latest, "_FEW_WRITES", few)
    for seed in range(600 if long_mode else 25):
        compare(random_program(seed), seed)


@kernel
def scalars(A: int32[3, 4], out: int32[4]):
    t, u = ta.scalar(int32, 0), ta.scalar(int32, 1)
    for i in ta.range(3):
        t.set(A[i, i])
        for j in ta.range(4):
            if j <= i:
                t += A[i, j]
            u += t
            out[j] += u + t
        t.set(u)


@kernel
def alike(A: int32[9, 6], B: int32[9, 6]):
    for i in ta.range(1, 5):
        for j in ta.range(3):
            for n in range(4):  # statements of one form, at different places of the array
                A[i + n, j + n % 2] = A[i + n - 1, j + 1] + B[i, j]
                B[i + n % 2, j + n] += A[i, j + n]


@pytest.mark.parametrize("traced", [scalars, alike])
@pytest.mark.parametrize("few", [latest._FEW_WRITES, 0])
def test_what_is_seen_of_scalars_and_by_statements_that_are_alike(
    few: int, traced: ta.Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latest, "_FEW_WRITES", few)
    for seed in range(8):
        compare(ta.customize(traced).program, seed)
