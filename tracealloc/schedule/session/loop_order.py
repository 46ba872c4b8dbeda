"""A legal loop order that runs fast, for nests that carry no schedule.

Interchange only: every element's sum keeps its order, so results stay bit-exact. A nest is reordered where
that makes the innermost loop step through memory by ones, or not at all (FACTS: a literal ``i, j, k``
matrix product costs thirty times the ``i, k, j`` one).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations
from typing import assert_never

from tracealloc.poly.dependence.dependence import dependences_of
from tracealloc.poly.dependence.legality import first_violation
from tracealloc.poly.isl.named import LOCK
from tracealloc.poly.model.model import Statement
from tracealloc.poly.model.tree import Leaf, LoopNode, Sequence, Tree, leaves, replace_loop, statements_of
from tracealloc.schedule.core.chains import loop_values
from tracealloc.schedule.core.primitive import Edit
from tracealloc.schedule.core.state import Module, State, lowered, module_of
from tracealloc.schedule.primitives.reorder import nests
from tracealloc.trace.ir.expr import Iter, IterRef, Load, loads_of
from tracealloc.trace.ir.hardware import PROCESSOR
from tracealloc.trace.ir.program import Call, Program, Store, reduction_of, walk_nodes
from tracealloc.trace.queries.affine import linear

__all__ = ["for_c", "interchanged"]

_MOST_LOOPS = 5
# Costs of an iteration of the innermost loop, in accesses to the next element. Measured on PolyBench MEDIUM:
_STRIDED = 8  # an access that touches another cache line each time
_CARRIED = 16  # waiting for the sum of the last iteration
_MOST_EXPANDED = 2**14  # elements of a scalar that a new order turns into an array: a row, not a matrix
_CLEARLY = 2  # by what factor another order must cost less: the user's own order has its reasons


def for_c(program: Program) -> Program:
    """What the C back end compiles of a program without a schedule.

    Raises:
        BoundsError: an access leaves its array.
        TraceError: an element is read before it is stored.
    """
    with LOCK:
        return lowered(interchanged(module_of(program, PROCESSOR)))


def interchanged(module: Module) -> Module:
    """The module with its untouched nests in the order that runs fastest."""
    kept = _in_queue_order(module)
    for name, state in module.functions.items():
        if name in kept:
            continue
        if state.model is state.proof.base and state.tree is state.model.reference:
            module = module.with_state(name, _best_order(Edit(state, "loop order", module, name)))
    return module


def _in_queue_order(module: Module) -> set[str]:
    """The functions in which arrays are queues, and those that they call: their order is the queues'."""
    kept: set[str] = set()
    for name, state in reversed(list(module.functions.items())):  # callers first
        if state.relays:
            kept.add(name)
        if name in kept:
            nodes = walk_nodes(tuple(statement.node for statement in state.model.statements))
            kept |= {node.callee for node in nodes if isinstance(node, Call)}
    return kept


def _best_order(edit: Edit) -> State:
    for outer in list(_nest_heads(edit.state.tree)):
        edit = replace(edit, state=_interchange(edit, outer))
    return edit.state


def _nest_heads(tree: Tree) -> Iterator[LoopNode]:
    """The outermost loop of every chain of loops, each directly the only loop of the one before."""
    match tree:
        case LoopNode():
            yield tree
            yield from _nest_heads(_chain(tree)[-1].body)
        case Sequence(children):
            for child in children:
                yield from _nest_heads(child)
        case Leaf():
            return
        case _:
            assert_never(tree)


def _chain(loop: LoopNode) -> list[LoopNode]:
    chain = [loop]
    while (inner := _only_loop(chain[-1].body)) is not None:
        chain.append(inner)
    return chain


def _only_loop(body: Tree) -> LoopNode | None:
    if isinstance(body, LoopNode):
        return body
    if isinstance(body, Sequence):
        loops = [child for child in body.children if isinstance(child, LoopNode)]
        if len(loops) == 1:
            return loops[0]
    return None


