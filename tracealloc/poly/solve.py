"""isl's flow analysis, fed so that it stays exact.

isl's analysis is unreliable where domains or the order have hidden integer variables (the floored
division of a split loop, the step of another): it loses sources, or gives up. So instances get one more
coordinate for each of these, bounded by inequalities, in which all is affine; the answer is mapped back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import islpy as isl

from tracealloc.poly.dependence import paths_of
from tracealloc.poly.latest import latest
from tracealloc.poly.model import Model
from tracealloc.poly.named import (
    Names,
    aff_text,
    has_hidden,
    iter_names,
    lifted_domain,
    renamed_input,
    tuple_text,
    union_of,
)
from tracealloc.poly.tree import Tree
from tracealloc.trace.affine import linear
from tracealloc.trace.errors import VerifyError
from tracealloc.trace.expr import Binary, Const, Expr, IterRef

__all__ = ["FINAL", "INPUT", "Solution", "pieces", "solve"]

FINAL = "Final"
INPUT = "Input"


@dataclass(frozen=True)
class Solution:
    """`sources`: write -> (read -> element); `unset`: read -> element of reads that see no write."""

    sources: isl.UnionMap
    unset: isl.UnionMap


def pieces(union: isl.UnionMap) -> list[isl.Map]:
    """The maps of a union."""
    found = union.get_map_list()
    return [found.get_at(k) for k in range(found.n_map())]


def solve(
    model: Model,
    tree: Tree,
    reads: Sequence[isl.Map],
    writes: Sequence[isl.Map],
    tags: Mapping[str, Sequence[str]] | None = None,
    updates: Sequence[isl.Map] = (),
) -> Solution:
    """For every read the last write before it in the order of a tree, and all `updates` since that.

    `tags` name the reads of a statement apart: they come just before its writes. ``Final`` is after
    everything, ``Input`` before.
    """
    used = {_name(m) for m in (*reads, *writes, *updates)}
    wide, order = _order(model, tree, used, tags)
    if wide or any(has_hidden(m) for m in (*reads, *writes, *updates)):
        return Solution(*latest(reads, writes, updates, _times(order, wide)))
    given = [[_widened(m, wide) for m in maps] for maps in (reads, writes, updates)]
    flow = _flow(given, order)
    # Without updates the two are the same; with them only this one has those and the last write.
    found = flow.get_full_may_dependence() if updates else flow.get_full_must_dependence()
    sources = [_narrowed(piece, wide) for piece in pieces(found)]
    unset = [_narrow_domain(piece, wide) for piece in pieces(flow.get_must_no_source())]
    return Solution(union_of(sources), union_of(unset))


def _times(order: isl.UnionMap, wide: Mapping[str, isl.Map]) -> dict[str, isl.Map]:
    """Instance -> time."""
    times = {_name(piece): piece for piece in pieces(order)}
    for name, more in wide.items():
        times[name] = more.apply_range(times[name])
    return times


def _flow(given: list[list[isl.Map]], order: isl.UnionMap) -> isl.UnionFlow:
    """isl's answer, asked in another form where it fails on one."""
    for simpler in (lambda m: m, isl.Map.coalesce, isl.Map.make_disjoint, isl.Map.compute_divs):
        sinks, sources, updates = (union_of([simpler(m) for m in maps]) for maps in given)
        info = isl.UnionAccessInfo.from_sink(sinks).set_must_source(sources)
        if given[2]:
            info = info.set_may_source(updates)
        try:
            return info.set_schedule_map(order).compute_flow()
        except isl.Error:
            continue
    raise VerifyError(
        "TA512",
        "isl cannot tell which writes the reads see",
        because=["a domain or a subscript is too irregular for its flow analysis"],
    )


def _name(m: isl.Map) -> str:
    return str(m.domain().get_tuple_name())


