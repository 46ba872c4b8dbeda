"""Is an order of the statements right? Exact, with the least pair of instances as witness."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import takewhile
from typing import Generic, TypeVar

import islpy as isl
import numpy as np
import numpy.typing as npt

from tracealloc.poly.dependence.dependence import Dependence, time_map, time_text
from tracealloc.poly.dependence.distances import Distances, Moved, Pair, Shape, TimeText, distances_of
from tracealloc.poly.dependence.queues import move_text
from tracealloc.poly.isl.bounding_boxes import Same
from tracealloc.poly.isl.coalesce import coalesced
from tracealloc.poly.isl.named import point_values
from tracealloc.poly.isl.remembered import remembered
from tracealloc.poly.isl.texts import tuple_text
from tracealloc.poly.model.model import Access, Model, Statement
from tracealloc.poly.model.tree import Leaf, LoopNode, Tree
from tracealloc.poly.model.tree import Sequence as Parts
from tracealloc.trace.ir.program import Array

__all__ = [
    "Instance",
    "Places",
    "Violation",
    "carried",
    "carries",
    "distance_map",
    "element_text",
    "first_carried",
    "first_of_each_kind",
    "first_violation",
    "is_violated",
    "places_of",
    "violations",
]

_MANY = 6  # dependences that run alike are asked about together first
_MOST_TREES = 8  # whose places are remembered


@dataclass(frozen=True)
class Instance:
    """One execution of a statement: the values of its iterators and where it is written."""

    statement: Statement
    values: tuple[int, ...]

    @property
    def iteration(self) -> str:
        """``(i=1, j=2)``; iterators of one name are told apart as loops are, or said once if they agree."""
        found: dict[str, int] = {}
        for it, value in zip(self.statement.dims, self.values, strict=False):
            name, count = it.name, 0
            while found.get(name, value) != value:
                count += 1
                name = f"{it.name}_{count}"
            found[name] = value
        return "(" + ", ".join(f"{name}={value}" for name, value in found.items()) + ")"

    @property
    def point(self) -> isl.Set:
        """The one element of the statement's domain."""
        return isl.Set(f"{{ {tuple_text(self.statement.name, map(str, self.values))} }}")

    def time(self, loops: tuple[LoopNode, ...]) -> list[int]:
        """The values of the given loops when it runs."""
        return point_values(self.point.apply(time_map(self.statement, loops))) or []

    def touched(self, access: Access) -> isl.Set:
        """The elements that one of the statement's accesses touches in this execution."""
        return self.point.apply(access.relation)

    def moves(self, access: Access) -> str:
        """``puts A[0, 1] into q``: what it does to the queue of one of its accesses."""
        name = element_text(access.array, self.touched(access))
        return move_text(self.statement, self.values, access, name)

    @property
    def where(self) -> str:
        """``file.py:12``, or what a step added the statement for."""
        return self.statement.where


@dataclass(frozen=True)
class Violation:
    """Two instances that an order would run the wrong way round (or at once)."""

    dependence: Dependence
    source: Instance
    sink: Instance

    def __str__(self) -> str:
        before, after = self.dependence.before, self.dependence.after
        if before.array.kind == "stream":
            ends = [(self.source, before), (self.sink, after)]
            first, second = (
                f"iteration {each.iteration} {each.moves(access)} ({each.where})" for each, access in ends
            )
            return f"{first}, and after it {second}"
        first, second = (_verb(access) for access in (before, after))
        return (
            f"iteration {self.source.iteration} {first} {self.element()} ({self.source.where}), "
            f"which iteration {self.sink.iteration} {second} as {after.text} ({self.sink.where})"
        )

    def element(self) -> str:
        """The array element that both touch, in the values of the source instance."""
        access = self.dependence.before
        return element_text(access.array, self.source.touched(access))


def element_text(array: Array, elements: isl.Set) -> str:
    """``A[1, 2]``: the first of some elements of an array."""
    values = point_values(elements) or []
    own = values[len(values) - array.rank :] if array.rank else []
    return f"{array.name}[{', '.join(map(str, own))}]" if own else array.name


def _verb(access: Access) -> str:
    """What an instance does to the element; what depends on data it only may do."""
    if access.exact:
        return "writes" if access.write else "reads"
    return "may write" if access.write else "may read"


