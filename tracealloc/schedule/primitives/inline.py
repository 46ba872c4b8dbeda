"""``inline``: remove function boundaries."""

from __future__ import annotations

from dataclasses import replace

from tracealloc.poly.calls.bind_arguments import Names, Splice, calls_in
from tracealloc.poly.codegen.lower import lower
from tracealloc.poly.model.model import Statement
from tracealloc.poly.model.views import Unproved
from tracealloc.poly.proof.equivalence import runs_once
from tracealloc.schedule.core.ask import asking
from tracealloc.schedule.core.marks import mark
from tracealloc.schedule.core.names import bands_of
from tracealloc.schedule.core.primitive import Edit, Result, primitive
from tracealloc.schedule.core.state import Module, State, fresh_state
from tracealloc.schedule.layout.requests import Dim, Request, ScopeDim, moved
from tracealloc.schedule.loops.inline_call import Callee, inlined, origins_of
from tracealloc.trace.ir.expr import Expr
from tracealloc.trace.ir.layout import Banks, normal_banks
from tracealloc.trace.ir.program import Call, Region, Slice
from tracealloc.trace.ir.rewrite import replace_arrays
from tracealloc.trace.queries.affine import is_affine
from tracealloc.trace.queries.sizes import used_parameters

__all__ = ["inline"]


@primitive()
def inline(edit: Edit, callee: str) -> Result:
    """Replace calls by the body of the function that they call, as both are scheduled.

    `callee` is a function's name (all its calls) or a call site (``"matmul_1"``; ``"mlp:matmul_1"`` in a
    callee). Loops and arrays of the callee get names of their own where the caller has the same; its bands
    ``L0`` are then called ``matmul_0_L0``, others as in the callee (``PE``, the next ``PE_1``).

    Rewrite:
        matmul(X, W, Y)   ->   for i: for j: for k: Y[i, j] += X[i, k] * W[k, j]
    Legal when:
        always, but for layouts of arguments that only hold inside the function (``reshape``, ``pack``).

    Raises:
        ScheduleError: nothing of that name is called, or the callee cannot be taken apart.
    """
    outlined = _outlined(edit, callee)
    if outlined is not None:
        return outlined
    module = edit.module
    found = _sites(edit, callee)
    for function, sites in found.items():
        module = _inlined_into(edit, module, function, sites)
    return Result(None, module=_without_unused(module))


def _calls(state: State) -> list[Call]:
    return [call for statement in state.model.statements for call in calls_in(statement.node)]


def _outlined(edit: Edit, text: str) -> Result | None:
    """The module without the boundary of a function that was outlined; None where the name means none."""
    name = text.rpartition(":")[2] if isinstance(text, str) else ""
    for host, state in edit.module.functions.items():
        for function, loop in state.functions():
            if name in (function, f"{function}_0"):
                bare = mark(state, loop, lambda marks: replace(marks, function=None))
                return Result(None, module=edit.module.with_state(host, bare), inlined=function)
    return None


def _sites(edit: Edit, text: str) -> dict[str, dict[str, str]]:
    """By function: the sites that are meant, each with the function that it calls."""
    module = edit.module
    within, colon, name = text.rpartition(":") if isinstance(text, str) else ("", "", "")
    found: dict[str, dict[str, str]] = {}
    exact: dict[str, dict[str, str]] = {}
    for function, state in module.functions.items():
        for call in _calls(state) if not colon or function == within else ():
            if name in (call.callee, call.program.name):
                found.setdefault(function, {})[call.site] = call.callee
            if name == call.site:
                exact.setdefault(function, {})[call.site] = call.callee
    if exact and not found:
        found = {module.top: exact[module.top]} if module.top in exact else exact
        if len(found) > 1:
            raise edit.error(
                "TA270",
                f"means call sites of {len(found)} functions",
                because=[f"they are in {', '.join(found)}"],
                hint=f'"{next(iter(found))}:{name}" names one',
            )
    if not found:
        sites = [
            call.site if function == module.top else f"{function}:{call.site}"
            for function, state in reversed(list(module.functions.items()))
            for call in _calls(state)
        ]
        raise edit.error(
            "TA270",
            f"finds no call of {text!r} in {module.top}",
            because=[f"the calls are {', '.join(dict.fromkeys(sites)) or '(none)'}"],
        )
    return found


