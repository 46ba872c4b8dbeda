"""A buffer of processing elements (PEs) that gets its elements from a neighbour, through queues.

    for i in space: for j in space:         for i in space: for k: q[i, 0].put(A[i, k])
        for k: b[k] = A[i, k]          ->   for i in space: for j in space: for k:
        ... b[k] ...                            b[k] = q[i, j].get(); if j < last: q[i, j + 1].put(b[k])

It is right where all along the way copy the same elements in the same order: where nothing in the copy says
which of them it is. Partial sums, which are copied in and out again, go the same way: the first begins with
what the array is filled with, the last one stores.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NoReturn

import numpy as np

from tracealloc.trace.diagnostics.errors import ScheduleError
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import (
    Binary,
    Cast,
    Compare,
    Const,
    Expr,
    Iter,
    IterRef,
    Load,
    iters_of,
    loads_of,
    substitute,
)
from tracealloc.trace.ir.layout import UNMARKED, Marks
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Block,
    Call,
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
from tracealloc.trace.ir.rewrite import map_accesses, map_expressions
from tracealloc.trace.network.grids import grid_loop
from tracealloc.trace.network.orders import NotKnown, elements_of
from tracealloc.trace.network.policies import Asked, room
from tracealloc.trace.queries.affine import constant, linear, simplify
from tracealloc.trace.queries.intervals import fixed_trips
from tracealloc.trace.record.naming import unused

__all__ = ["Relay", "relayed"]

_MOST = 1 << 22  # elements that are looked at one by one


@dataclass(frozen=True, slots=True)
class Relay:
    """What was asked: the buffer (its key), the loop in space along which it travels (its key; None: it does
    not, and each PE has a queue of its own), and how deep the queues are to be."""

    buffer: str
    travel: str | None
    depth: Asked


@dataclass(frozen=True)
class _Copy:
    """A store that copies to or from the buffer, in the loops and conditions of a PE around it."""

    store: Store
    path: tuple[Loop | If, ...]
    indices: tuple[Expr, ...]  # in the array that is copied


@dataclass(frozen=True)
class _Element:
    """The grid, and how one of its elements copies."""

    position: int  # of the grid in the program's body
    loops: tuple[Loop, ...]
    block: Block
    into: _Copy
    back: _Copy | None
    source: Array
    buffer: Array


def relayed(program: Program, relay: Relay) -> Program:
    """The program in which the buffer is fed through queues, and holds what is live.

    Raises:
        ScheduleError: neighbours do not copy the same elements in the same order.
    """
    found = _element(program, relay)
    if found is None:
        return program
    travel = next((loop for loop in found.loops if loop.iter.key == relay.travel), None)
    if relay.travel is not None and travel is None:
        _fail(f"the loop along which {found.buffer.name!r} travels is not in space any more", found)
    for copy in (found.into, found.back):
        if copy is not None:
            _check_same(copy, travel, found)
    done = _summed(program, found, travel, relay) if found.back else _forwarded(program, found, travel, relay)
    return replace(done, body=tuple(_small(node, found.buffer) for node in done.body))


def _fail(what: str, found: _Element | None = None, hint: str | None = None) -> NoReturn:
    place = None if found is None else found.into.store.place or found.loops[0].place
    raise ScheduleError("TA290", what, place=place, hint=hint)


# -------------------------------------------------------------------------------------- what there is


def _element(program: Program, relay: Relay) -> _Element | None:
    """The grid that has the buffer; None where nothing is copied into it, and it has one PE along the way."""
    for position, node in enumerate(program.body):
        loops: list[Loop] = []
        block: Block = (node,)
        while (loop := grid_loop(block)) is not None:
            loops.append(loop)
            block = loop.body
        made = [n.array for n in walk_nodes(block) if isinstance(n, Alloc) and n.array.key == relay.buffer]
        if loops and made:
            return _copies(position, tuple(loops), block, made[0], relay.travel)
    _fail("no PE has the buffer: it is made in the loops of a grid of s.unfold", hint="s.unfold first")


def _copies(
    position: int, loops: tuple[Loop, ...], block: Block, buffer: Array, travel: str | None
) -> _Element | None:
    own = {n.array for n in walk_nodes(block) if isinstance(n, Alloc)}
    into: list[tuple[_Copy, Array]] = []
    back: list[tuple[_Copy, Array]] = []
    for store, path in _stores(block, ()):
        value = store.value.operand if isinstance(store.value, Cast) else store.value
        if not isinstance(value, Load) or value.path or store.path or value.array.kind == "stream":
            continue  # a field is not an element, and each get gives another one
        if store.array == buffer and value.array not in own and value.array.rank:
            into.append((_Copy(store, path, value.indices), value.array))
        elif value.array == buffer and store.array not in own and store.array.rank:
            back.append((_Copy(store, path, store.indices), store.array))
    along = next((loop for loop in loops if loop.iter.key == travel), None)
    if not into and len(back) == 1 and along is not None and fixed_trips(along) == 1:
        return None
    if len(into) != 1 or len(back) > 1:
        _fail(f"{buffer.name!r} is not copied once into each PE", hint="relay a buffer of s.buffer_at")
    (copy, source) = into[0]
    found = _Element(position, loops, block, copy, back[0][0] if back else None, source, buffer)
    if back and back[0][1] != source:
        _fail(f"{buffer.name!r} is copied from {source.name!r} and to {back[0][1].name!r}", found)
    for loop in loops:
        if not (isinstance(loop.start, Const) and isinstance(loop.stop, Const) and loop.step == 1):
            _fail(f"{loop.iter.name!r} does not run upwards over the same values in all of the grid", found)
    return found


def _stores(block: Block, path: tuple[Loop | If, ...]) -> Iterator[tuple[Store, tuple[Loop | If, ...]]]:
    for node in block:
        if isinstance(node, Store):
            yield node, path
        elif isinstance(node, Loop):
            yield from _stores(node.body, (*path, node))
        elif isinstance(node, If):
            yield from _stores(node.then, (*path, node))


def _check_same(copy: _Copy, travel: Loop | None, found: _Element) -> None:
    """All along the way the same elements are copied, in the same order."""
    parts: list[Expr] = list(copy.indices)
    for node in copy.path:
        parts += [node.start, node.stop] if isinstance(node, Loop) else [node.cond]
    if any(load.indices or load.array.parameter is None for part in parts for load in loads_of(part)):
        _fail(f"what is copied into {found.buffer.name!r} depends on data", found)
    if travel is not None and any(travel.iter in iters_of(part) for part in parts):
        at = ", ".join(map(_shown, copy.indices))
        _fail(
            f"neighbours along {travel.iter.name!r} copy different elements: {found.source.name}[{at}]",
            found,
            "the values travel along the other axis: axis= is the one along which the elements vary",
        )


def _shown(expr: Expr) -> str:
    from tracealloc.trace.ir.text import expr_text

    return expr_text(expr)


# ------------------------------------------------------------------------------------- inputs, forwarded


def _queue(program: Program, found: _Element, depth: Asked) -> Array:
    names = {array.name for array in program.arrays()}
    shape = tuple(int(loop.stop.value) - int(loop.start.value) for loop in found.loops)  # type: ignore[attr-defined]
    name, source = unused(f"{found.source.name}_fifo", names), found.source
    return Array(f"{found.buffer.key}:queue", name, source.dtype, shape, "stream", depth=room(depth))


def _next(found: _Element, travel: Loop) -> tuple[Expr, ...]:
    """The queue of the next one."""
    return tuple(_number(IterRef(loop.iter), loop, 1 if loop is travel else 0) for loop in found.loops)


def _own(found: _Element) -> tuple[Expr, ...]:
    return tuple(_number(IterRef(loop.iter), loop) for loop in found.loops)


def _number(value: Expr, loop: Loop, more: int = 0) -> Expr:
    """The number of a PE in the grid, from 0: a loop need not begin there."""
    assert isinstance(loop.start, Const)
    off = more - int(loop.start.value)
    return Binary("+", value, constant(off), index) if off else value


def _forwarded(program: Program, found: _Element, travel: Loop | None, relay: Relay) -> Program:
    if any(found.source in touched_by(node) for node in walk_nodes(found.block)):
        _fail(f"the PEs store to {found.source.name!r}, from which {found.buffer.name!r} is copied", found)
    queue = _queue(program, found, relay.depth)
    store = found.into.store
    own: Expr = Load(queue, _own(found))
    changed: list[Node] = []
    if isinstance(store.value, Cast):  # what goes on is what came, not what the buffer makes of it
        head = Array(f"{queue.key}:head", f"{queue.name}_head", queue.dtype, (), "value")
        changed.append(Store(head, (), own, (), store.place))
        own = Load(head)
    changed.append(replace(store, value=_as(store, own)))
    if travel is not None:
        last = Const(int(travel.stop.value) - 1, index)  # type: ignore[attr-defined]
        passed = own if changed[1:] else Load(store.array, store.indices)
        put = Store(queue, _next(found, travel), passed, (), store.place)
        changed.append(If(Compare("<", IterRef(travel.iter), last), (put,), (), store.place))
    grid = _rebuilt(found, {id(store): tuple(changed)})
    loader = _loader(found, travel, queue)
    at = found.position
    made = Alloc(queue, None, store.place)
    return replace(program, body=(*program.body[:at], made, loader, grid, *program.body[at + 1 :]))


def _as(store: Store, value: Expr) -> Expr:
    return replace(store.value, operand=value) if isinstance(store.value, Cast) else value


def _loader(found: _Element, travel: Loop | None, queue: Array) -> Node:
    """Puts what a lane needs into its first queue: the elements in the order in which the PEs copy them."""
    inner = list(found.into.path)
    lanes = [loop for loop in found.loops if loop is not travel]
    fresh: dict[Iter, Expr] = {}
    for loop in (*lanes, *(each for each in inner if isinstance(each, Loop))):
        fresh[loop.iter] = IterRef(Iter(f"{loop.iter.key}:{queue.key}", loop.iter.name))

    def moved(expr: Expr) -> Expr:
        return substitute(expr, fresh)

    at = tuple(
        constant(0) if loop is travel else _number(moved(IterRef(loop.iter)), loop) for loop in found.loops
    )
    load = Load(found.source, tuple(map(moved, found.into.indices)))
    node: Node = Store(queue, at, load, (), found.into.store.place)
    innermost = True
    for around in reversed(inner):
        if isinstance(around, If):
            node = If(moved(around.cond), (node,), (), around.place)
            continue
        once = linear(simplify(Binary("-", around.stop, around.start, index)))
        if once is not None and not once.terms and once.constant == 1 and around.step == 1:
            node = _put_in(node, fresh[around.iter], moved(around.start))
            continue
        it = fresh[around.iter].iter  # type: ignore[attr-defined]
        marks = Marks(pipeline=1) if innermost else UNMARKED
        innermost = False
        node = Loop(it, moved(around.start), moved(around.stop), around.step, (node,), marks=marks)
    for lane in reversed(lanes):
        it = fresh[lane.iter].iter  # type: ignore[attr-defined]
        node = Loop(it, lane.start, lane.stop, 1, (node,), marks=Marks(space=True))
    return replace(node, band=f"load_{found.source.name}") if isinstance(node, Loop) else node


def _put_in(node: Node, it: Expr, value: Expr) -> Node:
    assert isinstance(it, IterRef)
    return map_expressions(node, lambda expr: substitute(expr, {it.iter: value}))


def _rebuilt(found: _Element, changed: dict[int, Block]) -> Node:
    def block(nodes: Block) -> Block:
        return tuple(new for node in nodes for new in changed.get(id(node), (map_blocks(node, block),)))

    inside = block(found.block)
    for loop in reversed(found.loops):
        inside = (replace(loop, body=inside),)
    return inside[0]


# ------------------------------------------------------------------------------------------ what is left


def _small(node: Node, buffer: Array) -> Node:
    """Loops that run once and only copy are put in; a buffer of which one element is live is a scalar."""
    if buffer not in _used((node,)):
        return node

    def block(nodes: Block) -> Block:
        return _shrunk(tuple(x for n in nodes for x in _once(_small(n, buffer), buffer)), buffer)

    return map_blocks(node, block)


def _once(node: Node, buffer: Array) -> Block:
    if not isinstance(node, Loop) or node.place is not None or node.step != 1:
        return (node,)
    if not any(isinstance(n, Store) and n.array == buffer for n in walk_nodes(node.body)):
        return (node,)
    length = linear(simplify(Binary("-", node.stop, node.start, index)))
    if length is None or length.terms or length.constant != 1:
        return (node,)
    values: dict[Iter, Expr] = {node.iter: node.start}
    return tuple(map_expressions(n, lambda e: _short(substitute(e, values))) for n in node.body)


def _short(expr: Expr) -> Expr:
    """An expression whose subscripts were put together, as short as it gets."""
    return simplify(expr) if linear(expr) is not None else expr


def _shrunk(block: Block, buffer: Array) -> Block:
    """The buffer as a scalar of a loop's iteration, where all of its uses are there and of one element."""
    made = [n for n in block if isinstance(n, Alloc) and n.array == buffer]
    users = [n for n in block if n not in made and buffer in _used((n,))]
    if not made or not buffer.rank or made[0].fill is not None or len(users) != 1:
        return block
    (loop,) = users
    if not isinstance(loop, Loop) or buffer in used_by(loop):
        return block
    places = {load.indices for n in walk_nodes(loop.body) for load in read_by(n) if load.array == buffer}
    places |= {n.indices for n in walk_nodes(loop.body) if isinstance(n, Store) and n.array == buffer}
    passed = any(isinstance(n, Call) and buffer in used_by(n) for n in walk_nodes(loop.body))
    first = next(n for n in loop.body if buffer in _used((n,)))
    if len(places) != 1 or passed or not _sets(first, buffer):
        return block
    inner = {n.iter for n in walk_nodes(loop.body) if isinstance(n, Loop)}
    if any(iters_of(index) & inner for at in places for index in at):
        return block
    scalar = replace(buffer, shape=())
    moved = {buffer: (scalar, lambda _: ())}.get
    body = (Alloc(scalar, None, made[0].place), *(map_accesses(n, moved) for n in loop.body))
    return tuple(replace(loop, body=body) if n is loop else n for n in block if n not in made)


