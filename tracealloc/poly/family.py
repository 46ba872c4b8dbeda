"""The proof of a step that changes how one array is stored: only what touches it is looked at.

A buffer, a window or another layout leaves all accesses alone but those to one array and its copies. So it
is enough to compare these before and after: every read must still see the same write of the traced program.
"""

from __future__ import annotations

from dataclasses import replace

import islpy as isl

from tracealloc.poly.equivalence import Difference, first_difference, value_sources
from tracealloc.poly.model import Model, Statement
from tracealloc.poly.tree import Tree
from tracealloc.trace.program import Array

__all__ = ["changed_read"]


def changed_read(
    base: Model, before: tuple[Model, Tree], after: tuple[Model, Tree], array: Array
) -> Difference | None:
    """The first read of `array` or a copy of it that sees another write after a step than before it.

    `base` is the traced model, in whose terms both are compared.

    Raises:
        VerifyError: isl has no closed form for where the values come from.
    """
    names = _family(after[0], array)
    expected, found = _sources(*before, base, names), _sources(*after, base, names)
    return None if expected.is_equal(found) else first_difference(expected, found)


def _sources(model: Model, tree: Tree, base: Model, names: frozenset[str]) -> isl.UnionMap:
    """What the reads of some arrays see; remembered, for the next step starts where this one ends."""
    here = frozenset(name for name in names if int(name[1:]) < len(model.arrays))
    known = model.memo.setdefault("family", {})
    kept: tuple[Tree, isl.UnionMap] | None = known.get(here)
    if kept is None or kept[0] is not tree:
        kept = known[here] = tree, value_sources(_only(model, names), tree, _only(base, names))
    return kept[1]


def _family(model: Model, array: Array) -> frozenset[str]:
    """The isl names of `array`, of what it is a copy of, and of all copies, whatever their layout."""
    links = [(str(m.domain().get_tuple_name()), str(m.range().get_tuple_name())) for m in model.origins]
    links += [
        (read.space, write.space)
        for statement in model.statements
        if statement.copy
        for read in statement.reads
        for write in statement.writes
    ]
    pairs = [(_name(a), _name(b)) for a, b in links]
    found = {_name(model.space(array))}
    while True:
        more = {name for pair in pairs if not found.isdisjoint(pair) for name in pair}
        if more <= found:
            return frozenset(found)
        found |= more


def _name(space: str) -> str:
    """``A3`` of ``A3_v1_x``: the array without its version and field."""
    return space.partition("_")[0]


def _only(model: Model, names: frozenset[str]) -> Model:
    """The model with nothing but the accesses to some arrays."""
    kept: list[Statement] = []
    for statement in model.statements:
        accesses = tuple(a for a in statement.accesses if _name(a.space) in names)
        if accesses:
            kept.append(replace(statement, accesses=accesses))
    return replace(model, statements=tuple(kept))
