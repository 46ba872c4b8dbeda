"""Instances of statements as moments: coordinates of which the first are the time.

A statement's iterators are exchanged for the values of the loops around it, outermost first. Where these
decide the iterators through affine functions alone, they are all; otherwise the iterators follow, and
every hidden integer variable (the step of a loop, a floored division, a condition on a remainder) as a
coordinate of its own. All is then given by equations and inequalities: what isl is fast and exact on.

An access becomes a function from moments to elements: one that touches several elements at once has the
element as further coordinates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import islpy as isl

from tracealloc.poly.dependence.dependence import paths_of
from tracealloc.poly.dependence.distances import Form, form_of, interned, shifted
from tracealloc.poly.isl.bounding_boxes import Box, Same, box_touched
from tracealloc.poly.isl.coalesce import coalesced
from tracealloc.poly.isl.compared import own
from tracealloc.poly.isl.named import (
    dims_of,
    has_hidden,
    lifted_domain,
    map_text,
    renamed,
    renamed_input,
    with_tuple,
)
from tracealloc.poly.isl.remembered import remembered
from tracealloc.poly.isl.texts import Names, aff_text, iter_names
from tracealloc.poly.model.model import Model
from tracealloc.poly.model.tree import Tree
from tracealloc.trace.ir.expr import Binary, Const, Expr, Iter, IterRef
from tracealloc.trace.queries.affine import linear

__all__ = ["FINAL", "INPUT", "Clock", "Point", "points_of"]

FINAL = "Final"
INPUT = "Input"
_MANY_PIECES = 40  # beyond, isl takes long to look for equations in each


class _Moments:
    """The moments of a statement's instances, found when they are asked for: `times`, without names."""

    def __init__(
        self, domain: isl.Set, dims: tuple[Iter, ...], values: tuple[tuple[Expr, bool], ...]
    ) -> None:
        self.domain, self.dims, self.values = domain, dims, values

    @cached_property
    def times(self) -> isl.Map:
        """Instance -> its moment."""
        return _times(renamed(self.domain, "S"), self.dims, self.values)


class _Timed:
    """An access in the order of a tree, without names: what all that differ in nothing else share.

    `access` goes from instances ``A`` to elements ``E``, the first of which is at the origin; `times` from
    instances to moments (None: there are no others).
    """

    def __init__(self, access: isl.Map, times: isl.Map | None) -> None:
        self.access, self.times = access, times

    @cached_property
    def spread(self) -> bool:
        """Whether the element is part of the moment: an instance touches several."""
        if not self.access.is_single_valued():
            return True
        # What isl takes long for is only asked where instances run at one moment.
        apart = self.times is None or _is_injective(Same(self.times))
        return not apart and not self._touched.is_single_valued()

    @cached_property
    def _instances(self) -> isl.Map:
        """The instances -> when they run."""
        return self.access.domain().identity() if self.times is None else renamed_input(self.times, "A")

    @cached_property
    def _touched(self) -> isl.Map:
        """When an instance runs -> the elements that it touches."""
        if self.times is None:
            return self.access
        return _plainer(self._instances.reverse().apply_range(self.access))

    @cached_property
    def relation(self) -> isl.Map:
        """Moments -> the element."""
        relation = self._touched
        if self.spread:
            relation = _plainer(relation.range_map().flatten_domain())
        return interned(coalesced(renamed_input(relation, "A")))

    @cached_property
    def given(self) -> isl.Map:
        """The instances -> moments."""
        given = self._instances
        if self.spread:
            given = given.apply_range(self._touched.domain_map().flatten_domain().reverse())
        return with_tuple(given, "A")

    @cached_property
    def whole(self) -> isl.Set:
        """All moments."""
        return self.relation.domain()


def _plainer(m: isl.Map) -> isl.Map:
    """The same with the equations that follow from its constraints; of very many pieces, in fewer of them.

    (For a hundred pieces of thirty coordinates isl took a minute, and a step is refused after that.)
    """
    return coalesced(m) if m.n_basic_map() > _MANY_PIECES else m.detect_equalities()


@remembered(1 << 13)
def _timed_access(access: Same, times: Same | None) -> _Timed:
    assert isinstance(access.value, isl.Map)
    if times is None:
        return _Timed(access.value, None)
    assert isinstance(times.value, isl.Map)
    return _Timed(access.value, times.value)


