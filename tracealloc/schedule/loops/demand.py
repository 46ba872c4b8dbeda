"""What the iterations of a loop need of a nest that comes before it.

Values decide: an iteration needs the instances whose values its reads see, what these read, and so on. An
array that nothing else sees is made anew in every iteration. In one that others see too, instances run
in every iteration that needs them, or `once`, in the first; those that no iteration needs stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import TypeAlias

import islpy as isl

from tracealloc.poly.dataflow.footprint import reads_what_it_writes
from tracealloc.poly.dataflow.last_writes import LastWrites
from tracealloc.poly.dataflow.solve import answered, last_writes
from tracealloc.poly.dataflow.timestamps import points_of
from tracealloc.poly.dependence.dependence import time_map
from tracealloc.poly.isl.budget import CLOSURE, Spent, limited
from tracealloc.poly.isl.coalesce import coalesced, pieces
from tracealloc.poly.isl.compared import is_within, minus, own
from tracealloc.poly.isl.extremes import extreme
from tracealloc.poly.isl.named import project_scope, union_of, with_tuple
from tracealloc.poly.isl.points import Point, boxes_of, map_of_boxes, pairs_of
from tracealloc.poly.isl.texts import read_map, tuple_text
from tracealloc.poly.model.model import Model, Statement
from tracealloc.poly.model.tree import LoopNode, upwards
from tracealloc.poly.proof.enumerated import few_instances
from tracealloc.schedule.core.state import State
from tracealloc.trace.ir.program import Array

__all__ = ["Needs"]

PREFIX = "P"
_ROUNDS = 8  # of following values back, before the closure of all ways is taken
_MOST_BOXES = 16  # of instances of one statement, each with loops or conditions of its own

_Flows: TypeAlias = list[tuple[str, str, Array, isl.Map]]
"""Writing and reading statement, array, and write -> (read -> element)."""

Ways = dict[str, isl.Map]
"""Iteration -> instances, for statements by name."""


@dataclass
class Needs:
    """The instances and elements that iterations of the innermost of `loops` need of `makers`.

    `users` are the statements in that loop; the first `common` loops are also around the makers.

    `instances`: maker -> (iteration -> the instances to run there). `left`: maker -> the instances that
    stay. `shared`: arrays of the nest that others see. `touched`: every other array that an iteration uses
    -> (iteration -> elements). `outside`: for these, source -> (iteration -> (instances, elements)) of
    values that something outside the nest stored.
    """

    state: State
    makers: list[Statement]
    users: list[Statement]
    loops: tuple[LoopNode, ...]
    common: int
    instances: Ways = field(default_factory=dict)
    left: dict[str, isl.Set] = field(default_factory=dict)
    shared: set[Array] = field(default_factory=set)
    touched: dict[Array, isl.Map] = field(default_factory=dict)
    outside: dict[tuple[str, Array], tuple[isl.Map, isl.Map]] = field(default_factory=dict)
    earlier: set[Array] = field(default_factory=set)
    """Arrays through which an iteration of the common loops sees what an earlier one made."""

    def __post_init__(self) -> None:
        self.names = {s.name for s in self.makers}
        self.readers = {s.name: s for s in self.users}
        self.arrays = {a.array for s in self.makers for a in s.writes}
        self.inner = self._inner()
        self.last = self._last()
        self.flow = self._flow()
        self.direct = self._direct(self.flow)
        if self.direct:
            self._others_see()
            self.back = self._back(self.flow)
            self.all = self._closed(self.direct, self.back)
            self._place(single=False)

    def once(self) -> Needs | None:
        """The same with every instance that others see in the first iteration only (None: that is so)."""
        again = copy(self)
        again._place(single=True)
        return None if again.instances == self.instances else again

    def _place(self, single: bool) -> None:
        """What runs in which iteration; `single`: what others see runs in the first that needs it."""
        self.instances, self.left, self.touched, self.outside = self.all, {}, {}, {}
        self._share(single)
        self._touch()
        self._look_outside(self.flow)

    @property
    def model(self) -> Model:
        """The statements as they stand."""
        return self.state.model

    def prefix(self, statement: Statement) -> isl.Map:
        """Iteration of the loop -> instances of a statement in it."""
        times = time_map(statement, upwards(self.loops)).intersect_domain(statement.domain)
        return with_tuple(times, PREFIX).reverse()

    def same(self, a: Statement, b: Statement) -> isl.Map:
        """Pairs of instances in one iteration of the common loops."""
        loops = self.loops[: self.common]
        return time_map(a, loops).apply_range(time_map(b, loops).reverse())

    def _together(self, a: Statement, b: Statement) -> isl.Map:
        """Pairs of instances of users in one iteration of the loop."""
        return self.prefix(a).reverse().apply_range(self.prefix(b))

    def _inner(self) -> set[Array]:
        """Arrays that live inside the nest: only it has instances of them."""
        others = [s for s in self.model.statements if s.name not in self.names]
        return {array for s in self.makers for array, _ in s.scopes} - {
            array for s in others for array, _ in s.scopes
        }

    def _flow(self) -> _Flows:
        """Write -> (read -> element) for what the nest and the loop read of the nest's arrays.

        A read sees all updates since the last write.
        """
        reads = [a.relation for s in (*self.makers, *self.users) for a in s.reads if a.array in self.arrays]
        return [(*self._ends(piece), piece) for piece in pieces(answered(self.last, reads).sources)]

    def _last(self) -> LastWrites:
        """What finds the last write of the nest's arrays before a read, and all updates since."""
        writes: list[isl.Map] = []
        updates: list[isl.Map] = []
        for statement in self.model.statements:
            for access in statement.writes:
                if access.array in self.arrays:
                    adds = reads_what_it_writes(statement, access.array)
                    (updates if adds else writes).append(access.relation)
        return last_writes(self.model, self.state.tree, writes, updates)

    def _others_see(self) -> None:
        """Find the arrays of the nest through which statements outside see what the nest or the loop make."""
        inside = self.names | self.readers.keys()
        for statement in self.model.statements:
            if statement.name in inside:
                continue
            for access in statement.reads:
                if access.array in self.arrays - self.shared - self.inner:
                    (point,) = points_of(self.last.clock, [access.relation], numbered=False)
                    if any(write.statement in inside for write, _ in self.last.of(point).found):
                        self.shared.add(access.array)

    def _direct(self, flow: _Flows) -> Ways:
        """Iteration -> instances of the nest whose values its own reads see; who else sees them."""
        direct: Ways = {}
        self.shared |= set(self.model.outputs()) & self.arrays
        self.shared |= {array for array in self.arrays if array.kind == "stream"}  # its order is one for all
        for source, sink, array, piece in flow:
            if (source not in self.names and source not in self.readers) or array in self.inner:
                continue
            first, second = self.model.statement(source), self.model.statement(sink)
            pairs = piece.range_factor_domain()
            if source in self.readers:
                if sink in self.names or not is_within(pairs, self._together(first, second)):
                    self.shared.add(array)
                continue
            inside = pairs.intersect(self.same(first, second))
            if not is_within(pairs, inside):
                self.shared.add(array)
                self.earlier.add(array)
            if sink in self.readers and not inside.is_empty():
                _join(direct, source, self.prefix(second).apply_range(inside.reverse()))
        return direct

    def _ends(self, piece: isl.Map) -> tuple[str, str, Array]:
        reads = piece.range().unwrap()
        space = str(reads.range().get_tuple_name())
        array = self.model.array_at(space)
        return str(piece.domain().get_tuple_name()), str(reads.domain().get_tuple_name()), array

    def _back(self, flow: _Flows) -> list[tuple[str, str, isl.Map]]:
        """(sink, source, instances of the sink -> those whose values they read), all in the nest."""
        found = []
        for source, sink, _, piece in flow:
            if source in self.names and sink in self.names:
                pairs = piece.range_factor_domain()
                pairs = pairs.intersect(self.same(self.model.statement(source), self.model.statement(sink)))
                if not pairs.is_empty():
                    found.append((sink, source, pairs.reverse()))
        return found

    def _closed(
        self,
        start: Ways,
        back: list[tuple[str, str, isl.Map]],
        fixed: frozenset[str] = frozenset(),
    ) -> Ways:
        """`start` and all that it needs, by way of `back`; what is needed of `fixed` is known."""
        found = self._followed(start, back)
        if found is not None:
            return found
        found = {name: need for name, need in start.items() if name in fixed}
        for maker in self.makers:
            if maker.name not in fixed and not (whole := self._whole(maker, start)).is_empty():
                found[maker.name] = whole
        return found

    def _followed(self, start: Ways, back: list[tuple[str, str, isl.Map]]) -> Ways | None:
        """`start` and all that it needs, just that (None: it has no simple form)."""
        try:
            with limited(CLOSURE):
                return _closure(start, back)
        except Spent:
            if few_instances((*self.makers, *self.users)):
                return _closure_of_points(start, back)
            return None

    def _whole(self, maker: Statement, start: Mapping[str, isl.Map]) -> isl.Map:
        """Iterations of `start` -> all instances of a maker in the same iteration of the common loops."""
        names = [f"a{k}" for k in range(len(self.loops))]
        outer = tuple_text("C", names[: self.common])
        there = with_tuple(time_map(maker, upwards(self.loops[: self.common])), "C")
        iterations = read_map(f"{{ {tuple_text(PREFIX, names)} -> {outer} }}")
        found = iterations.apply_range(there.intersect_domain(maker.domain).reverse())
        domains = isl.Map.empty(found.get_space()).domain()
        for relation in start.values():
            domains = domains.union(relation.domain())
        return found.intersect_domain(domains)

    def _share(self, single: bool) -> None:
        """Run instances that others see once; what stays, and what it needs, stays."""
        others = {s.name for s in self.makers if any(a.array in self.shared for a in s.writes)}
        once = {name: need for name, need in self.instances.items() if name in others}
        inner = [way for way in self.back if way[1] not in others]
        if once and single:
            once = {name: _first(need, self.loops) for name, need in once.items()}
            start = {name: need for name, need in self.direct.items() if name not in others} | once
            self.instances = self._closed(start, inner, frozenset(others))
        for statement in self.makers:
            if statement.name in others:
                domain = statement.domain
                if statement.name in once:
                    domain = coalesced(minus(domain, once[statement.name].range()))
                if not domain.is_empty():
                    self.left[statement.name] = domain
        staying = {name: isl.Map.from_domain_and_range(_START, domain) for name, domain in self.left.items()}
        grown = self._followed(staying, inner) if staying else staying
        if grown is None:
            apart = (s for s in self.makers if s.name not in others)
            grown = staying | {s.name: isl.Map.from_domain_and_range(_START, s.domain) for s in apart}
        self.left = {name: coalesced(relation.range()) for name, relation in grown.items()}

    def _touch(self) -> None:
        """Iteration -> elements that it uses of the arrays that can be its own."""
        own = self.arrays - self.shared - self.inner
        for statement in (*self.makers, *self.users):
            way = self._way(statement)
            for access in statement.accesses:
                if way is not None and access.array in own:
                    scope = len(statement.scope(access.array))
                    part = way.apply_range(project_scope(access.relation, scope))
                    if access.array in self.touched:
                        part = self.touched[access.array].union(part)
                    self.touched[access.array] = coalesced(part)

    def _way(self, statement: Statement) -> isl.Map | None:
        """Iteration -> instances of a user or maker that run there (None: it does not)."""
        if statement.name in self.readers:
            return self.prefix(statement)
        return self.instances.get(statement.name)

    def _look_outside(self, flow: _Flows) -> None:
        """What an iteration reads of its own arrays and the nest did not make."""
        for source, sink, array, piece in flow:
            if array not in self.touched or source in self.names or source in self.readers:
                continue
            reader = self.model.statement(sink)
            way = self._way(reader)
            if way is None:
                continue
            scope = len(reader.scope(array))
            elements = way.apply_range(project_scope(piece.range().unwrap(), scope))
            instances = way.apply_range(piece.range_factor_domain().reverse())
            if elements.is_empty():
                continue
            if (source, array) in self.outside:
                old = self.outside[source, array]
                instances, elements = old[0].union(instances), old[1].union(elements)
            self.outside[source, array] = (coalesced(instances), coalesced(elements))


