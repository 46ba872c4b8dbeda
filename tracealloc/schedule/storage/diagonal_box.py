"""Parts of arrays that lie along a diagonal: held in coordinates in which their box is smaller.

After a skew, iterations of a wavefront use ``A[t - j, j]`` for all j: a diagonal, of which the box is the
whole array. With the coordinate ``i + j`` in the place of ``i`` it is one line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import permutations
from math import prod
from types import MappingProxyType
from typing import TypeAlias

import islpy as isl

from tracealloc.poly.dataflow.footprint import Box, box_around
from tracealloc.poly.isl.texts import Parameters, read_map, tuple_text
from tracealloc.poly.model.model import Statement
from tracealloc.poly.model.statements import subscripts
from tracealloc.poly.model.tree import LoopNode
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Binary, Expr, Iter, iters_of
from tracealloc.trace.ir.program import Array
from tracealloc.trace.queries.affine import constant, simplify

__all__ = ["NO_SLANT", "Slant", "coordinate", "slanted"]

Slant: TypeAlias = Mapping[int, tuple[int, int]]
"""To a subscript, by its dimension: another dimension and how many times its subscript is added."""

NO_SLANT: Slant = MappingProxyType({})


def coordinate(indices: Sequence[Expr], dim: int, slant: Slant) -> Expr:
    """One coordinate of an element with these subscripts."""
    if dim not in slant:
        return indices[dim]
    other, factor = slant[dim]
    added = Binary("*", constant(factor), indices[other], index)
    return simplify(Binary("+", indices[dim], added, index))


def slanted(
    whole: isl.Map,
    box: Box,
    array: Array,
    loops: Sequence[LoopNode],
    users: Iterable[Statement],
    its: Sequence[Iter],
    parameters: Parameters,
) -> tuple[Slant, isl.Map, Box]:
    """The coordinates in which a part of an array has the smallest box, the part in these, and the box.

    `whole` gives the part in an iteration of `loops`, whose values are `its`.
    """
    best: tuple[Slant, isl.Map, Box] = (NO_SLANT, whole, box)
    if not any(_may_be_diagonal(array, loops, statement) for statement in users):
        return best
    wide = [dim for dim, extent in enumerate(box.extents) if extent > 1]
    for dim, other in permutations(wide, 2):
        for factor in (-1, 1):
            part = _moved(whole, array.rank, dim, other, factor)
            found = box_around(part, array.rank, its, parameters)
            if prod(found.extents) < prod(best[2].extents):
                best = {dim: (other, factor)}, part, found
    return best


def _moved(whole: isl.Map, rank: int, dim: int, other: int, factor: int) -> isl.Map:
    old = [f"e{k}" for k in range(rank)]
    new = [f"{name} + {factor} * e{other}" if k == dim else name for k, name in enumerate(old)]
    space = whole.range().get_tuple_name()
    return whole.apply_range(read_map(f"{{ {tuple_text(space, old)} -> {tuple_text(space, new)} }}"))


def _may_be_diagonal(array: Array, loops: Sequence[LoopNode], statement: Statement) -> bool:
    """Whether two subscripts depend on one iterator, or on several whose sum a loop around fixes."""
    if any(len(iters_of(loop.expr(statement.name))) > 1 for loop in loops):
        return True
    for indices in subscripts(statement, array):
        mentioned = [it for expr in indices for it in iters_of(expr)]
        if len(mentioned) > len(set(mentioned)):
            return True
    return False
