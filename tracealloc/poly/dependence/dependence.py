"""Dependences: which instances touch the same element, in the order that is known to be right.

Memory-based and complete (not only the last write before a read), so that updates of one sum can be left
out where their order is free. They hold for every order of the same statements, so they are computed
once per model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import assert_never, cast

import islpy as isl
import numpy as np

from tracealloc.poly.dependence.distances import Form, Shape, form_of, shape_between
from tracealloc.poly.dependence.listed import Order
from tracealloc.poly.isl.bounding_boxes import Same, box_touched, meeting
from tracealloc.poly.isl.named import map_of, renamed_input, with_tuple
from tracealloc.poly.isl.remembered import remembered
from tracealloc.poly.isl.texts import aff_text, iter_names
from tracealloc.poly.model.model import Access, Model, Statement
from tracealloc.poly.model.tree import Leaf, LoopNode, Sequence, Tree
from tracealloc.trace.ir.dtype import Float, Integer, as_integer, index, union_type
from tracealloc.trace.ir.expr import Binary, Expr, Iter, Load, Unary, iters_of, loads_of
from tracealloc.trace.ir.program import Store, reduction_of
from tracealloc.trace.queries.affine import constant, is_affine

__all__ = [
    "Dependence",
    "Paths",
    "changed_from",
    "common_loops",
    "dependences_of",
    "paths_of",
    "numbered_sums",
    "same_sum",
    "time_map",
    "time_text",
]


@dataclass(frozen=True)
class Dependence:
    """Instances of `source` that must come before instances of `sink`, because of one array."""

    source: str
    sink: str
    before: Access
    after: Access
    shape: Shape = field(compare=False, hash=False)
    sum: str | None = None  # both are updates of one sum: "integer" or "float"

    @property
    def relation(self) -> isl.Map:
        """The instances of `source` -> those of `sink`."""
        return renamed_input(with_tuple(self.shape.relation, self.sink), self.source)

    @property
    def kind(self) -> str:
        """``flow``, ``anti`` or ``output``."""
        if not self.before.write:
            return "anti"
        return "output" if self.after.write else "flow"


@dataclass(frozen=True, slots=True)
class Step:
    """One level on the way from the root to a statement: a loop, or a position in a sequence."""

    loop: LoopNode | None
    position: int = 0


Paths = dict[str, tuple[Step, ...]]


def paths_of(tree: Tree) -> Paths:
    """For every statement the loops and sequence positions around it, outermost first."""
    return _paths(Same(tree))


@remembered(8)
def _paths(tree: Same) -> Paths:
    found: Paths = {}

    def visit(node: Tree, above: tuple[Step, ...]) -> None:
        match node:
            case LoopNode(body=body):
                visit(body, (*above, Step(node)))
            case Sequence(children):
                for position, child in enumerate(children):
                    visit(child, (*above, Step(None, position)))
            case Leaf(statement):
                found[statement] = above
            case _:
                assert_never(node)

    visit(cast(Tree, tree.value), ())
    return found


def common_loops(a: tuple[Step, ...], b: tuple[Step, ...]) -> tuple[tuple[LoopNode, ...], int]:
    """The loops around both of two statements, and their order after those (-1, 0 or 1)."""
    loops: list[LoopNode] = []
    for mine, other in zip(a, b, strict=False):
        if mine.loop is None or other.loop is None:
            if mine.position != other.position:
                return tuple(loops), -1 if mine.position < other.position else 1
        elif mine.loop.key == other.loop.key:
            loops.append(mine.loop)
    return tuple(loops), 0


@remembered(4096)
def _time_map(name: str, dims: tuple[Iter, ...], exprs: tuple[Expr, ...]) -> isl.Map:
    return map_of(name, dims, "T", exprs)


def time_map(statement: Statement, loops: tuple[LoopNode, ...]) -> isl.Map:
    """The position of each instance in the given loops (larger is later)."""
    return renamed_input(_time_map("S", statement.dims, _times(statement, loops)), statement.name)


def time_text(statement: Statement, loop: LoopNode) -> str:
    """The position of an instance in a loop in isl's syntax, over ``i0``, ``i1``, ..."""
    text = _text(Same(loop.expr(statement.name)), Same(statement.dims))
    return f"-({text})" if loop.descending else text