def _first(need: isl.Map, loops: tuple[LoopNode, ...]) -> isl.Map:
    """Each instance in the first iteration that needs it."""
    users = need.reverse()
    if users.is_single_valued():
        return need
    names = [f"a{k}" for k in range(len(loops))]
    times = [f"-{n}" if loop.descending else n for n, loop in zip(names, loops, strict=True)]
    time = read_map(f"{{ {tuple_text(PREFIX, names)} -> {tuple_text('T', times)} }}")
    first = extreme(users.apply_range(time), latest=False)
    return coalesced(first.apply_range(time.reverse()).reverse())


_START = isl.Set("{ Start[] }")


def _join(found: Ways, name: str, more: isl.Map) -> None:
    found[name] = coalesced(found[name].union(more)) if name in found else coalesced(more)


def _closure(start: Ways, back: list[tuple[str, str, isl.Map]]) -> Ways | None:
    """What is needed as a closed form, if isl has one."""
    found = dict(start)
    if _grown(found, back, _ROUNDS):
        return found
    every, _ = own(union_of([relation for _, _, relation in back])).transitive_closure()
    found = dict(start)
    for piece in pieces(every):
        sink, source = (str(s.get_tuple_name()) for s in (piece.domain(), piece.range()))
        if sink in start:
            _join(found, source, start[sink].apply_range(piece))
    return found if _grown(found, back, 1) else None