def _inlined_into(edit: Edit, module: Module, function: str, sites: dict[str, str]) -> Module:
    for called in dict.fromkeys(sites.values()):
        mine = {site for site, name in sites.items() if name == called}
        state, callee = module.state(function), module.state(called)
        _check(edit, module, state, callee, mine)
        names = _names(state, callee)
        changed = _taken_in(edit, state, callee, mine, names)
        homes = _homes(function, called, state, callee, mine, names)
        module = replace(module.with_state(function, changed), homes=(*module.homes, *homes))
    return module


def _names(state: State, callee: State) -> Names:
    """What is taken in the caller."""
    bands = {name for ends in (state.tree, state.proof.base.reference) for name, _ in bands_of(ends)}
    arrays = state.model.arrays
    return Names(callee.name, {array.name for array in arrays}, bands, {array.key for array in arrays})


def _taken_in(edit: Edit, state: State, callee: State, sites: set[str], names: Names) -> State:
    """The caller's state with calls replaced by the callee, in what is traced and in what is scheduled."""
    callee = _opened(edit, state, callee, sites)
    own, old_base = state.proof.base, callee.proof.base
    program = callee.program if callee.is_traced else lower(old_base, old_base.reference)
    body = program if callee.is_fresh else lower(callee.model, callee.tree)
    now = Callee(callee.model, callee.tree, body, program)
    model, tree = inlined(state.model, state.tree, now, sites, names)
    traced = Callee(old_base, old_base.reference, program, program)
    base, _ = inlined(replace(own, arrays=model.arrays), own.reference, traced, sites, names)
    model = replace(model, arrays=base.arrays)
    asked: list[Request] = []
    followed = not _copies_are_hidden(state, callee, sites)
    for statement in own.statements:
        call = statement.node
        if not isinstance(call, Call) or call.site not in sites:
            continue
        splice = Splice(call, names)
        if followed:
            origins = origins_of(model, callee.model, statement, splice)
            followed = origins is not None
            model = replace(model, origins=(*model.origins, *(origins or ())))
        asked += _asked(callee, splice, len(statement.dims))
    if state.is_fresh and callee.is_fresh:
        model, tree = base, base.reference
    old = [s for s in state.model.statements if any(c.site in sites for c in calls_in(s.node))]
    known = {s.name for s in state.model.statements}
    made = [s for s in model.statements if s.name not in known]
    changed = replace(
        state,
        proof=state.proof.taken_in(base, callee.proof),
        serial=max(state.serial, callee.serial),
    )
    changed = asking(edit, changed.with_model(model, tree, _spaces([*old, *made])), asked)
    return changed if followed else changed.rebased(state.claim, callee.claim)


def _opened(edit: Edit, state: State, callee: State, sites: set[str]) -> State:
    """The callee as it is where a parameter gets what depends on data: loops up to it are then opaque.

    Raises:
        ScheduleError: it was scheduled, so that its loops have no other form.
    """
    calls = [call for call in (*_calls(state), *_traced_calls(state)) if call.site in sites]
    data = {
        formal: replace(formal, parameter=None)
        for formal in used_parameters(callee.program)
        for call in calls
        if not _is_parametric(dict(zip(call.program.args, call.args, strict=True))[formal])
    }
    if not data:
        return callee
    if not (callee.is_fresh and callee.is_traced):
        name = next(iter(data)).name
        raise edit.error(
            "TA273",
            f"cannot take {callee.name} apart",
            because=[f"its loops depend on its argument {name!r}, which depends on data here"],
            hint="inline it before it is scheduled",
        )
    program = callee.program
    body = tuple(replace_arrays(node, data) for node in program.body)
    args = tuple(data.get(array, array) for array in program.args)
    opened = replace(program, args=args, body=body, requires=())
    try:
        made = fresh_state(callee.name, opened, callee.proof.reassociate)
    except Unproved as access:
        raise edit.error(
            "TA273",
            f"cannot take {callee.name} apart",
            because=[
                f"{access} is an access through a view, which depends on data here: that nothing leaves the "
                "view is proved for numbers that are known when it is called"
            ],
            hint="keep the call, or subscript the array itself in the kernel",
        ) from None
    return made.with_requests(callee.requests)


def _traced_calls(state: State) -> list[Call]:
    return [call for statement in state.proof.base.statements for call in calls_in(statement.node)]


