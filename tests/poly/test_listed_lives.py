"""Where an array that lives inside loops is declared: uses that are listed against isl's answers."""

from __future__ import annotations

import random
from functools import reduce

import islpy as isl
import pytest

from tracealloc.poly.codegen import listed_lives as module
from tracealloc.poly.codegen.listed_lives import listed_lives
from tracealloc.poly.dependence.stretched import Looped
from tracealloc.poly.isl.bounding_boxes import Same
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Binary, Expr, Iter, IterRef
from tracealloc.trace.queries.affine import constant

DIMS = (Iter("x", "x"), Iter("y", "y"))
DOMAINS = (
    "{ S[i0, i1] : 0 <= i0 < 9 and 0 <= i1 <= i0 }",
    "{ S[i0, i1] : 0 <= i0 < 9 and i1 = 3 }",
    "{ S[i0, i1] : 0 <= i0 < 9 and 0 <= i1 < 9 and (i0 + i1) mod 3 = 0 or (i0 = 20 and 0 <= i1 < 4) }",
)


def expression(rng: random.Random, depth: int) -> Expr:
    if depth == 0 or rng.random() < 0.2:
        return rng.choice([IterRef(DIMS[0]), IterRef(DIMS[1]), constant(rng.randint(0, 3))])
    left, op = expression(rng, depth - 1), rng.choice(["+", "-", "//", "%"])
    right = expression(rng, depth - 1) if op in "+-" else constant(rng.choice([2, 3, 4]))
    return Binary(op, left, right, index)


def uses_of(rng: random.Random) -> list[tuple[Looped, tuple[Expr, ...]]]:
    """Two statements in three loops that use an array which lives in two."""
    found = []
    for text in rng.sample(DOMAINS, 2):
        values = tuple(expression(rng, 2) for _ in range(3))
        scope = tuple(rng.choice([*values, expression(rng, 1)]) for _ in range(2))
        found.append((Looped(Same(isl.Set(text)), DIMS, values), scope))
    return found


def asked_of_isl(uses: list[tuple[Looped, tuple[Expr, ...]]], count: int) -> isl.Map:
    """Iterations of the first loops -> the instances used in them."""
    parts = [
        at.onto("T", at.values[:count]).intersect_domain(at.domain).reverse().apply_range(at.onto("Z", scope))
        for at, scope in uses
    ]
    return reduce(isl.Map.union, parts)


@pytest.mark.parametrize("seed", range(80))
def test_uses_that_are_listed(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FLOORS", 0)
    uses = uses_of(random.Random(seed))
    found = listed_lives(uses, [at.domain for at, _ in uses], 3)
    assert found is not None
    alone = [count for count in range(4) if asked_of_isl(uses, count).reverse().is_single_valued()]
    assert alone == list(range(found.outer + 1))
    for count in range(4):
        relation = asked_of_isl(uses, count)
        for dim in range(2):
            other = relation.project_out(isl.dim_type.out, 1 - dim, 1)
            assert found.is_fixed(dim, count) == other.is_single_valued()


def test_uses_that_are_many_are_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FLOORS", 0)
    uses = uses_of(random.Random(0))
    domain = isl.Set("{ S[i0, i1] : 0 <= i0 < 1000 and 0 <= i1 < 1000 }")
    assert listed_lives(uses, [domain, domain], 3) is None
    sized = isl.Set("[n] -> { S[i0, i1] : 0 <= i0 < n and 0 <= i1 < 4 }")
    assert listed_lives(uses, [sized, sized], 3) is None
    assert listed_lives(uses, [isl.Set("{ S[i0, i1] : i1 = 2 }")] * 2, 3) is None
