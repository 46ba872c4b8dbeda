"""What loops and arrays are called: the shortest names that mean one.

``k``; ``PE.k`` where ``k`` is ambiguous; ``PE.k#1`` for the second of a band; in another function
``matmul:k``, where that may be one that was outlined.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tracealloc.poly.isl.bounding_boxes import Same
from tracealloc.poly.isl.remembered import remembered
from tracealloc.poly.model.tree import LoopNode, Tree, loops_in
from tracealloc.schedule.core.boundaries import arrays_of, scopes_of
from tracealloc.schedule.core.primitive import Edit
from tracealloc.schedule.core.state import Module, OpaqueLoop, State
from tracealloc.trace.ir.program import Array, Loop

__all__ = [
    "band_names",
    "bands_of",
    "full_name",
    "full_names",
    "function_prefix",
    "loops_of",
    "prefix_of",
    "used_arrays",
    "user_name",
    "visible_arrays",
]


def bands_of(tree: Tree) -> Iterator[tuple[str, LoopNode]]:
    """Every band with its outermost loop, in textual order."""
    for loop in loops_in(tree):
        if loop.band is not None:
            yield loop.band, loop


def band_names(state: State) -> dict[str, str]:
    """The band that each loop belongs to, by loop key."""
    found: dict[str, str] = {}
    by_statement: dict[str, str] = {}
    for name, outer in bands_of(state.tree):
        for loop in loops_in(outer):
            found[loop.key] = name
        by_statement.update((statement, name) for statement, _ in outer.exprs)
    for other in state.loops():
        if isinstance(other, OpaqueLoop):
            own = other.loop.band if isinstance(other.loop, Loop) else None
            band = by_statement.get(other.statement, own)
            if band is not None:
                found[other.key] = by_statement[other.statement] = band
    return found


def full_name(state: State, loop: LoopNode | OpaqueLoop) -> str:
    """The shortest name that means this loop; see `full_names`."""
    return full_names(state)[loop.key]


def user_name(edit: Edit, what: LoopNode | OpaqueLoop | Array) -> str:
    """How a user calls a loop or an array of the function that is edited: ``k``, in a callee ``matmul:k``."""
    return prefix_of(edit.module, edit.function, what) + (
        what.name if isinstance(what, Array) else full_name(edit.state, what)
    )


def prefix_of(module: Module, function: str, what: LoopNode | OpaqueLoop | Array) -> str:
    """What stands in front of the name of a loop or an array of a function: nothing, or ``matmul:``."""
    state = module.state(function)
    if isinstance(what, Array):
        if what in arrays_of(state, None):
            return function_prefix(module, function)
        inner = next((name for name, _ in state.functions() if what in arrays_of(state, name)), function)
    else:
        inner = scopes_of(state).get(what.key, function)
    return function_prefix(module, inner)


def full_names(state: State) -> Mapping[str, str]:
    """The shortest name that means each loop in the function that it is in, by loop key.

    ``k``; ``PE.k`` where ``k`` is ambiguous; ``PE.k#1`` for the second ``k`` of a band, in textual order.
    """
    return _full_names(Same(state))


@remembered(4)  # a step asks for the names of each of its loops
def _full_names(held: Same) -> Mapping[str, str]:
    state = held.value
    assert isinstance(state, State)
    bands, scopes = band_names(state), scopes_of(state)
    loops = [(loop.key, loop.name, bands.get(loop.key), scopes.get(loop.key)) for loop in state.loops()]
    same: dict[tuple[str, str | None, str | None], list[str]] = {}  # of a band, and (None) of all
    for key, name, band, scope in loops:
        for group in {(name, band, scope), (name, None, scope)}:
            same.setdefault(group, []).append(key)
    places = {(group, key): k for group, keys in same.items() for k, key in enumerate(keys)}
    found: dict[str, str] = {}
    for key, name, band, scope in loops:
        found[key] = name
        if len(same[name, None, scope]) > 1:
            text = name if band is None else f"{band}.{name}"
            number = f"#{places[(name, band, scope), key]}" if len(same[name, band, scope]) > 1 else ""
            found[key] = text + number
    return found


def loops_of(state: State, scope: str | None) -> list[LoopNode | OpaqueLoop]:
    """The loops of an outlined function; those that are in none, for None."""
    scopes = scopes_of(state)
    return [loop for loop in state.loops() if scopes.get(loop.key) == scope]


def function_prefix(module: Module, function: str) -> str:
    """What stands in front of the names of a function's loops and arrays."""
    return "" if function == module.top else f"{function}:"


def visible_arrays(state: State, scope: str | None = None) -> list[Array]:
    """The arrays that a user can name: everything stored but values and scalar arguments come last."""
    mine = arrays_of(state, scope)
    arrays = [array for array in state.model.arrays if array.kind != "kept" and array in mine]
    return sorted(arrays, key=lambda array: array.kind == "value")


def used_arrays(state: State, scope: str | None = None) -> list[Array]:
    """The visible arrays without those that steps have left without a use."""
    accessed = {access.array for s in state.model.statements for access in s.accesses}
    kept = {*state.model.program.args, *state.model.outputs(), *accessed}
    return [array for array in visible_arrays(state, scope) if array in kept]