def _used(block: Block) -> set[Array]:
    return {array for node in walk_nodes(block) for array in used_by(node)}


def _sets(node: Node, buffer: Array) -> bool:
    """Whether a node stores to the buffer before anything reads it."""
    if isinstance(node, Store):
        return node.array == buffer and all(load.array != buffer for load in read_by(node))
    if isinstance(node, If):
        return all(part and _sets(part[0], buffer) for part in (node.then, node.orelse))
    return False


# ------------------------------------------------------------------------------------------ partial sums


def _summed(program: Program, found: _Element, travel: Loop | None, relay: Relay) -> Program:
    back, into, name = found.back, found.into, found.source.name
    assert back is not None
    if travel is None:
        _fail(f"partial sums of {name!r} travel along a loop in space, and this one is over time", found)
    if _straight(into) != _straight(back):
        _fail(
            f"what is copied into {found.buffer.name!r} and out of it is not the same, in the same order",
            found,
        )
    uses = sum(found.source in used_by(node) for node in walk_nodes(found.block))
    if uses != 2:
        _fail(f"{name!r} is used by the PEs beside its buffer {found.buffer.name!r}", found)
    made = next((n for n in program.body if isinstance(n, Alloc) and n.array == found.source), None)
    if made is None or not isinstance(made.fill, Const):
        _fail(
            f"the first PE begins with what {name!r} holds, which the last one stores to", found,
            f"let the kernel make it: {name} = ta.zeros(...), and add what it held afterwards",
        )  # fmt: skip
    _check_once(found, travel)
    queue = _queue(program, found, relay.depth)
    here = IterRef(travel.iter)
    last = Const(int(travel.stop.value) - 1, index)  # type: ignore[attr-defined]
    store = into.store
    fill: Expr = made.fill if made.fill.dtype == found.source.dtype else Cast(made.fill, found.source.dtype)
    begin = replace(store, value=_as(store, fill))
    get = replace(store, value=_as(store, Load(queue, _own(found))))
    first = If(Compare("==", here, travel.start), (begin,), (get,), store.place)
    put = Store(queue, _next(found, travel), back.store.value, (), back.store.place)
    end = If(Compare("==", here, last), (back.store,), (put,), back.store.place)
    grid = _rebuilt(found, {id(store): (first,), id(back.store): (end,)})
    at = found.position
    alloc = Alloc(queue, None, store.place)
    before = program.body[:at]
    if _covers(found, back, travel):  # nothing is left of what it is filled with
        before = tuple(replace(node, fill=None) if node is made else node for node in before)
    return replace(program, body=(*before, alloc, grid, *program.body[at + 1 :]))


