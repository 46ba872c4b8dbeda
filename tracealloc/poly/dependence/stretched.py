"""What varies in an iteration whatever the extents are: a loop of one iteration counts like a longer one.

Ranks of buffers must not depend on sizes. So where an iterator has one value only because its loop runs
once, it is taken for one that may have any, one iterator at a time (a fused loop runs through several).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

import islpy as isl

from tracealloc.poly.dependence.dependence import time_map
from tracealloc.poly.isl.named import freed, map_of, single_dims, some_instance
from tracealloc.poly.model.model import Statement
from tracealloc.poly.model.tree import LoopNode, upwards
from tracealloc.trace.ir.affine import is_affine
from tracealloc.trace.ir.expr import Expr, Iter, iters_of

__all__ = ["Around", "has_single_value", "stretched"]

Around = Mapping[str, Sequence[LoopNode]]
"""All loops around each statement."""


def stretched(statements: Sequence[Statement], around: Around) -> list[dict[str, isl.Set]]:
    """The domains of statements, and the same with one iterator freed that has one value (or none) in them.

    An iterator that no loop runs through keeps its value: it is an iteration that was peeled.
    """
    fixed: dict[Iter, None] = {}
    for statement in statements:
        looped = {it for loop in around[statement.name] for it in iters_of(loop.expr(statement.name))}
        ends = single_dims(statement.domain)
        fixed.update(
            dict.fromkeys(it for it, one in zip(statement.dims, ends, strict=True) if one and it in looped)
        )
    plain = {s.name: some_instance(s.domain) for s in statements}
    return [plain, *({s.name: _freed(s, plain[s.name], it) for s in statements} for it in fixed)]


def _freed(statement: Statement, domain: isl.Set, it: Iter) -> isl.Set:
    if it not in statement.dims:
        return domain
    position = statement.dims.index(it)
    one = single_dims(statement.domain)[position]
    return freed(domain, position) if one else domain


def has_single_value(
    exprs: Sequence[tuple[Statement, Expr]], loops: Sequence[LoopNode], around: Around
) -> bool:
    """Whether expressions of statements all have the one value in an iteration of `loops`, at any extents."""
    plain = upwards(loops)
    if not exprs or any(not is_affine(e) or not iters_of(e) <= set(s.dims) for s, e in exprs):
        return False
    each = list(dict.fromkeys(exprs))
    statements = list(dict.fromkeys(s for s, _ in each))
    return all(
        reduce(
            isl.Map.union,
            (
                time_map(s, plain)
                .intersect_domain(domains[s.name])
                .reverse()
                .apply_range(map_of(s.name, s.dims, "E", [e]))
                for s, e in each
            ),
        ).is_single_valued()
        for domains in stretched(statements, around)
    )
