"""The last write before every read, and the updates since: exact, by walking the tree (Feautrier 1991).

From a read outwards: what comes before it at a deeper level is later than what comes before it further
out. So each level is asked only for the reads that no deeper one has answered, and of one level only
writes that touch the same elements compete. Nothing depends on trip counts, and little on how many
statements there are. (isl's own flow analysis loses sources where there are hidden integer variables,
and takes a time that grows with the third power of the number of statements.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import islpy as isl

from tracealloc.poly.dependence import common_loops
from tracealloc.poly.moments import Clock, Point
from tracealloc.poly.named import extreme, lex_less, renamed_input, tuple_text, with_tuple
from tracealloc.poly.tree import Leaf, LoopNode, Tree
from tracealloc.poly.tree import Sequence as Seq

__all__ = ["LastWrites", "Seen"]

Steps = tuple[tuple[Tree, int], ...]
"""The way from the root to a leaf: each node above it, with the position of the child taken."""


@dataclass
class Seen:
    """What one read sees: maps from its moments to those of writes; moments that see no write."""

    read: Point
    sources: list[tuple[Point, isl.Map]] = field(default_factory=list)
    unset: isl.Set | None = None


@dataclass(frozen=True)
class _Level:
    """A time before a read: `depth` loops around both agree, and one more is less (or the text decides)."""

    depth: int
    less: bool


class LastWrites:
    """Finds the last writes among `writes`, and `updates` after them, in the order of a clock."""

    def __init__(self, clock: Clock, writes: Iterable[Point], updates: Iterable[Point] = ()) -> None:
        self.clock = clock
        self.steps: dict[str, Steps] = {}
        self.below: dict[int, dict[str, list[tuple[Point, bool]]]] = {}
        self.first: dict[str, list[Point]] = {}
        users: dict[str, list[tuple[Point, bool]]] = {}
        for points, update in ((writes, False), (updates, True)):
            for point in points:
                if point.statement is None:
                    self.first.setdefault(point.space, []).append(point)
                elif point.box is not None:
                    users.setdefault(point.statement, []).append((point, update))
        self._walk(clock.tree, (), users)

    def _walk(self, node: Tree, above: Steps, users: dict[str, list[tuple[Point, bool]]]) -> None:
        """Note the writes below every node, in textual order."""
        match node:
            case LoopNode(body=body):
                self._walk(body, (*above, (node, 0)), users)
            case Seq(children):
                for position, child in enumerate(children):
                    self._walk(child, (*above, (node, position)), users)
            case Leaf(statement):
                self.steps[statement] = above
                for point, update in users.get(statement, ()):
                    for each, _ in (*above, (node, 0)):
                        spaces = self.below.setdefault(id(each), {})
                        spaces.setdefault(point.space, []).append((point, update))

    def of(self, read: Point) -> Seen:
        """What one read sees."""
        search = _Search(self, read)
        for node, level in self._levels(read):
            if not search.left:
                break
            search.look(self.below.get(id(node), {}).get(read.space, ()), level)
        for point in self.first.get(read.space, ()):
            if search.left:
                search.first(point)
        return search.seen()

    def _levels(self, read: Point) -> Iterator[tuple[Tree, _Level]]:
        """What comes before a read, latest first."""
        if read.statement is None:
            yield from _backwards(self.clock.tree, _Level(0, False))
            return
        steps = self.steps[read.statement]
        depth = sum(isinstance(node, LoopNode) for node, _ in steps)
        for node, position in reversed(steps):
            if isinstance(node, Seq):
                for child in reversed(node.children[:position]):
                    yield from _backwards(child, _Level(depth, False))
            else:
                depth -= 1
                yield node, _Level(depth, True)


def _backwards(node: Tree, level: _Level) -> Iterator[tuple[Tree, _Level]]:
    """The parts of a node that run one after the other, last first."""
    if isinstance(node, Seq):
        for child in reversed(node.children):
            yield from _backwards(child, level)
    else:
        yield node, level


class _Search:
    """The search for what one read sees. `rest` are its moments without an answer (None: all)."""

    def __init__(self, within: LastWrites, read: Point) -> None:
        self.within, self.read = within, read
        self.rest: isl.Set | None = None
        self.left = read.box is not None
        self.found: list[tuple[Point, isl.Map]] = []

    def seen(self) -> Seen:
        """The answer."""
        rest = self.read.whole if self.rest is None else self.rest
        return Seen(self.read, self.found, rest if self.left else None)

    def first(self, point: Point) -> None:
        """What was there before everything."""
        if self.read.may_meet(point):
            pairs = self._pairs(point)
            if not pairs.is_empty():
                self.found.append((point, pairs))
                self._answered(pairs.domain())

    def look(self, candidates: Sequence[tuple[Point, bool]], level: _Level) -> None:
        """The candidates of one level, given in textual order."""
        winners: list[tuple[Point, isl.Map]] = []
        updates: list[tuple[Point, isl.Map]] = []
        for point, update in reversed(candidates):
            if not self.read.may_meet(point):
                continue
            pairs = self._pairs(point).intersect(_before(self.read, point, level))
            if pairs.is_empty():
                continue
            if update:
                updates.append((point, pairs))
            else:
                self._compete(winners, point, extreme(pairs, latest=True))
        for point, pairs in updates:
            for winner, last in winners:
                older = last.apply_range(self._order(point, winner).reverse())
                pairs = pairs.subtract(older)
            if not pairs.is_empty():
                self.found.append((point, pairs))
        for winner, last in winners:
            self.found.append((winner, last))
            self._answered(last.domain())

    def _pairs(self, point: Point) -> isl.Map:
        """Moments of the read that have no answer yet -> moments of a write to the same element."""
        pairs = self.read.relation.apply_range(point.relation.reverse())
        return pairs if self.rest is None else pairs.intersect_domain(self.rest)

    def _answered(self, moments: isl.Set) -> None:
        rest = self.read.whole if self.rest is None else self.rest
        self.rest = rest.subtract(moments).coalesce()
        self.left = not self.rest.is_empty()

    def _compete(self, winners: list[tuple[Point, isl.Map]], point: Point, last: isl.Map) -> None:
        """Add a candidate to the winners: for each moment of the read the latest one stays."""
        for k, (other, known) in enumerate(winners):
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
        assert a.statement is not None and b.statement is not None
        paths = self.within.clock.paths
        loops, position = common_loops(paths[a.statement], paths[b.statement])
        if a.statement == b.statement:
            position = a.number - b.number
        return lex_less(a.name, b.name, a.size, b.size, len(loops), position < 0)


def _before(read: Point, write: Point, level: _Level) -> isl.Map:
    """Moments of a read -> moments before it at one level."""
    pairs = _agree(read.size, write.size, level.depth, level.less)
    return with_tuple(renamed_input(pairs, read.name), write.name)


@lru_cache(maxsize=1024)
def _agree(first: int, second: int, depth: int, less: bool) -> isl.Map:
    left, right = [f"a{k}" for k in range(first)], [f"b{k}" for k in range(second)]
    where = [f"a{k} = b{k}" for k in range(depth)] + ([f"b{depth} < a{depth}"] if less else [])
    condition = " and ".join(where) or "true"
    return isl.Map(f"{{ {tuple_text('A', left)} -> {tuple_text('B', right)} : {condition} }}")
