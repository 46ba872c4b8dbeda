"""A block as a function of its own, and its call: what it uses and does not make is passed.

Arrays are passed whole and by reference, scalars and the iterators of loops around by value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import count

from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Expr, Iter, IterRef, Load, iters_of, rewrite, substitute
from tracealloc.trace.ir.interval_rules import Range
from tracealloc.trace.ir.layout import Layout
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    ArrayKind,
    Block,
    Call,
    Loop,
    Parameter,
    Program,
    Region,
    Slice,
    Store,
    expressions_of,
    used_by,
    walk_nodes,
)
from tracealloc.trace.ir.rewrite import map_expressions, replace_arrays
from tracealloc.trace.queries.affine import constant
from tracealloc.trace.record.naming import default_band, unused

__all__ = ["Ends", "banded", "called", "put_back"]

Ends = Mapping[Iter, Range | None]
"""The least and greatest value of each iterator around, where its loop is affine."""


def called(
    block: Block, above: Ends, layouts: Mapping[Array, Layout], name: str, place: Place | None
) -> Call:
    """The call of a new function that does what a block does; arrays are passed whole, scalars by value.

    `above` are the iterators of the loops around: what is passed of an affine one is a parameter, and all
    inside stays affine.
    """
    own = {n.array for n in walk_nodes(block) if isinstance(n, Alloc)}
    own |= {n.array for n in walk_nodes(block) if isinstance(n, Store) and n.array.kind == "value"}
    used = dict.fromkeys(array for node in walk_nodes(block) for array in used_by(node))
    free = dict.fromkeys(
        it
        for node in walk_nodes(block)
        for expr in expressions_of(node)
        for it in above
        if it in iters_of(expr)
    )
    passed = [a for a in used if a not in own and a.kind != "constant"]
    formals = {array: _formal(array, position) for position, array in enumerate(passed)}
    args: list[Region | Expr] = [_actual(array) for array in passed]
    names = {array.name for array in (*passed, *own)}
    scalars: dict[Iter, Array] = {}
    for it in free:
        text = unused(it.name.replace(".", "_"), names)
        names.add(text)
        ends = above[it]
        known = None if ends is None else Parameter(len(formals) + len(scalars), *ends)
        scalars[it] = Array(f"{name}:{it.key}", text, index, (), "argument", parameter=known)
    args += [IterRef(it) for it in free]
    values: dict[Iter, Expr] = {it: Load(array) for it, array in scalars.items()}
    body = tuple(
        replace_arrays(map_expressions(node, lambda e: substitute(e, values)), formals) for node in block
    )
    stored = tuple((formals.get(a, a), layout) for a, layout in layouts.items() if a in used or a in own)
    callee = Program(name, (*formals.values(), *scalars.values()), banded(body), (), stored, place=place)
    return Call(callee, tuple(args), (), f"{name}_0", place, name)


def _formal(array: Array, position: int) -> Array:
    """The argument of a function that gets `array`."""
    parameter = None if array.parameter is None else replace(array.parameter, position=position)
    kind: ArrayKind = "stream" if array.kind == "stream" else "argument"
    return replace(array, kind=kind, scope=(), data=None, parameter=parameter)


def _actual(array: Array) -> Region | Expr:
    if not array.rank and array.kind != "stream":
        return Load(array)
    return Region(array, tuple(Slice(constant(0), extent) for extent in array.shape))


def banded(block: Block) -> Block:
    """The block with a band on each of its outermost loops."""
    number = count()
    return tuple(
        replace(node, band=node.band or default_band(next(number))) if isinstance(node, Loop) else node
        for node in block
    )


def put_back(call: Call) -> Block:
    """The block that a function was made of, made again from the function."""
    arrays: dict[Array, Array] = {}
    values: dict[Array, Expr] = {}
    for formal, part in zip(call.program.args, call.args, strict=True):
        if isinstance(part, IterRef):
            values[formal] = part
        else:
            assert isinstance(part, Region | Load)
            arrays[formal] = part.array

    def value(expr: Expr) -> Expr | None:
        return values.get(expr.array) if isinstance(expr, Load) and not expr.indices else None

    return tuple(
        replace_arrays(map_expressions(node, lambda e: rewrite(e, value)), arrays)
        for node in call.program.body
    )
