"""Proofs at trace time: every affine access lies inside its array, and nothing is read before it is set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import islpy as isl

from tracealloc.poly.dependence import Paths, common_loops, paths_of, time_map
from tracealloc.poly.flow import flow_of
from tracealloc.poly.model import Access, Model, Statement
from tracealloc.poly.named import aff_text, iter_names, point_values, tuple_text
from tracealloc.trace.affine import is_affine, range_of
from tracealloc.trace.errors import BoundsError, TraceError
from tracealloc.trace.expr import Expr, Iter, Load, iters_of, loads_of
from tracealloc.trace.program import (
    Alloc,
    Array,
    Call,
    If,
    Loop,
    Region,
    Slice,
    Store,
    While,
    expressions_of,
)
from tracealloc.trace.source import Place
from tracealloc.trace.text import expr_text, region_text

__all__ = ["check_bounds", "check_initialised"]


def check_bounds(model: Model) -> None:
    """Prove that no affine access leaves its array.

    Raises:
        BoundsError: an access does, with the first iteration in which it does.
    """
    for statement in model.statements:
        ranges = _iter_ranges(statement)
        for array, indices, text, place in _subscripts(statement):
            for dim, (low, high) in enumerate(zip(*_ends(indices), strict=True)):
                _check_dim(statement, ranges, array, dim, (low, high), text, place)


def _ends(indices: Sequence[Expr | Slice]) -> tuple[list[Expr], list[tuple[Expr, int]]]:
    lows = [part.start if isinstance(part, Slice) else part for part in indices]
    highs = [(p.start, p.extent - 1) if isinstance(p, Slice) else (p, 0) for p in indices]
    return lows, highs


def _iter_ranges(statement: Statement) -> dict[Iter, tuple[int, int]]:
    """Bounds of each iterator (an empty domain has none)."""
    if not statement.dims or statement.domain.is_empty():
        return {}
    found: dict[Iter, tuple[int, int]] = {}
    for position, it in enumerate(statement.dims):
        low, high = statement.domain.dim_min_val(position), statement.domain.dim_max_val(position)
        if low.is_int() and high.is_int():
            found[it] = (int(low.to_python()), int(high.to_python()))
    return found


def _subscripts(
    statement: Statement,
) -> Iterator[tuple[Array, tuple[Expr | Slice, ...], str, Place | None]]:
    node = statement.node
    for guard in statement.guards:
        yield from _loads(guard)
    match node:
        case Loop() | While() | If():
            # Inside an opaque statement nothing is certain to run: only what its own expressions read.
            for expr in expressions_of(node):
                yield from _loads(expr)
        case Store(array, indices, _, path, place):
            for expr in expressions_of(node):
                yield from _loads(expr)
            yield array, indices, expr_text(Load(array, indices, path)), place
        case Call(args=args, results=results):
            for part in (*args, *results):
                if isinstance(part, Region):
                    yield part.array, part.indices, region_text(part), node.place
                else:
                    yield from _loads(part)
        case Alloc():
            return


def _loads(expr: Expr) -> Iterator[tuple[Array, tuple[Expr | Slice, ...], str, Place | None]]:
    for load in loads_of(expr):
        yield load.array, load.indices, expr_text(load), load.place


def _check_dim(
    statement: Statement,
    ranges: dict[Iter, tuple[int, int]],
    array: Array,
    dim: int,
    ends: tuple[Expr, tuple[Expr, int]],
    text: str,
    place: Place | None,
) -> None:
    low, (high, extra) = ends
    extent = array.shape[dim]
    if not (is_affine(low) and iters_of(low) <= set(statement.dims)):
        return  # depends on data: the generated code checks it
    low_range, high_range = range_of(low, ranges), range_of(high, ranges)
    if low_range and high_range and low_range[0] >= 0 and high_range[1] + extra < extent:
        return
    names = iter_names(statement.dims)
    instance = tuple_text(statement.name, names.values())
    left, right = aff_text(low, names), aff_text(high, names)
    outside = isl.Set(f"{{ {instance} : {left} < 0 or {right} + {extra} >= {extent} }}")
    bad = outside.intersect(statement.domain)
    if bad.is_empty() or statement.guards:
        return
    _raise(statement, point_values(bad) or [], array, dim, (low, extra), text, place)


def _raise(
    statement: Statement,
    values: list[int],
    array: Array,
    dim: int,
    index: tuple[Expr, int],
    text: str,
    place: Place | None,
) -> None:
    pairs = ", ".join(f"{it.name}={v}" for it, v in zip(statement.dims, values, strict=True))
    ranges = {it: (v, v) for it, v in zip(statement.dims, values, strict=True)}
    found = range_of(index[0], ranges)
    assert found is not None
    value = found[0] if found[0] < 0 else found[0] + index[1]
    shape = ", ".join(map(str, array.shape))
    iteration = f"in iteration ({pairs})" if pairs else "always"
    raise BoundsError(
        "TA150",
        f"{text} is outside {array.name}, whose shape is ({shape})",
        place=place,
        because=[f"{iteration} subscript {dim} is {value}, expected 0 to {array.shape[dim] - 1}"],
        hint=f"narrow the loop, or guard the access with if 0 <= {expr_text(index[0])} < {array.shape[dim]}:",
    )


def check_initialised(model: Model) -> None:
    """Prove that elements of arrays made by ``ta.empty`` are stored before they are read.

    Raises:
        TraceError: one is certainly not; with the array and the first iteration that reads it.
    """
    filled = {s.node.array for s in model.statements if isinstance(s.node, Alloc)}
    watched = [a for a in model.arrays if a.kind in ("local", "result") and a not in filled]
    paths = paths_of(model.reference)
    for array in watched:
        users = [s for s in model.statements if any(access.array == array for access in s.accesses)]
        unsure = frozenset(s.name for s in users if not _surely_set(s, array, users, paths))
        if unsure:
            _check_flow(model, array, unsure)


def _surely_set(reader: Statement, array: Array, users: list[Statement], paths: Paths) -> bool:
    """Whether all that a statement reads of an array is stored earlier in the same iterations.

    This covers nearly all programs, and is much faster than the exact flow.
    """
    reads = [a for a in reader.reads if a.array == array and _must_be_set(reader, a)]
    stored: dict[str, isl.Map] = {}
    for writer in users:
        loops, position = common_loops(paths[writer.name], paths[reader.name])
        if position >= 0:
            continue
        same = time_map(reader, loops).apply_range(time_map(writer, loops).reverse())
        for access in writer.writes:
            if access.array == array and access.exact:
                found = same.apply_range(access.relation)
                known = stored.get(access.space)
                stored[access.space] = found if known is None else known.union(found)
    return all(a.space in stored and a.relation.is_subset(stored[a.space]) for a in reads)


def _must_be_set(reader: Statement, access: Access) -> bool:
    """Whether what an access reads must have been stored: it is read, or a call may leave it as it is."""
    return isinstance(reader.node, Call) if access.update else access.exact


def _check_flow(model: Model, array: Array, readers: frozenset[str]) -> None:
    flow = flow_of(model, model.reference, arrays=frozenset((array,)), sinks=readers)
    for statement, access, missing in flow.missing():
        if access.array != array or statement.guards or not _must_be_set(statement, access):
            continue
        _raise_uninitialised(statement, access, point_values(missing) or [])


def _raise_uninitialised(statement: Statement, access: Access, values: list[int]) -> None:
    pairs = ", ".join(f"{it.name}={v}" for it, v in zip(statement.dims, values, strict=False))
    does = "reads" if not access.update else "need not store, but passes on,"
    raise TraceError(
        "TA151",
        f"{access.text} is read before anything is stored there",
        place=access.place or statement.place,
        because=[
            f"iteration ({pairs}) {does} an element of {access.array.name} that no earlier statement stores",
            f"{access.array.name} comes from ta.empty, which does not initialise",
        ],
        hint=f"make {access.array.name} with ta.zeros or ta.full, or store every element first",
    )
