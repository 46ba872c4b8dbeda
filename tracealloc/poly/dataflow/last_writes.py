"""The last write before every read, and the updates since: exact, by walking the tree (Feautrier 1991).

From a read outwards: what comes before it at a deeper level is later than what comes before it further
out. So each level is asked only for the reads that no deeper one has answered, and of one level only
writes that touch the same elements compete. Nothing depends on trip counts, and little on how many
statements there are. (isl's own flow analysis loses sources where there are hidden integer variables,
and takes a time that grows with the third power of the number of statements.)
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TypeAlias

import islpy as isl
import numpy as np
import numpy.typing as npt

from tracealloc.poly.dataflow.timestamps import Clock, Point, points_of
from tracealloc.poly.dependence.dependence import common_loops
from tracealloc.poly.dependence.distances import Shape, shape_between
from tracealloc.poly.isl.bounding_boxes import Box, Same, box_around, narrowed
from tracealloc.poly.isl.coalesce import coalesced
from tracealloc.poly.isl.named import extreme, lex_less, renamed_input, with_tuple
from tracealloc.poly.isl.remembered import remembered
from tracealloc.poly.isl.texts import tuple_text
from tracealloc.poly.model.tree import Leaf, LoopNode, Tree
from tracealloc.poly.model.tree import Sequence as Seq

__all__ = ["LastWrites", "Seen"]

_REMEMBERED = 4  # answers that a read keeps, each with the surroundings in which it holds
_FEW_WRITES = 8  # that are looked at as they come; where there are more, boxes sort them out
_FEW_PARTS = 8  # of what is left, with a box around each


@dataclass
class Seen:
    """What one read sees: maps from its moments to those of writes; moments that see no write."""

    read: Point
    sources: list[tuple[Point, isl.Map]] = field(default_factory=list)
    unset: isl.Set | None = None

    @cached_property
    def flows(self) -> list[isl.Map]:
        """``[read -> element] -> [write -> element]``, in instances."""
        return [self.in_instances(write, pairs) for write, pairs in self.sources]

    def in_instances(self, write: Point, pairs: isl.Map) -> isl.Map:
        """Moments of the read -> moments of a write, as a flow."""
        # Pieces that say the same twice would multiply in all that follows.
        return coalesced(coalesced(pairs.apply_range(write.back)).apply_domain(self.read.back))

    @cached_property
    def unread(self) -> isl.Map | None:
        """``read -> element`` of instances that see no write."""
        return None if self.unset is None else self.unset.apply(self.read.back).unwrap()


@dataclass(frozen=True, slots=True)
class _Level:
    """Writes that come before a read at one level, in textual order.

    `depth` loops around the read agree; in one more the writes have a lesser value (`less`), or the text
    decides. `common` are the loops that each shares with the next.
    """

    depth: int
    less: bool
    writes: tuple[tuple[Point, bool], ...]
    common: tuple[int, ...]


_Boxes: TypeAlias = tuple[Box, ...]
_Trace: TypeAlias = list[tuple[_Level | tuple[Point, ...], _Boxes]]
"""All that an answer depends on: the levels looked at, and at last what was there before everything.

