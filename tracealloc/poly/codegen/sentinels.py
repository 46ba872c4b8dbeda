"""Empty statements at both ends of a loop's body, so that isl generates the loop in one piece."""

from __future__ import annotations

from dataclasses import replace

import islpy as isl

from tracealloc.poly.dependence.dependence import time_map
from tracealloc.poly.isl.named import dim_bounds, renamed, within
from tracealloc.poly.model.model import Model, Statement
from tracealloc.poly.model.tree import (
    Leaf,
    Tree,
    counted_by,
    leaves,
    loops_to,
    upwards,
    with_statements_at,
)
from tracealloc.trace.ir.dtype import boolean
from tracealloc.trace.ir.expr import Iter
from tracealloc.trace.ir.program import Array, Store
from tracealloc.trace.queries.affine import constant

__all__ = ["BRACKET", "bracketed"]

BRACKET = "Bracket"


def bracketed(model: Model, tree: Tree, keys: frozenset[str]) -> tuple[Model, Tree]:
    """The model and tree with an empty statement first and last in the bodies of some loops."""
    for key in sorted(keys):
        model, tree = _bracketed(model, tree, key)
    return model, tree


def _bracketed(model: Model, tree: Tree, key: str) -> tuple[Model, Tree]:
    loops = loops_to(tree, key)
    plain = upwards(loops)
    values: isl.Set | None = None
    for name in leaves(loops[-1].body):
        statement = model.statement(name)
        part = statement.domain.apply(time_map(statement, plain))
        values = part if values is None else values.union(part)
    assert values is not None
    its = tuple(Iter(f"{BRACKET}:{loop.key}", loop.name) for loop in loops)
    node = Store(Array(BRACKET, BRACKET, boolean, ()), (), constant(0))
    names = [f"{BRACKET}{len(model.statements) + n}" for n in range(2)]
    whole = isl.Set.from_basic_set(values.simple_hull())
    if not values.is_empty():  # the hull may be wider than what it holds
        low, high = dim_bounds(values, len(its) - 1)
        whole = within(whole, len(its) - 1, low, high)
    added = [Statement(name, its, renamed(whole, name), node) for name in names]
    tree = with_statements_at(tree, key, counted_by(loops, its, names), [Leaf(names[0])], [Leaf(names[1])])
    return replace(model, statements=(*model.statements, *added)), tree