def _closure_of_points(start: Ways, back: list[tuple[str, str, isl.Map]]) -> Ways | None:
    """What is needed, followed from instance to instance, where it falls into few boxes."""
    needs: dict[tuple[str, Point], list[tuple[str, Point]]] = {}
    for sink, source, relation in back:
        for reader, writer in pairs_of(relation):
            needs.setdefault((sink, reader), []).append((source, writer))
    todo = [(at, name, instance) for name, way in start.items() for at, instance in pairs_of(way)]
    found = set(todo)
    while todo:
        at, name, instance = todo.pop()
        more = {(at, *need) for need in needs.get((name, instance), ())} - found
        found |= more
        todo += more
    ways: Ways = {}
    outer = next(str(way.domain().get_tuple_name()) for way in start.values())
    for name in sorted({name for _, name, _ in found}):
        boxes = boxes_of((at, instance) for at, other, instance in found if other == name)
        if len(boxes) > _MOST_BOXES:
            return None
        ways[name] = map_of_boxes(outer, name, boxes)
    return ways


def _grown(found: Ways, back: list[tuple[str, str, isl.Map]], rounds: int) -> bool:
    """Follow `back` from `found` until nothing is added; whether that came to an end in so many rounds."""
    for _ in range(rounds):
        grown = False
        for sink, source, relation in back:
            if sink in found:
                more = found[sink].apply_range(relation)
                if not more.is_empty() and (source not in found or not is_within(more, found[source])):
                    _join(found, source, more)
                    grown = True
        if not grown:
            return True
    return False
