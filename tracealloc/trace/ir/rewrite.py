"""Replace arrays, and rewrite expressions, throughout a node."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from typing import assert_never

from tracealloc.trace.ir.expr import Expr, Iter, IterRef, Load, map_children, rewrite, substitute
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

__all__ = ["canonical", "map_expressions", "replace_arrays", "replace_in"]


def map_expressions(node: Node, change: Callable[[Expr], Expr]) -> Node:
    """`node`, and everything inside it, with `change` applied to each whole expression."""

    def region(part: Region) -> Region:
        indices = tuple(
            Slice(change(i.start), i.extent) if isinstance(i, Slice) else change(i) for i in part.indices
        )
        return Region(part.array, indices)

    def inside(block: tuple[Node, ...]) -> tuple[Node, ...]:
        return tuple(map_expressions(inner, change) for inner in block)

    match node:
        case Alloc(fill=fill):
            return node if fill is None else replace(node, fill=change(fill))
        case Store(indices=indices, value=value):
            return replace(node, indices=tuple(change(i) for i in indices), value=change(value))
        case Loop(start=start, stop=stop, body=body):
            return replace(node, start=change(start), stop=change(stop), body=inside(body))
        case While(prologue=prologue, cond=cond, body=body):
            return replace(node, prologue=inside(prologue), cond=change(cond), body=inside(body))
        case If(cond=cond, then=then, orelse=orelse):
            return replace(node, cond=change(cond), then=inside(then), orelse=inside(orelse))
        case Call(args=args, results=results):
            passed = tuple(region(a) if isinstance(a, Region) else change(a) for a in args)
            return replace(node, args=passed, results=tuple(region(r) for r in results))


def replace_arrays(node: Node, changed: Mapping[Array, Array]) -> Node:
    """`node`, and everything inside it, with arrays replaced."""

    def targets(part: Node) -> Node:
        match part:
            case Store(array=array) | Alloc(array=array):
                part = replace(part, array=changed.get(array, array))
            case Call(args=args, results=results):
                part = replace(
                    part,
                    args=tuple(_region(a, changed) if isinstance(a, Region) else a for a in args),
                    results=tuple(_region(r, changed) for r in results),
                )
            case Loop() | While() | If():
                pass
            case _:
                assert_never(part)
        return map_blocks(part, lambda block: tuple(targets(inner) for inner in block))

    return targets(map_expressions(node, lambda expr: replace_in(expr, changed)))


def replace_in(expr: Expr, changed: Mapping[Array, Array]) -> Expr:
    """An expression with arrays replaced."""

    def load(part: Expr) -> Expr | None:
        if isinstance(part, Load) and part.array in changed:
            inner = map_children(part, lambda e: rewrite(e, load))
            assert isinstance(inner, Load)
            return replace(inner, array=changed[part.array])
        return None

    return rewrite(expr, load)


def _region(region: Region, changed: Mapping[Array, Array]) -> Region:
    return Region(changed.get(region.array, region.array), region.indices)


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