@remembered(1 << 12)
def _is_injective(times: Same) -> bool:
    """Whether each instance has a moment of its own."""
    assert isinstance(times.value, isl.Map)
    return bool(times.value.is_injective())


@dataclass(frozen=True, eq=False)
class Point:
    """One access of one statement: ``name[moment] -> element``, single-valued.

    `statement` is None for what comes before (`INPUT`) or after (`FINAL`) everything. `box` is around
    the elements (None: there are none). What costs time is found when it is asked for: most reads see
    what they did before, which can be told without.
    """

    name: str
    statement: str | None
    number: int
    box: Box | None
    access: isl.Map = field(repr=False)
    moments: _Moments | None = field(repr=False)
    answers: list[Any] = field(default_factory=list, repr=False)
    """What it was found to see, and in which surroundings (see `last_writes`)."""

    @cached_property
    def space(self) -> str:
        """The isl name of the array."""
        return str(self.access.range().get_tuple_name())

    @cached_property
    def _timed(self) -> _Timed:
        times = None if self.moments is None else Same(self.moments.times)
        return _timed_access(form_of(self.access).access, times)

    @cached_property
    def form(self) -> Form:
        """`relation` without names, and with the elements moved to the origin."""
        return Form(Same(self._timed.relation), form_of(self.access).low)

    @property
    def spread(self) -> bool:
        """Whether the element is part of the moment: an instance touches several."""
        return self._timed.spread

    @property
    def whole(self) -> isl.Set:
        """All moments, without their name."""
        return self._timed.whole

    @cached_property
    def size(self) -> int:
        """How many coordinates a moment has."""
        return dims_of(self._timed.whole)

    @property
    def timed(self) -> tuple[Same, tuple[int, ...]]:
        """The access in the order of the tree, without names, and the first element of the array."""
        low = self.form.low
        return Same(self._timed), () if low is None else low


@remembered(1 << 12)
def _back(timed: Same, low: tuple[int, ...]) -> isl.Map:
    """Moments ``A`` -> (the instance ``A`` -> the element ``E``); for other moments it says nothing."""
    access = timed.value
    assert isinstance(access, _Timed)
    instance, element = access.given.reverse(), shifted(access.relation, low) if any(low) else access.relation
    if element.n_basic_map() > 1:  # each piece would meet each other
        instance, element = (own(m).gist_domain(own(access.whole)) for m in (instance, element))
    return instance.range_product(element)


def flow_between(read: Point, write: Point, pairs: isl.Map) -> isl.Map:
    """Moments ``A`` of a read -> ``B`` of a write, as ``[read -> element] -> [write -> element]``."""
    flow = _flow(Same(pairs), *read.timed, *write.timed)
    for point in (read, write):  # in turn each of the four tuples comes first
        for name in (str(point.access.domain().get_tuple_name()), point.space):
            flow = renamed_input(flow.curry(), name).reverse()
        flow = flow.curry()
    return flow


@remembered(1 << 12)
def _flow(pairs: Same, read: Same, low: tuple[int, ...], write: Same, first: tuple[int, ...]) -> isl.Map:
    """Found once for all that differ in nothing but names."""
    assert isinstance(pairs.value, isl.Map)
    there, back = renamed_input(_back(write, first), "B"), _back(read, low)
    # Pieces that say the same twice would multiply in all that follows.
    return coalesced(coalesced(pairs.value.apply_range(there)).apply_domain(back))


def unread_by(read: Point, moments: isl.Set) -> isl.Map:
    """The instances of a read at some moments ``A`` -> what they read."""
    found = moments.apply(_back(*read.timed)).unwrap()
    return with_tuple(renamed_input(found, str(read.access.domain().get_tuple_name())), read.space)


class Clock:
    """The moments of a model's instances in the order of a tree."""

    def __init__(self, model: Model, tree: Tree) -> None:
        self.model, self.tree = model, tree
        self.paths = paths_of(tree)
        self._known: dict[str, _Moments] = {}

    def _of(self, name: str) -> _Moments:
        found = self._known.get(name)
        if found is None:
            statement = self.model.statement(name)
            loops = [step.loop for step in self.paths[name] if step.loop is not None]
            values = tuple((loop.expr(name), loop.descending) for loop in loops)
            found = self._known[name] = _moments(Same(statement.domain), statement.dims, values)
        return found

    def point(self, access: isl.Map, name: str, statement: str | None, number: int = 0) -> Point:
        """An access of a statement (None: `INPUT` or `FINAL`), called `name` from here on."""
        moments = None if statement is None else self._of(statement)
        return _point(Same(access), name, statement, number, moments)


