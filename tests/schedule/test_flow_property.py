"""Value-based flow of random nests against brute force: every read sees the write that ran last."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from brute import Instances, points
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nests import random_program
from orders import other_order

from tracealloc.poly.dataflow import last_writes as latest
from tracealloc.poly.dataflow.effects import model_of
from tracealloc.poly.dataflow.flow import FINAL, flow_of
from tracealloc.poly.dependence.dependence import paths_of
from tracealloc.poly.isl.coalesce import pieces
from tracealloc.poly.model.model import Model
from tracealloc.poly.model.tree import LoopNode, Tree, loops_in, replace_loop
from tracealloc.trace.ir.program import Block, If, Node, Store, map_blocks

Pairs = set[tuple[object, ...]]


def from_isl(model: Model, tree: Tree) -> Pairs:
    """(reader, its iterators, writer, its iterators) for every read that sees a write."""
    found: Pairs = set()
    for piece in pieces(flow_of(model, tree).sources):
        writer = str(piece.domain().get_tuple_name())
        reads = piece.range().unwrap()
        reader = str(reads.domain().get_tuple_name())
        w = len(model.statement(writer).dims)
        r = 0 if reader == FINAL else len(model.statement(reader).dims)
        pairs = piece.range_factor_domain().wrap().flatten()
        found |= {(reader, p[w:], writer, p[:w]) for p in points(pairs, w + r)}
    return found


def by_hand(model: Model, tree: Tree) -> Pairs:
    memory: dict[object, tuple[str, tuple[int, ...]]] = {}
    found: Pairs = set()
    for instance in Instances(model).ordered(tree):
        found |= {(instance.name, instance.values, *memory[e]) for e in instance.reads if e in memory}
        memory |= dict.fromkeys(instance.writes, (instance.name, instance.values))
    outputs = {array.key for array in model.outputs()}
    return found | {(FINAL, (), *writer) for e, writer in memory.items() if e[0] in outputs}  # type: ignore[index]


@pytest.mark.parametrize("few", [latest._FEW_WRITES, 0])
def test_flow_of_random_nests(few: int, long_mode: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latest, "_FEW_WRITES", few)

    @settings(
        max_examples=2000 if long_mode else 60,
        derandomize=not long_mode,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**40))
    def cases(seed: int) -> None:
        model, tree = model_of(random_program(seed))
        assert from_isl(model, tree) == by_hand(model, tree)
        for loop in loops_in(tree):
            turned = replace_loop(tree, loop.key, _turned)
            assert paths_of(turned).keys() == paths_of(tree).keys()
            assert from_isl(model, turned) == by_hand(model, turned)
            break

    cases()


def test_flow_of_statements_that_hide_one_another(long_mode: bool) -> None:
    @settings(
        max_examples=2000 if long_mode else 40,
        derandomize=not long_mode,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**40))
    def cases(seed: int) -> None:
        program = random_program(seed)
        model, tree = model_of(replace(program, body=_twice(program.body)))
        for order in (tree, other_order(Random(seed), tree)):
            assert from_isl(model, order) == by_hand(model, order)

    cases()


def _twice(block: Block) -> Block:
    """Every store and every condition twice, one after the other."""
    found: list[Node] = []
    for node in block:
        node = map_blocks(node, _twice)
        found += [node, node] if isinstance(node, Store | If) else [node]
    return tuple(found)


def _turned(loop: LoopNode) -> LoopNode:
    return replace(loop, descending=not loop.descending)
