"""Which integer arguments are sizes, which analyses see: bounds, conditions or subscripts mention them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from tracealloc.trace.ir.dtype import Integer
from tracealloc.trace.ir.expr import Cast, Expr, Load, loads_of
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
    expressions_of,
    walk_nodes,
)
from tracealloc.trace.queries.affine import is_affine, linear

__all__ = ["bounding", "used_parameters", "wide_data"]


def _positions(node: Node) -> Iterator[Expr]:
    """The expressions of a node that isl may see: bounds, conditions and subscripts."""
    for expr in expressions_of(node):
        for load in loads_of(expr):
            yield from load.indices
    match node:
        case Loop(start=start, stop=stop):
            yield from (start, stop)
        case If(cond=cond):
            yield cond
        case Store(indices=indices):
            yield from indices
        case Call(args=args, results=results):
            for part in (*args, *results):
                if isinstance(part, Region):
                    yield from (i.start if isinstance(i, Slice) else i for i in part.indices)
                else:
                    yield part
        case Alloc() | While():
            return
        case _:
            assert_never(node)


def used_parameters(program: Program) -> tuple[Array, ...]:
    """The arguments that isl sees as parameters, in order."""
    if not any(array.parameter for array in program.args):
        return ()
    found = {
        load.array
        for node in walk_nodes(program.body)
        for expr in _positions(node)
        if is_affine(expr)
        for load in loads_of(expr)
    }
    return tuple(array for array in program.args if array in found)


def wide_data(program: Program) -> frozenset[str]:
    """The parameters of 64 bits that are data: no loop ends at them and no subscript adds them, by name.

    They may have any value (a hash, of which a remainder is a subscript), and no analysis takes numbers
    that large: they had better be data to it.
    """
    wide = {a for a in used_parameters(program) if isinstance(a.dtype, Integer) and a.dtype.width > 62}
    return frozenset(array.key for array in wide - bounding(program)) if wide else frozenset()


def bounding(program: Program) -> set[Array]:
    """The parameters at which a loop ends, or that a subscript adds, in the program or one that it calls."""
    places: list[Expr] = []
    for node in walk_nodes(program.body):
        if isinstance(node, Loop):
            places += (node.start, node.stop)
        if isinstance(node, Store):
            places += node.indices
        if isinstance(node, Call):
            for part in (*node.args, *node.results):
                if isinstance(part, Region):
                    places += [i.start if isinstance(i, Slice) else i for i in part.indices]
            inner = bounding(node.program)
            passed = zip(node.program.args, node.args, strict=True)
            places += [part for formal, part in passed if formal in inner and not isinstance(part, Region)]
        places += [
            index for expr in expressions_of(node) for load in loads_of(expr) for index in load.indices
        ]
    return {array for expr in places for array in _added(expr)}


def _added(expr: Expr) -> list[Array]:
    """The parameters that a bound or a subscript is a sum of."""
    form = linear(expr.operand if isinstance(expr, Cast) else expr)
    terms = () if form is None else form.terms
    operands = [atom.operand for atom, _ in terms if isinstance(atom, Cast)]
    return [operand.array for operand in operands if isinstance(operand, Load)]