@remembered(8192)
def _point(access: Same, name: str, statement: str | None, number: int, moments: _Moments | None) -> Point:
    assert isinstance(access.value, isl.Map)
    return Point(name, statement, number, box_touched(access.value), access.value, moments)


@remembered(8192)
def _moments(domain: Same, dims: tuple[Iter, ...], values: tuple[tuple[Expr, bool], ...]) -> _Moments:
    assert isinstance(domain.value, isl.Set)
    return _Moments(domain.value, dims, values)


@remembered(4096)
def _times(domain: isl.Set, dims: tuple[Iter, ...], values: tuple[tuple[Expr, bool], ...]) -> isl.Map:
    """Found once for all statements that differ in nothing but their name."""
    names = iter_names(dims)
    lifted, hidden = lifted_domain(domain)
    own = [*names.values(), *(f"h{k}" for k in range(hidden))]
    quotients = _Quotients(names)
    parts = [quotients.text(expr) for expr, _ in values]
    parts = [f"-({part})" if down else part for part, (_, down) in zip(parts, values, strict=True)]
    short = lifted.apply_range(_timed(own, parts, quotients, []))
    if not has_hidden(short):
        return short
    more = [each for each in (*own, *quotients.names) if each not in parts]
    return lifted.apply_range(_timed(own, parts, quotients, more))


def _timed(own: list[str], parts: list[str], quotients: _Quotients, more: list[str]) -> isl.Map:
    """Iterators and hidden variables -> time, and `more` of these."""
    times = [f"t{k}" for k in range(len(parts))]
    kept = [f"k{k}" for k in range(len(more))]
    where = [f"{time} = {part}" for time, part in zip(times, parts, strict=True)]
    where += [f"{k} = {each}" for k, each in zip(kept, more, strict=True)] + quotients.where
    condition = " and ".join(where) or "true"
    if quotients.names:
        condition = f"exists {', '.join(quotients.names)}: {condition}"
    return map_text("S", own, "S", [*times, *kept], condition)


class _Quotients:
    """Names for the floored divisions in the loop values of a statement, and what bounds them."""

    def __init__(self, iterators: Names) -> None:
        self.iterators = iterators
        self.names: list[str] = []
        self.where: list[str] = []
        self.known: dict[tuple[Expr, int], str] = {}

    def text(self, expr: Expr) -> str:
        """An affine text over iterators and quotients."""
        form = linear(expr)
        assert form is not None, expr
        if form.constant == 0 and len(form.terms) == 1 and form.terms[0][1] == 1:
            return self.atom(form.terms[0][0])
        parts = [f"{factor}*({self.atom(atom)})" for atom, factor in form.terms]
        return " + ".join([*parts, str(form.constant)])

    def atom(self, atom: Expr) -> str:
        match atom:
            case IterRef(iter=it):
                return self.iterators[it]
            case Binary(op="//", left=left, right=Const(value=size)):
                return self.quotient(left, int(size))
            case Binary(op="%", left=left, right=Const(value=size)):
                return f"{self.text(left)} - {int(size)}*{self.quotient(left, int(size))}"
            case _:
                return aff_text(atom, self.iterators)

    def quotient(self, expr: Expr, size: int) -> str:
        name = self.known.get((expr, size))
        if name is None:
            text = self.text(expr)
            name = self.known[expr, size] = f"q{len(self.names)}"
            self.names.append(name)
            self.where.append(f"{size}*{name} <= {text} < {size}*{name} + {size}")
        return name


def points_of(clock: Clock, accesses: Iterable[isl.Map], numbered: bool = True) -> list[Point]:
    """Accesses as points; several writes of one statement to one array are numbered."""
    counts: Counter[tuple[str, str]] = Counter()
    found: list[Point] = []
    for access in accesses:
        name = str(access.domain().get_tuple_name())
        key = name, str(access.range().get_tuple_name())
        statement = None if name in (FINAL, INPUT) else name
        found.append(clock.point(access, name, statement, counts[key] if numbered else 0))
        counts[key] += 1
    return found
