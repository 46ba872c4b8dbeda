"""Values that the processing elements (PEs) of a grid make, handed on to the next one through queues.

    for p in space:                                for p in space:
        for i: b[i] = H[i, p]                          for i: b[i] = q[p].get()
        ... b[i], c[i] ...                     ->      ... b[i], c[i] ...
        for i: H[i, p + 1] = c[i]                      for i: q[p + 1].put(c[i]); H[i, p + 1] = c[i]

It is right where an element is made by one PE, and each PE takes what the one before it puts: what that one
made or took itself, each once and in the same order. All of it is written down, element by element.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np

from tracealloc.trace.diagnostics.errors import ScheduleError
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Cast, Compare, Const, Expr, IterRef, Load, Unary
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Block,
    If,
    Loop,
    Node,
    Program,
    Store,
    map_blocks,
    read_by,
    touched_by,
    used_by,
    walk_nodes,
)
from tracealloc.trace.network.grids import grid_loop
from tracealloc.trace.network.orders import NotKnown, elements_at, points_of
from tracealloc.trace.queries.intervals import fixed_trips

__all__ = ["Grid", "Queue", "handed_on"]

_MOST = 1 << 21  # elements that are written down


@dataclass(frozen=True)
class _Site:
    """A store into the buffer or out of it, with what is around it and where it stands there."""

    store: Store
    path: tuple[Loop | If, ...]
    places: tuple[int, ...]
    indices: tuple[Expr, ...]  # in the array


@dataclass(frozen=True)
class Grid:
    """A grid of PEs in a program's body, the loop along which values go, and the array they are made for."""

    position: int
    loops: tuple[Loop, ...]
    block: Block
    travel: Loop
    buffer: Array
    source: Array
    into: tuple[_Site, ...]
    back: tuple[_Site, ...]


def handed_on(
    program: Program, buffer: str, travel: str | None, queue_of: Callable[[Grid], Queue]
) -> Program:
    """The program in which each PE gets from the one before it what that one made or got.

    `queue_of` makes the queues of a grid.

    Raises:
        ScheduleError: it cannot.
    """
    grid = _grid(program, buffer, travel)
    if grid is None:
        return program
    passed, made = _checked(grid)
    return _rewritten(program, grid, queue_of(grid), passed, made)


def _refuse(what: str, grid: Grid | None = None, because: str | None = None) -> NoReturn:
    place = None if grid is None else grid.loops[0].place
    raise ScheduleError("TA290", what, place=place, because=[because] if because else [])


# ----------------------------------------------------------------------------------------- what there is


def _grid(program: Program, key: str, travel: str | None) -> Grid | None:
    """The grid that has the buffer; None where it has one PE along the way, which hands nothing on."""
    for position, node in enumerate(program.body):
        loops: list[Loop] = []
        block: Block = (node,)
        while (loop := grid_loop(block)) is not None:
            loops.append(loop)
            block = loop.body
        made = [n.array for n in walk_nodes(block) if isinstance(n, Alloc) and n.array.key == key]
        along = next((loop for loop in loops if loop.iter.key == travel), None)
        if made and along is not None and fixed_trips(along) == 1:
            return None
        if made and along is not None:
            return _sites(position, tuple(loops), block, along, made[0])
    _refuse("no PE has the buffer, or the loop along which it travels is not in space")


def _sites(position: int, loops: tuple[Loop, ...], block: Block, along: Loop, buffer: Array) -> Grid:
    own = {n.array for n in walk_nodes(block) if isinstance(n, Alloc)}
    into: list[tuple[_Site, Array]] = []
    back: list[tuple[_Site, Array]] = []
    for store, path, places in _stores(block, (), ()):
        value = store.value
        if isinstance(value, Load) and not value.path and not store.path and value.array.kind != "stream":
            if store.array == buffer and value.array not in own and value.array.rank:
                into.append((_Site(store, path, places, value.indices), value.array))
            elif value.array == buffer and store.array not in own and store.array.rank:
                back.append((_Site(store, path, places, store.indices), store.array))
    arrays = {array for _, array in back} & {array for _, array in into}  # others are values like any
    if len(arrays) != 1:
        _refuse(f"{buffer.name!r} is not copied from one array and to it")
    (source,) = arrays
    taken = tuple(site for site, array in into if array == source)
    given = tuple(site for site, array in back if array == source)
    uses = sum(
        (source in touched_by(node)) + sum(load.array == source for load in read_by(node))
        for node in walk_nodes(block)
    )
    grid = Grid(position, loops, block, along, buffer, source, taken, given)
    if uses != len(taken) + len(given):
        _refuse(f"{source.name!r} is used by the PEs beside its buffer {buffer.name!r}", grid)
    for loop in loops:
        if not (isinstance(loop.start, Const) and isinstance(loop.stop, Const) and loop.step == 1):
            _refuse(f"{loop.iter.name!r} does not run upwards over the same values in all of the grid", grid)
    return grid


