"""Arrays of a network that are filled where they are made: the processes that store to them fill them.

A loop that fills an array before the processes would be one more producer of it. Each process that stores to
the array fills its own part instead: all of it, or what its place in the grid selects (``C[i][j] = 0``). Who
uses the array later waits for their end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from tracealloc.schedule.hls.shared_banks import users_of
from tracealloc.trace.ir.expr import Expr, Iter, IterRef, iters_of, loads_of
from tracealloc.trace.ir.layout import Marks
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Call,
    Loop,
    Node,
    Program,
    Region,
    Slice,
    Store,
    over_elements,
    read_by,
    touched_by,
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
        calls = None if loads_of(fill) else _storing(program, array)
        if not calls:
            return
        formals: dict[int, tuple[Array, tuple[Expr | None, ...]]] = {}
        for call in calls:
            formal = _formal(call, array)
            inside = sum(other.program is call.program for other in calls)
            if formal is None or often[id(call.program)] != inside:
                return
            formals[id(call.program)] = formal, _parts(call.program, formal)
        parts = [part for _, part in formals.values()]
        fixed = [dim for dim in range(array.rank) if all(part[dim] is not None for part in parts)]
        users = users_of(program)[0][array, True]
        dims = next((dims for dims in (fixed, []) if users.share(dims)), None)
        if dims is None:
            return
        for key, (formal, part) in formals.items():
            own = [part[dim] if dim in dims else None for dim in range(array.rank)]
            self._into.setdefault(key, []).append(_filled(formal, own, fill, node))
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


def _storing(program: Program, array: Array) -> list[Call] | None:
    """The calls that store to an array, where nothing else uses it before them or in their grid."""
    found: list[Call] = []
    grids: set[str | None] = set()
    read = False
    for node in program.body:
        if isinstance(node, Alloc) or not _uses(node, array):
            continue
        calls = [inner for inner in walk_nodes((node,)) if isinstance(inner, Call)]
        formals = [_formal(call, array) for call in calls]
        stores = len(calls) == 1 and formals[0] in summary_of(calls[0].program).writes
        band = node.band if isinstance(node, Loop) else None
        if (stores and read) or (not stores and band is not None and band in grids):
            return None
        if stores:
            found += calls
            grids.add(band)
        read = read or not stores
    return found


def _formal(call: Call, array: Array) -> Array | None:
    """The argument that an array is, where it is passed whole and once, to what is no network itself."""
    if call.program.concurrent or any(part.array == array for part in call.results):
        return None
    pairs = zip(call.program.args, call.args, strict=True)
    given = [(f, part) for f, part in pairs if isinstance(part, Region) and part.array == array]
    whole = tuple(Slice(constant(0), extent) for extent in array.shape)
    return given[0][0] if len(given) == 1 and given[0][1].indices == whole else None


def _parts(program: Program, array: Array) -> tuple[Expr | None, ...]:
    """For each dimension of an argument the one place that a function uses, if arguments say it."""
    found: set[tuple[Expr | None, ...]] = set()
    given = {each for each in program.args if not each.rank} - summary_of(program).writes
    for node in walk_nodes(program.body):
        if array in touched_by(node):
            if not isinstance(node, Store):
                return tuple(None for _ in array.shape)
            found.add(node.indices)
        found.update(load.indices for load in read_by(node) if load.array == array)
    columns = [set(column) for column in zip(*found, strict=True)]
    return tuple(_place(column, given) for column in columns)


def _place(column: set[Expr | None], given: set[Array]) -> Expr | None:
    expr = column.pop() if len(column) == 1 else None
    if expr is None or iters_of(expr) or any(load.array not in given for load in loads_of(expr)):
        return None
    return expr


def _filled(array: Array, parts: Sequence[Expr | None], fill: Expr, node: Alloc) -> Node:
    """``for ...: array[...] = fill``, in a part of the array."""
    free = [dim for dim, part in enumerate(parts) if part is None and array.shape[dim] > 1]
    names = {dim: f"fill_{array.name}{f'_{dim}' if len(free) > 1 else ''}" for dim in free}
    its = {dim: Iter(f"{array.key} {name}", name) for dim, name in names.items()}
    at: list[Expr] = []
    for dim, part in enumerate(parts):
        at.append(IterRef(its[dim]) if dim in its else part if part is not None else constant(0))
    store = Store(array, tuple(at), fill, place=node.place)
    shape = tuple(array.shape[dim] for dim in free)
    return over_elements(tuple(its.values()), store, shape, Marks(pipeline=1), node.place)
