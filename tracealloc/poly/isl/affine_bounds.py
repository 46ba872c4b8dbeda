"""Where a dimension begins and ends, as functions of the others: what boxes, windows and peeling ask."""

from __future__ import annotations

from collections.abc import Sequence

import islpy as isl

from tracealloc.poly.isl.coalesce import coalesced
from tracealloc.poly.isl.compared import is_within
from tracealloc.poly.isl.extremes import extreme
from tracealloc.poly.isl.named import aff_expr, dim_bounds, dims_of, range_dims
from tracealloc.poly.isl.texts import Parameters, aff_text, read_map, tuple_text
from tracealloc.trace.ir.expr import Expr, Iter
from tracealloc.trace.queries.affine import constant

__all__ = ["is_simple_dim", "lower_bounds", "offsets", "split_first"]


def lower_bounds(m: isl.Map, dim: int, its: Sequence[Iter], parameters: Parameters) -> list[Expr]:
    """Affine functions of the input that may bound an output dimension from below, best guesses first."""
    if m.is_empty():  # code that never runs
        return [constant(0)]
    pieces: list[isl.Aff] = []
    for relaxed in (m, m.remove_divs()):  # without the steps of loops the bound may be simpler
        least = coalesced(relaxed.dim_min(dim))
        pieces += [least.as_aff()] if least.isa_aff() else [aff for _, aff in least.get_pieces()]
    found = [expr for aff in pieces if (expr := aff_expr(aff, its, parameters)) is not None]
    low, _ = dim_bounds(m.range(), dim)
    return [*found, constant(low)]


def is_simple_dim(m: isl.Map, dim: int) -> bool:
    """Whether one affine function each bounds an output dimension from below and from above."""
    return bool(coalesced(m.dim_min(dim)).n_piece() == 1 and coalesced(m.dim_max(dim)).n_piece() == 1)


def offsets(m: isl.Map, dim: int, low: Expr, its: Sequence[Iter]) -> tuple[int, int]:
    """The least and greatest distance of an output dimension from an affine function of the input."""
    if m.is_empty():
        return 0, 0
    names = {it: f"a{position}" for position, it in enumerate(its)}
    left = tuple_text(m.domain().get_tuple_name(), names.values())
    outs = [f"b{position}" for position in range(range_dims(m))]
    right = tuple_text(m.range().get_tuple_name(), outs)
    distance = read_map(f"{{ [{left} -> {right}] -> [{outs[dim]} - ({aff_text(low, names)})] }}")
    return dim_bounds(m.wrap().apply(distance), 0)


def split_first(times: Sequence[isl.Set], count: int, step: int) -> isl.Set:
    """The times whose last coordinate is among the first `count` values at its other coordinates.

    `step` is the distance of neighbouring values, which counts only where all values keep it.
    """
    whole = times[0]
    for other in times[1:]:
        whole = whole.union(other)
    outer = [f"a{k}" for k in range(dims_of(whole) - 1)]
    left = tuple_text("T", [*outer, "v"])
    known = read_map(f"{{ {left} -> {tuple_text('O', outer)} }}").intersect_domain(whole)
    # Not by pairs of times, which have as many pieces as the times, squared.
    values = known.reverse().apply_range(read_map(f"{{ {left} -> V[v] }}"))
    pairs = known.apply_range(extreme(values, latest=False))
    if step != 1 and not is_within(pairs, read_map(f"{{ {left} -> V[w] : (v - w) mod {step} = 0 }}")):
        step = 1
    near = read_map(f"{{ {left} -> V[w] : v - w < {count * step} }}")
    return coalesced(pairs.intersect(near).domain())