def _stores(
    block: Block, path: tuple[Loop | If, ...], places: tuple[int, ...]
) -> Iterator[tuple[Store, tuple[Loop | If, ...], tuple[int, ...]]]:
    for number, node in enumerate(block):
        if isinstance(node, Store):
            yield node, path, (*places, number)
        elif isinstance(node, Loop):
            yield from _stores(node.body, (*path, node), (*places, number))
        elif isinstance(node, If):
            yield from _stores(node.then, (*path, node), (*places, number))
            other = replace(node, cond=Unary("not", node.cond, node.cond.dtype))
            yield from _stores(node.orelse, (*path, other), (*places, number))


# --------------------------------------------------------------------------------------- who makes what


@dataclass(frozen=True)
class _Copies:
    """What one PE (of each lane) copies at a site: the elements, by number, and when, as columns."""

    elements: np.ndarray
    times: np.ndarray


def _checked(grid: Grid) -> tuple[dict[int, bool], dict[int, bool]]:
    """The sites that get from the one before and those that make, by identity, and whether they put.

    Raises:
        ScheduleError: a PE uses what the one before does not have, or in another order.
    """
    first, stop = (int(end.value) for end in (grid.travel.start, grid.travel.stop))  # type: ignore[attr-defined]
    try:
        copies = {
            id(site): [_copies(grid, site, turn) for turn in range(first, stop)]
            for site in (*grid.into, *grid.back)
        }
    except NotKnown:
        _refuse(f"which elements of {grid.source.name!r} the PEs use depends on data", grid)
    maker = _makers(grid, copies)
    got = {}
    for site in grid.into:
        before = [maker[c.elements] for c in copies[id(site)]]
        if all(np.all((m < 0) | (m == turn)) for turn, m in enumerate(before)):
            continue  # what nobody made yet: it is there from the beginning
        if not all(np.all((m >= 0) & (m < turn)) for turn, m in enumerate(before)):
            _refuse(f"{grid.source.name!r} is read by PEs that stand before the one that makes it", grid)
        got[id(site)] = site
    return _matched(grid, copies, list(got.values()))


def _makers(grid: Grid, copies: dict[int, list[_Copies]]) -> np.ndarray:
    """The PE along the way, counted from 0, that makes each element of each lane; -1: none does."""
    lanes = int(np.prod(_lane_shape(grid))) or 1
    maker = np.full(lanes * grid.source.size, -1)
    every: list[np.ndarray] = []
    for site in grid.back:
        for turn, made in enumerate(copies[id(site)]):
            maker[made.elements] = turn
            every.append(made.elements % grid.source.size)
    whole = np.concatenate(every)
    if len(np.unique(whole)) < len(whole):
        _refuse(f"an element of {grid.source.name!r} is made by several PEs", grid)
    elsewhere = np.full(grid.source.size, False)
    elsewhere[whole] = True
    for site in grid.into:
        for taken in copies[id(site)]:
            mine = maker[taken.elements] >= 0
            if np.any(elsewhere[taken.elements % grid.source.size] & ~mine):
                _refuse(f"an element of {grid.source.name!r} is made in another lane", grid)
    return maker


def _lane_shape(grid: Grid) -> tuple[int, ...]:
    return tuple(int(loop.stop.value) for loop in grid.loops if loop is not grid.travel)  # type: ignore[attr-defined]


def _copies(grid: Grid, site: _Site, turn: int) -> _Copies:
    here = replace(grid.travel, start=Const(turn, index), stop=Const(turn + 1, index))
    lanes = [loop for loop in grid.loops if loop is not grid.travel]
    count, points = points_of((here, *lanes, *site.path), _MOST)
    indices = (*(IterRef(loop.iter) for loop in lanes), *site.indices)
    elements = elements_at(count, points, indices, (*_lane_shape(grid), *grid.source.shape))
    columns: list[Any] = [points[loop.iter] for loop in lanes]
    for place, node in zip(site.places, (*site.path, None), strict=True):
        columns.append(np.full(count, place))
        if isinstance(node, Loop):
            columns.append(np.sign(node.step) * points[node.iter])
    return _Copies(elements, np.stack(columns, axis=1) if count else np.zeros((0, len(columns))))


def _in_order(parts: Sequence[_Copies]) -> np.ndarray:
    """The elements of several sites in the order in which a PE comes to them, lane by lane."""
    width = max((part.times.shape[1] for part in parts), default=0)
    if not width:
        return np.zeros(0, np.int64)
    times = [np.pad(part.times, ((0, 0), (0, width - part.times.shape[1]))) for part in parts]
    elements = np.concatenate([part.elements for part in parts])
    return elements[np.lexsort(np.concatenate(times).T[::-1])]


