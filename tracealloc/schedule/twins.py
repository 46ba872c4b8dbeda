"""Statements of a loop twice, each half with a part of the iterations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import islpy as isl

from tracealloc.poly.accesses import leaf_paths
from tracealloc.poly.dependence import paths_of
from tracealloc.poly.model import Model, Statement
from tracealloc.poly.named import identity_of
from tracealloc.poly.rename import replace_arrays, replace_in
from tracealloc.poly.storage import storages
from tracealloc.poly.tree import LoopNode
from tracealloc.schedule.copies import make_statement, unique_name
from tracealloc.schedule.state import State
from tracealloc.trace.program import Array

__all__ = ["Twins"]


class Twins:
    """Second copies of some statements of a loop, for the iterations that `domains` give.

    Arrays that live within one iteration of the loop get a second copy too, so that both stay as small
    as they were. `names` maps statements to their twins, `model` knows the new arrays.
    """

    def __init__(self, state: State, key: str, loop: LoopNode, domains: Mapping[str, isl.Set]) -> None:
        self.domains = dict(domains)
        self.names = {name: f"{name}_{key}" for name in domains}
        self.affected = [state.model.statement(name) for name, _ in loop.exprs]
        self.arrays: dict[Array, Array] = {}
        self.model: Model = state.model
        inside = {name for name, _ in loop.exprs}
        storage = storages(state.model, paths_of(state.tree))
        for array, found in storage.items():
            users = {s.name for s in state.model.statements if s.scope(array)}
            if users <= inside and any(other.key == loop.key for other in found.loops):
                new = replace(array, key=f"{array.key}:{key}", name=unique_name(self.model, array.name))
                self.arrays[array] = new
                self.model = replace(self.model, arrays=(*self.model.arrays, new))

    @property
    def origins(self) -> list[isl.Map]:
        """Of which element of the old arrays each element of the new ones is the twin."""
        return [
            identity_of(self.model.space(new, path), self.model.space(old, path), self._rank(old))
            for old, new in self.arrays.items()
            for path in leaf_paths(old.dtype)
        ]

    def _rank(self, array: Array) -> int:
        return array.rank + max(len(s.scope(array)) for s in self.affected)

    def statement(self, statement: Statement) -> Statement:
        """The twin of a statement."""
        scopes = {self.arrays.get(array, array): exprs for array, exprs in statement.scopes}
        return make_statement(
            self.model,
            self.names[statement.name],
            replace_arrays(statement.node, self.arrays),
            statement.dims,
            statement.domain.set_tuple_name(statement.name)
            .intersect(self.domains[statement.name])
            .set_tuple_name(self.names[statement.name]),
            scopes,
            guards=tuple(replace_in(guard, self.arrays) for guard in statement.guards),
            origin=statement.origin,
            origin_instance=statement.origin_instance,
            copy=statement.copy,
        )

    def restricted(self, statement: Statement, domain: isl.Set) -> Statement:
        """A statement with fewer instances."""
        accesses = tuple(access.within(domain) for access in statement.accesses)
        return replace(statement, domain=domain, accesses=accesses)

    def stale(self) -> frozenset[str]:
        """The isl names of all arrays whose dependences change."""
        old = {access.space for statement in self.affected for access in statement.accesses}
        new = {
            self.model.space(array, path)
            for array in self.arrays.values()
            for path in leaf_paths(array.dtype)
        }
        return frozenset(old | new)
