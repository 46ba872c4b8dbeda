"""Proofs that accesses through views stay inside them, wherever their arrays end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NoReturn, assert_never

import islpy as isl

from tracealloc.poly.isl.named import point_values
from tracealloc.poly.isl.texts import aff_text, cond_text, iter_names, read_set, tuple_text
from tracealloc.poly.model.model import Model, Statement
from tracealloc.trace.diagnostics.errors import BoundsError
from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.expr import Expr, Iter, Load, View, iters_of, loads_of
from tracealloc.trace.ir.program import (
    Alloc,
    Block,
    Call,
    If,
    Loop,
    Node,
    Region,
    Store,
    While,
    expressions_of,
)
from tracealloc.trace.ir.text import expr_text, region_text
from tracealloc.trace.queries.affine import is_affine, range_of

__all__ = ["Outside", "Unproved", "check_views", "outside_views"]


class Unproved(Exception):
    """An access through a view depends on data: tracing leaves none, but a size may be data later."""


@dataclass(frozen=True, slots=True)
class _Around:
    """What is known where a node runs: names of iterators, and conditions on them in isl's syntax."""

    names: dict[Iter, str]
    inner: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()

    def knows(self, *exprs: Expr) -> bool:
        return all(is_affine(expr) and iters_of(expr) <= self.names.keys() for expr in exprs)

    def within(self, loop: Loop) -> _Around:
        """In the body of a loop."""
        if not self.knows(loop.start, loop.stop):
            return self
        name = f"v{len(self.inner)}"
        start, stop = (aff_text(end, self.names) for end in (loop.start, loop.stop))
        ends = (f"{name} >= {start}", f"{name} < {stop}")
        if loop.step < 0:
            ends = (f"{name} <= {start}", f"{name} > {stop}")
        steps = f"({name} - ({start})) mod {abs(loop.step)} = 0"
        names = {**self.names, loop.iter: name}
        return _Around(names, (*self.inner, name), (*self.conditions, *ends, steps))

    def where(self, cond: Expr, holds: bool) -> _Around:
        """Where a condition holds, or does not."""
        if not self.knows(cond):
            return self
        text = cond_text(cond, self.names, negate=not holds)
        return replace(self, conditions=(*self.conditions, text))


@dataclass(frozen=True, slots=True)
class Outside:
    """Instances of a statement of which an access through a view is outside the view."""

    statement: Statement
    bad: isl.Set
    view: View
    text: str
    place: Place | None

    def refuse(self, bad: isl.Set) -> NoReturn:
        """Refuse the program for the first of some of the instances."""
        _raise(self.statement, self.view, point_values(bad) or [], self.text, self.place)


def check_views(model: Model) -> None:
    """Prove that no affine subscript of a view leaves the view, whatever the data are.

    Raises:
        BoundsError: one may, with the first iteration in which it does.
        Unproved: a subscript depends on data.
    """
    for statement in model.statements:
        for each in outside_views(statement):
            each.refuse(each.bad)


def outside_views(statement: Statement) -> Iterator[Outside]:
    """The accesses through views of which some instance is outside."""
    around = _Around(iter_names(statement.dims))
    for guard in statement.guards:
        yield from _of_exprs(statement, (guard,), around)
        around = around.where(guard, True)
    yield from _of_node(statement, statement.node, around)


def _of_node(statement: Statement, node: Node, around: _Around) -> Iterator[Outside]:
    yield from _of_exprs(statement, expressions_of(node), around)
    match node:
        case Store(array, indices, _, path, place, views):
            for view in views:
                yield from _of(statement, view, expr_text(Load(array, indices, path)), place, around)
        case Call(args=args, results=results):
            for region in (part for part in (*args, *results) if isinstance(part, Region)):
                for view in region.views:
                    yield from _of(statement, view, region_text(region), node.place, around)
        case Loop(body=body):
            yield from _of_block(statement, body, around.within(node))
        case While(prologue=prologue, body=body):
            yield from _of_block(statement, (*prologue, *body), around)
        case If(cond, then, orelse):
            yield from _of_block(statement, then, around.where(cond, True))
            yield from _of_block(statement, orelse, around.where(cond, False))
        case Alloc():
            pass
        case _:
            assert_never(node)


def _of_block(statement: Statement, block: Block, around: _Around) -> Iterator[Outside]:
    for node in block:
        yield from _of_node(statement, node, around)


def _of_exprs(statement: Statement, exprs: Iterable[Expr], around: _Around) -> Iterator[Outside]:
    for load in (load for expr in exprs for load in loads_of(expr)):
        for view in load.views:
            yield from _of(statement, view, expr_text(load), load.place, around)


def _of(
    statement: Statement, view: View, text: str, place: Place | None, around: _Around
) -> Iterator[Outside]:
    if not around.knows(view.low):
        raise Unproved(text)
    low = aff_text(view.low, around.names)
    instance = tuple_text(statement.name, iter_names(statement.dims).values())
    where = " and ".join((*around.conditions, f"({low} < 0 or {low} + {view.size} > {view.extent})"))
    if around.inner:
        where = f"exists ({', '.join(around.inner)} : {where})"
    bad = read_set(f"{{ {instance} : {where} }}").intersect(statement.domain)
    if not bad.is_empty():
        yield Outside(statement, bad, view, text, place)


def _raise(statement: Statement, view: View, values: list[int], text: str, place: Place | None) -> NoReturn:
    pairs = ", ".join(f"{it.name}={v}" for it, v in zip(statement.dims, values, strict=True))
    found = range_of(view.low, {it: (v, v) for it, v in zip(statement.dims, values, strict=True)})
    low, last = expr_text(view.low), view.extent - view.size
    shown = low if found is None else str(found[0] if found[0] < 0 else found[0] + view.size - 1)
    raise BoundsError(
        "TA150",
        f"{text} is outside the view {region_text(view.region)}",
        place=place,
        because=[
            f"{f'in iteration ({pairs})' if pairs else 'always'} its subscript in the view is {shown}, "
            f"expected 0 to {view.extent - 1}"
        ],
        hint=f"narrow the loop, guard the access with if 0 <= {low} < {last + 1}:, or subscript "
        f"{view.region.array.name} itself",
    )
