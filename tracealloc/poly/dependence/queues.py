"""What an execution does to a queue (an array of kind ``stream``), and at which place.

For order, a queue is one element that every put and every get updates (`poly.model.accesses`): no proof knows
that there are queues. What is here serves messages.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import islpy as isl

from tracealloc.poly.dependence.dependence import common_loops, paths_of, time_map
from tracealloc.poly.isl.named import dim_bounds, lex_less
from tracealloc.poly.isl.texts import tuple_text
from tracealloc.poly.model.model import Access, Model, Statement
from tracealloc.poly.model.tree import Tree
from tracealloc.trace.ir.expr import Cast, Expr, Iter, substitute
from tracealloc.trace.ir.program import Array, Call, Node, Region, Store, read_by, walk_nodes
from tracealloc.trace.ir.text import expr_text
from tracealloc.trace.queries.affine import constant, simplify

__all__ = ["access_of", "element_put", "move_text", "place_of"]

_MOST_COUNTED = 10**6  # executions that may come before one whose place is told


def access_of(statement: Statement, array: Array) -> Access | None:
    """The access by which a statement moves a queue on."""
    return next((access for access in statement.writes if access.array == array), None)


def element_put(statement: Statement, values: Sequence[int], array: Array) -> str | None:
    """``A[0, 1]``: what one execution puts into a queue, if it does nothing else."""
    node = statement.node
    if not isinstance(node, Store) or node.array != array:
        return None
    value = node.value.operand if isinstance(node.value, Cast) else node.value
    its: dict[Iter, Expr] = {it: constant(number) for it, number in zip(statement.dims, values, strict=True)}
    return expr_text(simplify(substitute(value, its)))


def move_text(statement: Statement, values: Sequence[int], access: Access, name: str) -> str:
    """``puts A[0, 1] into q``: what one execution does to the queue called `name`."""
    node, array = statement.node, access.array
    element = element_put(statement, values, array)
    puts, gets = _moves(node, array)
    ways = [
        *([f"puts {element} into" if element else "puts into"] if puts else []),
        *(["takes from"] if gets else []),
    ]
    found = f"{' and '.join(ways)} {name}"
    if isinstance(node, Call):
        found = f"calls {node.program.name}, which {found}"
    return f"{found} where its condition holds" if statement.guards else found


def is_single(statement: Statement, array: Array, puts: bool) -> bool:
    """Whether every execution of a statement puts one element into a queue (takes one), and does no more."""
    node = statement.node
    if not isinstance(node, Store) or statement.guards:
        return False
    return (node.array == array, _takes(node, array)) == (puts, 0 if puts else 1)


def _moves(node: Node, array: Array) -> tuple[bool, bool]:
    """Whether a node puts into a queue, and whether it takes from it; kernels that it calls included."""
    found = [False, False]
    for inner in walk_nodes((node,)):
        ways = [(isinstance(inner, Store) and inner.array == array, _takes(inner, array) > 0)]
        if isinstance(inner, Call):
            for formal, part in zip(inner.program.args, inner.args, strict=True):
                if isinstance(part, Region) and part.array == array:
                    ways += [_moves(each, formal) for each in inner.program.body]
        for puts, gets in ways:
            found = [found[0] or puts, found[1] or gets]
    return found[0], found[1]


def _takes(node: Node, array: Array) -> int:
    """How many elements a node itself takes from a queue."""
    loads = read_by(node)
    return sum(load.array == array for load in loads)


def place_of(
    model: Model, tree: Tree, name: str, values: Sequence[int], array: Array, puts: bool
) -> int | None:
    """How many elements are put into a queue (taken from it) before one execution of a statement.

    None where it does more than that itself, where data decide it, or where counting would take long.
    """
    paths = paths_of(tree)
    statement = model.statement(name)
    own = access_of(statement, array)
    if own is None or not is_single(statement, array, puts):
        return None
    point = isl.Set(f"{{ {tuple_text(name, map(str, values))} }}")
    count = 0
    for other in model.statements:
        access = access_of(other, array)
        if access is None or not _moves(other.node, array)[0 if puts else 1]:
            continue
        loops, position = common_loops(paths[other.name], paths[name])
        less = lex_less("T", "T", len(loops), len(loops), len(loops), position < 0)
        now = point.apply(time_map(statement, loops)).set_tuple_name("T")
        before = now.apply(less.reverse()).apply(time_map(other, loops).reverse()).intersect(other.domain)
        before = before.intersect(point.apply(own.relation).apply(access.relation.reverse()))
        if before.is_empty():
            continue
        if not is_single(other, array, puts):
            return None
        ends = [dim_bounds(before, k) for k in range(len(other.dims))]
        if math.prod(high - low + 1 for low, high in ends) > _MOST_COUNTED:
            return None
        count += int(before.count_val().to_python())
    return count
