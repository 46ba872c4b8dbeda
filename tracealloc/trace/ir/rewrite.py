"""Accesses to arrays and expressions, rewritten throughout a node."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from typing import TypeAlias, cast

from tracealloc.trace.ir.expr import Expr, Iter, IterRef, Load, Rewriter, rewrite, substitute
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Call,
    If,
    Loop,
    Node,
    Program,
    Region,
    Slice,
    Store,
    While,
    map_blocks,
)
from tracealloc.trace.ir.stored import contents

__all__ = [
    "Elsewhere",
    "Moved",
    "Subscript",
    "canonical",
    "map_accesses",
    "map_expressions",
    "map_part",
    "map_reads",
    "map_subscript",
    "renaming",
    "replace_arrays",
    "replace_in",
    "unmoved",
]

Subscript: TypeAlias = Expr | Slice
Elsewhere: TypeAlias = tuple[Array, Callable[[tuple[Subscript, ...]], tuple[Subscript, ...]]]
"""Another array, and the subscripts in it for those in the array whose place it takes."""
Moved: TypeAlias = Callable[[Array], Elsewhere | None]
"""Where what is in an array is now (None: where it was)."""


def unmoved(array: Array) -> None:
    """No array is elsewhere."""


def map_expressions(node: Node, change: Callable[[Expr], Expr]) -> Node:
    """`node`, and everything inside it, with `change` applied to each whole expression."""
    return _mapped(node, change, unmoved)


def map_accesses(node: Node, moved: Moved, also: Rewriter = lambda expr: None) -> Node:
    """`node`, and everything inside it, with arrays accessed elsewhere.

    These are all accesses: elements that are read (in subscripts, bounds and conditions too), elements that
    are stored, views that are passed, and the array's making. Subscripts are rewritten before they are
    placed. `also` replaces other expressions on the way, and goes first.
    """
    return _mapped(node, lambda expr: map_reads(expr, moved, also), moved)


def map_reads(expr: Expr, moved: Moved, also: Rewriter = lambda expr: None) -> Expr:
    """An expression likewise."""

    def change(part: Expr) -> Expr | None:
        other = also(part)
        if other is not None or not isinstance(part, Load):
            return other
        there = moved(part.array)
        if there is None:
            return None
        indices = tuple(rewrite(index, change) for index in part.indices)
        return replace(part, array=there[0], indices=_elements(there, indices))

    return rewrite(expr, change)


def map_part(
    part: Expr | Region | Array, moved: Moved, also: Rewriter = lambda expr: None
) -> Expr | Region | Array:
    """An expression, a view that is passed, or an array as a whole, likewise."""

    def change(expr: Expr) -> Expr:
        return map_reads(expr, moved, also)

    if isinstance(part, Array):
        there = moved(part)
        return part if there is None else there[0]
    return _region(part, change, moved) if isinstance(part, Region) else change(part)


def _region(part: Region, change: Callable[[Expr], Expr], moved: Moved) -> Region:
    indices = tuple(map_subscript(index, change) for index in part.indices)
    there = moved(part.array)
    return Region(part.array, indices) if there is None else Region(there[0], there[1](indices))


def _mapped(node: Node, change: Callable[[Expr], Expr], moved: Moved) -> Node:
    def region(part: Region) -> Region:
        return _region(part, change, moved)

    def inside(block: tuple[Node, ...]) -> tuple[Node, ...]:
        return tuple(_mapped(inner, change, moved) for inner in block)

    match node:
        case Alloc(array=array, fill=fill):
            there = moved(array)
            if fill is None and there is None:
                return node
            made = array if there is None else there[0]
            return replace(node, array=made, fill=None if fill is None else change(fill))
        case Store(array=array, indices=indices, value=value):
            changed = tuple(map(change, indices))
            there = moved(array)
            if there is not None:
                array, changed = there[0], _elements(there, changed)
            return replace(node, array=array, indices=changed, value=change(value))
        case Loop(start=start, stop=stop, body=body):
            return replace(node, start=change(start), stop=change(stop), body=inside(body))
        case While(prologue=prologue, cond=cond, body=body):
            return replace(node, prologue=inside(prologue), cond=change(cond), body=inside(body))
        case If(cond=cond, then=then, orelse=orelse):
            return replace(node, cond=change(cond), then=inside(then), orelse=inside(orelse))
        case Call(args=args, results=results):
            passed = tuple(region(a) if isinstance(a, Region) else change(a) for a in args)
            return replace(node, args=passed, results=tuple(region(r) for r in results))


def map_subscript(part: Subscript, change: Callable[[Expr], Expr]) -> Subscript:
    """A subscript, or where a slice begins, changed."""
    return Slice(change(part.start), part.extent) if isinstance(part, Slice) else change(part)


def _elements(there: Elsewhere, indices: tuple[Expr, ...]) -> tuple[Expr, ...]:
    """The subscripts of an element elsewhere: where nothing is sliced, nothing is there either."""
    return cast("tuple[Expr, ...]", there[1](indices))


def replace_arrays(node: Node, changed: Mapping[Array, Array]) -> Node:
    """`node`, and everything inside it, with arrays replaced."""
    return map_accesses(node, renaming(changed))


def replace_in(expr: Expr, changed: Mapping[Array, Array]) -> Expr:
    """An expression with arrays replaced."""
    return map_reads(expr, renaming(changed))


def renaming(changed: Mapping[Array, Array]) -> Moved:
    """Arrays that others take the place of, as they are."""
    return lambda array: (changed[array], _same) if array in changed else None


def _same(indices: tuple[Subscript, ...]) -> tuple[Subscript, ...]:
    return indices


def _what(array: Array) -> str:
    """Everything about an array that a program's meaning depends on."""
    data = "" if array.data is None else hashlib.sha256(contents(array.data)).hexdigest()
    return f"{array.kind} {array.dtype!r}{list(array.shape)} {data}"


def canonical(program: Program) -> Program:
    """The program with arrays and iterators called by order of appearance, callees too."""
    arrays = {
        array: replace(array, key=f"a{k} {_what(array)}", name=f"a{k}", place=None)
        for k, array in enumerate(program.arrays())
    }
    counter = count()

    def block(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
        return tuple(renamed(node) for node in nodes)

    def renamed(node: Node) -> Node:
        if isinstance(node, Loop):
            number = next(counter)
            it = Iter(f"i{number}", f"i{number}")
            values: dict[Iter, Expr] = {node.iter: IterRef(it)}
            body = tuple(map_expressions(inner, lambda e: substitute(e, values)) for inner in node.body)
            return replace(node, iter=it, body=block(body), band=None, place=None)
        if isinstance(node, Call):
            return replace(node, program=canonical(node.program), site="", place=None, callee="")
        return replace(map_blocks(node, block), place=None)

    body = tuple(renamed(replace_arrays(node, arrays)) for node in program.body)
    return replace(
        program,
        name="kernel",
        args=tuple(arrays[a] for a in program.args),
        results=tuple(arrays[a] for a in program.results),
        body=body,
        layouts=(),
        doc=None,
        place=None,
    )