def _matched(
    grid: Grid, copies: dict[int, list[_Copies]], gets: list[_Site]
) -> tuple[dict[int, bool], dict[int, bool]]:
    """Which sites put what they got or made: those of which the next PE takes all, and in that order."""
    taken = [_in_order([copies[id(site)][turn] for site in gets]) for turn in range(len(_turns(copies)))]
    puts: dict[int, bool] = {}
    for site in (*gets, *grid.back):
        mine = copies[id(site)][:-1]
        wanted = [np.isin(c.elements, following) for c, following in zip(mine, taken[1:], strict=True)]
        puts[id(site)] = any(bool(np.any(each)) for each in wanted)
        if puts[id(site)] and not all(bool(np.all(each)) for each in wanted):
            _refuse(f"the next PE takes some of the elements of {grid.source.name!r}, and not others", grid)
    for turn, following in enumerate(taken[1:]):
        given = _in_order([copies[key][turn] for key, put in puts.items() if put])
        if len(given) != len(following) or not np.array_equal(given, following):
            same = min(len(given), len(following))
            differ = np.flatnonzero(given[:same] != following[:same])
            at = int(differ[0]) if differ.size else same
            here = grid.travel.iter.name
            told = [_named(grid, each, at) for each in (given, following)]
            _refuse(
                f"neighbours along {here!r} do not use {grid.source.name!r} in one order",
                grid,
                f"{here} = {turn} hands on {told[0]} as number {at}, and the next one wants {told[1]}",
            )
    return {id(site): puts[id(site)] for site in gets}, {id(site): puts[id(site)] for site in grid.back}


def _turns(copies: dict[int, list[_Copies]]) -> list[_Copies]:
    return next(iter(copies.values()))


def _named(grid: Grid, elements: np.ndarray, at: int) -> str:
    if at >= len(elements):
        return "nothing"
    place = np.unravel_index(int(elements[at]) % grid.source.size, grid.source.shape)
    return f"{grid.source.name}[{', '.join(str(int(k)) for k in place)}]"


# --------------------------------------------------------------------------------------------- the text


@dataclass(frozen=True)
class Queue:
    """The queues of a grid: the array, and the subscripts of a PE's own and of the next one's."""

    array: Array
    own: tuple[Expr, ...]
    following: tuple[Expr, ...]


def _rewritten(
    program: Program, grid: Grid, queue: Queue, gets: dict[int, bool], puts: dict[int, bool]
) -> Program:
    last = Const(int(grid.travel.stop.value) - 1, index)  # type: ignore[attr-defined]
    kept = _is_seen(program, grid)
    fill = _fill(program, grid)

    def put(site: _Site, value: Expr) -> Node:
        store = Store(queue.array, queue.following, value, (), site.store.place)
        return If(Compare("<", IterRef(grid.travel.iter), last), (store,), (), site.store.place)

    changed: dict[int, Block] = {}
    for site in grid.into:
        store = site.store
        if id(site) not in gets:
            changed[id(store)] = (store if fill is None else replace(store, value=fill),)
            continue
        taken: list[Node] = [replace(store, value=Load(queue.array, queue.own))]
        if gets[id(site)]:
            taken.append(put(site, Load(store.array, store.indices)))
        changed[id(store)] = tuple(taken)
    for site in grid.back:
        more = (put(site, site.store.value),) if puts[id(site)] else ()
        changed[id(site.store)] = (*more, *((site.store,) if kept or not more else ()))

    def block(nodes: Block) -> Block:
        return tuple(new for node in nodes for new in changed.get(id(node), (map_blocks(node, block),)))

    inside = block(grid.block)
    for loop in reversed(grid.loops):
        inside = (replace(loop, body=inside),)
    at = grid.position
    made = Alloc(queue.array, None, grid.loops[0].place)
    body = (*program.body[:at], made, *inside, *program.body[at + 1 :])
    if not any(grid.source in used_by(n) for n in walk_nodes(body) if not isinstance(n, Alloc)):
        body = tuple(n for n in body if not (isinstance(n, Alloc) and n.array == grid.source))
    return replace(program, body=body)


def _is_seen(program: Program, grid: Grid) -> bool:
    """Whether anybody but the PEs sees what they store."""
    others = [n for k, n in enumerate(program.body) if k != grid.position and not isinstance(n, Alloc)]
    used = {array for node in walk_nodes(tuple(others)) for array in used_by(node)}
    return grid.source in (*program.args, *program.results) or grid.source in used


def _fill(program: Program, grid: Grid) -> Expr | None:
    """What elements hold that nobody makes; None where it must be looked up."""
    before = program.body[: grid.position]
    made = next((n for n in before if isinstance(n, Alloc) and n.array == grid.source), None)
    if made is None or not isinstance(made.fill, Const):
        return None
    others = tuple(n for n in before if n is not made)
    if any(grid.source in touched_by(node) for node in walk_nodes(others)):
        return None
    fill = made.fill
    return fill if fill.dtype == grid.source.dtype else Cast(fill, grid.source.dtype)
