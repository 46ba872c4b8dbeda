"""``inline`` and ``outline``: remove and make function boundaries."""

from __future__ import annotations

from dataclasses import replace

from tracealloc.poly.tree import LoopNode
from tracealloc.schedule.primitive import Edit, Result, primitive
from tracealloc.schedule.splice import calls_of, outlined, spliced, stored_scalars
from tracealloc.schedule.state import Module, OpaqueLoop, State, fresh_state
from tracealloc.trace.expr import Iter, IterRef
from tracealloc.trace.program import Call, Program, walk_nodes

__all__ = ["inline", "outline"]


@primitive()
def inline(edit: Edit, callee: str) -> Result:
    """Replace calls in the top kernel by the body of the function that they call.

    `callee` is a function's name (all its calls) or a call site (``"matmul_1"``). Loops and arrays of the
    callee get names of their own where the caller has the same; its bands ``L0`` are then called
    ``matmul_0_L0``.

    Rewrite:
        matmul(X, W, Y)   ->   for i: for j: for k: Y[i, j] += X[i, k] * W[k, j]
    Legal when:
        always. It changes the program that later steps start from, so it comes before them: the top
        kernel and the callee must not be scheduled yet.

    Raises:
        ScheduleError: nothing of that name is called, or a step was taken before.
    """
    top = edit.module.top
    program = edit.module.state(top).program
    calls = calls_of(program, callee)
    if not calls:
        names = [c.site for c in calls_of_all(program)]
        raise edit.error(
            "TA270",
            f"finds no call of {callee!r} in {top}",
            because=[f"the calls are {', '.join(names) or '(none)'}"],
        )
    _check_unscheduled(edit, top)
    _check_unscheduled(edit, calls[0].program.name)
    return Result(None, module=_with_top(edit.module, spliced(program, callee)))


@primitive(loop="loop")
def outline(edit: Edit, loop: LoopNode | OpaqueLoop, name: str) -> Result:
    """Make `loop` of the top kernel a function of its own, called `name`.

    Rewrite:
        for j: body   ->   name(A, B, i)   with a function name that holds for j: body
    Legal when:
        the loop stores to no scalar that lives outside it (a function could not give it back). It changes
        the program that later steps start from, so the top kernel must not be scheduled yet.

    Raises:
        ScheduleError: the name is taken or no identifier, a step was taken before, or a scalar is stored.
    """
    top = edit.module.top
    if edit.function != top:
        raise edit.error("TA271", f"works on loops of {top}, not of {edit.function}")
    if not isinstance(name, str) or not name.isidentifier() or name in edit.module.names():
        raise edit.error(
            "TA271",
            f"needs the name of a new function, not {name!r}",
            because=[f"the functions are {', '.join(edit.module.names())}"],
        )
    _check_unscheduled(edit, top)
    program = edit.module.state(top).program
    it = _iterator(loop)
    stored = stored_scalars(program, it)
    if stored:
        raise edit.error(
            "TA272",
            f"would lose what {loop.name!r} stores to {stored[0].name!r}",
            because=["a function takes scalars by value"],
            hint=f"make {stored[0].name} an array of one element, or outline a loop around it",
        )
    changed, callee = outlined(program, it, name)
    module = _with_top(edit.module, changed)
    state = fresh_state(name, callee, edit.state.reassociate)
    states = (*module.states[:-1], (name, state), module.states[-1])  # callees come before their callers
    return Result(None, module=replace(module, states=states))


def _iterator(loop: LoopNode | OpaqueLoop) -> Iter:
    if isinstance(loop, OpaqueLoop):
        return loop.loop.iter
    expr = loop.exprs[0][1]
    assert isinstance(expr, IterRef), "an unscheduled loop runs over its own iterator"
    return expr.iter


def _check_unscheduled(edit: Edit, name: str) -> None:
    state = edit.module.state(name)
    fresh = state.model is state.base and state.tree is state.base.reference
    if not fresh or any(not layout.plain for _, layout in state.layouts):
        raise edit.error(
            "TA273",
            f"comes before the steps that schedule {name}",
            because=["it changes the program that they start from"],
            hint="undo them, take this step, and take them again (s.script() shows them)",
        )


def calls_of_all(program: Program) -> list[Call]:
    """Every call of a program."""
    return [node for node in walk_nodes(program.body) if isinstance(node, Call)]


def _with_top(module: Module, program: Program) -> Module:
    """The module with another program of the top kernel; functions that nothing calls any more go."""
    state: State = module.state(module.top)
    called = {id(callee) for callee in program.callees()}
    kept = [(name, old) for name, old in module.states if name != module.top and (id(old.program) in called)]
    fresh = fresh_state(module.top, program, state.reassociate)
    return replace(module, states=(*kept, (module.top, fresh)))