@remembered(1 << 15)
def _text(expr: Same, dims: Same) -> str:
    assert isinstance(expr.value, Expr) and isinstance(dims.value, tuple)
    return _text_of(expr.value, dims.value)


@remembered(1 << 13)
def _text_of(expr: Expr, dims: tuple[Iter, ...]) -> str:
    return aff_text(expr, iter_names(dims))


def _times(statement: Statement, loops: tuple[LoopNode, ...]) -> tuple[Expr, ...]:
    exprs = ((loop.expr(statement.name), loop.descending) for loop in loops)
    return tuple(Unary("-", expr, index) if down else expr for expr, down in exprs)


def _conflicting(statement: Statement) -> list[Access]:
    """The accesses that matter for order: a read of exactly what is also written adds nothing."""
    writes = list(statement.writes)
    reads = [
        read
        for read in statement.reads
        if not any(w.space == read.space and w.relation.plain_is_equal(read.relation) for w in writes)
    ]
    return writes + reads


_GROUPS = {"+": "+", "-": "+", "*": "*", "&": "&", "|": "|", "^": "^", "min": "min", "max": "max"}


def _sum_group(statement: Statement) -> str | None:
    """The group of operators that the statement updates its target with, if it is a plain update."""
    node = statement.node
    if not isinstance(node, Store):
        return None
    found = reduction_of(node)
    if found is None or found[0] not in _GROUPS:
        return None
    others = [load for expr in (found[1], *statement.guards, *node.indices) for load in loads_of(expr)]
    if any(load.array == node.array and _may_be_own(statement, load) for load in others):
        return None
    return _GROUPS[found[0]] if _wraps_alike(node, found[0], found[1]) else None


def _may_be_own(statement: Statement, load: Load) -> bool:
    """Whether what an update adds may be the element that it adds to, as in ``x[i] += x[j]`` for i == j."""
    node = statement.node
    assert isinstance(node, Store)
    dims = set(statement.dims)
    if not all(is_affine(i) and iters_of(i) <= dims for i in (*load.indices, *node.indices)):
        return True
    return _meet(statement.domain, statement.dims, node.indices, load.indices)


@remembered(1024)
def _meet(domain: isl.Set, dims: tuple[Iter, ...], a: tuple[Expr, ...], b: tuple[Expr, ...]) -> bool:
    """Whether two lists of subscripts are alike in some instance of a domain."""
    name = domain.get_tuple_name()
    apart = [Binary("-", mine, other, index) for mine, other in zip(a, b, strict=True)]
    zero = map_of(name, dims, "Z", apart).intersect_range(
        map_of("Z", (), "Z", [constant(0)] * len(a)).range()
    )
    return not zero.domain().is_disjoint(domain)


def _wraps_alike(node: Store, op: str, operand: Expr) -> bool:
    """Whether converting each partial result to the element's type leaves the order free.

    Sums modulo 2^n do; a fraction that is cut off, or the lesser of numbers wider than the element, not.
    """
    dtype = node.array.field_type(node.path)
    if isinstance(dtype, Float):
        return operand.dtype == dtype and node.value.dtype == dtype
    if not isinstance(dtype, Integer) or as_integer(operand.dtype) is None:
        return False
    return op not in ("min", "max") or union_type(dtype, operand.dtype) == dtype


def same_sum(a: Statement, b: Statement) -> str | None:
    """Whether two statements update one sum whose order is free: ``integer``, ``float`` or None."""
    group = _sum_group(a)
    if group is None or group != _sum_group(b):
        return None
    assert isinstance(a.node, Store)
    dtype = a.node.array.field_type(a.node.path)
    if isinstance(dtype, Integer):
        return "integer"
    return "float" if isinstance(dtype, Float) else None