def _check_once(found: _Element, travel: Loop) -> None:
    """A sum passes each PE once: the first begins it, and the last one stores it."""
    parts, rank = _straight(found.into), len(found.into.indices)
    said = {part.iter.key for part in parts[len(parts) - rank :] if isinstance(part, IterRef)}
    inner = {
        f"depth {k}" for k, part in enumerate(parts[:-rank]) if isinstance(part, tuple) and len(part) == 3
    }
    if inner | {loop.iter.key for loop in found.loops if loop is not travel} <= said:
        return
    numbers = _elements(found, found.into, travel)
    if numbers is not None and len(np.unique(numbers)) == len(numbers):
        return
    loops = [
        node for node in (*found.loops, *found.into.path) if isinstance(node, Loop) and node is not travel
    ]
    exprs = [*found.into.indices, *(end for loop in loops for end in (loop.start, loop.stop))]
    used = {it for expr in exprs for it in iters_of(expr)}
    again = [loop.iter.name for loop in loops if loop.iter not in used and fixed_trips(loop) != 1]
    what = f"in each iteration of {again[0]!r}" if again else "more than once"
    _fail(
        f"partial sums of {found.source.name!r} pass the PEs {what}, and each begins anew", found,
        "unfold all iterations that add to an element, or relay other buffers",
    )  # fmt: skip


