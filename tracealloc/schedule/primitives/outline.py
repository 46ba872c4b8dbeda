"""``outline``: make function boundaries."""

from __future__ import annotations

import keyword
from dataclasses import replace

import islpy as isl

from tracealloc.poly.calls.bind_arguments import calls_in
from tracealloc.poly.model.model import Model
from tracealloc.poly.model.statements import instances_used
from tracealloc.poly.model.tree import LoopNode, loops_in
from tracealloc.schedule.core.chains import find
from tracealloc.schedule.core.primitive import Edit, Result, primitive
from tracealloc.schedule.core.prove_storage import proved_apart, proved_storage
from tracealloc.schedule.core.state import Module, OpaqueLoop, State, cut_state
from tracealloc.schedule.loops.outline_loop import Cut, cut_loop, cut_opaque, stored_scalars
from tracealloc.schedule.storage.expand_scope import unscoped
from tracealloc.schedule.storage.relayout import relaid, with_local_copy
from tracealloc.trace.ir.affine import constant
from tracealloc.trace.ir.expr import Load
from tracealloc.trace.ir.program import Alloc, Array, Loop, Store, walk_nodes

__all__ = ["outline"]


@primitive(loop="loop")
def outline(edit: Edit, loop: LoopNode | OpaqueLoop, name: str) -> Result:
    """Make `loop`, with all inside it, a function of its own, called `name`.

    The function gets the arrays that the loop uses, and the iterators of the loops around it by value.
    ``s.inline(name)`` puts it back.

    Rewrite:
        for j: body   ->   name(A, B, i)   with a function name that holds for j: body
    Legal when:
        nearly always. A scalar that it stores to, or that may not be set where the function is called,
        becomes an array of one element, for functions take scalars by value; arrays and scalars that
        loops make anew, and of which it uses several, become one array with an element for each.

    Raises:
        ScheduleError: the name is taken or no identifier, or the loop cannot be cut out.
    """
    if (
        not isinstance(name, str)
        or not name.isidentifier()
        or keyword.iskeyword(name)
        or name in edit.module.names()
    ):
        raise edit.error(
            "TA271",
            f"needs the name of a new function, not {name!r}",
            because=[f"the functions are {', '.join(edit.module.names())}"],
        )
    state, (call,) = edit.keys(1)
    state, cut = _cut(edit, state, loop, name, call)
    scalars = [*stored_scalars(cut.callee.body), *_values_used_after(state.model, cut)]
    scalars += _unset_at_call(state.model, cut)
    if scalars:
        for array in scalars:
            state = _as_register(edit, state, array)
        state, cut = _cut(edit, state, loop, name, call)
    gone = {s.name for s in cut.piece.statements}
    kept = [s for s in state.model.statements if s.name not in gone]
    model = state.model.with_statements([*kept, cut.call], cut.tree)
    stale = frozenset(a.space for s in (*cut.piece.statements, cut.call) for a in s.accesses)
    proof = replace(state.proof, pieces=(*state.proof.pieces, cut.piece))
    changed = replace(state, proof=proof).with_model(model, cut.tree, stale)
    return Result(None, module=_with_function(edit, changed, name, cut, call))


def _cut(edit: Edit, state: State, loop: LoopNode | OpaqueLoop, name: str, call: str) -> tuple[State, Cut]:
    """The loop cut out; arrays of which it uses several instances have them in one array then."""
    if isinstance(loop, OpaqueLoop):
        return state, cut_opaque(state, loop, name, call)
    while isinstance(cut := cut_loop(state, find(state, loop.key), name, call), Array):
        changed = unscoped(edit, state, cut)
        if changed is None:
            cut = f"one call would use several of the arrays {cut.name!r} that the loops around it make"
            break
        edit = replace(edit, state=state)
        state = proved_apart(edit, changed, cut) if cut.rank else proved_storage(edit, changed, cut)
    if isinstance(cut, str):
        raise edit.error(
            "TA274",
            f"cannot make {loop.name!r} a function",
            because=[cut],
            hint="outline a loop further out",
        )
    return state, cut


def _values_used_after(model: Model, cut: Cut) -> list[Array]:
    """The values (conditions, say) that are stored in the loop and used outside it."""
    inside = {s.name for s in cut.piece.statements}
    nodes = (s.node for s in cut.piece.statements)
    stored = [n.array for n in nodes if isinstance(n, Store) and n.array.kind == "value"]
    others = [s for s in model.statements if s.name not in inside]
    used = {access.array for s in others for access in s.accesses}
    return [array for array in dict.fromkeys(stored) if array in used]


def _unset_at_call(model: Model, cut: Cut) -> list[Array]:
    """The scalars passed by value to which not every call has something stored.

    What stores them is under a condition, and the function reads them under the same one.
    """
    call, found = cut.call, list[Array]()
    args = [part for node in calls_in(call.node) for part in node.args]
    own = {n.array for n in walk_nodes((call.node,)) if isinstance(n, Store | Alloc)}
    for array in [part.array for part in args if isinstance(part, Load) and not part.array.rank]:
        if array.kind not in ("local", "value") or array in own:
            continue
        used = instances_used(call, array)
        stored = isl.Set.empty(used.get_space())
        for s in model.statements:
            if isinstance(s.node, Store | Alloc) and s.node.array == array and {*s.guards} <= {*call.guards}:
                stored = stored.union(instances_used(s, array))
        if not used.is_subset(stored):
            found.append(array)
    return found


def _as_register(edit: Edit, state: State, array: Array) -> State:
    """The state with a scalar stored as an array of one element: functions take scalars by value."""
    old = next(known for known in state.model.arrays if known == array)
    edit = replace(edit, state=state)
    if old.kind not in ("local", "value"):  # it is the caller's: the kernel works on a copy
        state, local = with_local_copy(edit, state, old)
        edit, old = replace(edit, state=proved_storage(edit, state, old)), local
    new = replace(old, kind="local", shape=(1,))
    return proved_storage(edit, relaid(edit, edit.state, old, new, lambda indices: (constant(0),)), old)


def _with_function(edit: Edit, caller: State, name: str, cut: Cut, call: str) -> Module:
    """The module with a new function right before the one that calls it; its loops keep their handles."""
    callee = cut.callee
    state = cut_state(name, callee, caller, f"{call}_", cut.requests)
    opaque = {found.loop.iter for found in state.loops() if isinstance(found, OpaqueLoop)}
    loops = [n for n in walk_nodes(callee.body) if isinstance(n, Loop) and n.iter not in opaque]
    made = [loop.key for loop in loops_in(state.tree)]
    homes = tuple(((caller.name, node.iter.key), (name, key)) for node, key in zip(loops, made, strict=False))
    states: list[tuple[str, State]] = []
    for other, old in edit.module.states:
        states += [(name, state), (other, caller)] if other == edit.function else [(other, old)]
    return replace(edit.module, states=tuple(states), homes=(*edit.module.homes, *homes))
