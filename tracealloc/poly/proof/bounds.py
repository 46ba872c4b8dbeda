"""Proofs at trace time: every affine access lies inside its array, and nothing is read before it is set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NoReturn

import islpy as isl

from tracealloc.poly.dataflow.flow import flow_of
from tracealloc.poly.dependence.dependence import Paths, common_loops, paths_of, time_map
from tracealloc.poly.isl.compared import is_within
from tracealloc.poly.isl.named import point_values
from tracealloc.poly.isl.texts import aff_text, iter_names, read_set, tuple_text
from tracealloc.poly.model.model import Access, Model, Statement
from tracealloc.trace.diagnostics.errors import BoundsError, TraceError
from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.expr import Expr, Iter, Load, iters_of, loads_of
from tracealloc.trace.ir.program import (
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
from tracealloc.trace.ir.text import expr_text, region_text
from tracealloc.trace.queries.affine import is_affine, range_of

__all__ = [
    "Subscript",
    "check_bounds",
    "check_initialised",
    "iter_ranges",
    "outside",
    "raise_outside",
    "subscripts",
    "uninitialised",
]


@dataclass(frozen=True)
class Subscript:
    """An access as it stands in a statement; a slice's extent counts."""

    array: Array
    indices: tuple[Expr | Slice, ...]
    text: str
    place: Place | None

    def ends(self, dim: int) -> tuple[Expr, int]:
        """The first index of a dimension, and how far the last is from it."""
        part = self.indices[dim]
        return (part.start, part.extent - 1) if isinstance(part, Slice) else (part, 0)


def check_bounds(model: Model) -> None:
    """Prove that no affine access leaves its array, for all that the parameters may be.

    Raises:
        BoundsError: an access does, with the first iteration in which it does.
    """
    for statement in model.statements:
        if statement.guards:
            continue  # may not run: the generated code checks it
        ranges = iter_ranges(statement)
        for access in subscripts(statement):
            for dim in range(access.array.rank):
                bad = outside(statement, access, dim, ranges)
                if bad is not None:
                    raise_outside(statement, bad, access, dim)


def iter_ranges(statement: Statement) -> dict[Iter, tuple[int, int]]:
    """Bounds of each iterator (an empty domain has none)."""
    if not statement.dims or statement.domain.is_empty():
        return {}
    found: dict[Iter, tuple[int, int]] = {}
    for position, it in enumerate(statement.dims):
        low, high = statement.domain.dim_min_val(position), statement.domain.dim_max_val(position)
        if low.is_int() and high.is_int():
            found[it] = (int(low.to_python()), int(high.to_python()))
    return found


def subscripts(statement: Statement) -> Iterator[Subscript]:
    """The accesses that a statement itself certainly makes where it runs."""
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
            yield Subscript(array, indices, expr_text(Load(array, indices, path)), place)
        case Call(args=args, results=results):
            for part in (*args, *results):
                if isinstance(part, Region):
                    yield Subscript(part.array, part.indices, region_text(part), node.place)
                else:
                    yield from _loads(part)
        case Alloc():
            return


def _loads(expr: Expr) -> Iterator[Subscript]:
    for load in loads_of(expr):
        yield Subscript(load.array, load.indices, expr_text(load), load.place)


def outside(
    statement: Statement, access: Subscript, dim: int, ranges: Mapping[Iter, tuple[int, int]]
) -> isl.Set | None:
    """The instances of a statement of which a subscript is outside (None: there are none).

    `ranges` are those of its iterators.

    None as well where the subscript depends on data: the generated code checks it.
    """
    low, extra = access.ends(dim)
    extent = access.array.shape[dim]
    if not (is_affine(low) and iters_of(low) <= set(statement.dims)):
        return None
    found = range_of(low, ranges)
    if found and found[0] >= 0 and found[1] + extra < extent:
        return None
    names = iter_names(statement.dims)
    instance, text = tuple_text(statement.name, names.values()), aff_text(low, names)
    bad = read_set(f"{{ {instance} : {text} < 0 or {text} + {extra} >= {extent} }}")
    bad = bad.intersect(statement.domain)
    return None if bad.is_empty() else bad


def raise_outside(statement: Statement, bad: isl.Set, access: Subscript, dim: int) -> NoReturn:
    """Refuse a program for the first of some instances in which an access is outside its array."""
    array, text = access.array, access.text
    values = point_values(bad) or []
    pairs = ", ".join(f"{it.name}={v}" for it, v in zip(statement.dims, values, strict=True))
    iteration = f"in iteration ({pairs})" if pairs else "always"
    shape = ", ".join(map(str, array.shape))
    low, extra = access.ends(dim)
    found = range_of(low, {it: (v, v) for it, v in zip(statement.dims, values, strict=True)})
    assert found is not None
    value = found[0] if found[0] < 0 else found[1] + extra
    because = f"{iteration} subscript {dim} is {value}, expected 0 to {array.shape[dim] - 1}"
    if any(load.array.parameter for load in loads_of(low)):
        because = f"{iteration} subscript {dim} is outside 0 to {array.shape[dim] - 1} for all arguments"
    hint = f"narrow the loop, or guard the access with if 0 <= {expr_text(low)} < {array.shape[dim]}:"
    raise BoundsError(
        "TA150",
        f"{text} is outside {array.name}, whose shape is ({shape})",
        place=access.place,
        because=[because],
        hint=hint,
    )


@dataclass(frozen=True)
class Unset:
    """Instances of a statement that read what no earlier statement stores."""

    statement: Statement
    access: Access
    bad: isl.Set

    def refuse(self, bad: isl.Set) -> NoReturn:
        """Refuse the program for the first of some of the instances."""
        _raise_uninitialised(self.statement, self.access, point_values(bad) or [])


def check_initialised(model: Model) -> None:
    """Prove that elements of arrays made by ``ta.empty`` are stored before they are read.

    Raises:
        TraceError: one is certainly not; with the array and the first iteration that reads it.
    """
    for each in uninitialised(model):
        each.refuse(each.bad)


def uninitialised(model: Model) -> Iterator[Unset]:
    """The certain reads of elements that are not stored before."""
    filled = {s.node.array for s in model.statements if isinstance(s.node, Alloc)}
    watched = [a for a in model.arrays if a.kind in ("local", "result") and a not in filled]
    paths = paths_of(model.reference)
    for array in watched:
        users = [s for s in model.statements if any(access.array == array for access in s.accesses)]
        unsure = frozenset(s.name for s in users if not _surely_set(s, array, users, paths))
        if unsure:
            yield from _unset(model, array, unsure)


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
    return all(a.space in stored and is_within(a.relation, stored[a.space]) for a in reads)


def _must_be_set(reader: Statement, access: Access) -> bool:
    """Whether what an access reads must have been stored: it is read, or a call may leave it as it is."""
    return isinstance(reader.node, Call) if access.update else access.exact


def _unset(model: Model, array: Array, readers: frozenset[str]) -> Iterator[Unset]:
    flow = flow_of(model, model.reference, arrays=frozenset((array,)), sinks=readers)
    for statement, access, missing in flow.missing():
        if access.array != array or statement.guards or not _must_be_set(statement, access):
            continue
        yield Unset(statement, access, missing)


def _raise_uninitialised(statement: Statement, access: Access, values: list[int]) -> NoReturn:
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