def distance_map(fixed: int, nest: Sequence[tuple[int, int]]) -> isl.Map:
    """Distance vectors -> how many iterations of a flattened nest they are.

    The first `fixed` coordinates must be zero; `nest` has (iterations, step) of the others, outermost first.
    Loops of one iteration count for nothing.
    """
    names = [f"d{k}" for k in range(fixed + len(nest))]
    terms = []
    size = 1
    for name, (trips, step) in zip(reversed(names[fixed:]), reversed(nest), strict=True):
        if trips > 1:
            terms.append(f"{size}*floor({name}/{step})" if step != 1 else f"{size}*{name}")
        size *= trips
    zero = " and ".join(f"{name} = 0" for name in names[:fixed])
    return isl.Map(
        f"{{ T[{', '.join(names)}] -> [{' + '.join(terms) or '0'}]{' : ' + zero if zero else ''} }}"
    )


class Places:
    """Where the statements of a tree are: the loops around each, its place in the text, and its times."""

    def __init__(self, model: Model, tree: Tree) -> None:
        self.model, self.tree = model, tree
        self.loops: dict[str, tuple[LoopNode, ...]] = {}
        self.numbers: dict[str, int] = {}
        self._visit(tree, ())
        self._texts: dict[str, list[TimeText]] = {}
        self._alike: dict[object, list[TimeText]] = {}  # of statements that differ in nothing but their name
        self._common: dict[tuple[int, int], int] = {}
        self._groups: dict[tuple[int, TimeText], int] = {}

    def _visit(self, node: Tree, above: tuple[LoopNode, ...]) -> None:
        match node:
            case LoopNode(body=body):
                self._visit(body, (*above, node))
            case Parts(children):
                for child in children:
                    self._visit(child, above)
            case Leaf(statement):
                self.numbers[statement] = len(self.numbers)
                self.loops[statement] = above

    def common(self, dependence: Dependence) -> int:
        """How many loops are around both statements of a dependence."""
        mine, other = self.loops[dependence.source], self.loops[dependence.sink]
        if mine is other:
            return len(mine)
        key = id(mine), id(other)
        found = self._common.get(key)
        if found is None:
            found = sum(
                1 for _ in takewhile(lambda pair: pair[0].key == pair[1].key, zip(mine, other, strict=False))
            )
            self._common[key] = found
        return found

    def depth(self, dependence: Dependence, key: str) -> int | None:
        """How many loops are around the loop `key`, if that is around both statements of a dependence."""
        loops = self.loops[dependence.source][: self.common(dependence)]
        return next((depth for depth, loop in enumerate(loops) if loop.key == key), None)

    def moved(self, dependence: Dependence) -> Moved:
        """A dependence in the times of the loops around both of its statements."""
        return dependence.shape.moved(*self.texts_of(dependence))

    def texts_of(self, dependence: Dependence) -> tuple[TimeText, TimeText]:
        """The times of both statements of a dependence in the loops around both."""
        count = self.common(dependence)
        return self.texts(dependence.source)[count], self.texts(dependence.sink)[count]

    def texts(self, name: str) -> list[TimeText]:
        """The times of a statement in none of the loops around it, the outermost, the outermost two, ..."""
        found = self._texts.get(name)
        if found is None:
            statement, loops = self.model.statement(name), self.loops[name]
            alike = id(loops), statement.dims, tuple([loop.expr(name) for loop in loops])
            found = self._alike.get(alike)
            if found is None:
                whole = tuple([time_text(statement, loop) for loop in loops])
                found = self._alike[alike] = [whole[:count] for count in range(len(whole) + 1)]
            self._texts[name] = found
        return found

    def group(self, name: str) -> int:
        """A number for all statements in the same loops at the same times."""
        return self._groups.setdefault((id(self.loops[name]), self.texts(name)[-1]), len(self._groups))

    @property
    def groups(self) -> int:
        """How many such numbers were given."""
        return len(self._groups)

    def below(self, dependence: Dependence) -> bool:
        """Whether the text has the first statement of a dependence after the second."""
        return self.numbers[dependence.source] > self.numbers[dependence.sink]


def places_of(model: Model, tree: Tree) -> Places:
    """The places in a tree, remembered for the trees that were asked for last."""
    known: list[Places] = model.memo.setdefault("places", [])
    for places in known:
        if places.tree is tree:
            return places
    found = Places(model, tree)
    known[:] = [found, *known[: _MOST_TREES - 1]]
    return found


@remembered(256)
def _joined(shapes: tuple[Shape, ...]) -> Shape:
    """The pairs of several shapes."""
    if len(shapes) == 1:
        return shapes[0]
    relations = [shape.relation for shape in shapes]
    while len(relations) > 1:
        pairs = [relations[k : k + 2] for k in range(0, len(relations), 2)]
        relations = [coalesced(reduce(isl.Map.union, pair)) for pair in pairs]
    return Shape(relations[0])