def numbered_sums(updates: Iterable[Statement]) -> dict[str, int]:
    """The statements that update sums, each with the number of its sum."""
    groups: list[Statement] = []
    found: dict[str, int] = {}
    for each in updates:
        space = each.writes[0].space
        alike = (k for k, g in enumerate(groups) if g.writes[0].space == space and same_sum(g, each))
        number = next(alike, len(groups))
        groups[number:] = groups[number:] or [each]
        found[each.name] = number
    return found


_Used = dict[str, list[tuple[Access, Form]]]
_Users = dict[str, _Used]


def _users(model: Model) -> _Users:
    """For every isl name of an array, by statement, the accesses that matter for order, in textual order."""
    found: _Users | None = model.memo.get("users")
    if found is None:
        found = {}
        for statement in model.statements:
            for access in _conflicting(statement):
                own = found.setdefault(access.space, {}).setdefault(statement.name, [])
                own.append((access, form_of(access.relation)))
        model.memo["users"] = found
    return found


def _reference_order(model: Model, a: Statement, b: Statement, paths: Paths) -> Order | None:
    """The pairs of instances of two statements that the reference order runs one after the other.

    Instances of the first are called ``A``, those of the second ``B``.
    """
    loops, position = common_loops(paths[a.name], paths[b.name])
    if not loops and position >= 0:
        return None
    first, second = (tuple(time_text(each, loop) for loop in loops) for each in (a, b))
    return Order((len(a.dims), len(b.dims)), first, second, position < 0)


_Pairs = dict[tuple[str, str, str], tuple[Dependence, ...]]
_MOST_ASKED = 16  # sets of statements whose dependences are kept in one list


def dependences_of(model: Model, among: frozenset[str] | None = None) -> tuple[Dependence, ...]:
    """The dependences of a model between statements of `among` (None: all), in its reference order.

    Each pair of statements is looked at when it is first asked for, and remembered.
    """
    asked: dict[frozenset[str] | None, tuple[Dependence, ...]] = model.memo.setdefault("asked", {})
    known = asked.get(among)
    if known is None:
        if len(asked) >= _MOST_ASKED:
            asked.clear()
        known = asked[among] = tuple(_dependences(model, among))
    return known


def _dependences(model: Model, among: frozenset[str] | None) -> Iterator[Dependence]:
    pairs = _remembered(model)
    kinds: _Kinds | None = model.memo.get("kinds")
    for space, ends in _ends(model, among).items():
        users = _users(model)[space]
        for source, sink in ends:
            if among is not None and not (source in among and sink in among):
                continue
            known = pairs.get((source, sink, space))
            if known is None:
                kinds = kinds or model.memo.setdefault("kinds", _Kinds(model))
                known = pairs[source, sink, space] = kinds.between(space, users, source, sink)
            yield from known


def _ends(model: Model, among: frozenset[str] | None) -> dict[str, tuple[tuple[str, str], ...]]:
    """For every array the pairs of statements that may touch an element of it which one of them writes.

    Where `among` are few, pairs of others are not looked at.
    """
    known: dict[str, tuple[tuple[str, str], ...]] | None = model.memo.get("ends")
    if known is not None:
        return known
    few = among is not None and 2 * len(among) < len(model.statements)
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for space, users in _users(model).items():
        own = {name: users[name] for name in users if among and name in among} if few else users
        names = [name for name, accesses in own.items() for _ in accesses]
        accesses = [access for each in own.values() for access, _ in each]
        writes = np.array([access.write for access in accesses])
        if writes.any():
            meet = meeting([box_touched(access.relation) for access in accesses])
            pairs = np.argwhere(meet & (writes[:, None] | writes[None]))
            found[space] = tuple(dict.fromkeys((names[a], names[b]) for a, b in pairs.tolist()))
    if not few:
        model.memo["ends"] = found
    return found


def changed_from(model: Model, earlier: Model, stale: frozenset[str]) -> None:
    """Say that `model` differs from `earlier` only in what touches the arrays called `stale` in isl."""
    model.memo["changed"] = (earlier, stale)


