"""Where a process stores an array or reads it, in order: also in the kernels that it calls.

    f(A, B):                           B's sites in f(A, B):
        for i in 0:4: B[i] = ...           store B[i], i in 0:4
        for i in 4:8: B[i] = ...           store B[i], i in 4:8

All is written down element by element.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn, assert_never

import numpy as np

from tracealloc.trace.diagnostics.errors import ScheduleError
from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.expr import Expr, Iter, Unary, loads_of
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Block,
    Call,
    If,
    Loop,
    Node,
    Region,
    Slice,
    Store,
    While,
    read_by,
    used_by,
    walk_nodes,
)
from tracealloc.trace.network.numbers import values_of
from tracealloc.trace.network.orders import NotKnown, elements_at, points_of
from tracealloc.trace.queries.affine import constant

__all__ = ["Event", "Site", "events_of", "fail", "sites_of", "uses", "whole_of"]

_MOST = 1 << 23  # elements that are written down
_UNKNOWN = {
    "data": "which elements of {!r} flow depends on data",
    "size": "how many elements of {!r} flow is known when the kernel is called",
    "many": f"more than {_MOST:,} elements of {{!r}} flow, too many to compare",
}


@dataclass(frozen=True)
class Site:
    """A statement that stores or reads an element, with the loops and conditions around it in its function.

    `places` is where it stands: its number in each block from the process on, the last among the accesses of
    the statement. `nodes` are several where data choose which is run, and each stores the same element.
    `maybe`: data choose whether it is run.
    """

    nodes: tuple[Node, ...]
    path: tuple[Loop | If, ...]
    places: tuple[int, ...]
    around: tuple[Loop | If | None, ...]
    indices: tuple[Expr, ...]
    stores: bool
    maybe: bool = False

    @property
    def place(self) -> Place | None:
        """Where the user wrote it."""
        return self.nodes[0].place

    @property
    def its(self) -> tuple[Iter, ...]:
        """The iterators of the loops around."""
        return tuple(node.iter for node in self.path if isinstance(node, Loop))


@dataclass(frozen=True)
class Event:
    """All that happens at a site: the element (a number) and the iterators at each iteration, and when."""

    site: Site
    points: dict[Iter, np.ndarray]
    elements: np.ndarray
    times: np.ndarray


def fail(what: str, at: Site | None = None, because: str | None = None, hint: str | None = None) -> NoReturn:
    """Refuse to make a queue.

    Raises:
        ScheduleError: always.
    """
    reasons = [because] if because else []
    raise ScheduleError("TA291", what, place=None if at is None else at.place, because=reasons, hint=hint)


def uses(block: Block, array: Array) -> bool:
    """Whether a block names the array."""
    return any(array in used_by(node) for node in walk_nodes(block))


def whole_of(call: Call, array: Array) -> tuple[Array, ...]:
    """The argument or result of the called kernel that is the whole array (none: it is not passed).

    Raises:
        ScheduleError: it gets a part, or the array twice.
    """
    name = call.program.name
    pairs = (
        *zip(call.program.args, call.args, strict=True),
        *zip(call.program.results, call.results, strict=True),
    )
    parts = [(f, part) for f, part in pairs if isinstance(part, Region) and part.array == array]
    every = tuple(Slice(constant(0), extent) for extent in array.shape)
    for formal, part in parts:
        if part.indices != every or formal.shape != array.shape:
            fail(f"a part of {array.name!r} is passed to {name!r}", hint=f's.inline("{name}")')
    if len(parts) > 1:
        fail(f"{array.name!r} is passed to {name!r} {len(parts)} times", hint=f's.inline("{name}")')
    return tuple(formal for formal, _ in parts)


# ---------------------------------------------------------------------------------------------- the sites


@dataclass(frozen=True)
class _At:
    """Where a node stands while a process is looked through."""

    path: tuple[Loop | If, ...] = ()
    places: tuple[int, ...] = ()
    around: tuple[Loop | If | None, ...] = ()
    maybe: bool = False

    def inside(self, number: int, node: Loop | If | None) -> _At:
        path = self.path if node is None else (*self.path, node)
        return replace(self, path=path, places=(*self.places, number), around=(*self.around, node))

    def site(self, node: Node, number: int, turn: int, indices: tuple[Expr, ...], stores: bool) -> Site:
        places, around = (*self.places, number, turn), (*self.around, None, None)
        return Site((node,), self.path, places, around, indices, stores, self.maybe)


def sites_of(process: Node, array: Array) -> list[Site]:
    """The stores of a process to the array and its reads, in the order of the text.

    Raises:
        ScheduleError: the order of what it does is not known.
    """
    return list(_sites((process,), array, _At()))


def _sites(block: Block, array: Array, at: _At) -> Iterator[Site]:
    for number, node in enumerate(block):
        if not uses((node,), array):
            continue
        reads = dict.fromkeys(load.indices for load in read_by(node) if load.array == array)
        for turn, indices in enumerate(reads):
            site = at.site(node, number, turn, indices, False)
            _check_read(node, array, site)
            yield site
        match node:
            case Store(array=stored, indices=indices) if stored == array:
                yield at.site(node, number, len(reads), indices, True)
            case Loop(body=body):
                if node.marks.space:
                    fail(f"{array.name!r} is used by a grid of processes", because="a queue has two ends")
                yield from _sites(body, array, at.inside(number, node))
            case If():
                yield from _chosen(node, array, at, number)
            case Call():
                yield from _passed(node, array, at, number)
            case While():
                fail(f"{array.name!r} is used in a while loop", because="its order is not known there")
            case Alloc() | Store():
                pass
            case _:
                assert_never(node)


def _check_read(node: Node, array: Array, at: Site) -> None:
    if any(load.array == array for each in at.indices for load in loads_of(each)):
        fail(f"an element of {array.name!r} says which other one is read", at)
    if isinstance(node, Loop | While):
        fail(f"an element of {array.name!r} says how far a loop runs", at, hint="read it to a scalar before")
    if isinstance(node, Alloc):
        fail(
            f"{node.array.name!r} is filled with an element of {array.name!r}", at, hint="store it in a loop"
        )


def _chosen(node: If, array: Array, at: _At, number: int) -> Iterator[Site]:
    """The sites in both parts of a condition; where data decide, one store in each may be the same."""
    count = len(node.then)
    if _is_known(node.cond, at.path):
        other = replace(node, cond=Unary("not", node.cond, node.cond.dtype))
        yield from _sites(node.then, array, at.inside(number, node))
        yield from _shifted(_sites(node.orelse, array, at.inside(number, other)), len(at.places) + 1, count)
        return
    plain = replace(at.inside(number, None), maybe=True)
    then = list(_sites(node.then, array, plain))
    orelse = list(_shifted(_sites(node.orelse, array, plain), len(plain.places), count))
    stores = [[site for site in part if site.stores] for part in (then, orelse)]
    yield from (site for site in (*then, *orelse) if not site.stores)
    if not any(stores):
        return
    if [len(part) for part in stores] == [1, 1]:
        first, second = stores[0][0], stores[1][0]
        if first.indices == second.indices and first.path == second.path == at.path:
            yield replace(first, nodes=(*first.nodes, *second.nodes), maybe=at.maybe)
            return
    fail(f"data choose whether {array.name!r} is stored", (*stores[0], *stores[1])[0])


def _shifted(sites: Iterator[Site], at: int, by: int) -> Iterator[Site]:
    """Sites of an else part stand behind those of the part before it."""
    for site in sites:
        places = (*site.places[:at], site.places[at] + by, *site.places[at + 1 :])
        yield replace(site, places=places)


def _is_known(cond: Expr, path: Sequence[Loop | If]) -> bool:
    """Whether a condition is one on iterators."""
    its = {node.iter: np.zeros(1, np.int64) for node in path if isinstance(node, Loop)}
    return values_of(cond, its) is not None


def _passed(call: Call, array: Array, at: _At, number: int) -> Iterator[Site]:
    formals = whole_of(call, array)
    if not formals:
        return
    name, (formal,) = call.program.name, formals
    if at.path or at.maybe:
        fail(
            f"{array.name!r} is passed to {name!r} in a loop or under a condition",
            because="its order is not known there",
            hint=f's.inline("{name}")',
        )
    if call.program.concurrent:
        fail(f"{array.name!r} is used by {name!r}, which is a network of its own")
    if call.results and formal in call.program.args and formal in call.program.results:
        fail(f"{name!r} returns {array.name!r}, which it is passed")
    yield from _sites(call.program.body, formal, at.inside(number, None))


# ----------------------------------------------------------------------------------------- what they do


def events_of(array: Array, sites: Sequence[Site]) -> list[Event]:
    """What happens at each site.

    Raises:
        ScheduleError: it is not known here.
    """
    return [_event(array, site) for site in sites]


def _event(array: Array, site: Site) -> Event:
    try:
        count, points = points_of(site.path, _MOST)
        elements = elements_at(count, points, site.indices, array.shape)
    except NotKnown as found:
        fail(_UNKNOWN[found.why].format(array.name), site)
    columns: list[Any] = []
    for place, node in zip(site.places, site.around, strict=True):
        columns.append(np.full(count, place))
        if isinstance(node, Loop):
            columns.append(np.sign(node.step) * points[node.iter])
    return Event(site, points, elements, np.stack(columns, axis=1))