With each are boxes around the elements that have no answer yet after it.
"""
_Write: TypeAlias = tuple[Point, bool]


@dataclass(frozen=True)
class _Writes:
    """The writes to one array in textual order, with the numbers of their leaves and what they touch.

    `first` is what was there before everything.
    """

    first: tuple[Point, ...]
    order: list[_Write]
    leaves: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]


class _Open:
    """The writes to an array that may touch what a read has no answer for, by position."""

    def __init__(self, writes: _Writes, boxes: _Boxes) -> None:
        self.writes, self.boxes = writes, boxes
        self._meet()

    def narrow(self, boxes: _Boxes) -> None:
        """Leave out those that do not touch any of some boxes."""
        if boxes is not self.boxes:
            self.boxes = boxes
            self._meet()

    def _meet(self) -> None:
        ends = self.writes.ends
        meet = np.zeros(len(self.writes.order), bool)
        for box in self.boxes if self.writes.order else ():
            low_high = np.array(box, np.int64).reshape(-1, 2)
            meet |= ((ends[:, :, 0] <= low_high[:, 1]) & (low_high[:, 0] <= ends[:, :, 1])).all(axis=1)
        self.positions: list[int] = np.flatnonzero(meet).tolist()
        self.leaves: list[int] = self.writes.leaves[meet].tolist()

    def part(self, first: int, last: int) -> list[_Write]:
        """Those from a leaf on, to another."""
        there = slice(bisect_left(self.leaves, first), bisect_left(self.leaves, last))
        return [self.writes.order[position] for position in self.positions[there]]

    def latest(self, first: int, last: int) -> int | None:
        """The leaf of the last of these."""
        position = bisect_left(self.leaves, last) - 1
        return self.leaves[position] if position >= 0 and self.leaves[position] >= first else None


class LastWrites:
    """Finds the last writes among `writes`, and `updates` after them, in the order of a clock."""

    def __init__(self, clock: Clock, writes: Iterable[isl.Map], updates: Iterable[isl.Map] = ()) -> None:
        self.clock = clock
        self.steps: dict[str, tuple[tuple[Tree, int], ...]] = {}
        self.numbers: dict[str, int] = {}
        self.spans: dict[int, tuple[int, int]] = {}
        self.starts: dict[int, list[int]] = {}
        self._walk(clock.tree, ())
        self.accesses: dict[str, tuple[list[isl.Map], list[isl.Map]]] = {}
        for update, maps in enumerate((writes, updates)):
            for access in maps:
                space = str(access.range().get_tuple_name())
                self.accesses.setdefault(space, ([], []))[update].append(access)
        self.known: dict[str, _Writes] = {}
        self._commons: dict[tuple[_Write, ...], tuple[int, ...]] = {}
        self._visible: dict[tuple[_Write, ...], list[_Write]] = {}

    def _walk(self, node: Tree, above: tuple[tuple[Tree, int], ...]) -> None:
        """Number the leaves in textual order, and note those below every node."""
        start = len(self.numbers)
        match node:
            case LoopNode(body=body):
                self._walk(body, (*above, (node, 0)))
            case Seq(children):
                starts = self.starts[id(node)] = []
                for position, child in enumerate(children):
                    starts.append(len(self.numbers))
                    self._walk(child, (*above, (node, position)))
            case Leaf(statement):
                self.steps[statement] = above
                self.numbers[statement] = start
        self.spans[id(node)] = start, len(self.numbers)

    def _writes(self, space: str) -> _Writes:
        """The writes to an array, looked at when it is first asked for."""
        found = self.known.get(space)
        if found is None:
            both = (points_of(self.clock, maps) for maps in self.accesses.get(space, ((), ())))
            points = [(point, bool(update)) for update, each in enumerate(both) for point in each]
            first = tuple(point for point, _ in points if point.statement is None)
            own = [
                (self.numbers[point.statement], point, update)
                for point, update in points
                if point.statement is not None and point.box is not None
            ]
            own.sort(key=lambda write: write[0])
            found = self.known[space] = _Writes(
                first,
                [(point, update) for _, point, update in own],
                np.array([leaf for leaf, _, _ in own], np.int64),
                np.array([point.box for _, point, _ in own], np.int64).reshape(max(len(own), 1), -1, 2),
            )
        return found

    def points(self) -> Iterator[Point]:
        """All writes, and what was there before everything."""
        for space in self.accesses:
            writes = self._writes(space)
            yield from (point for point, _ in writes.order)
            yield from writes.first

    def of(self, read: Point) -> Seen:
        """What one read sees; remembered where nothing that it depends on has changed."""
        answers: list[tuple[_Trace, Seen]] = list(read.answers)
        trace: _Trace = []
        looked = 0
        search = _Search(self, read)
        rest = _Open(self._writes(read.space), search.boxes)
        for level in self._levels(read, rest) if search.left else ():
            at = len(trace)
            answers = [answer for answer in answers if answer[0][at][0] == level]
            if not answers:
                for known, _ in trace[looked:]:
                    search.look(known)
                search.look(level, many=len(rest.positions) > _FEW_WRITES)
                looked = at + 1
            trace.append((level, answers[0][0][at][1] if answers else search.boxes))
            for earlier, seen in answers:
                if len(earlier) == len(trace):
                    return seen
            if not answers and not search.left:
                break
            rest.narrow(trace[-1][1])
        found = search.seen()
        read.answers[:] = [(trace, found), *read.answers[: _REMEMBERED - 1]]
        return found

    def _levels(self, read: Point, rest: _Open) -> Iterator[_Level | tuple[Point, ...]]:
        """What comes before a read, latest first; at the end what was there before everything."""
        if read.statement is None:
            yield from self._backwards(self.clock.tree, 0, len(self.numbers), 0, rest)
        else:
            steps = self.steps[read.statement]
            depth = sum(isinstance(node, LoopNode) for node, _ in steps)
            for node, position in reversed(steps):
                start, end = self.spans[id(node)]
                if isinstance(node, Seq):
                    end = self.spans[id(node.children[position])][0]
                    yield from self._backwards(node, start, end, depth, rest)
                    continue
                depth -= 1
                if inside := rest.part(start, end):
                    yield self._level(inside, depth, True)
        yield rest.writes.first

    def _backwards(self, node: Tree, start: int, end: int, depth: int, rest: _Open) -> Iterator[_Level]:
        """Some writes below a node, by what runs one after the other, last first."""
        if not isinstance(node, Seq):
            if inside := rest.part(start, end):
                yield self._level(inside, depth, False)
            return
        starts = self.starts[id(node)]
        while (last := rest.latest(start, end)) is not None:
            position = bisect_right(starts, last) - 1
            yield from self._backwards(node.children[position], starts[position], end, depth, rest)
            end = starts[position]

    def _level(self, writes: Sequence[_Write], depth: int, less: bool) -> _Level:
        some = tuple(writes)
        common = self._commons.get(some)  # all reads in one body look at the same writes before it
        if common is None:
            common = tuple([self.common(a, b)[0] for (a, _), (b, _) in pairwise(some)])
            self._commons[some] = common
        return _Level(depth, less, some, common)

    def visible(self, writes: tuple[_Write, ...]) -> list[_Write]:
        """Writes of one level, last first, without those that one further down in the same body hides."""
        if writes not in self._visible:
            self._visible[writes] = self._not_hidden(writes) if len(writes) > 1 else list(writes)
        return self._visible[writes]

    def _not_hidden(self, writes: tuple[_Write, ...]) -> list[_Write]:
        found: list[_Write] = []
        known: dict[tuple[Box | None, tuple[str, ...]], list[Point]] = {}
        for point, update in reversed(writes):
            if not update:
                assert point.statement is not None
                loops = tuple(step.loop.key for step in self.clock.paths[point.statement] if step.loop)
                alike = known.setdefault((point.box, loops), [])
                if any(_hides(later, point) for later in alike):
                    continue
                alike.append(point)
            found.append((point, update))
        return found

    def common(self, a: Point, b: Point) -> tuple[int, int]:
        """How many loops are around both of two writes, and their order after these."""
        assert a.statement is not None and b.statement is not None
        if a.statement == b.statement:
            steps = self.clock.paths[a.statement]
            return sum(step.loop is not None for step in steps), a.number - b.number
        loops, position = common_loops(self.clock.paths[a.statement], self.clock.paths[b.statement])
        return len(loops), position


def _hides(later: Point, earlier: Point) -> bool:
    """Whether a write touches all that another, with the same box, does at the same moments."""
    return later.size == earlier.size and _holds(later.form.access, earlier.form.access)


@remembered(1 << 14)
def _holds(whole: Same, part: Same) -> bool:
    assert isinstance(whole.value, isl.Map) and isinstance(part.value, isl.Map)
    return part.value is whole.value or bool(part.value.is_subset(whole.value))


class _Search:
    """The search for what one read sees. `rest` are its moments without an answer (None: all).

    `boxes` are around the elements read there.
    """

    def __init__(self, within: LastWrites, read: Point) -> None:
        self.within, self.read = within, read
        self.rest: isl.Set | None = None
        self.left = read.box is not None
        self.boxes: _Boxes = () if read.box is None else (read.box,)
        self.found: list[tuple[Point, isl.Map]] = []

    def seen(self) -> Seen:
        """The answer."""
        rest = self.read.whole if self.rest is None else self.rest
        return Seen(self.read, self.found, rest if self.left else None)

    def look(self, level: _Level | tuple[Point, ...], many: bool = False) -> None:
        """The next level; where `many` writes may follow, boxes say which of them matter."""
        if isinstance(level, _Level):
            count = len(self.found)
            self.among(level)
            if many and self.left and len(self.found) > count:
                self._enclose()
            return
        for point in level:
            if self.left:
                self.first(point)

    def first(self, point: Point) -> None:
        """What was there before everything."""
        pairs = self._pairs(point)
        if not pairs.is_empty():
            self.found.append((point, pairs))
            self._answered(pairs.domain())

    def among(self, level: _Level) -> None:
        """The writes of one level: the last of them, and all updates after it."""
        winners: list[tuple[Point, isl.Map]] = []
        updates: list[tuple[Point, isl.Map]] = []
        for point, update in self.within.visible(level.writes):
            shape = _earlier(self.read, point, level)
            if shape is None:
                continue
            pairs = self._among_rest(shape.relation, point)
            if pairs.is_empty():
                continue
            if update:
                updates.append((point, pairs))
            elif self.rest is None:
                self._compete(winners, point, self._between(shape.latest, point))
            else:
                self._compete(winners, point, extreme(pairs, latest=True))
        for point, pairs in updates:
            for winner, last in winners:
                if _apart(point, winner):
                    continue
                older = last.apply_range(self._order(point, winner).reverse())
                pairs = pairs.subtract(older)
            if not pairs.is_empty():
                self.found.append((point, pairs))
        for winner, last in winners:
            self.found.append((winner, last))
            self._answered(last.domain())

    def _pairs(self, point: Point) -> isl.Map:
        """Moments of the read that have no answer yet -> moments of a write to the same element."""
        assert self.read.box is not None and point.box is not None
        mine, other = narrowed(self.read.relation, point.box), narrowed(point.relation, self.read.box)
        pairs = mine.apply_range(other.reverse())
        return pairs if self.rest is None else pairs.intersect_domain(self.rest)

    def _between(self, pairs: isl.Map, point: Point) -> isl.Map:
        """Pairs of a shape as moments of the read and of a write."""
        return renamed_input(with_tuple(pairs, point.name), self.read.name)

    def _among_rest(self, pairs: isl.Map, point: Point) -> isl.Map:
        """The same for moments that have no answer yet."""
        found = self._between(pairs, point)
        return found if self.rest is None else found.intersect_domain(self.rest)

    def _answered(self, moments: isl.Set) -> None:
        rest = self.read.whole if self.rest is None else self.rest
        all_of_it = bool(rest.plain_is_equal(moments))  # most often; isl's subtraction does not look
        self.rest = isl.Set.empty(rest.get_space()) if all_of_it else coalesced(rest.subtract(moments))
        self.left = not all_of_it and not self.rest.is_empty()

    def _enclose(self) -> None:
        """Set boxes around what is left, where it falls into few parts."""
        parts = [] if self.rest is None else [p for p in self.rest.get_basic_sets() if not p.is_empty()]
        if 0 < len(parts) <= _FEW_PARTS:
            touched = [isl.Set.from_basic_set(part).apply(self.read.relation) for part in parts]
            self.boxes = tuple(box_around(t) for t in touched)

    def _compete(self, winners: list[tuple[Point, isl.Map]], point: Point, last: isl.Map) -> None:
        """Add a candidate to the winners: for each moment of the read the latest one stays."""
        for k, (other, known) in enumerate(winners):
            if _apart(other, point):
                continue
            both = known.range_product(last)
            if both.is_empty():
                continue
            later = both.intersect_range(self._order(other, point).wrap()).domain()
            earlier = both.domain().subtract(later)
            winners[k] = other, known.subtract_domain(later)
            last = last.subtract_domain(earlier)
        winners[:] = [(other, known) for other, known in winners if not known.is_empty()]
        if not last.is_empty():
            winners.append((point, last))

    def _order(self, a: Point, b: Point) -> isl.Map:
        """Moments of one write -> later moments of another."""
        loops, position = self.within.common(a, b)
        return lex_less(a.name, b.name, a.size, b.size, loops, position < 0)


def _apart(a: Point, b: Point) -> bool:
    """Whether the boxes of two writes to one array share no element: then no read can see both."""
    if a.box is None or b.box is None:
        return True
    return any(low > high or first > last for (low, last), (first, high) in zip(a.box, b.box, strict=True))


def _earlier(read: Point, write: Point, level: _Level) -> Shape | None:
    """Moments of a read -> those of a write to its element before it at one level (None: there are none)."""
    order = _agree(read.size, write.size, level.depth, level.less)
    return shape_between(read.form, write.form, order)


@remembered(1024)
def _agree(first: int, second: int, depth: int, less: bool) -> Same:
    left, right = [f"a{k}" for k in range(first)], [f"b{k}" for k in range(second)]
    where = [f"a{k} = b{k}" for k in range(depth)] + ([f"b{depth} < a{depth}"] if less else [])
    condition = " and ".join(where) or "true"
    return Same(isl.Map(f"{{ {tuple_text('A', left)} -> {tuple_text('B', right)} : {condition} }}"))
