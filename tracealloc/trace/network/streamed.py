"""An array that goes from one process to another as a queue: what flows is put, in the order of its making.

    for i in 0:8: B[i] = f(i)            for i in 0:8: B.put(f(i))
    for i in 0:8: C[i] = B[i] + 1   ->   for i in 0:8: b = B.get(); C[i] = b + 1

It is right where the k-th element that is stored is the k-th that is read, each once. Both orders are written
down element by element and compared.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NoReturn, assert_never

import numpy as np

from tracealloc.trace.diagnostics.errors import ScheduleError
from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.expr import Expr, Load, rewrite
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
    While,
    map_blocks,
    read_by,
    used_by,
    walk_nodes,
)
from tracealloc.trace.network.orders import NotKnown, elements_of
from tracealloc.trace.network.policies import Asked, room

__all__ = ["Streamed", "streamed"]

_MOST = 1 << 23  # elements that are written down
_UNKNOWN = {
    "data": "which elements of {!r} flow depends on data",
    "size": "how many elements of {!r} flow is known when the kernel is called",
    "many": f"more than {_MOST:,} elements of {{!r}} flow, too many to compare",
}


@dataclass(frozen=True, slots=True)
class Streamed:
    """What was asked: the array (its key), and how deep its queue is to be."""

    array: str
    depth: Asked


@dataclass(frozen=True)
class _Site:
    """A statement that stores or reads the array, with the loops and conditions around it in its process."""

    node: Node
    path: tuple[Loop | If, ...]
    indices: tuple[Expr, ...]
    place: Place | None


def streamed(program: Program, asked: Streamed) -> Program:
    """The program in which the array is a queue.

    Raises:
        ScheduleError: it does not go from one process to one other, or its elements are read in another
            order than they are stored in, or not each once.
    """
    made = next((n for n in program.body if isinstance(n, Alloc) and n.array.key == asked.array), None)
    if made is None:
        given = any(array.key == asked.array for array in program.args)
        _fail(
            "the array is not made beside the processes"
            + (": what an argument holds comes from outside" if given else ", but in one of them"),
            hint=None if given else "stream goes from one top-level nest to another",
        )
    array = made.array
    if array in program.results:
        _fail(
            f"{array.name!r} is what the kernel returns too",
            hint=f"store {array.name!r} to an array of its own, and return that",
        )
    users = [k for k, n in enumerate(program.body) if n is not made and array in _used((n,))]
    if len(users) != 2:
        _fail(f"{array.name!r} goes from one process to one other, and {len(users)} use it")
    stores = [_sites(program.body[k], array, True) for k in users]
    reads = [_sites(program.body[k], array, False) for k in users]
    if not stores[0] or stores[1] or reads[0]:
        _fail(f"{array.name!r} is not made by the first process and read by the second alone")
    if len(stores[0]) != 1 or len(reads[1]) != 1:
        _fail(
            f"{array.name!r} is stored by {len(stores[0])} statements and read by {len(reads[1])}",
            reads[1][0],
        )
    (store,), (read,) = stores[0], reads[1]
    assert isinstance(store.node, Store)
    if store.node.path:
        _fail(f"a field of {array.name!r} is stored, and a queue takes whole elements", store)
    _check_order(array, store, read)
    queue = replace(array, kind="stream", shape=(), depth=room(asked.depth), key=f"{array.key}:queue")
    first = _with_put(program.body[users[0]], store, queue)
    second = _with_get(program.body[users[1]], read, array, queue)
    changed = {id(made): Alloc(queue, None, made.place), id(program.body[users[0]]): first}
    changed[id(program.body[users[1]])] = second
    layouts = tuple(pair for pair in program.layouts if pair[0] != array)
    return replace(program, body=tuple(changed.get(id(n), n) for n in program.body), layouts=layouts)


def _fail(
    what: str, at: _Site | None = None, because: str | None = None, hint: str | None = None
) -> NoReturn:
    reasons = [because] if because else []
    raise ScheduleError("TA291", what, place=None if at is None else at.place, because=reasons, hint=hint)


def _used(block: Block) -> set[Array]:
    return {array for node in walk_nodes(block) for array in used_by(node)}


def _sites(node: Node, array: Array, stores: bool) -> list[_Site]:
    """The statements of a process that store to the array, or read it."""
    found: list[_Site] = []

    def visit(inner: Node, path: tuple[Loop | If, ...]) -> None:
        reads = [load for load in read_by(inner) if load.array == array]
        if isinstance(inner, Call | While) and array in _used((inner,)):
            _fail(
                f"{array.name!r} is used by a call or in a while loop",
                because="its order is not known there",
                hint=f's.inline("{inner.program.name}")' if isinstance(inner, Call) else None,
            )
        if isinstance(inner, Store) and inner.array == array and stores:
            found.append(_Site(inner, path, inner.indices, inner.place))
        if reads and not stores:
            if len({load.indices for load in reads}) > 1 or not isinstance(inner, Store):
                _fail(
                    f"a statement reads several elements of {array.name!r}",
                    _Site(inner, path, (), inner.place),
                    "a queue gives one at a time",
                    f"s.reuse_at or s.buffer_at keeps those of {array.name!r} that are needed again",
                )
            found.append(_Site(inner, path, reads[0].indices, inner.place))
        match inner:
            case Loop(body=body):
                for part in body:
                    visit(part, (*path, inner))
            case If(then=then, orelse=orelse):
                for part in then:
                    visit(part, (*path, inner))
                if array in _used(orelse):
                    _fail(
                        f"{array.name!r} is used in the else part of a condition",
                        because="its order is not known",
                    )
            case Alloc() | Store() | Call() | While():
                pass
            case _:
                assert_never(inner)

    visit(node, ())
    return found


# --------------------------------------------------------------------------------------------- the order


def _check_order(array: Array, store: _Site, read: _Site) -> None:
    put, got = (_elements(array, site) for site in (store, read))
    same = min(len(put), len(got))
    differ = np.flatnonzero(put[:same] != got[:same])
    if differ.size:
        k = int(differ[0])
        _fail(
            f"{array.name!r} is read in another order than it is made in",
            read,
            f"{_element(array, got[k])} is wanted when {_element(array, put[k])} is at the head of the queue",
            "the same order of loops on both sides; or s.buffer_at, s.reuse_at keep what is needed again",
        )
    if len(put) != len(got):
        more, verb = (put, "stored and not read") if len(put) > len(got) else (got, "read and not stored")
        _fail(f"{array.name!r} does not flow as a whole: {_element(array, more[same])} is {verb}", read)
    if len(np.unique(put)) < len(put):
        _fail(f"{array.name!r} is stored to more than once", store, "each element is put once")


def _element(array: Array, number: Any) -> str:
    at = np.unravel_index(int(number), array.shape) if array.rank else ()
    return f"{array.name}[{', '.join(str(int(k)) for k in at)}]" if array.rank else array.name


def _elements(array: Array, site: _Site) -> np.ndarray:
    """The elements, by number, in the order in which a statement uses them."""
    try:
        return elements_of(site.path, site.indices, array.shape, _MOST)
    except NotKnown as found:
        _fail(_UNKNOWN[found.why].format(array.name), site)


# --------------------------------------------------------------------------------------------- the text


def _with_put(node: Node, site: _Site, queue: Array) -> Node:
    store = site.node
    assert isinstance(store, Store)
    put = replace(store, array=queue, indices=())
    return _replaced(node, site.node, (put,))


def _with_get(node: Node, site: _Site, array: Array, queue: Array) -> Node:
    """One element is taken, and held while the statement uses it."""
    held = replace(array, key=f"{array.key}:head", name=f"{array.name}_head", kind="value", shape=())
    get = Store(held, (), Load(queue), (), site.place)

    def head(expr: Expr) -> Expr | None:
        return Load(held, (), expr.path) if isinstance(expr, Load) and expr.array == array else None

    store = site.node
    assert isinstance(store, Store)
    indices = tuple(rewrite(index, head) for index in store.indices)
    return _replaced(node, store, (get, replace(store, indices=indices, value=rewrite(store.value, head))))


def _replaced(node: Node, old: Node, new: Block) -> Node:
    if node is old:
        return new[0]

    def block(nodes: Block) -> Block:
        return tuple(
            part for inner in nodes for part in (new if inner is old else (_replaced(inner, old, new),))
        )

    return map_blocks(node, block)
