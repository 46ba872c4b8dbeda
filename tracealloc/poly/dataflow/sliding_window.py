"""A window that slides over an array: what stays, what is new, what must be there before the first step.

The window of an iteration is a box whose lower corner moves by a constant vector from one iteration of
the innermost loop to the next. Every element that any iteration uses enters the window once, stays while
the box covers it, and leaves once; so loading it when it enters reads it from the array just once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import islpy as isl

from tracealloc.poly.dataflow.footprint import Box, box_around
from tracealloc.poly.isl.affine_bounds import lower_bounds
from tracealloc.poly.isl.coalesce import coalesced
from tracealloc.poly.isl.compared import is_within, minus
from tracealloc.poly.isl.equality import same_maps
from tracealloc.poly.isl.extremes import least
from tracealloc.poly.isl.named import at_greatest
from tracealloc.poly.isl.texts import Parameters, aff_text, iter_names, read_map, read_set, tuple_text
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Binary, Expr, Iter, IterRef, iters_of, substitute
from tracealloc.trace.queries.affine import constant, linear, simplify

__all__ = ["Window", "sliding_window", "stride_of"]

_SPACE = "P"
_SPARE = 1.25
"""How many times more elements a box may load than the iterations use."""


@dataclass(frozen=True)
class Window:
    """Maps from an iteration to elements: those that `stay` from the one before, and those that are `new`.

    `before` is what stays in the first iteration, over the loops outside only; `first` is the value of
    the loop then (None: not an affine function of the loops outside).
    """

    stay: isl.Map
    new: isl.Map
    before: isl.Map
    first: Expr | None
    reused: bool


def stride_of(box: Box, it: Iter, step: int) -> tuple[int, ...] | None:
    """How far the box moves per iteration in each dimension (None: not by a constant)."""
    found: list[int] = []
    for low in box.lows:
        form = linear(low)
        assert form is not None
        moved = 0
        for atom, coefficient in form.terms:
            if isinstance(atom, IterRef) and atom.iter == it:
                moved = coefficient * step
            elif it in iters_of(atom):
                return None
        found.append(moved)
    return tuple(found)


def sliding_window(
    whole: isl.Map,
    box: Box,
    its: Sequence[Iter],
    step: int,
    parameters: Parameters,
    shape: Sequence[int] | None = None,
) -> Window:
    """The window of the innermost of the loops `its`, which moves by `step` (negative: downwards).

    `shape` is that of an array of which every element may be read: a ragged part then grows to its box.
    """
    names = iter_names(its)
    outer = [names[it] for it in its[:-1]]
    mine, other = names[its[-1]], "y"
    here, there = tuple_text(_SPACE, [*outer, mine]), tuple_text(_SPACE, [*outer, other])

    def pairs(where: str) -> isl.Map:
        return read_map(f"{{ {here} -> {there} : {where} }}")

    runs = whole.domain()
    size = abs(step)
    between = runs.apply(pairs(f"{mine} <= y and (y - {mine}) mod {size} = 0"))
    runs = coalesced(between.intersect(runs.apply(pairs(f"y <= {mine} and ({mine} - y) mod {size} = 0"))))
    used = coalesced(pairs("true").apply_range(whole).intersect_domain(runs))
    if shape is not None:
        used = _boxed(used, names, here, its, shape, parameters)
    covered = _box_map(box, names, here, its, 0)
    covered_before = _box_map(box, names, here, its, step)
    stay = coalesced(used.intersect(covered).intersect(covered_before))
    new = coalesced(minus(used.intersect(covered), covered_before))
    later = pairs(f"{mine} < y" if step > 0 else f"{mine} > y")
    begin = coalesced(minus(runs, runs.apply(later)))
    outside = read_map(f"{{ {here} -> {tuple_text(_SPACE, outer)} }}")
    before = coalesced(stay.intersect_domain(begin).apply_domain(outside))
    shared = whole.apply_range(whole.reverse()).intersect(pairs(f"y != {mine}"))
    first = _first(outside.intersect_domain(begin).reverse(), its, names, parameters)
    return Window(stay, new, before, first, not shared.is_empty())


def _boxed(
    used: isl.Map,
    names: dict[Iter, str],
    here: str,
    its: Sequence[Iter],
    shape: Sequence[int],
    parameters: Parameters,
) -> isl.Map:
    """All of the box around what any iteration uses, where that is hardly more and inside the array."""
    around = box_around(used, len(shape), its, parameters)
    if any(its[-1] in iters_of(low) for low in around.lows):
        return used
    whole = _box_map(around, names, here, its, 0).intersect_domain(used.domain())
    element = [f"e{dim}" for dim in range(len(shape))]
    held = " and ".join(f"0 <= {e} < {n}" for e, n in zip(element, shape, strict=True)) or "true"
    inside = read_set(f"{{ {tuple_text('E', element)} : {held} }}")
    if same_maps(whole, used) or not is_within(whole.range(), inside):
        return used
    some = least(used.domain())  # one iteration stands for all: counting them takes long
    return whole if _count(whole, some) <= _SPARE * _count(used, some) else used


def _count(m: isl.Map, some: isl.Set) -> int:
    return int(at_greatest(m.intersect_domain(some).range()).count_val().to_python())


def _box_map(box: Box, names: dict[Iter, str], here: str, its: Sequence[Iter], back: int) -> isl.Map:
    """Iteration -> the box of the iteration `back` earlier."""
    earlier = simplify(Binary("-", IterRef(its[-1]), constant(back), index))
    element = [f"e{dim}" for dim in range(len(box.lows))]
    where = []
    for name, low, extent in zip(element, box.lows, box.extents, strict=True):
        text = aff_text(substitute(low, {its[-1]: earlier}), names)
        where.append(f"{text} <= {name} < {text} + {extent}")
    condition = " and ".join(where) or "true"
    return read_map(f"{{ {here} -> {tuple_text('E', element)} : {condition} }}")


def _first(
    begin: isl.Map, its: Sequence[Iter], names: dict[Iter, str], parameters: Parameters
) -> Expr | None:
    """The first value of the innermost loop as a function of those outside, where it is affine."""
    outer = [names[it] for it in its[:-1]]
    for expr in lower_bounds(begin, len(outer), its[:-1], parameters):
        made = f"{{ {tuple_text(_SPACE, outer)} -> {tuple_text(_SPACE, [*outer, aff_text(expr, names)])} }}"
        if is_within(begin, read_map(made)):
            return expr
    return None
