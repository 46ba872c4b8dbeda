"""Outlined functions: a mark on a loop says that it, with all inside it, is a function of its own.

    for i in 0:8:               for i in 0:8:
        for j in 0:8: S   ->        pe(A, i)            where def pe(A, i): for j in 0:8: S

Model, tree, proofs and layouts are those of the function around it; `poly.codegen.functions` makes a call of
it when the loops are written down. So a step on the loops of a function is a step like any other, but for
the boundary: no loop may cross it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import assert_never

from tracealloc.poly.model.tree import (
    Leaf,
    LoopNode,
    Sequence,
    Tree,
    loops_in,
    loops_to,
    replace_loop,
)
from tracealloc.schedule.core.marks import mark
from tracealloc.schedule.core.networks import refuse_pending
from tracealloc.schedule.core.primitive import Edit
from tracealloc.schedule.core.state import Module, OpaqueLoop, ScheduledLoop, State, calls_of
from tracealloc.trace.ir.layout import Marks
from tracealloc.trace.ir.program import Alloc, Array, Loop, Node, While, blocks_of
from tracealloc.trace.record.naming import unused

__all__ = ["arrays_of", "scope_of", "scopes_of", "settled", "specialized"]


def scopes_of(state: State) -> dict[str, str]:
    """The innermost outlined function that each loop and each statement is in, by key and by name."""
    found: dict[str, str] = {}
    if not any(True for _ in state.functions()):
        return found

    def visit(tree: Tree, scope: str | None) -> None:
        match tree:
            case LoopNode(key=key, body=body):
                scope = tree.marks.function or scope
                if scope is not None:
                    found[key] = scope
                visit(body, scope)
            case Sequence(children):
                for child in children:
                    visit(child, scope)
            case Leaf(statement):
                if scope is not None:
                    found[statement] = scope

    visit(state.tree, None)
    for statement in state.model.statements:
        for key, scope in _data_loops(statement.node, found.get(statement.name)):
            found[f"{statement.name}:{key}"] = scope
    return found


def _data_loops(node: Node, scope: str | None) -> Iterator[tuple[str, str]]:
    """The loops inside a statement that are in a function, by the keys of their iterators."""
    if isinstance(node, Loop | While):
        scope = node.marks.function or scope
        if scope is not None:
            yield node.iter.key, scope
    for block in blocks_of(node):
        for inner in block:
            yield from _data_loops(inner, scope)


def scope_of(module: Module, function: str) -> str | None:
    """The name of a function where it is one that was outlined."""
    return None if function in module.functions else function


def arrays_of(state: State, scope: str | None) -> frozenset[Array]:
    """The arrays that an outlined function uses; those of the function around, for None.

    A statement with loops on data that are a function is in both.
    """
    scopes = scopes_of(state)
    if not scopes:
        return frozenset(state.model.arrays)
    users: dict[Array, set[str | None]] = {}
    for statement in state.model.statements:
        of = {scopes.get(statement.name)}
        of |= {name for key, name in scopes.items() if key.startswith(f"{statement.name}:")}
        for access in statement.accesses:
            users.setdefault(access.array, set()).update(of)
        if isinstance(statement.node, Alloc):
            users.setdefault(statement.node.array, set()).update(of)
    if scope is not None:
        return frozenset(array for array, of in users.items() if scope in of)
    outer = {*state.program.args, *state.model.outputs()}
    return frozenset(a for a in state.model.arrays if a in outer or None in users.get(a, {None}))


def specialized(module: Module, caller: str, site: str) -> Module:
    """The module in which one call has a schedule of its own, under the name of its site.

    It is that of the callee so far; later steps on either leave the other as it is.
    """
    state = module.functions[caller]
    callee = next(call.callee for call in calls_of(state.model) if call.site == site)
    symbol = unused(site, module.names())
    functions: dict[str, State] = {}
    for name, each in module.functions.items():
        functions[name] = each
        if name == callee:  # callees come first
            functions[symbol] = replace(each, name=symbol)
    functions[caller] = state.with_symbol(site, symbol)
    module = replace(module, functions=functions)
    return module.with_state(symbol, _distinct(module, functions[symbol]))


def settled(edit: Edit, after: Module, inlined: str | None = None) -> Module:
    """The module after a step, its functions again loops with all that belongs to them.

    Where loops of a function were reordered, the outermost of them is the function. Where a step made two
    of its loop, each is a function. `inlined` is the function whose boundary the step took away.

    Raises:
        ScheduleError: a loop has crossed the boundary of a function, or the function is gone; a grid of
            processes is in a loop.
    """
    before = edit.module.functions
    for name, state in after.functions.items():
        old = before.get(name)
        marked = state.concurrent or any(True for _ in state.functions())
        if old is state or (old is None and not marked):
            continue
        if old is not None:
            state = _within(edit, old, state, inlined)
        if state.concurrent:
            _outermost(edit, state.tree)
            refuse_pending(edit, after.with_state(name, state), name)
        after = after.with_state(name, _distinct(after, state))
    _refuse_queues(edit, after)
    return after


def _refuse_queues(edit: Edit, after: Module) -> None:
    """Refuse a step in a called kernel after which its callers' queues would have another order.

    Raises:
        ScheduleError: one of them would.
    """
    before, changed = edit.module.functions, set[str]()
    for name, state in after.functions.items():  # callees come first
        own = before.get(name) is not state
        if not own and any(call.callee in changed for call in calls_of(state.model)):
            changed.add(name)
            if state.relays:
                refuse_pending(edit, after, name)
        elif own:
            changed.add(name)


def _within(edit: Edit, old: State, state: State, inlined: str | None) -> State:
    for function, loop in old.functions():
        if isinstance(loop, OpaqueLoop) or function == inlined:
            continue
        now = [each for name, each in state.functions() if name == function and isinstance(each, LoopNode)]
        if not now:
            raise _crossed(edit, function)
        above, inside = _above(old.tree, loop.key), _inside(loop)
        if len(now) == 1:
            path = [each for each in loops_to(state.tree, now[0].key) if each.key in inside or each is now[0]]
            if path[0] is not now[0]:
                state = _moved_mark(state, function, now[0], path[0])
                now = [path[0]]
        if any(_inside(each) & above for each in now):
            raise _crossed(edit, function)
    return state


def _outermost(edit: Edit, tree: Tree, around: LoopNode | None = None) -> None:
    """Refuse a grid of processes in a loop: processes are there all the time."""
    match tree:
        case LoopNode(body=body):
            if tree.marks.space and around is not None:
                raise edit.error(
                    "TA287", f"would put the processes of {tree.name!r} into the loop {around.name!r}",
                    because=["each process is there all the time, and runs beside the others"],
                    hint="keep the loops of ta.processes outermost",
                )  # fmt: skip
            if tree.marks.function is not None and any(loop.marks.space for loop in loops_in(tree)):
                raise edit.error(
                    "TA287", f"puts the grid of {tree.name!r} into a function, in which it runs in order",
                    because=["each process is a function of its own already"],
                    hint="outline a loop inside a process, or none",
                )  # fmt: skip
            _outermost(edit, body, around if tree.marks.space else around or tree)
        case Sequence(children):
            for child in children:
                _outermost(edit, child, around)
        case Leaf():
            pass
        case _:
            assert_never(tree)


def _moved_mark(state: State, function: str, old: LoopNode, new: LoopNode) -> State:
    state = mark(state, old, lambda marks: replace(marks, function=None))
    return mark(state, new, lambda marks: replace(marks, function=function))


def _distinct(module: Module, state: State) -> State:
    """The state with another name for all but the first loop of a function."""
    others = {
        name
        for other, each in module.functions.items()
        if other != state.name
        for name in (other, *dict(each.functions()))
    }
    taken = {*others, state.name}
    for function, loop in list(state.functions()):
        if function in taken:
            name = unused(function, taken | {name for name, _ in state.functions()})
            state = _named(state, loop, name)
            function = name
        taken.add(function)
    return state


def _named(state: State, loop: ScheduledLoop, name: str) -> State:
    def change(marks: Marks) -> Marks:
        return replace(marks, function=name)

    if isinstance(loop, LoopNode):
        return state.with_tree(
            replace_loop(state.tree, loop.key, lambda x: replace(x, marks=change(x.marks)))
        )
    return mark(state, loop, change)


def _above(tree: Tree, key: str) -> set[str]:
    return {loop.key for loop in loops_to(tree, key)[:-1]}


def _inside(loop: LoopNode) -> set[str]:
    return {each.key for each in loops_in(loop)}


def _crossed(edit: Edit, function: str) -> Exception:
    return edit.error(
        "TA275",
        f"would take the function {function!r} apart",
        because=["its loops and those around it are of different functions"],
        hint=f's.inline("{function}") first',
    )
