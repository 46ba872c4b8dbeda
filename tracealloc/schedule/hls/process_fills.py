"""Arrays of a network that are filled where they are made: the process that stores to them fills them.

A loop that fills an array before the processes would be one more producer of it. The first process that uses
the array does it instead, where that is one process and stores to it: who uses it later waits for its end.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from tracealloc.trace.ir.expr import Expr, Iter, IterRef, loads_of
from tracealloc.trace.ir.layout import Marks
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Call,
    Node,
    Program,
    Region,
    Store,
    over_elements,
    used_by,
    walk_nodes,
)
from tracealloc.trace.queries.affine import constant
from tracealloc.trace.queries.summary import summary_of

__all__ = ["FillMoves"]


class FillMoves:
    """Which fills of a program's networks go into which functions."""

    def __init__(self, program: Program) -> None:
        order = (*program.callees(), program)
        often = Counter(id(n.program) for each in order for n in walk_nodes(each.body) if isinstance(n, Call))
        self._into: dict[int, list[Node]] = {}
        self._gone: dict[int, set[Array]] = {}
        for each in order:
            for node in each.body if each.concurrent else ():
                if isinstance(node, Alloc) and node.fill is not None and node.array.rank:
                    self._move(each, node, node.fill, often)

    def _move(self, program: Program, node: Alloc, fill: Expr, often: Counter[int]) -> None:
        array = node.array
        users = [n for n in program.body if n is not node and _uses(n, array)]
        if not users or loads_of(fill) or not isinstance(users[0], Call):
            return
        call, callee = users[0], users[0].program
        pairs = zip(callee.args, call.args, strict=True)
        formals = [f for f, part in pairs if isinstance(part, Region) and part.array == array]
        alone = often[id(callee)] == 1 and not callee.concurrent and len(formals) == 1
        if not alone or formals[0] not in summary_of(callee).writes or formals[0].shape != array.shape:
            return
        if not any(part.array == array for part in call.results):
            self._into.setdefault(id(callee), []).append(_filled(formals[0], fill, node))
            self._gone.setdefault(id(program), set()).add(array)

    def changed(self, program: Program) -> Program:
        """A function of the program, with the fills that it does now and without those that it did."""
        first, gone = self._into.get(id(program), ()), self._gone.get(id(program), set())
        if not first and not gone:
            return program
        body = (
            replace(node, fill=None) if isinstance(node, Alloc) and node.array in gone else node
            for node in program.body
        )
        return replace(program, body=(*first, *body))

    def __bool__(self) -> bool:
        return bool(self._into)


def _uses(node: Node, array: Array) -> bool:
    return any(array in used_by(inner) for inner in walk_nodes((node,)))


def _filled(array: Array, fill: Expr, node: Alloc) -> Node:
    """``for ...: array[...] = fill``."""
    if array.size == 1:
        return Store(array, tuple(constant(0) for _ in array.shape), fill, place=node.place)
    names = [f"fill_{array.name}{f'_{dim}' if array.rank > 1 else ''}" for dim in range(array.rank)]
    its = tuple(Iter(f"{array.key} {name}", name) for name in names)
    store = Store(array, tuple(map(IterRef, its)), fill, place=node.place)
    return over_elements(its, store, array.shape, Marks(pipeline=1), node.place)
