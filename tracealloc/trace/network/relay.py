"""A buffer of processing elements (PEs) that gets its elements from a neighbour, through queues.

    for i in space: for j in space:         for i in space: for k: q[i, 0].put(A[i, k])
        for k: b[k] = A[i, k]          ->   for i in space: for j in space: for k:
        ... b[k] ...                            b[k] = q[i, j].get(); if j < last: q[i, j + 1].put(b[k])

It is right where all along the way copy the same elements in the same order: where nothing in the copy says
which of them it is. Partial sums, which are copied in and out again, go the same way: the first begins with
what the array is filled with, the last one stores.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

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
from tracealloc.trace.network.copied import (
    Copy,
    Element,
    check_same,
    copied_elements,
    element_of,
    is_one_element,
    refuse,
    same_copies,
    straight,
)
from tracealloc.trace.network.handed import Grid, Queue, handed_on
from tracealloc.trace.network.policies import Asked, room
from tracealloc.trace.queries.affine import constant, linear, simplify
from tracealloc.trace.queries.intervals import fixed_trips
from tracealloc.trace.record.naming import unused

__all__ = ["Relay", "relayed"]


@dataclass(frozen=True, slots=True)
class Relay:
    """What was asked: the buffer (its key), the loop in space along which it travels (its key; None: it does
    not, and each PE has a queue of its own), and how deep the queues are to be."""

    buffer: str
    travel: str | None
    depth: Asked
    handed: bool = False


def relayed(program: Program, relay: Relay) -> Program:
    """The program in which the buffer is fed through queues, and holds what is live.

    Raises:
        ScheduleError: neighbours do not copy the same elements in the same order.
    """
    if relay.handed:
        return _handed(program, relay)
    found = element_of(program, relay.buffer, relay.travel)
    if found is None:
        return program
    travel = next((loop for loop in found.loops if loop.iter.key == relay.travel), None)
    if relay.travel is not None and travel is None:
        refuse(f"the loop along which {found.buffer.name!r} travels is not in space any more", found)
    for copy in (found.into, found.back):
        if copy is not None:
            check_same(copy, travel, found)
    done = _summed(program, found, travel, relay) if found.back else _forwarded(program, found, travel, relay)
    return replace(done, body=tuple(_small(node, found.buffer) for node in done.body))


def _handed(program: Program, relay: Relay) -> Program:
    """The program in which PEs hand on what they make, and the buffer holds what is live."""
    kept: list[Array] = []

    def queue_of(grid: Grid) -> Queue:
        kept.append(grid.buffer)
        queue = _queue_for(program, grid, relay.depth)
        return Queue(queue, _own(grid), _next(grid, grid.travel))

    done = handed_on(program, relay.buffer, relay.travel, queue_of)
    return replace(done, body=tuple(_small(node, kept[0]) for node in done.body)) if kept else done


# ------------------------------------------------------------------------------------- inputs, forwarded


def _queue_for(program: Program, found: Element | Grid, depth: Asked) -> Array:
    names = {array.name for array in program.arrays()}
    shape = tuple(int(loop.stop.value) - int(loop.start.value) for loop in found.loops)  # type: ignore[attr-defined]
    name, source = unused(f"{found.source.name}_fifo", names), found.source
    return Array(f"{found.buffer.key}:queue", name, source.dtype, shape, "stream", depth=room(depth))


def _next(found: Element | Grid, travel: Loop) -> tuple[Expr, ...]:
    """The queue of the next one."""
    return tuple(_number(IterRef(loop.iter), loop, 1 if loop is travel else 0) for loop in found.loops)


def _own(found: Element | Grid) -> tuple[Expr, ...]:
    return tuple(_number(IterRef(loop.iter), loop) for loop in found.loops)


def _number(value: Expr, loop: Loop, more: int = 0) -> Expr:
    """The number of a PE in the grid, from 0: a loop need not begin there."""
    assert isinstance(loop.start, Const)
    off = more - int(loop.start.value)
    return Binary("+", value, constant(off), index) if off else value


def _forwarded(program: Program, found: Element, travel: Loop | None, relay: Relay) -> Program:
    if any(found.source in touched_by(node) for node in walk_nodes(found.block)):
        refuse(f"the PEs store to {found.source.name!r}, from which {found.buffer.name!r} is copied", found)
    queue = _queue_for(program, found, relay.depth)
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


def _loader(found: Element, travel: Loop | None, queue: Array) -> Node:
    """Puts what a lane needs into its first queue: the elements in the order in which the PEs copy them."""
    inner = list(found.into.path)
    lanes = [loop for loop in found.loops if loop is not travel]
    fresh: dict[Iter, Expr] = {}
    for loop in (*lanes, *(each for each in inner if isinstance(each, Loop))):
        fresh[loop.iter] = IterRef(Iter(f"{loop.iter.key}:{queue.key}", loop.iter.name))
    if travel is not None:  # all along the way the same is copied: what the first one copies
        fresh[travel.iter] = travel.start

    def moved(expr: Expr) -> Expr:
        return _short(substitute(expr, fresh))

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


def _rebuilt(found: Element, changed: dict[int, Block]) -> Node:
    def block(nodes: Block) -> Block:
        return tuple(new for node in nodes for new in changed.get(id(node), (map_blocks(node, block),)))

    inside = block(found.block)
    for loop in reversed(found.loops):
        inside = (replace(loop, body=inside),)
    return inside[0]


# ------------------------------------------------------------------------------------------ what is left


def _small(node: Node, buffer: Array, path: tuple[Loop | If, ...] = ()) -> Node:
    """Loops that run once and only copy are put in; a buffer of which one element is live is a scalar."""
    if buffer not in _used((node,)):
        return node
    inside = (*path, node) if isinstance(node, Loop) else path

    def block(nodes: Block) -> Block:
        made = tuple(x for n in nodes for x in _once(_small(n, buffer, inside), buffer))
        return _shrunk(made, buffer, inside)

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


def _shrunk(block: Block, buffer: Array, path: tuple[Loop | If, ...]) -> Block:
    """The buffer as a scalar of the iterations in which all of its uses are, of one element in each."""
    made = [n for n in block if isinstance(n, Alloc) and n.array == buffer]
    if not made or not buffer.rank or made[0].fill is not None:
        return block
    rest = tuple(n for n in block if n not in made)
    users = [n for n in rest if buffer in _used((n,))]
    if len(users) != 1 or not isinstance(users[0], Loop):
        return block
    alloc = Alloc(replace(buffer, shape=()), None, made[0].place)
    return _inward(rest, buffer, alloc, path) or block


def _inward(block: Block, buffer: Array, alloc: Alloc, path: tuple[Loop | If, ...]) -> Block | None:
    """The block with the scalar as far inside as it goes; None where it is none."""
    users = [n for n in block if buffer in _used((n,))]
    if len(users) == 1 and buffer not in used_by(users[0]):
        (user,) = users
        inner: Node | None = None
        if isinstance(user, Loop) and (body := _inward(user.body, buffer, alloc, (*path, user))):
            inner = replace(user, body=body)
        if isinstance(user, If) and buffer not in _used(user.orelse):
            then = _inward(user.then, buffer, alloc, (*path, user))
            inner = replace(user, then=then) if then else None
        if inner is not None:
            return tuple(inner if n is user else n for n in block)
    nodes = list(walk_nodes(block))
    places = {load.indices for n in nodes for load in read_by(n) if load.array == buffer}
    places |= {n.indices for n in nodes if isinstance(n, Store) and n.array == buffer}
    passed = any(isinstance(n, Call) and buffer in used_by(n) for n in nodes)
    turns = {n.iter for n in nodes if isinstance(n, Loop)}
    several = any(iters_of(index) & turns for at in places for index in at)
    if several or not is_one_element(places, path, buffer) or passed or not _sets(users[0], buffer):
        return None
    moved = {buffer: (alloc.array, lambda _: ())}.get
    return (alloc, *(map_accesses(n, moved) for n in block))


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


def _summed(program: Program, found: Element, travel: Loop | None, relay: Relay) -> Program:
    back, into, name = found.back, found.into, found.source.name
    assert back is not None
    if travel is None:
        refuse(f"partial sums of {name!r} travel along a loop in space, and this one is over time", found)
    if not same_copies(into, back, travel, found):
        refuse(
            f"what is copied into {found.buffer.name!r} and out of it is not the same, in the same order",
            found,
        )
    uses = sum(found.source in used_by(node) for node in walk_nodes(found.block))
    if uses != 2:
        refuse(f"{name!r} is used by the PEs beside its buffer {found.buffer.name!r}", found)
    made = next((n for n in program.body if isinstance(n, Alloc) and n.array == found.source), None)
    if made is None or not isinstance(made.fill, Const):
        refuse(
            f"the first PE begins with what {name!r} holds, which the last one stores to", found,
            f"let the kernel make it: {name} = ta.zeros(...), and add what it held afterwards",
        )  # fmt: skip
    _check_once(found, travel)
    queue = _queue_for(program, found, relay.depth)
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


def _check_once(found: Element, travel: Loop) -> None:
    """A sum passes each PE once: the first begins it, and the last one stores it."""
    parts, rank = straight(found.into), len(found.into.indices)
    said = {part.iter.key for part in parts[len(parts) - rank :] if isinstance(part, IterRef)}
    inner = {
        f"depth {k}" for k, part in enumerate(parts[:-rank]) if isinstance(part, tuple) and len(part) == 3
    }
    if inner | {loop.iter.key for loop in found.loops if loop is not travel} <= said:
        return
    numbers = copied_elements(found, found.into, travel)
    if numbers is not None and len(np.unique(numbers)) == len(numbers):
        return
    loops = [
        node for node in (*found.loops, *found.into.path) if isinstance(node, Loop) and node is not travel
    ]
    exprs = [*found.into.indices, *(end for loop in loops for end in (loop.start, loop.stop))]
    used = {it for expr in exprs for it in iters_of(expr)}
    again = [loop.iter.name for loop in loops if loop.iter not in used and fixed_trips(loop) != 1]
    what = f"in each iteration of {again[0]!r}" if again else "more than once"
    refuse(
        f"partial sums of {found.source.name!r} pass the PEs {what}, and each begins anew", found,
        "unfold all iterations that add to an element, or relay other buffers",
    )  # fmt: skip


def _covers(found: Element, back: Copy, travel: Loop) -> bool:
    """Whether what the last PEs copy out is every element of the array."""
    numbers = copied_elements(found, back, travel)
    return numbers is not None and len(np.unique(numbers)) == found.source.size