def _elements(found: _Element, copy: _Copy, travel: Loop) -> np.ndarray | None:
    """The elements, by number, that are copied in all lanes; None where that is not known."""
    lanes = [loop for loop in found.loops if loop is not travel]
    try:
        return elements_of((*lanes, *copy.path), copy.indices, found.source.shape, _MOST)
    except NotKnown:
        return None


def _covers(found: _Element, back: _Copy, travel: Loop) -> bool:
    """Whether what the last PEs copy out is every element of the array."""
    numbers = _elements(found, back, travel)
    return numbers is not None and len(np.unique(numbers)) == found.source.size


def _straight(copy: _Copy) -> tuple[object, ...]:
    """Loops and subscripts of a copy, loops that run once put in, iterators by their depth."""
    values: dict[Iter, Expr] = {}
    found: list[object] = []

    def now(expr: Expr) -> Expr:
        return simplify(substitute(expr, values))

    for node in copy.path:
        if isinstance(node, If):
            found.append(("if", now(node.cond)))
            continue
        start, stop = now(node.start), now(node.stop)
        length = linear(simplify(Binary("-", stop, start, index)))
        if length is not None and not length.terms and length.constant == 1:
            values[node.iter] = start
            continue
        values[node.iter] = IterRef(Iter(f"depth {len(found)}", node.iter.name))
        found.append((start, stop, node.step))
    return (*found, *map(now, copy.indices))