def _interchange(edit: Edit, outer: LoopNode) -> State:
    state = edit.state
    chain = _chain(outer)
    core = [state.model.statement(name) for name in leaves(chain[-1].body)]
    movable = all(isinstance(loop.expr(s.name), IterRef) for loop in chain for s in core)
    inside = [state.model.statement(name) for name in leaves(outer)]
    if any(access.array.kind == "stream" for s in inside for access in s.accesses):
        return state  # who waits for whom depends on the order in which different queues are used
    if not 2 <= len(chain) <= _MOST_LOOPS or not movable:
        return state
    costs = {order: _cost(core, [chain[k] for k in order]) for order in permutations(range(len(chain)))}
    own = tuple(range(len(chain)))
    better = sorted(
        (cost, order)
        for order, cost in costs.items()
        if order != own and _CLEARLY * cost[0] <= costs[own][0] and cost[0] < costs[own][0]
    )
    edit = replace(edit, state=state)
    for _, order in better:
        first = next(k for k in own if order[k] != k)  # the loops outside that stay are left alone
        moved = chain[first:]
        if _expanded(state, moved) > _MOST_EXPANDED:
            continue
        for nest in nests(edit, moved, [chain[k] for k in order[first:]]):
            tree = replace_loop(state.tree, moved[0].key, lambda _, nest=nest: nest)  # type: ignore[misc]
            deps = dependences_of(state.model, statements_of(moved[0]))
            if first_violation(state.model, deps, tree) is None:
                return replace(state, tree=tree)
    return state


def _expanded(state: State, moved: list[LoopNode]) -> int:
    """How many elements a scalar of one iteration needs once statements around the core are set apart."""
    core = set(leaves(moved[-1].body))
    apart = [name for name in leaves(moved[0]) if name not in core]
    inside = {array for name in core for array, _ in state.model.statement(name).scopes}
    most = 1
    for name in apart:
        statement = state.model.statement(name)
        for array, scope in statement.scopes:
            if array in inside:
                own = [loop for loop in moved if any(pair == (name, s) for pair in loop.exprs for s in scope)]
                ends = [loop_values(state.model, loop) or (0, 0) for loop in own]
                most = max(most, math.prod(high - low + 1 for low, high in ends) * array.size)
    return most


def _cost(statements: list[Statement], order: list[LoopNode]) -> tuple[int, ...]:
    """Cost of the innermost loop, then of the next, and so on; lower is better."""
    inner = order[-1]
    outer = (_outer_cost(statements, loop, inner) for loop in reversed(order[:-1]))
    return (_inner_cost(statements, inner), *outer)


def _inner_cost(statements: list[Statement], loop: LoopNode) -> int:
    """What an iteration of the innermost loop waits for."""
    total = 0
    for statement in statements:
        it = _iterator(statement, loop)
        strides = [abs(_stride(statement, access, it)) for access in _element_accesses(statement)]
        total += sum(stride if stride <= 1 else _STRIDED for stride in strides)
        node = statement.node
        if isinstance(node, Store) and reduction_of(node) is not None:
            total += _CARRIED if strides[-1] == 0 else 0
    return total


def _outer_cost(statements: list[Statement], loop: LoopNode, inner: LoopNode) -> int:
    """How many rows that the innermost loop runs along an iteration of a loop outside it replaces.

    A row that is written counts twice: it goes both ways.
    """
    total = 0
    for statement in statements:
        it, along = _iterator(statement, loop), _iterator(statement, inner)
        accesses = _element_accesses(statement)
        for access in accesses:
            if _stride(statement, access, along) and _stride(statement, access, it):
                total += 2 if access is accesses[-1] else 1
    return total


def _iterator(statement: Statement, loop: LoopNode) -> Iter:
    expr = loop.expr(statement.name)
    assert isinstance(expr, IterRef)
    return expr.iter


def _element_accesses(statement: Statement) -> list[Load]:
    """The elements that a statement reads, and last the one that it writes."""
    node = statement.node
    if not isinstance(node, Store):
        return []
    found = [load for expr in (node.value, *statement.guards) for load in loads_of(expr)]
    return [*found, Load(node.array, node.indices, node.path)]


def _stride(statement: Statement, access: Load, it: Iter) -> int:
    """By how many elements an access moves per iteration (a large number where data decides).

    A scalar of each iteration becomes a row where its loop is innermost.
    """
    if IterRef(it) in statement.scope(access.array):
        return 1
    total, size = 0, 1
    for expr, extent in zip(reversed(access.indices), reversed(access.array.shape), strict=True):
        form = linear(expr)
        if form is None:
            return _STRIDED
        for atom, coefficient in form.terms:
            if isinstance(atom, IterRef) and atom.iter == it:
                total += coefficient * size
        size *= extent
    return total