def violations(model: Model, deps: Sequence[Dependence], tree: Tree) -> list[Dependence]:
    """The dependences that `tree` does not respect."""
    kinds = _Kinds.of(places_of(model, tree), deps)
    return kinds.all_like(kinds.wrong().all())


@dataclass(frozen=True)
class _Columns:
    """Some dependences as columns: where each begins and ends (`names`), and the number of its shape."""

    names: tuple[str, ...]
    sources: npt.NDArray[np.int32]
    sinks: npt.NDArray[np.int32]
    shapes: npt.NDArray[np.int32]


@remembered(8)
def _columns(deps: Same) -> _Columns:
    assert isinstance(deps.value, list | tuple)
    names: dict[str, int] = {}
    shapes: dict[int, int] = {}
    rows = [
        (
            names.setdefault(each.source, len(names)),
            names.setdefault(each.sink, len(names)),
            shapes.setdefault(id(each.shape), len(shapes)),
        )
        for each in deps.value
    ]
    return _Columns(tuple(names), *np.array(rows, np.int32).reshape(-1, 3).T)


@dataclass(frozen=True)
class _Kinds:
    """Dependences by what decides about them in a tree: their shape and where both of their ends are.

    `firsts` are the first of each kind, by position among `deps`; `which` is the kind of each.
    """

    places: Places
    deps: Sequence[Dependence]
    firsts: npt.NDArray[np.int64]
    which: npt.NDArray[np.int64]

    @staticmethod
    def of(places: Places, deps: Sequence[Dependence]) -> _Kinds:
        """The kinds of some dependences in the order of a tree."""
        columns = _columns(Same(deps))
        groups = np.array([places.group(name) for name in columns.names], np.int64)
        numbers = np.array([places.numbers[name] for name in columns.names], np.int64)
        below = numbers[columns.sources] > numbers[columns.sinks]
        count = places.groups
        kinds = (columns.shapes.astype(np.int64) * count + groups[columns.sources]) * count + groups[
            columns.sinks
        ]
        _, firsts, which = np.unique(2 * kinds + below, return_index=True, return_inverse=True)
        return _Kinds(places, deps, firsts, which)

    def first(self) -> list[Dependence]:
        """The first of each kind."""
        return [self.deps[position] for position in sorted(self.firsts.tolist())]

    def all_like(self, some: Iterable[Dependence]) -> list[Dependence]:
        """All dependences of the kinds of some that are the first of theirs."""
        chosen = {id(each) for each in some}
        wanted = np.array([id(self.deps[first]) in chosen for first in self.firsts.tolist()], bool)
        return [self.deps[at] for at in np.flatnonzero(wanted[self.which]).tolist()] if chosen else []

    def wrong(self) -> _Found[bool]:
        """Those that the tree does not respect."""
        asked = ((each, self.places.below(each)) for each in self.first())
        return _Found.of(self.places, asked, _wrong, Moved.wrong_pair)

    def carried(self, key: str) -> _Found[int]:
        """Those that a loop carries."""
        depths = ((each, self.places.depth(each, key)) for each in self.first())
        asked = ((each, depth) for each, depth in depths if depth is not None)
        return _Found.of(self.places, asked, _nonzero_at, Moved.carried_pair)


_Asked = TypeVar("_Asked", bool, int)


@dataclass(frozen=True)
class _Group(Generic[_Asked]):
    """Dependences between statements at the same times of which the same is asked, by number.

    `one_by_one`: all of few instances, which are put in order; of others isl is asked about together.
    """

    times: tuple[TimeText, TimeText]
    asked: _Asked
    one_by_one: bool
    deps: dict[int, Dependence]

    @property
    def _shapes(self) -> tuple[Shape, ...]:
        return tuple(dict.fromkeys(each.shape for each in self.deps.values()))

    @property
    def moved(self) -> list[Moved]:
        """What there is to order."""
        shapes = self._shapes if self.one_by_one else (_joined(self._shapes),)
        return [shape.moved(*self.times) for shape in shapes]

    def asks(self) -> Sequence[Moved | Distances]:
        """What says whether something holds for one of all: the distances of many parts together."""
        if self.one_by_one:
            return self.moved
        parts = list(dict.fromkeys(shape.timed(*self.times) for shape in self._shapes))
        if len(parts) < _MANY:
            return [distances_of(part) for part in parts]
        _, first, second = parts[0]
        return [distances_of((_joined(tuple([shape for shape, _, _ in parts])), first, second))]


