"""What a kernel does to its arguments, element by element: what a call of it means to the caller.

A kernel that fills a buffer and reads it back does not read what the buffer held before: only what is read
before it is stored (upward exposed) comes from the caller. The accesses of the kernel's statements say which
elements these are, as its own schedule sees them, so that a call means the same as what it runs. All is
given for each value of the integer scalars that choose elements (``fill(A, i)`` stores row i): one answer
serves all calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import islpy as isl

from tracealloc.poly.dataflow.solve import solve
from tracealloc.poly.isl.coalesce import coalesced, pieces
from tracealloc.poly.isl.named import map_of, union_of, with_tuple
from tracealloc.poly.model.model import Access, Model, Statement
from tracealloc.poly.model.tree import Tree
from tracealloc.trace.ir.dtype import leaf_paths
from tracealloc.trace.ir.expr import Iter, IterRef
from tracealloc.trace.ir.program import Array

__all__ = ["Effects", "Part", "effects_of_model"]

_NAME = "P"


@dataclass(frozen=True)
class Part:
    """What happens to one argument (one field of its elements): values of the scalars -> elements.

    `reads` and `may_read` are read as they were before the kernel, certainly or perhaps. `updates` may be
    stored and are as they were where they are not; `stores` certainly are stored.
    """

    reads: isl.Map
    may_read: isl.Map
    updates: isl.Map
    stores: isl.Map


@dataclass(frozen=True)
class Effects:
    """The parts of a kernel's arguments that it touches; `scalars` choose the elements."""

    scalars: tuple[Array, ...]
    parts: Mapping[tuple[Array, tuple[str, ...]], Part]

    def may_store(self, argument: Array) -> bool:
        """Whether some call stores to an argument: not where all its stores are in loops of no iteration."""
        if not argument.rank or argument.kind == "stream":
            return True
        parts = [part for (array, _), part in self.parts.items() if array == argument]
        return any(not (part.stores.is_empty() and part.updates.is_empty()) for part in parts)


def effects_of_model(model: Model, tree: Tree, scalars: Sequence[Array], its: Sequence[Iter]) -> Effects:
    """The effects of a kernel whose statements have the values of `scalars` as first iterators, `its`."""
    parts: dict[tuple[Array, tuple[str, ...]], Part] = {}
    for argument in (a for a in model.program.args if a.rank and a.kind != "stream"):
        for leaf in leaf_paths(argument.dtype):
            part = _part(model, tree, model.space(argument, leaf), its)
            if part is not None:
                parts[argument, leaf] = part
    return Effects(tuple(scalars), parts)


def _part(model: Model, tree: Tree, space: str, its: Sequence[Iter]) -> Part | None:
    uses = [(s, a) for s in model.statements for a in s.accesses if a.space == space]
    if not uses:
        return None
    refs = [IterRef(it) for it in its]

    def pairs(statement: Statement, access: Access) -> isl.Map:
        own = map_of(statement.name, statement.dims, _NAME, refs).intersect_domain(statement.domain)
        return own.range_product(with_tuple(access.relation, "E"))

    empty = isl.Map.empty(pairs(*uses[0]).range().unwrap().get_space())
    writes = [pairs(s, a) for s, a in uses if a.write]

    def exposed(chosen: Iterable[tuple[Statement, Access]]) -> isl.Map:
        """What some reads find as it was before the kernel."""
        reads = [pairs(s, a) for s, a in chosen]
        found = empty
        for piece in pieces(solve(model, tree, reads, writes).unset if writes else union_of(reads)):
            found = found.union(piece.range().unwrap())
        return coalesced(found)

    own = [(s, a) for s, a in uses if not (a.write or a.update)]
    reads = exposed((s, a) for s, a in own if a.exact)
    may_read = exposed((s, a) for s, a in own if not a.exact).subtract(reads)
    updates = exposed((s, a) for s, a in uses if a.update)
    may_store = empty
    for write in writes:
        may_store = may_store.union(write.range().unwrap())
    return Part(reads, may_read, updates, coalesced(may_store.subtract(updates)))
