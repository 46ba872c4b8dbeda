"""A network's text: a function for each family of processes, and loops that call its instances.

    for i, j in PE:                              for i in 1:4: for j in 0:4: PE(q[i - 1, j], q[i, j], C, i, j)
        x = A[j] if i == 0 else q[i-1,j].get()   for j in 0:4: PE_1(A, q[0, j], C, j)
        q[i, j].put(x); C[i, j] = x

An instance gets the queues that it uses, its place in the grid where it asks for it, and arrays as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from tracealloc.trace.ir.expr import Expr, Iter, Load, iters_of, loads_of, rewrite
from tracealloc.trace.ir.layout import Marks
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Block,
    Call,
    Loop,
    Node,
    Program,
    Region,
    Slice,
    Store,
    expressions_of,
    map_blocks,
    used_by,
    walk_nodes,
)
from tracealloc.trace.ir.rewrite import map_expressions, replace_arrays
from tracealloc.trace.network.boxes import boxes_of
from tracealloc.trace.network.families import Family, stages_of
from tracealloc.trace.network.numbers import values_of
from tracealloc.trace.network.outlined import Ends, called
from tracealloc.trace.network.ownership import network_of
from tracealloc.trace.network.scalars import stored_scalars, with_registers
from tracealloc.trace.queries.affine import constant
from tracealloc.trace.record.naming import unused

__all__ = ["is_network", "networked"]

_GRID = Marks(unroll=0, space=True)


def is_network(program: Program) -> bool:
    """Whether a program, or one that it calls, has processes."""
    return any(each.concurrent for each in (*program.callees(), program))


def networked(program: Program) -> Program:
    """The program in which each process of each network is a call, found once.

    Raises:
        TraceError: see `network_of`.
    """
    if not is_network(program):
        return program
    known: Program | None = program.memo.get("networked")
    if known is None:
        known = program.memo["networked"] = _networked(program)
        known.memo["networked"] = known
    return known


def _networked(program: Program) -> Program:
    done: dict[int, Program] = {}

    def linked(node: Node) -> Node:
        if isinstance(node, Call):
            new = done[id(node.program)]
            return node if new is node.program else replace(node, program=new)
        return map_blocks(node, lambda block: tuple(map(linked, block)))

    for each in (*program.callees(), program):
        body = tuple(map(linked, each.body))
        same = all(new is old for new, old in zip(body, each.body, strict=True))
        new = each if same else replace(each, body=body)
        done[id(each)] = _cut(new) if new.concurrent else new
    return done[id(program)]


def _cut(program: Program) -> Program:
    program = with_registers(program)
    network = network_of(program)
    made, _ = stages_of(program)
    taken = {program.name, *(each.name for each in program.callees())}
    body: list[Node] = list(made)
    for families in network.families:
        for family in families:
            body += _instances(family, program, taken)
    arrays = {array for node in walk_nodes(tuple(body)) for array in used_by(node)}
    kept = {*program.args, *program.results, *arrays}
    layouts = tuple(pair for pair in program.layouts if pair[0] in kept)
    return replace(program, body=tuple(body), layouts=layouts)


def _instances(family: Family, program: Program, taken: set[str]) -> list[Node]:
    """The loops over the instances of a family, a nest for each box of them."""
    loops = family.stage.loops
    call = _call(family, program, taken)
    nests: list[Node] = []
    for box in boxes_of(family.points.tolist(), len(loops)):
        node: Node = replace(call)  # a call of its own: each nest is a stage, and others may wait for one
        for loop, (low, high) in reversed(list(zip(loops, box, strict=True))):
            ends = constant(low), constant(high + 1)
            node = Loop(loop.iter, *ends, 1, (node,), marks=_GRID, place=loop.place)
        if isinstance(node, Loop):
            node = replace(node, band=family.stage.name)
        nests.append(node)
    return nests


def _call(family: Family, program: Program, taken: set[str]) -> Call:
    stage, points = family.stage, family.points
    if len(family.body) == 1 and isinstance(family.body[0], Call) and _is_plain(family.body[0], family):
        return family.body[0]
    name = unused(stage.name, taken)
    taken.add(name)
    names = {array.name for array in program.arrays()}
    body, queues = _with_queues(family, names)
    ends: dict[Iter, Any] = {
        loop.iter: (int(points[:, axis].min()), int(points[:, axis].max()))
        for axis, loop in enumerate(stage.loops)
    }
    above: Ends = ends
    call = _returning(called(body, above, dict(program.layouts), name, stage.place), program)
    args = tuple(queues.get(part.array, part) if isinstance(part, Region) else part for part in call.args)
    return replace(call, args=args)


def _returning(call: Call, program: Program) -> Call:
    """The call with results for the scalars of the network that the process stores to."""
    back = {
        f: part.array for f, part in zip(call.program.args, call.args, strict=True) if isinstance(part, Load)
    }
    wanted = {*program.results} | {array for array in program.arrays() if array.kind == "state"}
    stored = [f for f in stored_scalars(call.program.body) if back.get(f) in wanted]
    if not stored:
        return call
    results = tuple(Region(back[formal], ()) for formal in stored)
    callee = replace(call.program, results=tuple(stored))
    made = [f for f in stored if isinstance(callee.body[0], Store) and callee.body[0].array == f]
    for formal in made:  # it is not read before: nothing is passed
        at = callee.args.index(formal)
        own = replace(formal, kind="result")
        body = (Alloc(own), *(replace_arrays(node, {formal: own}) for node in callee.body))
        rest = (*callee.args[:at], *callee.args[at + 1 :])
        given = tuple(own if array == formal else array for array in callee.results)
        callee = replace(callee, args=rest, results=given, body=body)
        call = replace(call, args=(*call.args[:at], *call.args[at + 1 :]))
    return replace(call, program=callee, results=results)


def _is_plain(call: Call, family: Family) -> bool:
    """Whether a call is all that a process is: no part of an array is copied for it, all its queues exist."""
    grid = {loop.iter: family.points[:, axis] for axis, loop in enumerate(family.stage.loops)}
    for part in (*call.args, *call.results):
        if not isinstance(part, Region):
            if any(load.indices or load.array.kind == "stream" for load in loads_of(part)):
                return False
        elif part.array.kind == "stream":
            pairs = zip(part.indices, part.array.shape, strict=True)
            if part.array.rank and not part.shape and not all(_inside(i, n, grid) for i, n in pairs):
                return False
        elif part.shape != part.array.shape:
            return False
    return True


def _with_queues(family: Family, names: set[str]) -> tuple[Block, dict[Array, Region]]:
    """The body of a family with a queue of its own for each that it uses of an array of queues.

    The place in the grid says which; where it does not, the array is passed whole.
    """
    grid = {loop.iter: family.points[:, axis] for axis, loop in enumerate(family.stage.loops)}
    chosen: dict[tuple[Array, tuple[Expr, ...]], Array] = {}
    spread: set[Array] = set()
    for array, indices in _queue_uses(family.body):
        if not all(_inside(index, extent, grid) for index, extent in zip(indices, array.shape, strict=True)):
            spread.add(array)
    roles: dict[tuple[Array, tuple[Expr, ...]], set[str]] = {}
    for array, indices, role in _roles(family.body):
        roles.setdefault((array, indices), set()).add(role)
    for array, indices in dict.fromkeys(_queue_uses(family.body)):
        if array in spread:
            continue
        used = roles[array, indices]
        suffix = "" if len(used) > 1 else {"put": "_out", "get": "_in"}.get(next(iter(used)), "")
        name = unused(f"{array.name}{suffix}", names)
        names.add(name)
        key = f"{array.key}:{len(chosen)}"
        chosen[array, indices] = replace(array, key=key, name=name, shape=())
    body = tuple(_chosen(node, chosen) for node in family.body)
    return body, {own: Region(array, indices) for (array, indices), own in chosen.items()}


def _queue_uses(block: Block) -> Iterator[tuple[Array, tuple[Any, ...]]]:
    yield from ((array, indices) for array, indices, _ in _roles(block))


def _roles(block: Block) -> Iterator[tuple[Array, tuple[Any, ...], str]]:
    """The queues of arrays of queues that a block uses, and how."""
    for node in walk_nodes(block):
        for expr in expressions_of(node):
            for load in loads_of(expr):
                if load.array.kind == "stream" and load.array.rank:
                    yield load.array, load.indices, "get"
        if isinstance(node, Store) and node.array.kind == "stream" and node.array.rank:
            yield node.array, node.indices, "put"
        if isinstance(node, Call):
            for part in node.args:
                if isinstance(part, Region) and part.array.kind == "stream" and part.array.rank:
                    yield part.array, part.indices, "passed"


def _inside(index: Expr | Slice, extent: int, grid: dict[Iter, np.ndarray]) -> bool:
    """Whether the place in the grid says which queue it is, and it is one of them for every instance."""
    if isinstance(index, Slice) or loads_of(index) or not iters_of(index) <= grid.keys():
        return False
    found = values_of(index, grid)
    return found is not None and bool(np.all((found >= 0) & (found < extent)))


def _chosen(node: Node, chosen: dict[tuple[Array, tuple[Expr, ...]], Array]) -> Node:
    def get(part: Expr) -> Expr | None:
        if not isinstance(part, Load):
            return None
        own = chosen.get((part.array, part.indices))
        return None if own is None else replace(part, array=own, indices=())

    def expr(whole: Expr) -> Expr:
        return rewrite(whole, get)

    def visit(inner: Node) -> Node:
        if isinstance(inner, Store):
            own = chosen.get((inner.array, inner.indices))
            return inner if own is None else replace(inner, array=own, indices=())
        if isinstance(inner, Call):
            return replace(inner, args=tuple(_part(part, chosen) for part in inner.args))
        return map_blocks(inner, lambda block: tuple(map(visit, block)))

    return visit(map_expressions(node, expr))


def _part(part: Region | Expr, chosen: dict[tuple[Array, tuple[Expr, ...]], Array]) -> Region | Expr:
    if not isinstance(part, Region):
        return part
    key: Any = (part.array, part.indices)
    own = chosen.get(key)
    return part if own is None else Region(own, ())
