"""Dependences by their shape: what they say without the names of statements and the place in the array.

Of the pairs of statements of a large kernel most depend on one another in one of a few ways: the same
accesses moved along the array, under the same loops. Every way is composed once, and every question about
it (can it run backwards in some order of the loops?) is asked once for all pairs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import islpy as isl

from tracealloc.poly.dependence.listed import (
    InOrder,
    Listed,
    Order,
    Pair,
    TimeText,
    are_few,
    floors_in,
    listed,
)
from tracealloc.poly.isl.bounding_boxes import Same, box_touched, narrowed
from tracealloc.poly.isl.evaluate import TooLarge
from tracealloc.poly.isl.extremes import extreme
from tracealloc.poly.isl.named import (
    at_value,
    dim_bounds,
    dims_of,
    fix_to_zero,
    is_lex_negative_possible,
    is_zero_at,
    keep_dims,
    map_text,
    point_values,
    renamed_input,
    with_tuple,
)
from tracealloc.poly.isl.remembered import remembered
from tracealloc.poly.isl.texts import tuple_text

__all__ = [
    "Distances",
    "Form",
    "Moved",
    "Pair",
    "Shape",
    "TimeText",
    "Timed",
    "distances_of",
    "form_of",
    "interned",
    "shape_between",
    "shifted",
]

_MOST_MOVES = 256  # times under which a shape is remembered
_FLOORS = (
    24  # in times, from which on few instances are put in order one by one: isl then takes ten times as long
)


@dataclass(frozen=True)
class Meeting:
    """Two accesses, the first moved by a distance, of instances ``A`` and ``B`` in an order."""

    first: Same
    second: Same
    distance: tuple[int, ...]
    order: Order

    @property
    def listed(self) -> Listed | None:
        """Their instances, if these are few."""
        return listed(self.first, self.second, self.distance, self.order)

    @property
    def relation(self) -> isl.Map:
        """The instances that touch one element."""
        return _meeting_in(self.first, self.second, self.distance, self.order.relation)


class Shape:
    """A relation between instances ``A[...]`` that come first and instances ``B[...]``.

    Equal relations are one shape, so that it is enough to compare shapes by identity. (Those of few
    instances may have several: their relation is found when it is asked for.)
    """

    def __init__(self, relation: isl.Map | None, meeting: Meeting | None = None) -> None:
        self._relation, self.meeting = relation, meeting
        self._moves: dict[tuple[TimeText, TimeText], Moved] = {}
        self._parts: dict[tuple[tuple[int, ...], ...], Shape] = {}

    @property
    def is_closed(self) -> bool:
        """Whether the relation is known."""
        return self._relation is not None

    @property
    def relation(self) -> isl.Map:
        """The pairs."""
        if self._relation is None:
            assert self.meeting is not None
            self._relation = self.meeting.relation
        return self._relation

    @cached_property
    def sizes(self) -> tuple[int, int]:
        """How many iterators the two statements have."""
        if self.meeting is not None:
            return self.meeting.order.sizes
        return dims_of(self.relation.domain()), dims_of(self.relation.range())

    @cached_property
    def latest(self) -> isl.Map:
        """The last of what each instance is paired with."""
        return extreme(self.relation, latest=True)

    def holds(self, pair: Pair) -> bool:
        """Whether it has a pair."""
        if self._relation is None and self.meeting is not None and (few := self.meeting.listed) is not None:
            return few.holds(pair)
        ends = " -> ".join(tuple_text(name, map(str, end)) for name, end in zip("AB", pair, strict=True))
        return not self.relation.intersect(isl.Map(f"{{ {ends} }}")).is_empty()

    def moved(self, first: TimeText, second: TimeText) -> Moved:
        """The shape under the times that its two statements have in the loops around both."""
        found = self._moves.get((first, second))
        if found is None:
            if len(self._moves) >= _MOST_MOVES:
                self._moves.clear()
            found = self._moves[first, second] = Moved(self, first, second)
        return found

    def timed(self, first: TimeText, second: TimeText) -> Timed:
        """What of the shape the distances under some times are of: shapes of one such part have the same.

        (The reads of what a copy brings differ in iterators that no loop around both runs through.)
        """
        (mine, early), (other, late) = _iterators(first), _iterators(second)
        part = self._parts.get((mine, other))
        if part is None:
            kept = keep_dims(self.relation, mine, other)
            part = self if kept is self.relation else _shape(kept)
            self._parts[mine, other] = part
        return part, early, late


Timed: TypeAlias = tuple[Shape, TimeText, TimeText]
"""A shape and the times of both its statements, over all of its iterators."""

_ITERATOR = re.compile(r"\bi(\d+)\b")


@remembered(4096)
def _iterators(times: TimeText) -> tuple[tuple[int, ...], TimeText]:
    """The iterators that times are of, by position, and the times over these alone."""
    used = sorted({int(number) for time in times for number in _ITERATOR.findall(time)})
    names = {f"i{number}": f"i{position}" for position, number in enumerate(used)}
    return tuple(used), tuple([_ITERATOR.sub(lambda found: names[found[0]], time) for time in times])


class Distances:
    """How far apart in time what a shape pairs is; each answer is found when it is first asked for."""

    def __init__(self, shape: Shape, first: TimeText, second: TimeText) -> None:
        self.shape, self.texts = shape, (first, second)
        self._nonzero: dict[int, bool] = {}
        self._least: dict[tuple[int, int | None, int], int | None] = {}

    @cached_property
    def deltas(self) -> isl.Set:
        """The distance vectors: time of the second less time of the first."""
        first, second = (_times(self.shape, which, self.texts[which]) for which in (0, 1))
        return self.shape.relation.apply_domain(first).apply_range(second).deltas()

    @cached_property
    def backward(self) -> bool:
        """Whether some pair has a distance that is lexicographically negative."""
        return is_lex_negative_possible(self.deltas, zero_counts=False)

    @cached_property
    def tied(self) -> bool:
        """Whether some pair is at the same time."""
        return not fix_to_zero(self.deltas, len(self.texts[0])).is_empty()

    def wrong(self, below: bool) -> bool:
        """Whether some pair runs the wrong way round; `below`: the text has the first after the second."""
        return self.backward or (below and self.tied)

    def nonzero_at(self, depth: int) -> bool:
        """Whether a loop carries it: equal outside the loop, different in it."""
        found = self._nonzero.get(depth)
        if found is None:
            found = self._nonzero[depth] = not is_zero_at(fix_to_zero(self.deltas, depth), depth)
        return found

    def least(self, outer: int, distance: int | None, inner: int) -> int | None:
        """The least distance in one loop where the loops around another agree, and at a distance in that."""
        key = outer, distance, inner
        if key not in self._least:
            part = fix_to_zero(self.deltas, outer)
            part = part if distance is None else at_value(part, outer, distance)
            self._least[key] = None if part.is_empty() else dim_bounds(part, inner)[0]
        return self._least[key]


@remembered(1 << 13)
def distances_of(timed: Timed) -> Distances:
    """The distances of a shape under times that are over all of its iterators."""
    return Distances(*timed)


class Moved:
    """A shape under the times of both its statements: its distances, and pairs that stand for them."""

    def __init__(self, shape: Shape, first: TimeText, second: TimeText) -> None:
        self.shape, self.texts = shape, (first, second)
        self._few: dict[tuple[str, int], bool] = {}
        self._wrong: dict[bool, Pair] = {}
        self._carried: dict[int, Pair] = {}

    @cached_property
    def is_listed(self) -> bool:
        """Whether its instances are put in order one by one: isl would take long, and they are few."""
        meeting = self.shape.meeting
        long = floors_in(*self.texts) >= _FLOORS or not self.shape.is_closed
        return meeting is not None and long and are_few(meeting.first, meeting.second)

    def _listed(self) -> InOrder | None:
        meeting = self.shape.meeting
        few = None if meeting is None or not self.is_listed else meeting.listed
        try:
            return None if few is None else InOrder(few, *self.texts)
        except TooLarge:
            return None

    def wrong(self, below: bool) -> bool:
        """Whether some pair runs the wrong way round; `below`: the text has the first after the second."""
        return self._holds("wrong", below)

    def nonzero_at(self, depth: int) -> bool:
        """Whether a loop carries it: equal outside the loop, different in it."""
        return self._holds("nonzero_at", depth)

    def _holds(self, what: Literal["wrong", "nonzero_at"], asked: int) -> bool:
        """Whether a question about the order has yes for an answer: asked of few instances, or of isl."""
        found = self._few.get((what, asked))
        if found is None:
            few = self._listed()
            answer = getattr(self.distances if few is None else few, what)
            found = self._few[what, asked] = answer(asked)
        return found

    @cached_property
    def distances(self) -> Distances:
        """How far apart the pairs are."""
        return distances_of(self.shape.timed(*self.texts))

    def wrong_pair(self, below: bool) -> Pair:
        """The least pair that runs the wrong way round (there is one)."""
        found = self._wrong.get(below)
        if found is None and (few := self._listed()) is not None:
            found = self._wrong[below] = few.wrong_pair(below)
        if found is None:
            depths = len(self.texts[0])
            parts = [self._least_pair(depth, ("<",)) for depth in range(depths)]
            parts += [self._least_pair(depths, ())] if below else []
            found = self._wrong[below] = min(pair for pair in parts if pair is not None)
        return found

    def carried_pair(self, depth: int) -> Pair:
        """The least pair in different iterations of a loop, the loops around it agreeing (there is one)."""
        found = self._carried.get(depth)
        if found is None and (few := self._listed()) is not None:
            found = self._carried[depth] = few.carried_pair(depth)
        if found is None:
            parts = (self._least_pair(depth, (sign,)) for sign in "<>")
            found = self._carried[depth] = min(pair for pair in parts if pair is not None)
        return found

    def _least_pair(self, depth: int, signs: tuple[str, ...]) -> Pair | None:
        """The least pair with the second `sign` the first in one loop, and equal in the loops around it."""
        count = depth + len(signs)
        first, second = (_times(self.shape, which, self.texts[which][:count]) for which in (0, 1))
        pairs = first.apply_range(_compared(depth, signs)).apply_range(second.reverse())
        values = point_values(self.shape.relation.intersect(pairs).wrap())
        if values is None:
            return None
        split = self.shape.sizes[0]
        return tuple(values[:split]), tuple(values[split:])


def _times(shape: Shape, which: int, texts: TimeText) -> isl.Map:
    """Instances of one of the statements of a shape -> their times in some loops."""
    names = [f"i{k}" for k in range(shape.sizes[which])]
    return map_text("AB"[which], names, "T", texts)


@remembered(256)
def _compared(depth: int, signs: tuple[str, ...]) -> isl.Map:
    count = depth + len(signs)
    left, right = ([f"{side}{k}" for k in range(count)] for side in "ab")
    where = [f"b{k} = a{k}" for k in range(depth)] + [f"b{depth} {sign} a{depth}" for sign in signs]
    return isl.Map(
        f"{{ {tuple_text('T', left)} -> {tuple_text('T', right)} : {' and '.join(where) or 'true'} }}"
    )


@dataclass(frozen=True)
class Form:
    """An access moved to the origin, and where it begins (None: it touches nothing)."""

    access: Same
    low: tuple[int, ...] | None


def form_of(access: isl.Map) -> Form:
    """The form of an access; those that differ only in names and in where they begin have one access."""
    return _form(Same(access))


def shape_between(before: Form, after: Form, order: Order | Same) -> Shape | None:
    """Instances of two accesses (of the same array) that touch one element, among the pairs of `order`.

    `order` is one, or a map from ``A`` to ``B``. None: there are no such instances.
    """
    if before.low is None or after.low is None:
        return None
    distance = tuple([a - b for a, b in zip(before.low, after.low, strict=True)])
    return _between(before.access, after.access, distance, order)


@remembered(1 << 14)
def _form(access: Same) -> Form:
    assert isinstance(access.value, isl.Map)
    box = box_touched(access.value)
    plain = renamed_input(with_tuple(access.value, "E"), "A")
    if box is None:
        return Form(Same(plain), None)
    low = tuple(first for first, _ in box)
    return Form(Same(interned(shifted(plain, tuple(-first for first in low)) if any(low) else plain)), low)


@remembered(1 << 14)
def _between(first: Same, second: Same, distance: tuple[int, ...], order: Order | Same) -> Shape | None:
    if isinstance(order, Same):
        assert isinstance(order.value, isl.Map)
        found = _meeting_in(first, second, distance, order.value)
        return None if found.is_empty() else _shape(found)
    meeting = Meeting(first, second, distance, order)
    if order.floors >= _FLOORS and (few := meeting.listed) is not None:
        return None if few.empty else Shape(None, meeting)
    found = meeting.relation
    if found.is_empty():
        return None
    shape = _shape(found)
    shape.meeting = shape.meeting or meeting
    return shape


def _meeting_in(first: Same, second: Same, distance: tuple[int, ...], order: isl.Map) -> isl.Map:
    assert isinstance(first.value, isl.Map) and isinstance(second.value, isl.Map)
    before, after = _meeting(first.value, second.value, distance)
    before = shifted(before, distance) if any(distance) else before
    return before.apply_range(renamed_input(after, "B").reverse()).intersect(order)


def _meeting(first: isl.Map, second: isl.Map, distance: tuple[int, ...]) -> tuple[isl.Map, isl.Map]:
    """What of two forms may meet, the first moved by a distance."""
    mine, other = box_touched(first), box_touched(second)
    assert mine is not None and other is not None
    moved = tuple((low + by, high + by) for (low, high), by in zip(mine, distance, strict=True))
    back = tuple((low - by, high - by) for (low, high), by in zip(other, distance, strict=True))
    return narrowed(first, back), narrowed(second, moved)


@remembered(1 << 14)
def interned(relation: isl.Map) -> isl.Map:
    """The one relation that stands for all that are equal to it."""
    return relation


_shape = remembered(1 << 14)(Shape)


def shifted(access: isl.Map, by: tuple[int, ...]) -> isl.Map:
    """An access with its elements moved."""
    space = access.range().get_space()
    moved = isl.MultiVal.zero(space)
    for position, value in enumerate(by):
        moved = moved.set_val(position, isl.Val(value))
    onto = isl.MultiAff.identity_on_domain_space(space).add_constant_multi_val(moved)
    return access.apply_range(isl.Map.from_multi_aff(onto))
