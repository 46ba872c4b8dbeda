"""What every read sees, found by running all instances one after the other.

For small models: it takes a time in proportion to the number of instances, whatever their relations look
like. isl only lists points here; what it is slow at (last writes as closed forms) is not asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias

import islpy as isl

from tracealloc.poly.dataflow.timestamps import INPUT
from tracealloc.poly.dependence.dependence import paths_of, time_map
from tracealloc.poly.isl.budget import Spent
from tracealloc.poly.isl.points import Point, pairs_of
from tracealloc.poly.model.model import Model, Statement
from tracealloc.poly.model.tree import Tree

__all__ = ["Element", "Run", "Write"]

Element: TypeAlias = tuple[str, Point]
"""The isl name of an array, and the subscripts."""
Write: TypeAlias = tuple[str, Point, Element]
"""The statement (or ``Input``), the instance, and what it wrote."""
_Touched: TypeAlias = dict[Point, list[Point]]

_MOST_HELD = 2_000_000  # writes in all the sums that are remembered


@dataclass
class Run:
    """The instances of a model run in the order of a tree.

    `before` is what arrays hold at the start, as accesses of ``Input``; `adds` says which statements update a
    sum: a read sees all of them since the last write, and that. Copies are looked through.

    `seen`: (statement, instance, element) -> the writes that it sees. `memory`: what each element holds
    in the end.
    """

    model: Model
    tree: Tree
    before: Sequence[isl.Map]
    adds: Callable[[Statement], bool]
    seen: dict[Write, frozenset[Write]] = field(default_factory=dict)
    memory: dict[Element, frozenset[Write]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for access in self.before:
            space = str(access.range().get_tuple_name())
            for _, element in pairs_of(access):
                self.memory[space, element] = frozenset({(INPUT, (), (space, element))})
        self.held = 0
        self.touched = {s.name: _accesses(s) for s in self.model.statements}
        for name, instance in self._in_order():
            statement = self.model.statement(name)
            (self._copy if statement.copy else self._compute)(statement, instance)

    def _in_order(self) -> list[tuple[str, Point]]:
        found: list[tuple[Point, str, Point]] = []
        paths = paths_of(self.tree)  # which may know more statements: a proof leaves out what it need not see
        for statement in self.model.statements:
            name, steps = statement.name, paths[statement.name]
            loops = tuple(step.loop for step in steps if step.loop is not None)
            for instance, values in pairs_of(time_map(statement, loops).intersect_domain(statement.domain)):
                rest = iter(values)
                time = tuple(step.position if step.loop is None else next(rest) for step in steps)
                found.append((time, name, instance))
        found.sort()
        if any(a[0] == b[0] for a, b in pairwise(found)):
            raise Spent("two instances run at one time")
        return [(name, instance) for _, name, instance in found]

    def written(self, name: str) -> list[isl.Map]:
        """The writes of a statement, as relations."""
        return [access.relation for access in self.model.statement(name).writes]

    def read(self, element: Element) -> frozenset[Write]:
        """What an element holds now."""
        return self.memory.get(element, frozenset())

    def _compute(self, statement: Statement, instance: Point) -> None:
        reads, writes = self.touched[statement.name]
        for space, places in reads:
            for place in places.get(instance, ()):
                self.seen[statement.name, instance, (space, place)] = self.read((space, place))
        adds = self.adds(statement)
        for space, places in writes:
            for place in places.get(instance, ()):
                element = space, place
                mine = frozenset({(statement.name, instance, element)})
                self.memory[element] = self.read(element) | mine if adds else mine
                self.held += len(self.memory[element])
        if self.held > _MOST_HELD:
            raise Spent("sums of very many parts are remembered")

    def _copy(self, statement: Statement, instance: Point) -> None:
        """The fields of a record are copied one by one: the k-th read goes with the k-th write."""
        reads, writes = self.touched[statement.name]
        values = []
        for (source, places), (_, targets) in zip(reads, writes, strict=True):
            given, taken = places.get(instance, []), targets.get(instance, [])
            if len(given) != 1 or len(taken) != 1:
                raise Spent("a copy copies several elements at a time")
            values.append(self.read((source, given[0])))
        for (space, targets), value in zip(writes, values, strict=True):
            self.memory[space, targets[instance][0]] = value


def _accesses(statement: Statement) -> tuple[list[tuple[str, _Touched]], list[tuple[str, _Touched]]]:
    reads, writes = (
        [(a.space, _places(a.relation)) for a in each] for each in (statement.reads, statement.writes)
    )
    return reads, writes


def _places(relation: isl.Map) -> _Touched:
    found: _Touched = {}
    for instance, place in pairs_of(relation):
        found.setdefault(instance, []).append(place)
    return found
