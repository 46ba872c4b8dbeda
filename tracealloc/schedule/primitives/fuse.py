"""``fuse``: coalesce adjacent loops into one."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise

import islpy as isl

from tracealloc.poly.dependence.dependence import time_map
from tracealloc.poly.dependence.stretched import looped
from tracealloc.poly.isl.equality import same_sets
from tracealloc.poly.isl.named import box_of, dim_bounds, dims_of, freed, parameters_in
from tracealloc.poly.isl.texts import parameter_name
from tracealloc.poly.model.build import within_loops
from tracealloc.poly.model.model import Model, Statement
from tracealloc.poly.model.tree import LoopNode, Tree, leaves, replace_loop, upwards
from tracealloc.schedule.core.chains import counter, lattice_step
from tracealloc.schedule.core.marks import fused as fused_marks
from tracealloc.schedule.core.marks import lost
from tracealloc.schedule.core.names import user_name
from tracealloc.schedule.core.primitive import Edit, LoopRef, Result, primitive
from tracealloc.schedule.core.state import OpaqueLoop
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Binary, Expr
from tracealloc.trace.queries.affine import constant, simplify

__all__ = ["fuse"]


@primitive(loops="loop")
def fuse(edit: Edit, *loops: LoopNode | OpaqueLoop) -> Result:
    """Coalesce adjacent loops, outermost first, into one that runs through all their iterations.

    Rewrite:
        for i in 0:M: for j in 0:N: body   ->   for i_j in 0:M*N: body
    Legal when:
        each loop is directly inside the one before, and the inner extents are constant (the outermost
        loop may run up to an argument).
        Affine conditions in the loops stay conditions in the fused one.
        The fused loop is pipelined or unrolled by a factor where the innermost was, and marked otherwise
        where all were; a warning names the marks that are lost.

    Returns:
        The fused loop.

    Raises:
        ScheduleError: the loops are not adjacent, or not rectangular.
    """
    chosen = [edit.affine(loop) for loop in loops]
    if len(chosen) < 2:
        raise edit.error("TA223", "needs at least two loops")
    _check_adjacent(edit, chosen)
    state, (key,) = edit.keys(1)
    chosen = [replace(loop, step=lattice_step(state.model, loop)) for loop in chosen]
    known = _rectangle(edit, chosen)
    extents = [(high - low) // loop.step + 1 for loop, (low, high) in zip(chosen, known, strict=True)]

    @cache  # the statements of a body mostly have the same
    def fused_value(*values: Expr) -> Expr:
        total: Expr = constant(0)
        for loop, value, end, extent in zip(chosen, values, known, extents, strict=True):
            scaled = Binary("*", total, constant(extent), index)
            total = Binary("+", scaled, counter(loop, value, end), index)
        return simplify(total)

    marks = fused_marks([loop.marks for loop in chosen])

    def one(found: LoopNode) -> Tree:
        exprs = [(name, fused_value(*(loop.expr(name) for loop in chosen))) for name, _ in found.exprs]
        fused = edit.fresh("_".join(loop.name for loop in chosen))
        reduction = all(loop.reduction for loop in chosen)
        return replace(
            found,
            key=key,
            name=fused,
            exprs=tuple(exprs),
            body=chosen[-1].body,
            descending=False,
            step=1,
            reduction=reduction,
            marks=marks,
        )

    tree = replace_loop(state.tree, chosen[0].key, one)
    return Result(state.with_tree(tree), (LoopRef(key),), lost(chosen, marks))


def _check_adjacent(edit: Edit, loops: list[LoopNode]) -> None:
    if len({loop.key for loop in loops}) != len(loops):
        raise edit.error("TA223", "names a loop twice", hint="give each loop once, the outermost first")
    for outer, inner in pairwise(loops):
        if not _is_directly_in(inner, outer):
            names = [f'"{user_name(edit, loop)}"' for loop in reversed(loops)]
            turned = all(_is_directly_in(a, b) for a, b in pairwise(loops))
            call = f"s.fuse({', '.join(names)}): the outermost first"
            raise edit.error(
                "TA225",
                f"needs adjacent loops: {inner.name!r} is not directly and alone inside {outer.name!r}",
                hint=call if turned else "s.reorder or s.distribute brings them together",
            )


def _is_directly_in(inner: LoopNode, outer: LoopNode) -> bool:
    return isinstance(outer.body, LoopNode) and outer.body.key == inner.key


def _rectangle(edit: Edit, loops: list[LoopNode]) -> list[tuple[int, int]]:
    """The least and greatest value of each loop; all statements run through all of these, or less by an if.

    Raises:
        ScheduleError: the bounds of a loop depend on another one.
    """
    plain = upwards(loops)
    alike: dict[object, Statement] = {}  # those of one body have one extent
    for name in leaves(loops[-1].body):
        statement = edit.state.model.statement(name)
        alike.setdefault(looped(statement, loops), statement)
    found: list[isl.Set] = []
    for statement in alike.values():
        values = within_loops(edit.state.model, statement).apply(time_map(statement, plain))
        if not values.is_empty():  # loops that never run are loops of any extent
            found.append(values)
    if not found:
        return [(0, 0)] * len(loops)
    ends = [
        (min(low for low, _ in each), max(high for _, high in each))
        for each in ([dim_bounds(values, dim) for values in found] for dim in range(len(loops)))
    ]
    box = box_of([(low, high, loop.step) for loop, (low, high) in zip(loops, ends, strict=True)])
    sizes = [_sizes(edit.state.model, found, dim) for dim in range(len(loops))]
    for loop, own in zip(loops[1:], sizes[1:], strict=True):
        if own:
            raise edit.error(
                "TA226",
                f"needs inner loops of constant extent: that of {loop.name!r} depends on {' and '.join(own)}",
                because=["the fused loop's value is i * extent + j: a product of two sizes"],
                hint="split it by a constant and fuse the inner part",
            )
    if not all(same_sets(values, _stack(values, box) if sizes[0] else box) for values in found):
        raise edit.error(
            "TA226",
            f"needs rectangular loops: the extent of {loops[-1].name!r} depends on the loops outside it",
            hint="fuse only loops whose bounds are constant",
        )
    return ends


def _sizes(model: Model, found: list[isl.Set], dim: int) -> list[str]:
    """The arguments on which the bounds of a loop depend, by name."""
    names: set[str] = set()
    for values in found:
        alone = values
        for other in range(dims_of(values)):
            alone = alone if other == dim else freed(alone, other)
        names |= parameters_in(alone, alone.params())
    return [a.name for a in model.program.args if a.parameter and parameter_name(a) in names]


def _stack(values: isl.Set, box: isl.Set) -> isl.Set:
    """The box of the inner loops at each value of the outermost, which may run up to an argument."""
    outer = values
    for position in range(1, dims_of(values)):
        outer = freed(outer, position)
    return outer.intersect(freed(box, 0))
