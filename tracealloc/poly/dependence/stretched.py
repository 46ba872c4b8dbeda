"""What varies in an iteration whatever the extents are: a loop of one iteration counts like a longer one.

Ranks of buffers must not depend on sizes. So where an iterator has one value only because its loop runs
once, it is taken for one that may have any, one iterator at a time (a fused loop runs through several).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import islpy as isl

from tracealloc.poly.isl.bounding_boxes import Same
from tracealloc.poly.isl.instances import UNNAMED, unnamed
from tracealloc.poly.isl.named import freed, map_of, single_dims, some_instance
from tracealloc.poly.isl.remembered import remembered
from tracealloc.poly.model.model import Statement
from tracealloc.poly.model.tree import LoopNode
from tracealloc.trace.ir.expr import Expr, Iter, iters_of
from tracealloc.trace.queries.affine import is_affine

__all__ = ["Around", "Looped", "has_single_value", "looped", "stretched"]

Around = Mapping[str, Sequence[LoopNode]]
"""All loops around each statement."""


@dataclass(frozen=True, slots=True)
class Looped:
    """The instances of a statement in the loops around it, without its name.

    `values` are those of the loops, outermost first.
    """

    instances: Same
    dims: tuple[Iter, ...]
    values: tuple[Expr, ...]

    @property
    def domain(self) -> isl.Set:
        """The instances."""
        assert isinstance(self.instances.value, isl.Set)
        return self.instances.value

    def onto(self, target: str, exprs: Sequence[Expr]) -> isl.Map:
        """The instances -> expressions of theirs."""
        return map_of(UNNAMED, self.dims, target, exprs)


def looped(statement: Statement, loops: Sequence[LoopNode]) -> Looped:
    """The instances of a statement in the loops around it."""
    values = tuple([loop.expr(statement.name) for loop in loops])
    return Looped(unnamed(statement.domain), statement.dims, values)


def stretched(some: Sequence[Looped]) -> dict[Iter | None, list[isl.Set]]:
    """The domains of statements (under None), and by iterator the same with one freed that has one value.

    (Or no value in them.) An iterator that no loop runs through keeps its value: it is an iteration that was
    peeled.
    """
    fixed: dict[Iter, None] = {}
    for each in some:
        run = {it for value in each.values for it in iters_of(value)}
        ends = _ends(each.instances)
        fixed.update(dict.fromkeys(it for it, one in zip(each.dims, ends, strict=True) if one and it in run))
    plain = [some_instance(each.domain) for each in some]
    found: dict[Iter | None, list[isl.Set]] = {None: plain}
    for it in fixed:
        found[it] = [_freed(each, at, it) for each, at in zip(some, plain, strict=True)]
    return found


@remembered(4096)
def _ends(instances: Same) -> tuple[bool, ...]:
    assert isinstance(instances.value, isl.Set)
    return single_dims(instances.value)


def _freed(some: Looped, domain: isl.Set, it: Iter) -> isl.Set:
    if it not in some.dims:
        return domain
    position = some.dims.index(it)
    return freed(domain, position) if _ends(some.instances)[position] else domain


def has_single_value(
    exprs: Sequence[tuple[Statement, Expr]], loops: Sequence[LoopNode], around: Around
) -> bool:
    """Whether expressions of statements all have the one value in an iteration of `loops`, at any extents."""
    if not exprs or any(not is_affine(e) or not iters_of(e) <= set(s.dims) for s, e in exprs):
        return False
    return _has_single_value(
        tuple(
            dict.fromkeys(
                (looped(s, around[s.name]), tuple([loop.expr(s.name) for loop in loops]), e) for s, e in exprs
            )
        )
    )


@remembered(256)
def _has_single_value(uses: tuple[tuple[Looped, tuple[Expr, ...], Expr], ...]) -> bool:
    return all(
        reduce(
            isl.Map.union,
            (
                at.onto("T", times).intersect_domain(domain).reverse().apply_range(at.onto("E", [e]))
                for (at, times, e), domain in zip(uses, domains, strict=True)
            ),
        ).is_single_valued()
        for domains in stretched([at for at, _, _ in uses]).values()
    )