def _wrong(each: Moved | Distances, below: bool) -> bool:
    return each.wrong(below)


def _nonzero_at(each: Moved | Distances, depth: int) -> bool:
    return each.nonzero_at(depth)


@dataclass(frozen=True)
class _Found(Generic[_Asked]):
    """The dependences for which something holds: those at the same times are asked about together.

    `holds` says it of pairs, and `pair` is the least one for which it does (there must be one).
    """

    groups: list[_Group[_Asked]]
    holds: Callable[[Moved | Distances, _Asked], bool]
    pair: Callable[[Moved, _Asked], Pair]

    @staticmethod
    def of(
        places: Places,
        asked: Iterable[tuple[Dependence, _Asked]],
        holds: Callable[[Moved | Distances, _Asked], bool],
        pair: Callable[[Moved, _Asked], Pair],
    ) -> _Found[_Asked]:
        """Those among dependences of which something is asked."""
        groups: dict[object, _Group[_Asked]] = {}
        for number, (dependence, what) in enumerate(asked):
            times = places.texts_of(dependence)
            few = dependence.shape.moved(*times).is_listed
            key = dependence.shape.sizes, times, what, few
            groups.setdefault(key, _Group(times, what, few, {})).deps[number] = dependence
        return _Found(list(groups.values()), holds, pair)

    def any(self) -> bool:
        """Whether there is one."""
        return any(map(self._some, self.groups))

    def _some(self, group: _Group[_Asked]) -> bool:
        return any(self.holds(each, group.asked) for each in group.asks())

    def all(self) -> list[Dependence]:
        """All of them."""
        found = {
            number: each
            for group in filter(self._some, self.groups)
            for number, each in group.deps.items()
            if self.holds(each.shape.moved(*group.times), group.asked)
        }
        return [found[number] for number in sorted(found)]

    def least(self) -> tuple[Dependence, Pair] | None:
        """The least pair for which it holds, and the first dependence of which it is one."""
        pairs = [
            (self.pair(each, group.asked), group)
            for group in filter(self._some, self.groups)
            for each in group.moved
            if not group.one_by_one or self.holds(each, group.asked)
        ]
        if not pairs:
            return None
        least = min(pair for pair, _ in pairs)
        ends = {number: each for pair, group in pairs if pair == least for number, each in group.deps.items()}
        return next((ends[number], least) for number in sorted(ends) if ends[number].shape.holds(least))


def first_of_each_kind(model: Model, deps: Sequence[Dependence], tree: Tree) -> list[Dependence]:
    """Of dependences that say the same in the order of a tree, the first: of one shape, at the same times."""
    return _Kinds.of(places_of(model, tree), deps).first()


def first_violation(model: Model, deps: Sequence[Dependence], tree: Tree) -> Violation | None:
    """The lexicographically least pair of instances that `tree` runs in the wrong order, if any."""
    return _shown(model, _Kinds.of(places_of(model, tree), deps).wrong().least())


def _shown(model: Model, found: tuple[Dependence, Pair] | None) -> Violation | None:
    """A pair as instances."""
    if found is None:
        return None
    dependence, (first, second) = found
    source, sink = model.statement(dependence.source), model.statement(dependence.sink)
    return Violation(dependence, Instance(source, first), Instance(sink, second))


def is_violated(model: Model, deps: Sequence[Dependence], tree: Tree) -> bool:
    """Whether `tree` does not respect one of some dependences."""
    return _Kinds.of(places_of(model, tree), deps).wrong().any()


def carried(model: Model, deps: Sequence[Dependence], tree: Tree, key: str) -> list[Dependence]:
    """The dependences that the loop `key` carries: equal outside it, different in it."""
    kinds = _Kinds.of(places_of(model, tree), deps)
    return kinds.all_like(kinds.carried(key).all())


def carries(model: Model, deps: Sequence[Dependence], tree: Tree, key: str) -> bool:
    """Whether the loop `key` carries one of some dependences."""
    return _Kinds.of(places_of(model, tree), deps).carried(key).any()


def first_carried(model: Model, deps: Sequence[Dependence], tree: Tree, key: str) -> Violation | None:
    """The least pair of instances in different iterations of the loop `key` that depend on one another."""
    return _shown(model, _Kinds.of(places_of(model, tree), deps).carried(key).least())