def _is_parametric(part: Region | Expr) -> bool:
    return not isinstance(part, Region) and is_affine(part)


def _copies_are_hidden(state: State, callee: State, sites: set[str]) -> bool:
    """Whether a proof of the whole cannot follow the callee's buffers: both parts are proved apart then."""
    called = [s for s in state.model.statements if isinstance(s.node, Call) and s.node.site in sites]
    traced = [s for s in state.proof.base.statements if isinstance(s.node, Call) and s.node.site in sites]
    if not all(runs_once(state.model, s.name) for s in traced):
        return True  # compute_at repeats the call
    # Under a condition a buffer holds the old or the new values: no copy that a proof looks through.
    return any(s.guards for s in called) and any(s.copy for s in callee.model.statements)


def _spaces(statements: list[Statement]) -> frozenset[str]:
    return frozenset(access.space for s in statements for access in s.accesses)


def _asked(callee: State, splice: Splice, loops: int) -> list[Request]:
    """What is asked in a callee, of the arrays that it is passed and of its own, which get `loops` around."""
    found: list[Request] = []
    for array in callee.model.arrays:
        region = splice.arrays.get(array)
        if region is None:
            key = splice.renamed(array).key
            found += moved(callee.requests, array.key, key, lambda dim: _deeper(dim, loops))
            continue
        sliced = [dim for dim, part in enumerate(region.indices) if isinstance(part, Slice)]
        for request in moved(callee.requests, array.key, array.key):
            if isinstance(request.asks, Banks) and isinstance(request.dim, int):
                banks = normal_banks(request.asks, array.shape[request.dim])  # for as many elements
                request = replace(request, asks=banks, dim=sliced[request.dim])
            found.append(replace(request, array=region.array.key))
    return found


def _deeper(dim: Dim, loops: int) -> Dim:
    return ScopeDim(dim.depth + loops) if isinstance(dim, ScopeDim) else dim


def _check(edit: Edit, module: Module, state: State, callee: State, sites: set[str]) -> None:
    """Refuse callees that cannot be taken apart.

    Raises:
        ScheduleError: with what stands in the way.
    """

    def refused(because: str, hint: str) -> None:
        raise edit.error("TA273", f"cannot take {callee.name} apart", because=[because], hint=hint)

    for array, _ in callee.model.versions:
        if array.kind == "argument":
            refused(
                f"the shape of its argument {array.name!r} was changed",
                "inline it first, then change the shape",
            )
    for array, layout in callee.layouts:
        if array.kind == "argument" and (layout.pack is not None or layout.port is not None):
            refused(
                f"its argument {array.name!r} is packed or has a port of its own",
                "inline it before that step",
            )
    current = {array.key: array.dtype for array in callee.model.arrays}
    for array in callee.program.args:
        if current.get(array.key, array.dtype) != array.dtype:
            refused(f"its argument {array.name!r} is stored in another type", "inline it before s.cast(...)")
    if any(array.kind == "state" for array in callee.model.arrays):
        elsewhere = [c for s in module.functions.values() for c in _calls(s) if c.callee == callee.name]
        if len(elsewhere) > len(sites) or any(c.site not in sites for c in elsewhere):
            refused(
                "its calls share what it keeps between them", f's.inline("{callee.name}") inlines them all'
            )


def _homes(
    function: str, called: str, state: State, callee: State, sites: set[str], names: Names
) -> tuple[tuple[tuple[str, str], tuple[str, str]], ...]:
    """Where loops and arrays of a callee that is inlined at one place are found now."""
    places = [s for s in state.model.statements if isinstance(s.node, Call) and s.node.site in sites]
    if len(places) != 1:
        return ()
    call = places[0].node
    assert isinstance(call, Call)
    loops = [(loop.key, f"{places[0].name}:{loop.key}") for loop in callee.loops()]
    splice = Splice(call, names)
    arrays = [
        (array.key, splice.own(array).key) for array in callee.model.arrays if array not in splice.values
    ]
    return tuple(((called, old), (function, new)) for old, new in (*loops, *arrays))


def _without_unused(module: Module) -> Module:
    """The module without functions that nothing calls any more."""
    reached = {module.top}
    for name, state in reversed(list(module.functions.items())):  # callers come after their callees
        if name in reached:
            reached |= {call.callee for call in _calls(state)}
    return replace(module, functions={name: s for name, s in module.functions.items() if name in reached})
