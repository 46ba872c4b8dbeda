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
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import TypeAlias

import islpy as isl
import numpy as np
import numpy.typing as npt

from tracealloc.poly.dataflow.competing_writes import Answer, Candidate, Question, answer_to, moved_box
from tracealloc.poly.dataflow.timestamps import Clock, Point, flow_between, points_of, unread_by
from tracealloc.poly.dependence.dependence import common_loops
from tracealloc.poly.isl.bounding_boxes import Box, Same
from tracealloc.poly.isl.compared import is_within
from tracealloc.poly.isl.remembered import remembered
from tracealloc.poly.model.tree import Leaf, LoopNode, Tree
from tracealloc.poly.model.tree import Sequence as Seq

__all__ = ["LastWrites", "Seen"]

_REMEMBERED = 4  # answers that a read keeps, each with the surroundings in which it holds
_FEW_WRITES = 8  # that are looked at as they come; where there are more, boxes sort them out


@dataclass
class Seen:
    """What one read sees: moments ``A`` of its -> ``B`` of writes; moments ``A`` that see no write."""

    read: Point
    found: list[tuple[Point, isl.Map]] = field(default_factory=list)
    left: isl.Set | None = None

    @cached_property
    def flows(self) -> list[isl.Map]:
        """``[read -> element] -> [write -> element]``, in instances."""
        return [flow_between(self.read, write, pairs) for write, pairs in self.found]

    @cached_property
    def unread(self) -> isl.Map | None:
        """``read -> element`` of instances that see no write."""
        return None if self.left is None else unread_by(self.read, self.left)


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


@dataclass(frozen=True, slots=True)
class _Visible:
    """Writes that a read may see, last first, the same without names, and the loops that neighbours share."""

    points: list[Point]
    candidates: list[Candidate]
    common: tuple[int, ...]


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
        self._visible: dict[tuple[_Write, ...], _Visible] = {}

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

    def visible(self, level: _Level) -> _Visible:
        """Writes of one level, last first, without those that one further down in the same body hides."""
        found = self._visible.get(level.writes)
        if found is None:
            kept = self._not_hidden(level.writes)
            found = self._visible[level.writes] = _Visible(
                [level.writes[k][0] for k in kept],
                [_candidate(*level.writes[k]) for k in kept],
                tuple([min(level.common[k:later]) for later, k in pairwise(kept)]),
            )
        return found

    def _not_hidden(self, writes: tuple[_Write, ...]) -> list[int]:
        """The positions of those that are not, last first."""
        found: list[int] = []
        known: dict[tuple[Box | None, tuple[str, ...]], list[Point]] = {}
        for position in reversed(range(len(writes))):
            point, update = writes[position]
            if not update and len(writes) > 1:
                assert point.statement is not None
                loops = tuple(step.loop.key for step in self.clock.paths[point.statement] if step.loop)
                alike = known.setdefault((point.box, loops), [])
                if any(_hides(later, point) for later in alike):
                    continue
                alike.append(point)
            found.append(position)
        return found

    def common(self, a: Point, b: Point) -> tuple[int, int]:
        """How many loops are around both of two writes, and their order after these."""
        assert a.statement is not None and b.statement is not None
        if a.statement == b.statement:
            steps = self.clock.paths[a.statement]
            return sum(step.loop is not None for step in steps), a.number - b.number
        loops, position = common_loops(self.clock.paths[a.statement], self.clock.paths[b.statement])
        return len(loops), position


def _candidate(point: Point, update: bool) -> Candidate:
    """A write that touches something, without its name."""
    assert point.box is not None  # a scalar's is empty
    return Candidate(point.form.access, point.box, point.size, update)


def _hides(later: Point, earlier: Point) -> bool:
    """Whether a write touches all that another, with the same box, does at the same moments."""
    return later.size == earlier.size and _holds(later.form.access, earlier.form.access)


@remembered(1 << 14)
def _holds(whole: Same, part: Same) -> bool:
    assert isinstance(whole.value, isl.Map) and isinstance(part.value, isl.Map)
    return part.value is whole.value or is_within(part.value, whole.value)


class _Search:
    """The search for what one read sees. `rest` are its moments without an answer (None: all).

    `boxes` are around the elements read there.
    """

    def __init__(self, within: LastWrites, read: Point) -> None:
        self.within, self.read = within, read
        self.rest: Same | None = None
        self.left = read.box is not None
        self.boxes: _Boxes = () if read.box is None else (read.box,)
        self.found: list[tuple[Point, isl.Map]] = []

    def seen(self) -> Seen:
        """The answer."""
        if not self.left:
            return Seen(self.read, self.found)
        rest = self.read.whole if self.rest is None else self.rest.value
        assert isinstance(rest, isl.Set)
        return Seen(self.read, self.found, rest)

    def look(self, level: _Level | tuple[Point, ...], many: bool = False) -> None:
        """The next level; where `many` writes may follow, boxes say which of them matter."""
        if isinstance(level, _Level):
            answer = self._ask(level.depth, level.less, self.within.visible(level))
            if many and self.left and answer.found and answer.boxes is not None:
                self.boxes = tuple([moved_box(box, self._low) for box in answer.boxes])
            return
        for point in level:  # what was there before everything
            if self.left and point.box is not None:
                self._ask(0, False, _Visible([point], [_candidate(point, False)], ()))

    @property
    def _low(self) -> tuple[int, ...]:
        """The least that is read, in each dimension."""
        assert self.read.form.low is not None
        return self.read.form.low

    def _ask(self, depth: int, less: bool, writes: _Visible) -> Answer:
        form, low = self.read.form, self._low
        moved = [replace(each, box=moved_box(each.box, low, -1)) for each in writes.candidates]
        asked = Question(form.access, self.read.size, self.rest, depth, less, tuple(moved), writes.common)
        answer = answer_to(asked)
        self.found += [(writes.points[number], pairs) for number, pairs in answer.found]
        self.rest, self.left = answer.rest, answer.left
        return answer
