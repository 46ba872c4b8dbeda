"""Arguments that say which part of an array a process of a grid uses.

Processes of a family are calls of one function. Where an argument chooses elements or queues (``C[i][j]``),
hardware has to make a function of its own for each value: one for all of them would have ports to all, and
every process would be a producer of each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tracealloc.trace.ir.expr import Expr, loads_of
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Block,
    Call,
    If,
    Loop,
    Program,
    Region,
    Slice,
    Store,
    While,
    expressions_of,
    walk_nodes,
)
from tracealloc.trace.queries.intervals import fixed_trips

__all__ = ["instances_of"]


def instances_of(program: Program) -> Mapping[int, frozenset[Array]]:
    """For each function, by the id of its program: the arguments that tell its instances apart."""
    order = (*program.callees(), program)
    choosing: dict[int, frozenset[Array]] = {}
    for each in order:
        choosing[id(each)] = _choosing(each, choosing)
    found: dict[int, frozenset[Array]] = {id(each): frozenset() for each in order}
    known: dict[int, set[Array]] = {}
    often: dict[int, int] = {}
    for each in reversed(order):
        fixed = frozenset(known.get(id(each), ()))
        if often.get(id(each), 1) > 1:
            found[id(each)] = fixed & choosing[id(each)]
        for call, times in _calls(each.body, often.get(id(each), 1)):
            callee = id(call.program)
            often[callee] = often.get(callee, 0) + times
            constant = {
                formal
                for formal, part in zip(call.program.args, call.args, strict=True)
                if each.concurrent and not isinstance(part, Region) and _is_fixed(part, fixed)
            }
            known[callee] = known.get(callee, constant) & constant
    return found


def _is_fixed(expr: Expr, fixed: frozenset[Array]) -> bool:
    """Whether the place of a process gives a value: in a network, all loops are those of grids."""
    return all(load.array in fixed for load in loads_of(expr))


def _calls(block: Block, times: int) -> Iterator[tuple[Call, int]]:
    """The calls in a block, and how many instances each has."""
    for node in block:
        match node:
            case Call():
                yield node, times
            case Loop(body=body):
                yield from _calls(body, times * (fixed_trips(node) or 1) if node.marks.space else times)
            case If(then=then, orelse=orelse):
                yield from _calls((*then, *orelse), times)
            case While(prologue=prologue, body=body):
                yield from _calls((*prologue, *body), times)
            case Alloc() | Store():
                pass


def _choosing(program: Program, callees: Mapping[int, frozenset[Array]]) -> frozenset[Array]:
    """The scalar arguments on which subscripts of a program's other arguments depend."""
    scalars = {array for array in program.args if not array.rank and array.kind != "stream"}
    given = frozenset(program.args)
    sources: dict[Array, set[Array]] = {array: {array} for array in scalars}
    found: set[Array] = set()

    def note(exprs: Iterator[Expr]) -> None:
        for expr in exprs:
            for load in loads_of(expr):
                found.update(sources.get(load.array, ()))

    for node in walk_nodes(program.body):
        for expr in expressions_of(node):
            note(at for load in loads_of(expr) if load.array in given for at in load.indices)
        match node:
            case Store(array=array, indices=indices) if array in given:
                note(iter(indices))
            case Store(array=array, value=value) if array.kind == "value":
                used = {load.array for load in loads_of(value)}
                sources[array] = set[Array]().union(*(sources.get(each, ()) for each in used))
            case Call():
                note(_chosen_by(node, given, callees[id(node.program)]))
            case Alloc() | Store() | Loop() | While() | If():
                pass
    return frozenset(found)


def _chosen_by(call: Call, given: frozenset[Array], choosing: frozenset[Array]) -> Iterator[Expr]:
    """What chooses the parts of `given` arrays that a call is passed, and what it chooses others by."""
    for formal, part in zip(call.program.args, call.args, strict=True):
        if isinstance(part, Region) and part.array in given:
            yield from (at.start if isinstance(at, Slice) else at for at in part.indices)
        elif not isinstance(part, Region) and formal in choosing:
            yield part
