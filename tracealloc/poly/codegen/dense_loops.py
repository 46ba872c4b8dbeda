"""Loops that are right by construction, for orders of which isl makes none in time, or wrong ones.

A loop runs over the hull of its values: from the greatest of some affine functions of the loops around to
the least of others, in steps of one. Where it has no iteration is said at the leaves. The instances that
run at the values ``o0, o1, ...`` of the loops around a statement,

    { S[i] : times(i) = (o0, o1, ...) },

are one or none: whether there is one becomes a condition, which one it is the values of the iterators.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TypeAlias

import islpy as isl

from tracealloc.poly.dependence.dependence import time_map, time_text
from tracealloc.poly.isl.compared import is_within
from tracealloc.poly.isl.named import at_parameters, dim_bounds, renamed, rows_of, within
from tracealloc.poly.isl.rows import Row
from tracealloc.poly.isl.texts import Parameters
from tracealloc.poly.model.model import Model
from tracealloc.poly.model.tree import LoopNode, leaves, upwards
from tracealloc.trace.diagnostics.errors import ScheduleError
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Binary, Const, Expr, Unary
from tracealloc.trace.queries.affine import constant, simplify

__all__ = ["Bounds", "Instance", "bounds_of", "ends_of", "instance_of", "outer_name"]


def outer_name(depth: int) -> str:
    """What the value of a loop is called in isl, by how many loops are around it."""
    return f"o{depth}"


Bounds: TypeAlias = tuple[Row, ...]
"""Rows that hold for the values of a loop and those of the loops around it; the last value is in each."""


@dataclass(frozen=True)
class Instance:
    """When an instance runs (None: always) and its iterators, over the values of the loops around it."""

    cond: isl.AstExpr | None
    call: isl.AstExpr


def bounds_of(model: Model, loops: tuple[LoopNode, ...]) -> Bounds | None:
    """What the last of some loops runs over (None: it never runs).

    Raises:
        isl.Error: that takes too long.
    """
    plain, last = upwards(loops), len(loops) - 1
    parts: dict[tuple[str, ...], isl.Set] = {}
    for name in leaves(loops[-1].body):
        statement = model.statement(name)
        form = (str(renamed(statement.domain, "S")), *(time_text(statement, loop) for loop in plain))
        if form not in parts:
            times = statement.domain.apply(time_map(statement, plain)).intersect_params(model.context)
            parts[form] = isl.Set.from_basic_set(times.remove_divs().simple_hull())
    values = reduce(isl.Set.union, parts.values())
    if values.is_empty():
        return None
    whole = within(isl.Set.from_basic_set(values.simple_hull()), last, *dim_bounds(values, last))
    return tuple(row for row in rows_of(whole.simple_hull().remove_redundancies()) if row.outer[last])


def ends_of(bounds: Bounds, around: Sequence[Expr], parameters: Parameters) -> tuple[Expr, Expr, bool]:
    """The least and the greatest value of a loop at the values of those around it, and whether it is one."""
    lows: dict[Expr, None] = {}
    highs: dict[Expr, None] = {}
    for row in bounds:
        *outer, own = row.outer
        rest: Expr = constant(row.constant)
        parts = [*zip(outer, around, strict=True), *((n, parameters[name]) for name, n in row.parameters)]
        for factor, value in parts:
            rest = Binary("+", rest, Binary("*", constant(factor), value, index), index) if factor else rest
        if own < 0 and row.equal:  # rows hold with either sign then
            own, rest = -own, Unary("-", rest, index)
        whole = rest if abs(own) == 1 else Binary("//", rest, constant(abs(own)), index)
        if own > 0:
            lows[simplify(Unary("-", whole, index))] = None
        if own < 0:
            highs[simplify(whole)] = None
        if row.equal and own == 1:
            return simplify(Unary("-", whole, index)), simplify(Unary("-", whole, index)), True
        if row.equal:
            other = Binary("//", Unary("-", rest, index), constant(own), index)
            highs[simplify(other)] = None
    assert lows and highs, bounds
    return _joined("max", lows), _joined("min", highs), False


def _joined(op: str, values: Iterable[Expr]) -> Expr:
    in_order = sorted(values, key=lambda value: not isinstance(value, Const))
    return reduce(lambda a, b: Binary(op, a, b, index), in_order)


def instance_of(
    model: Model, name: str, loops: tuple[LoopNode, ...], known: Sequence[Bounds]
) -> Instance | None:
    """What the statement `name` inside some loops runs, where their values are within the `known` bounds.

    None: it never runs.

    Raises:
        isl.Error: that takes too long.
        ScheduleError: the loops run several instances at once.
    """
    statement = model.statement(name)
    times = time_map(statement, upwards(loops)).intersect_domain(statement.domain)
    times = times.intersect_params(model.context)
    if times.is_empty():
        return None
    if not times.is_injective():
        raise ScheduleError(
            "TA262",
            f"the loops {', '.join(repr(loop.name) for loop in loops)} cannot be generated right",
            because=[f"they run several instances of {statement.where} at once"],
            hint="undo the last step",
        )
    names = [outer_name(depth) for depth in range(len(loops))]
    instances = at_parameters(times.reverse(), names)
    sure = _within(model, known, names)
    runs = instances.params()
    inside = runs.intersect(sure)
    cond = None
    if not is_within(sure, runs):
        cond = isl.AstBuild.from_context(sure).expr_from_set(runs.gist_params(sure))
    values = isl.PwMultiAff.from_set(instances.intersect_params(sure))
    return Instance(cond, isl.AstBuild.from_context(inside).call_from_pw_multi_aff(values))


def _within(model: Model, known: Sequence[Bounds], names: Sequence[str]) -> isl.Set:
    """What is certain of the values of loops with some bounds, which are called `names`."""
    conds = []
    for bounds in known:
        for row in bounds:
            parts = [*zip(row.outer, names, strict=False), *((n, name) for name, n in row.parameters)]
            total = " + ".join(f"{factor}*{name}" for factor, name in parts if factor)
            conds.append(f"{total} + {row.constant} {'=' if row.equal else '>='} 0")
    declared = ", ".join((*names, *model.parameters))
    where = f" {' and '.join(conds)}" if conds else ""
    return isl.Set(f"[{declared}] -> {{ :{where} }}").intersect_params(model.context)
