"""Value-based flow: for every read, the instance whose write it sees (Feautrier 1991)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import islpy as isl

from tracealloc.poly.dataflow.solve import FINAL, INPUT, solve
from tracealloc.poly.isl.bounding_boxes import Same
from tracealloc.poly.isl.coalesce import pieces
from tracealloc.poly.isl.equality import same_unions
from tracealloc.poly.isl.remembered import remembered
from tracealloc.poly.model.model import Access, Model, Statement
from tracealloc.poly.model.tree import Tree
from tracealloc.trace.ir.program import Array

__all__ = ["FINAL", "INPUT", "Flow", "flow_of", "pieces"]


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
        return same_unions(self.sources, other.sources)


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
    solution = solve(model, tree, reads, writes)
    return Flow(model, solution.sources, solution.unset)


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
            found.append(_final(Same(relation)))
    return found


@remembered(4096)
def _final(written: Same) -> isl.Map:
    """The read of all that a write touches, after everything."""
    assert isinstance(written.value, isl.Map)
    return isl.Map.from_domain_and_range(isl.Set(f"{{ {FINAL}[] }}"), written.value.range())
