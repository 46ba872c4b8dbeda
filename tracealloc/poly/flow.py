"""Value-based flow: for every read, the instance whose write it sees (Feautrier 1991)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import islpy as isl

from tracealloc.poly.dependence import paths_of
from tracealloc.poly.model import Access, Model, Statement
from tracealloc.poly.named import aff_text, iter_names, tuple_text, union_of
from tracealloc.poly.tree import Tree
from tracealloc.trace.dtype import index
from tracealloc.trace.expr import Unary
from tracealloc.trace.program import Array

__all__ = ["Flow", "FINAL", "INPUT", "flow_of", "pieces", "schedule_map"]

FINAL = "Final"
INPUT = "Input"


def schedule_map(
    model: Model,
    tree: Tree,
    final: bool = False,
    tags: Mapping[str, Sequence[str]] | None = None,
    only: frozenset[str] | None = None,
) -> isl.UnionMap:
    """The time of every instance in the order of a tree, all of one length.

    `only` limits it to some statements. `tags` name the reads of a statement apart: they come just before its writes. ``Final`` is after all,
    ``Input`` before all.
    """
    paths = paths_of(tree)
    width = max((len(steps) for steps in paths.values()), default=0) + 2
    maps = []
    for statement in model.statements:
        if only is not None and statement.name not in only:
            continue
        names = iter_names(statement.dims)
        parts = ["0"]
        for step in paths[statement.name]:
            if step.loop is None:
                parts.append(str(step.position))
                continue
            expr = step.loop.expr(statement.name)
            parts.append(aff_text(Unary("-", expr, index) if step.loop.descending else expr, names))
        parts += ["0"] * (width - 1 - len(parts))
        for name, last in [(statement.name, "1"), *((t, "0") for t in (tags or {}).get(statement.name, ()))]:
            maps.append(f"{tuple_text(name, names.values())} -> [{', '.join([*parts, last])}]")
    rest = ["0"] * (width - 1)
    if final:
        maps.append(f"{FINAL}[] -> [{', '.join(['1', *rest])}]")
    if tags is not None:
        maps.append(f"{INPUT}[] -> [{', '.join(['-1', *rest])}]")
    return isl.UnionMap(f"{{ {'; '.join(maps)} }}")


def pieces(union: isl.UnionMap) -> list[isl.Map]:
    """The maps of a union."""
    found = union.get_map_list()
    return [found.get_at(k) for k in range(found.n_map())]


@dataclass(frozen=True)
class Flow:
    """`sources`: (write instance) -> ((read instance) -> (element)); `unset`: reads of no write."""

    model: Model
    sources: isl.UnionMap
    unset: isl.UnionMap

    def missing(self) -> Iterator[tuple[Statement, Access, isl.Set]]:
        """Every read access some of whose instances see no write, with these instances."""
        for statement in self.model.statements:
            for access in statement.reads:
                left = self.unset.intersect(isl.UnionMap.from_map(access.relation)).domain()
                if not left.is_empty():
                    yield statement, access, isl.Set.from_union_set(left)

    def sources_of(self, sink: str) -> set[str | None]:
        """The statements whose writes a statement reads (None: what was there before)."""
        found: set[str | None] = {
            str(piece.domain().get_tuple_name())
            for piece in pieces(self.sources)
            if str(piece.range().unwrap().domain().get_tuple_name()) == sink
        }
        if any(str(piece.domain().get_tuple_name()) == sink for piece in pieces(self.unset)):
            found.add(None)
        return found

    def sinks_of(self, source: str) -> set[str]:
        """The statements that read what a statement writes (``Final`` for what the kernel leaves)."""
        return {
            str(piece.range().unwrap().domain().get_tuple_name())
            for piece in pieces(self.sources)
            if str(piece.domain().get_tuple_name()) == source
        }

    def same_as(self, other: Flow) -> bool:
        """Whether every read (and every final element) sees the same write in both."""
        return bool(self.sources.is_equal(other.sources))


def flow_of(
    model: Model, tree: Tree, arrays: frozenset[Array] | None = None, sinks: frozenset[str] | None = None
) -> Flow:
    """The flow of a model in the order of a tree, final contents of outputs included.

    `arrays` limits it to some arrays, `sinks` to what some statements read.
    """
    reads: list[isl.Map] = []
    writes: list[isl.Map] = []
    for statement in model.statements:
        for access in statement.accesses:
            if arrays is None or access.array in arrays:
                if access.write:
                    writes.append(access.relation)
                elif sinks is None or statement.name in sinks:
                    reads.append(access.relation)
    if sinks is None or FINAL in sinks:
        reads += _final_reads(model, writes, arrays)
    users = frozenset(
        s.name for s in model.statements if any(arrays is None or a.array in arrays for a in s.accesses)
    )
    order = schedule_map(model, tree, final=True, only=users)
    info = isl.UnionAccessInfo.from_sink(union_of(reads)).set_must_source(union_of(writes))
    flow = info.set_schedule_map(order).compute_flow()
    return Flow(model, flow.get_full_must_dependence(), flow.get_must_no_source())


def _final_reads(model: Model, writes: list[isl.Map], arrays: frozenset[Array] | None) -> list[isl.Map]:
    spaces = {
        access.space
        for statement in model.statements
        for access in statement.writes
        if access.array in model.outputs() and (arrays is None or access.array in arrays)
    }
    found = []
    for relation in writes:
        elements = relation.range()
        if elements.get_tuple_name() in spaces:
            found.append(isl.Map.from_domain_and_range(isl.Set(f"{{ {FINAL}[] }}"), elements))
    return found
