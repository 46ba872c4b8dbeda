"""Parts of arrays that are a few rows far apart: held as so many rows, not as all between them.

An iteration of ``for j`` that uses ``A[i, k]`` and ``A[j, k]`` for all k uses two rows. Which of them an
access means is known, so the buffer has a row for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import prod

import islpy as isl

from tracealloc.poly.dataflow.footprint import Box, exact_values
from tracealloc.poly.dependence.dependence import time_map
from tracealloc.poly.isl.coalesce import coalesced
from tracealloc.poly.isl.named import map_of, range_dims
from tracealloc.poly.isl.texts import Parameters, aff_text, iter_names, read_map, read_set, tuple_text
from tracealloc.poly.model.model import Statement
from tracealloc.poly.model.statements import subscripts
from tracealloc.poly.model.tree import LoopNode, upwards
from tracealloc.trace.ir.expr import Expr, Iter, iters_of
from tracealloc.trace.ir.program import Array, Store, touched_by, walk_nodes
from tracealloc.trace.queries.affine import constant

__all__ = ["Slots", "slots_of"]

# Each of the values is a copy with loops of its own: more than a few must save much.
_FEW = 16
_WORTH = 8

_Key = tuple[str, tuple[Expr, ...]]


@dataclass(frozen=True)
class Slots:
    """The dimensions `dims` of a part have, in an iteration, one of few `values`.

    `values` has a subscript for each of `dims`, over the loops around; `of` gives the number of the values
    that an access has, by the statement and its subscripts.
    """

    dims: tuple[int, ...]
    values: tuple[tuple[Expr, ...], ...]
    of: dict[_Key, int]

    @property
    def dim(self) -> int:
        """The dimension in whose place the number is."""
        return self.dims[0]

    def number(self, statement: Statement, indices: Sequence[Expr]) -> Expr:
        """Which of the values an access has."""
        return constant(self.of[statement.name, tuple(indices[dim] for dim in self.dims)])

    def boxed(self, box: Box) -> Box:
        """The box with the number in the place of `dims`."""
        extents, lows, steps = list(box.extents), list(box.lows), list(box.steps)
        for dim in self.dims:
            extents[dim], lows[dim], steps[dim] = 1, constant(0), 1
        extents[self.dim] = len(self.values)
        return replace(box, lows=tuple(lows), extents=tuple(extents), steps=tuple(steps))

    def part(self, elements: isl.Map, its: Sequence[Iter], number: int) -> isl.Map:
        """The part of a map from iterations to elements with one of the values."""
        names = iter_names(its)
        outs = [f"e{dim}" for dim in range(range_dims(elements))]
        values = zip(self.dims, self.values[number], strict=True)
        where = " and ".join(f"{outs[dim]} = {aff_text(value, names)}" for dim, value in values)
        ends = elements.domain().get_tuple_name(), elements.range().get_tuple_name()
        left, right = tuple_text(ends[0], names.values()), tuple_text(ends[1], outs)
        return coalesced(elements.intersect(read_map(f"{{ {left} -> {right} : {where} }}")))


def slots_of(
    array: Array,
    loops: Sequence[LoopNode],
    users: Sequence[Statement],
    its: Sequence[Iter],
    whole: isl.Map,
    box: Box,
    parameters: Parameters,
) -> Slots | None:
    """How to hold the part `whole` that `users` touch in an iteration of `loops` as a few values, or None.

    None where that is not smaller than the box, or where two of the values could be the same element of
    which the loop writes one.
    """
    accesses = [(statement, indices) for statement in users for indices in subscripts(statement, array)]
    outer = {
        statement.name: {it for loop in loops for it in iters_of(loop.expr(statement.name))}
        for statement in users
    }
    dims = tuple(
        dim
        for dim, extent in enumerate(box.extents)
        if extent > 1 and all(iters_of(indices[dim]) <= outer[s.name] for s, indices in accesses)
    )
    if not dims or any(_is_passed(statement, array) for statement in users):
        return None
    numbers: dict[tuple[Expr, ...], int] = {}
    found: dict[_Key, int] = {}
    for statement, indices in accesses:
        key = (statement.name, tuple(indices[dim] for dim in dims))
        if key not in found:
            values = _values(statement, key[1], loops, its, parameters)
            if values is None:
                return None
            found[key] = numbers.setdefault(values, len(numbers))
            rest = prod(extent for dim, extent in enumerate(box.extents) if dim not in dims)
            if len(numbers) > _FEW and len(numbers) * rest * _WORTH > prod(box.extents):
                return None
    slots = Slots(dims, tuple(numbers), found)
    if len(numbers) < 2 or prod(slots.boxed(box).extents) >= prod(box.extents):
        return None
    written = any(access.write and access.array == array for s in users for access in s.accesses)
    return None if written and _may_meet(slots, whole.domain(), its) else slots


def _is_passed(statement: Statement, array: Array) -> bool:
    """Whether a statement uses all of an array in another way than by subscripts."""
    nodes = (node for node in walk_nodes((statement.node,)) if not isinstance(node, Store))
    return any(array in touched_by(node) for node in nodes)


def _values(
    statement: Statement,
    indices: tuple[Expr, ...],
    loops: Sequence[LoopNode],
    its: Sequence[Iter],
    parameters: Parameters,
) -> tuple[Expr, ...] | None:
    """Subscripts over the values of the loops around, where they are affine functions of these."""
    plain = upwards(loops)
    times = time_map(statement, plain).intersect_domain(statement.domain)
    there = map_of(statement.name, statement.dims, "E", indices)
    return exact_values(times.reverse().apply_range(there), its, parameters)


def _may_meet(slots: Slots, runs: isl.Set, its: Sequence[Iter]) -> bool:
    """Whether two of the values are the same in an iteration."""
    names = iter_names(its)
    here = tuple_text(str(runs.get_tuple_name()), names.values())
    for first, second in combinations(slots.values, 2):
        same = " and ".join(
            f"{aff_text(a, names)} = {aff_text(b, names)}" for a, b in zip(first, second, strict=True)
        )
        if not runs.intersect(read_set(f"{{ {here} : {same} }}")).is_empty():
            return True
    return False
