"""Scalars that one process stores and another reads, or that a network returns.

A call passes scalars by value, when the process begins. What other processes read is kept in an array of one
element instead, which is passed by reference:

    r = 0                               r: int32[1] = 0
    for i in 0:4: r += q.get()    ->    for i in 0:4: r[0] += q.get()
    for i in 0:4: y[i] = r              for i in 0:4: y[i] = r[0]
"""

from __future__ import annotations

from dataclasses import replace

from tracealloc.trace.ir.expr import Load
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Block,
    Node,
    Program,
    Store,
    read_by,
    touched_by,
    walk_nodes,
)
from tracealloc.trace.ir.rewrite import map_accesses
from tracealloc.trace.network.families import stages_of
from tracealloc.trace.queries.affine import constant
from tracealloc.trace.record.naming import unused

__all__ = ["stored_scalars", "with_registers"]


def stored_scalars(block: Block) -> dict[Array, None]:
    """The scalars that a block stores to (named values too), in order."""
    touched = (array for node in walk_nodes(block) for array in touched_by(node))
    return dict.fromkeys(array for array in touched if not array.rank and array.kind != "stream")


def with_registers(program: Program) -> Program:
    """The network with an array of one element for each scalar that passes from process to process."""
    for array in _passed(program):
        program = _as_register(program, array)
    return program


def _passed(program: Program) -> list[Array]:
    _, stages = stages_of(program)
    stored = [stored_scalars(stage.body) for stage in stages]
    read = [{load.array for node in walk_nodes(stage.body) for load in read_by(node)} for stage in stages]
    found: dict[Array, None] = {}
    for number, arrays in enumerate(stored):
        for array in arrays:
            others = [
                k for k in range(len(stages)) if k != number and (array in read[k] or array in stored[k])
            ]
            if others:
                found[array] = None
    return list(found)


def _as_register(program: Program, array: Array) -> Program:
    names = {other.name for other in program.arrays()}
    seen = array in (*program.args, *program.results) or array.kind == "state"
    register = replace(
        array,
        key=f"{array.key}:register",
        name=unused(array.name, names) if seen else array.name,
        kind="local",
        shape=(1,),
        parameter=None,
        data=None,
    )
    first = (constant(0),)
    moved = {array: (register, lambda _: first)}.get
    made = [n for n in program.body if isinstance(n, Alloc) and n.array == array]
    body = tuple(map_accesses(node, moved) for node in program.body)  # its fill may need what comes before
    head: list[Node] = []
    if not made:
        given = array in program.args or array.kind == "state"
        head = [Alloc(register, Load(array) if given else None, array.place)]
    last: list[Node] = []
    if array in program.results or array.kind == "state":
        head += [replace(node, fill=None) for node in made]
        last = [Store(array, (), Load(register, first), (), array.place)]
    return replace(program, body=(*head, *body, *last))
