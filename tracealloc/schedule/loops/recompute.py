"""Instances of statements made again elsewhere, with arrays of their own where these live that long only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import islpy as isl

from tracealloc.poly.isl.named import map_of
from tracealloc.poly.isl.texts import read_map, tuple_text
from tracealloc.poly.model.model import Model, Statement
from tracealloc.poly.model.statements import elsewhere, remade, unique_name
from tracealloc.trace.ir.dtype import leaf_paths
from tracealloc.trace.ir.expr import Iter, IterRef
from tracealloc.trace.ir.program import Array
from tracealloc.trace.ir.rewrite import renaming

__all__ = ["made_again", "twin_arrays", "twin_origins"]

Twins = Mapping[Array, Array]
"""Arrays and their second copies."""


def twin_arrays(model: Model, arrays: Iterable[Array], key: str) -> tuple[Model, dict[Array, Array]]:
    """The model with a second copy of some arrays."""
    twins: dict[Array, Array] = {}
    for array in arrays:
        twin = replace(array, key=f"{array.key}:{key}", name=unique_name(model, array.name))
        twins[array] = twin
        model = replace(model, arrays=(*model.arrays, twin))
    return model, twins


def twin_origins(
    model: Model, twins: Twins, users: Sequence[Statement], front: Sequence[Iter] = ()
) -> list[isl.Map]:
    """Of which element of the old arrays each element of their twins is a copy.

    A twin has an instance for each value of the iterators `front`.
    """
    found: list[isl.Map] = []
    outer = [f"c{k}" for k in range(len(front))]
    for array, twin in twins.items():
        depth = max(len(s.scope(array)) for s in users)
        inner = [f"b{k}" for k in range(depth + array.rank)]
        for path in leaf_paths(array.dtype):
            left = tuple_text(model.space(twin, path), [*outer, *inner])
            found.append(read_map(f"{{ {left} -> {tuple_text(model.space(array, path), inner)} }}"))
    return found


def made_again(
    model: Model,
    statement: Statement,
    name: str,
    domain: isl.Set,
    twins: Twins,
    front: tuple[Iter, ...] = (),
) -> Statement:
    """A statement called `name` that runs instances of another one, with the twins of its arrays.

    Its iterators are `front`, and then those of the other.
    """
    here = tuple(IterRef(it) for it in front)
    scopes = {
        twins.get(array, array): (*here, *exprs) if array in twins else exprs
        for array, exprs in statement.scopes
    }
    dims = (*front, *statement.dims)
    onto = map_of(name, dims, statement.name, [IterRef(it) for it in statement.dims])
    again = elsewhere(statement, renaming(twins))
    again = replace(
        again,
        name=name,
        dims=dims,
        domain=domain,
        origin_instance=statement.instance if front else statement.origin_instance,
        accesses=tuple(access.of(onto.intersect_domain(domain)) for access in again.accesses),
    )
    return remade(model, again, scopes)
