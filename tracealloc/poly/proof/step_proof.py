"""The proof of one step: only what it can have changed is looked at.

What holds before a step is proved, so it is enough to compare reads after it with the same reads before it,
with just the copies that the step has made looked through: every read must still see the same write. What
steps before have made counts as written by the kernel, so that the time of a proof does not grow along a
chain of buffers. A buffer, a window or another layout leaves all accesses alone but those to one array.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import islpy as isl

from tracealloc.poly.isl.budget import PROOF, limited
from tracealloc.poly.model.model import Model, Statement
from tracealloc.poly.model.tree import Tree
from tracealloc.poly.proof.equivalence import (
    Difference,
    changed_sources,
    difference,
    difference_beside,
    first_difference,
    freely_changed,
)
from tracealloc.trace.diagnostics.errors import VerifyError
from tracealloc.trace.ir.expr import IterRef
from tracealloc.trace.ir.program import Array

__all__ = ["changed_read", "moved_read"]


def changed_read(before: tuple[Model, Tree], after: tuple[Model, Tree], array: Array) -> Difference | None:
    """The first read of `array` or of a new copy of it that sees another write after a step than before it.

    Statements are named as before the step.

    Raises:
        VerifyError: isl has no closed form for where the values come from.
    """
    old, new = before[0], after[0]
    names = {_name(old.space(array)), *(f"A{n}" for n in range(len(old.arrays), len(new.arrays)))}
    traced = _only(old, names, [_as_traced(s, s.name) for s in old.statements])
    changed = _only(new, names, [_renamed(s, old) for s in new.statements])
    try:
        with limited(PROOF):
            found = changed_sources(traced, (traced, before[1]), (changed, after[1]))
            return None if found is None else first_difference(*found)
    except isl.Error as error:
        raise VerifyError("TA513", f"the proof of {array.name!r} takes too long") from error


def moved_read(
    base: Model,
    before: tuple[Model, Tree],
    after: tuple[Model, Tree],
    moved: Mapping[str, Statement],
    reassociate: bool,
) -> Difference | None:
    """The first read that sees another write after a step that moves statements than before it.

    Statements, those of `base`, run where they did or elsewhere, several times or not at all. `moved` says
    which statement before the step each new one has its last iterators and its instances from.

    Raises:
        VerifyError: isl has no closed form for where the values come from.
    """
    old = {s.name: _as_traced(s, s.name) for s in before[0].statements if s.copy}

    def known(statement: Statement) -> Statement:
        if not statement.copy or statement.name in old:
            return _as_traced(statement, statement.name) if statement.copy else statement
        source = moved.get(statement.name)
        if source is None:
            return statement
        instance = tuple(IterRef(it) for it in source.dims)
        return replace(statement, origin=source.name, origin_instance=instance, copy=False)

    traced = replace(base, statements=(*base.statements, *old.values()))
    first, second = (replace(m, statements=tuple(map(known, m.statements))) for m in (before[0], after[0]))
    found = freely_changed(traced, (first, before[1]), (second, after[1]), reassociate)
    if found is None or not old:
        return None if found is None else first_difference(*found)
    # Another copy may bring the same value: that shows when all copies are looked through.
    wrong = difference_beside(*found, old.keys())
    return wrong or difference(base, base.reference, *after, reassociate)


def _renamed(statement: Statement, old: Model) -> Statement:
    """A statement after the step, by the one before it that it is (part of); new copies stay copies."""
    if old.has(statement.name):
        return _as_traced(statement, statement.name)
    if not statement.copy:
        return statement
    for other in old.statements:
        if other.copy and other.dims == statement.dims and other.node == statement.node:
            return _as_traced(statement, other.name)
    return statement


def _as_traced(statement: Statement, origin: str) -> Statement:
    return replace(statement, origin=origin, origin_instance=None, copy=False)


def _name(space: str) -> str:
    """``A3`` of ``A3_v1_x``: the array without its version and field."""
    return space.partition("_")[0]


def _only(model: Model, names: set[str], statements: list[Statement]) -> Model:
    """The model with nothing but the accesses to some arrays."""
    kept: list[Statement] = []
    for statement in statements:
        accesses = tuple(a for a in statement.accesses if _name(a.space) in names)
        if accesses:
            kept.append(replace(statement, accesses=accesses))
    return replace(model, statements=tuple(kept))
