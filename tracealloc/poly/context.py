"""What the parameters of a program may be: from their types, and from what its accesses require.

A parameter is an integer argument that nothing writes. From its type alone every ``A[i]`` in
``range(n)`` would leave its array; so what must hold for every certain access to be inside is collected
(``n <= 60`` where `A` has 60 elements), assumed by every analysis, and checked when the kernel is called.
Only parameters that something affine mentions are isl's: others are data.
"""

from __future__ import annotations

from collections.abc import Iterator

import islpy as isl

from tracealloc.poly.texts import cond_text, parameter_name, read_set
from tracealloc.trace.affine import is_affine
from tracealloc.trace.expr import Expr, loads_of
from tracealloc.trace.program import (
    Array,
    Call,
    If,
    Loop,
    Node,
    Program,
    Region,
    Slice,
    Store,
    expressions_of,
    walk_nodes,
)

__all__ = ["ANYTHING", "context_of", "used_parameters"]

ANYTHING = isl.Set("{ : }")
"""The context of a program without parameters."""


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
        case _:
            return


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


def context_of(program: Program) -> isl.Set:
    """What the parameters of a program may be."""
    held = []
    for array in used_parameters(program):
        assert array.parameter is not None
        name = parameter_name(array)
        held.append(f"{array.parameter.low} <= {name} <= {array.parameter.high}")
    held += [cond_text(each.cond, {}) for each in program.requires]
    return read_set(f"{{ : {' and '.join(held)} }}") if held else ANYTHING