def _remembered(model: Model) -> _Pairs:
    pairs: _Pairs | None = model.memo.get("pairs")
    if pairs is None:
        earlier, stale = model.memo.pop("changed", (None, frozenset()))
        known = {} if earlier is None else _remembered(earlier)
        pairs = model.memo["pairs"] = {key: deps for key, deps in known.items() if key[2] not in stale}
    return pairs


_Template = tuple[tuple[int, int, Shape, str | None], ...]
"""Dependences without names: which accesses of both statements, their shape and sum."""


class _Kinds:
    """Statements of a model by what decides about their dependences, each pair of kinds looked at once."""

    def __init__(self, model: Model) -> None:
        self.model, self.paths = model, paths_of(model.reference)
        self.kinds: dict[object, int] = {}
        self.known: dict[tuple[str, str], int] = {}
        self.places = {
            name: (tuple(id(step.loop) if step.loop else step.position for step in path[:-1]), path[-1:])
            for name, path in self.paths.items()
        }
        self.found: dict[tuple[int, int, int], _Template] = {}

    def between(self, space: str, users: _Used, source: str, sink: str) -> tuple[Dependence, ...]:
        """The dependences from one statement to another through one array."""
        mine, other = self._kind(space, users, source), self._kind(space, users, sink)
        key = mine, other, self._order(source, sink)
        if key not in self.found:
            self.found[key] = tuple(self._template(users, source, sink))
        before, after = users[source], users[sink]
        return tuple(
            [
                Dependence(source, sink, before[k][0], after[n][0], shape, s)
                for k, n, shape, s in self.found[key]
            ]
        )

    def _order(self, source: str, sink: str) -> int:
        """Which of two statements comes first, where their kinds do not say it: in one body, or around it."""
        if source == sink:
            return 0
        (outer, last), (other, end) = self.places[source], self.places[sink]
        same = min(len(outer), len(other))
        if outer[:same] != other[:same]:
            return 2
        mine = last[0].position if len(outer) == same else outer[same]
        return -1 if mine < (end[0].position if len(other) == same else other[same]) else 1

    def _kind(self, space: str, users: _Used, name: str) -> int:
        found = self.known.get((space, name))
        if found is None:
            statement = self.model.statement(name)
            loops = tuple(step.loop for step in self.paths[name] if step.loop is not None)
            outer, last = self.places[name]
            inside = bool(last) and last[0].loop is None
            accesses = tuple((a.write, a.update, form) for a, form in users[name])
            adds = _adds(self.model, statement)
            kind = (
                outer,
                None if inside else name,
                len(statement.dims),
                statement.dims,
                _times(statement, loops),
                accesses,
                (_sum_group(statement), same_sum(statement, statement)) if adds else None,
            )
            found = self.known[space, name] = self.kinds.setdefault(kind, len(self.kinds))
        return found

    def _template(self, users: _Used, source: str, sink: str) -> Iterator[tuple[int, int, Shape, str | None]]:
        first, second = self.model.statement(source), self.model.statement(sink)
        order = _reference_order(self.model, first, second, self.paths)
        found: set[Shape] = set()
        for k, (before, form) in enumerate(users[source] if order is not None else ()):
            for n, (after, other) in enumerate(users[sink]):
                if not (before.write or after.write):
                    continue
                assert order is not None
                shape = shape_between(form, other, order)
                if shape is None or shape in found:
                    continue
                found.add(shape)
                updates = before.write and after.write and not (before.update or after.update)
                kind = same_sum(first, second) if updates and _adds(self.model, first) else None
                yield k, n, shape, kind


def _adds(model: Model, statement: Statement) -> bool:
    """Whether a statement is an update whose order may be free."""
    known: dict[str, bool] = model.memo.setdefault("adds", {})
    found = known.get(statement.name)
    if found is None:
        found = known[statement.name] = same_sum(statement, statement) is not None
    return found
