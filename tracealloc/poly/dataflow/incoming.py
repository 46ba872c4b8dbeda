"""What an argument held before the kernel, and whether anything still sees it afterwards."""

from __future__ import annotations

from dataclasses import dataclass

import islpy as isl

from tracealloc.poly.dataflow.effects import effects_of
from tracealloc.poly.isl.budget import STEP, Spent, limited
from tracealloc.poly.isl.compared import minus
from tracealloc.poly.isl.extremes import least
from tracealloc.poly.isl.named import LOCK, point_values
from tracealloc.poly.isl.texts import tuple_text
from tracealloc.poly.model.effects import Effects
from tracealloc.trace.ir.dtype import INDEX_BITS, Integer, leaf_paths
from tracealloc.trace.ir.program import Array, Program

__all__ = ["Incoming", "incoming"]


@dataclass(frozen=True, slots=True)
class Incoming:
    """The first element that is as it was: `read` by the kernel, or perhaps left so."""

    element: tuple[int, ...]
    read: bool


def incoming(program: Program, argument: Array) -> Incoming | None:
    """Why a kernel needs the content of an array argument: None where it stores every element first.

    That holds for all data and all values of the scalars; what is not known counts as needed, and so does
    what isl takes too long for.
    """
    try:
        with LOCK, limited(STEP):
            return _incoming(program, argument)
    except Spent:
        return Incoming((0,) * argument.rank, False)


def _incoming(program: Program, argument: Array) -> Incoming | None:
    effects = effects_of(program)
    inside = _all_elements(effects, argument)
    left = None
    for path in leaf_paths(argument.dtype):
        part = effects.parts.get((argument, path))
        if part is None:
            left = left or Incoming((0,) * argument.rank, False)
            continue
        read = _first(part.reads.union(part.may_read).intersect(inside))
        if read is not None:
            return Incoming(read, True)
        kept = _first(minus(inside, part.stores))
        if kept is not None:
            left = left or Incoming(kept, False)
    return left if argument.size else None


def _all_elements(effects: Effects, argument: Array) -> isl.Map:
    """Values of the scalars that choose elements -> every element."""
    scalars = [f"s{number}" for number in range(len(effects.scalars))]
    element = [f"e{dim}" for dim in range(argument.rank)]
    where = [f"0 <= {e} < {extent}" for e, extent in zip(element, argument.shape, strict=True)]
    for name, scalar in zip(scalars, effects.scalars, strict=True):
        held = scalar.dtype if isinstance(scalar.dtype, Integer) else Integer(INDEX_BITS, True)
        where.append(f"{held.low} <= {name} <= {held.high}")
    return isl.Map(f"{{ {tuple_text('P', scalars)} -> {tuple_text('E', element)} : {' and '.join(where)} }}")


def _first(elements: isl.Map) -> tuple[int, ...] | None:
    """The lexicographically least element, or None."""
    found = elements.range()
    if found.is_empty():
        return None
    values = point_values(least(found))
    assert values is not None
    return tuple(values)
