"""Loops that are functions of their own, cut out of a lowered program.

    for i in 0:8:                           for i in 0:8:
        for j in 0:i:   # function pe   ->      pe(A, i)       def pe(A, i): for j in 0:i: A[j] += 1
            A[j] += 1

What the function gets says `trace.network.outlined`. A scalar that it stores to, and that is used outside it
as well, becomes an array of one element first. What was cut out is put back and compared: the text of a
function is the text that was proved.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from tracealloc.trace.ir.expr import (
    Expr,
    Load,
)
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
    blocks_of,
    map_blocks,
    used_by,
    walk_nodes,
)
from tracealloc.trace.ir.rewrite import map_accesses
from tracealloc.trace.network.outlined import Ends, banded, called, put_back
from tracealloc.trace.queries.affine import constant, is_affine
from tracealloc.trace.queries.intervals import Ranges
from tracealloc.trace.record.naming import unused

__all__ = ["cut_functions"]


def cut_functions(program: Program) -> Program:
    """The program with a call for each loop that is marked as a function."""
    if not any(_function_of(node) for node in walk_nodes(program.body)):
        return program
    for array in _shared_scalars(program):
        program = _as_register(program, array)
    ranges = Ranges()
    found = replace(program, body=_cut_block(program.body, program, {}, ranges))
    gone = {*program.arrays()} - {*found.arrays()}  # they are the functions' own now, with their layouts
    return replace(found, layouts=tuple(pair for pair in program.layouts if pair[0] not in gone))


def _function_of(node: Node) -> str | None:
    return node.marks.function if isinstance(node, Loop | While) else None


def _cut_block(block: Block, program: Program, ends: Ends, ranges: Ranges) -> Block:
    return tuple(_cut(node, program, ends, ranges) for node in block)


def _cut(node: Node, program: Program, ends: Ends, ranges: Ranges) -> Node:
    inner = ends
    if isinstance(node, Loop):
        affine = is_affine(node.start) and is_affine(node.stop)
        known = ranges.enter(node)
        inner = {**ends, node.iter: known if affine else None}
    elif isinstance(node, While):
        inner = {**ends, node.iter: None}
    found = map_blocks(node, lambda block: _cut_block(block, program, inner, ranges))
    name = _function_of(found)
    if name is None:
        return found
    assert isinstance(found, Loop | While)
    bare = replace(found, marks=replace(found.marks, function=None))
    call = called((bare,), ends, dict(program.layouts), name, found.place)
    assert put_back(call) == banded((bare,)), f"{name} is not the loop that was cut out"
    return call


def _shared_scalars(program: Program) -> list[Array]:
    """The scalars that cannot be passed by value.

    Functions store to them and they are used outside as well; or nothing may be stored to them yet where a
    function is called (what stores them is under a condition, and the function reads them under the same).
    """
    found: dict[Array, None] = {}
    everywhere = _uses(program.body)
    kept = {*program.args, *program.results}
    for node in walk_nodes(program.body):
        if _function_of(node) is None:
            continue
        inside = list(walk_nodes((node,)))
        made = {n.array for n in inside if isinstance(n, Alloc)}
        mine = _uses((node,))
        for array in dict.fromkeys(n.array for n in inside if isinstance(n, Store) and not n.array.rank):
            outside = everywhere[array] > mine[array] or array in kept or array.kind == "state"
            if array.kind != "stream" and array not in made and outside:
                found.setdefault(array)
    _unset(program.body, frozenset(), found)
    return list(found)


def _unset(block: Block, known: frozenset[Array], found: dict[Array, None]) -> frozenset[Array]:
    """Note the scalars that are used in functions and to which nothing may be stored before.

    `known` are those to which something is stored; those after the block come back.
    """
    for node in block:
        if _function_of(node) is not None:
            inside = list(walk_nodes((node,)))
            own = {n.array for n in inside if isinstance(n, Store | Alloc)}
            used = dict.fromkeys(a for a in _uses((node,)) if not a.rank and a.kind in ("local", "value"))
            found.update(dict.fromkeys(a for a in used if a not in own and a not in known))
        ends = [_unset(part, known, found) for part in blocks_of(node)]
        match node:
            case Store(array=array, path=()) if not array.rank:
                known |= {array}
            case Alloc(array=array, fill=Expr()) if not array.rank:
                known |= {array}
            case Call(results=results):
                known |= {part.array for part in results if not part.array.rank}
            case If():
                known |= ends[0] & ends[1]
            case Alloc() | Store() | Loop() | While():
                pass
            case _:
                assert_never(node)
    return known


def _uses(block: Block) -> dict[Array, int]:
    """How many nodes use each array."""
    found: dict[Array, int] = {}
    for node in walk_nodes(block):
        for array in set(used_by(node)):
            found[array] = found.get(array, 0) + 1
    return found


def _as_register(program: Program, array: Array) -> Program:
    """The program with a scalar stored as an array of one element.

    What a caller sees of the scalar goes through a copy before and after.
    """
    names = {other.name for other in program.arrays()}
    seen = array in (*program.args, *program.results) or array.kind == "state"
    name = unused(array.name, names) if seen else array.name
    register = replace(
        array, key=f"{array.key}:register", name=name, kind="local", shape=(1,), parameter=None
    )
    first = (constant(0),)

    moved = {array: (register, lambda _: first)}.get
    body = tuple(map_accesses(node, moved) for node in program.body)
    if array in program.args or array.kind == "state":
        made = Alloc(register, place=array.place), Store(register, first, Load(array), place=array.place)
        body = (*made, *body)
    elif not any(isinstance(n, Alloc) and n.array == register for n in walk_nodes(body)):
        body = _declared(body, register)
    if seen:
        own = tuple(replace(n, fill=None) for n in program.body if isinstance(n, Alloc) and n.array == array)
        body = (*own, *body, Store(array, (), Load(register, first), place=array.place))
    return replace(program, body=body)


def _declared(block: Block, array: Array) -> Block:
    """The block with a declaration of an array in the innermost block that has all of its uses."""
    users = [position for position, node in enumerate(block) if array in _uses((node,))]
    if len(users) == 1:
        node = block[users[0]]
        inner = [part for part in blocks_of(node) if array in _uses(part)]
        if len(inner) == 1 and array not in used_by(node):
            changed = map_blocks(node, lambda part: _declared(part, array) if part is inner[0] else part)
            return (*block[: users[0]], changed, *block[users[0] + 1 :])
    return (*block[: users[0]], Alloc(array, place=array.place), *block[users[0] :])