def _order(
    model: Model, tree: Tree, used: set[str], tags: Mapping[str, Sequence[str]] | None
) -> tuple[dict[str, isl.Map], isl.UnionMap]:
    """Instances -> instances with their quasi-affine loop values, and the time of the latter."""
    paths = paths_of(tree)
    width = max((len(steps) for steps in paths.values()), default=0) + 2
    wide: dict[str, isl.Map] = {}
    maps = []
    for statement in model.statements:
        own = [(statement.name, "1"), *((tag, "0") for tag in (tags or {}).get(statement.name, ()))]
        own = [(name, last) for name, last in own if name in used]
        if not own:
            continue
        names = iter_names(statement.dims)
        lifted, hidden = lifted_domain(statement.domain)
        quotients = _Quotients([*names.values(), *(f"h{k}" for k in range(hidden))], names)
        parts = ["0"]
        for step in paths[statement.name]:
            if step.loop is None:
                parts.append(str(step.position))
                continue
            text = quotients.text(step.loop.expr(statement.name))
            parts.append(f"-({text})" if step.loop.descending else text)
        parts += ["0"] * (width - 1 - len(parts))
        for name, last in own:
            maps.append(f"{tuple_text(name, quotients.coordinates)} -> [{', '.join([*parts, last])}]")
            if hidden or quotients.where:
                more = renamed_input(quotients.map(name, len(names) + hidden), statement.name)
                wide[name] = renamed_input(lifted.apply_range(more), name)
    rest = ", ".join(["0"] * (width - 1))
    maps += [f"{FINAL}[] -> [1, {rest}]", f"{INPUT}[] -> [-1, {rest}]"]
    return wide, isl.UnionMap(f"{{ {'; '.join(maps)} }}")


class _Quotients:
    """Coordinates for the floored divisions in the loop values of a statement."""

    def __init__(self, coordinates: list[str], names: Names) -> None:
        self.coordinates, self.names = coordinates, names
        self.where: list[str] = []
        self.known: dict[tuple[Expr, int], str] = {}

    def text(self, expr: Expr) -> str:
        """An affine text over the coordinates."""
        form = linear(expr)
        assert form is not None, expr
        parts = [f"{factor}*({self.atom(atom)})" for atom, factor in form.terms]
        return " + ".join([*parts, str(form.constant)])

    def atom(self, atom: Expr) -> str:
        match atom:
            case IterRef(iter=it):
                return self.names[it]
            case Binary(op="//", left=left, right=Const(value=size)):
                return self.quotient(left, int(size))
            case Binary(op="%", left=left, right=Const(value=size)):
                return f"{self.text(left)} - {int(size)}*{self.quotient(left, int(size))}"
            case _:
                return aff_text(atom, self.names)

    def quotient(self, expr: Expr, size: int) -> str:
        name = self.known.get((expr, size))
        if name is None:
            text = self.text(expr)
            name = self.known[expr, size] = f"q{len(self.known)}"
            self.coordinates.append(name)
            self.where.append(f"{size}*{name} <= {text} < {size}*{name} + {size}")
        return name

    def map(self, name: str, count: int) -> isl.Map:
        """Instances with `count` coordinates -> those with all."""
        left, right = tuple_text(name, self.coordinates[:count]), tuple_text(name, self.coordinates)
        where = f" : {' and '.join(self.where)}" if self.where else ""
        return isl.Map(f"{{ {left} -> {right}{where} }}")


def _widened(m: isl.Map, wide: Mapping[str, isl.Map]) -> isl.Map:
    more = wide.get(_name(m))
    return m if more is None else m.apply_domain(more)


def _narrow_domain(m: isl.Map, wide: Mapping[str, isl.Map]) -> isl.Map:
    more = wide.get(_name(m))
    return m if more is None else m.apply_domain(more.reverse())


def _narrowed(piece: isl.Map, wide: Mapping[str, isl.Map]) -> isl.Map:
    piece = _narrow_domain(piece, wide)
    inner = piece.range().unwrap()
    more = wide.get(_name(inner))
    if more is None:
        return piece
    return piece.apply_range(more.reverse().product(inner.range().identity()))
