"""What a kernel does to its arguments, element by element: what a call of it means to the caller.

A kernel that fills a buffer and reads it back does not read what the buffer held before: only what is read
before it is stored (upward exposed) comes from the caller. The accesses of the kernel's statements say which
elements these are, as its own schedule sees them, so that a call means the same as what it runs. All is
given for each value of the integer scalars that choose elements (``fill(A, i)`` stores row i): one answer
serves all calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import islpy as isl

from tracealloc.poly.dataflow.solve import solve
from tracealloc.poly.isl.coalesce import coalesced, pieces
from tracealloc.poly.isl.compared import minus
from tracealloc.poly.isl.named import map_of, union_of, with_tuple
from tracealloc.poly.model.build import build_model, build_over
from tracealloc.poly.model.effects import Effects, Part
from tracealloc.poly.model.model import Access, Model, Statement
from tracealloc.poly.model.tree import Tree
from tracealloc.trace.ir.dtype import INDEX_BITS, Index, Integer, leaf_paths
from tracealloc.trace.ir.expr import Iter, IterRef, loads_of
from tracealloc.trace.ir.program import Array, Program, Store, expressions_of, read_by, walk_nodes
from tracealloc.trace.queries.summary import summary_of

__all__ = ["effects_of", "model_of"]

_NAME = "P"


def model_of(program: Program) -> tuple[Model, Tree]:
    """The statements of a program and the tree of its own order."""
    return build_model(program, effects_of)


def effects_of(program: Program) -> Effects:
    """What a call of a program does, found once for all values of its integer scalars."""
    found: Effects | None = program.memo.get("effects")
    if found is None:
        scalars = _choosing(program)
        its = tuple(Iter(f"scalar:{array.key}", array.name) for array in scalars)
        model, tree = build_over(program, effects_of, dict(zip(scalars, its, strict=True)))
        found = program.memo["effects"] = _effects(model, tree, scalars, its)
    return found


def _choosing(program: Program) -> list[Array]:
    """The integer scalars of a program that are never written and choose elements or bounds."""
    written = summary_of(program).writes
    used: set[Array] = set()
    for node in walk_nodes(program.body):
        own = expressions_of(node)
        if isinstance(node, Store):
            own = node.indices
        loads = read_by(node)
        chosen = [*own, *(index for load in loads for index in load.indices)]
        used.update(load.array for expr in chosen for load in loads_of(expr))
    return [
        array
        for array in program.args
        if array in used
        and not array.rank
        and array not in written
        and array.kind == "argument"
        and isinstance(array.dtype, Integer | Index)
        and array.dtype.bits <= INDEX_BITS
    ]


def _effects(model: Model, tree: Tree, scalars: Sequence[Array], its: Sequence[Iter]) -> Effects:
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
    may_read = minus(exposed((s, a) for s, a in own if not a.exact), reads)
    updates = exposed((s, a) for s, a in uses if a.update)
    may_store = empty
    for write in writes:
        may_store = may_store.union(write.range().unwrap())
    return Part(reads, may_read, updates, coalesced(minus(may_store, updates)))
