"""What several loop primitives need: chains, ranges, and moving a band's name along."""

from __future__ import annotations

import islpy as isl

from tracealloc.poly.dependence.dependence import time_map
from tracealloc.poly.isl.named import (
    box_of,
    dim_bounds,
    is_function_of_outer,
    is_product,
    map_of,
    parameters_in,
    renamed,
)
from tracealloc.poly.isl.remembered import remembered
from tracealloc.poly.isl.texts import parameter_name
from tracealloc.poly.model.model import Model
from tracealloc.poly.model.tree import LoopNode, leaves, loops_to, upwards
from tracealloc.schedule.core.state import State
from tracealloc.trace.ir.affine import constant, simplify
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Binary, Expr, Iter

__all__ = [
    "chain_above",
    "counted_ends",
    "counter",
    "find",
    "lattice_step",
    "loop_values",
    "most_trips",
    "runs_once",
    "same_trips",
    "sizes_of",
    "values_of",
]


def find(state: State, key: str) -> LoopNode:
    """The loop with a key, as it stands in the state's tree."""
    return loops_to(state.tree, key)[-1]


def chain_above(state: State, key: str) -> tuple[LoopNode, ...]:
    """The loops from the outermost down to the loop `key`, itself included."""
    return loops_to(state.tree, key)


def values_of(model: Model, loop: LoopNode, statement: str) -> isl.Set:
    """The values that a loop takes for one statement."""
    found = model.statement(statement)
    return _values(renamed(found.domain, "S"), found.dims, loop.expr(statement))


@remembered(4096)
def _values(domain: isl.Set, dims: tuple[Iter, ...], expr: Expr) -> isl.Set:
    """Found once for all statements that differ in nothing but their name."""
    return domain.apply(map_of("S", dims, "T", [expr]))


@remembered(4096)
def _ends(values: isl.Set) -> tuple[int, int] | None:
    return None if values.is_empty() else dim_bounds(values, 0)


def loop_values(model: Model, loop: LoopNode) -> tuple[int, int] | None:
    """The least and greatest value of a loop over everything below it (None: it never runs)."""
    found = [_ends(values_of(model, loop, name)) for name in leaves(loop.body)]
    ends = [each for each in found if each is not None]
    if not ends:
        return None
    return min(low for low, _ in ends), max(high for _, high in ends)


def counted_ends(model: Model, loop: LoopNode) -> tuple[int, int]:
    """The ends from which the values of a loop are counted; 0 for one that depends on a parameter."""
    low, high = loop_values(model, loop) or (0, 0)
    for name in leaves(loop.body):
        values = values_of(model, loop, name)
        given = values.params()
        low = 0 if parameters_in(values.lexmin(), given) else low
        high = 0 if parameters_in(values.lexmax(), given) else high
    return low, high


def most_trips(model: Model, loop: LoopNode) -> int:
    """How many values a loop has at most, whatever the parameters are."""
    low, high = loop_values(model, loop) or (0, -1)
    return (high - low) // loop.step + 1


def sizes_of(model: Model, loop: LoopNode) -> list[str]:
    """The parameters on which the values of a loop depend, by the names of the arguments."""
    found: set[str] = set()
    for name in leaves(loop.body):
        values = values_of(model, loop, name)
        found |= parameters_in(values, values.params())  # not only whether there are any
    return [str(array) for array in model.program.args if array.parameter and parameter_name(array) in found]


def runs_once(state: State, loop: LoopNode) -> bool:
    """Whether a loop runs at most once each time it is reached."""
    return is_function_of_outer(_times(state, chain_above(state, loop.key), loop))


def same_trips(state: State, loop: LoopNode) -> bool:
    """Whether a loop takes the same values in every iteration of the loops around it, or just one value.

    One up to an argument does not: nobody knows how many they are before the kernel is called.
    """
    if sizes_of(state.model, loop):
        return False
    times = _times(state, chain_above(state, loop.key), loop)
    return is_product(times) or is_function_of_outer(times)


def _times(state: State, chain: tuple[LoopNode, ...], inner: LoopNode) -> list[isl.Set]:
    """The values of a chain of loops for the statements in the innermost."""
    plain = upwards(chain)
    statements = [state.model.statement(name) for name in leaves(inner.body)]
    return [s.domain.apply(time_map(s, plain)) for s in statements]


def lattice_step(model: Model, loop: LoopNode) -> int:
    """The distance that all values of a loop keep: its step, or 1 where iterations of outer loops differ.

    (``for j in range(i, N, 2)`` takes odd and even values; so does a loop with step 2 that is skewed.)
    """
    if loop.step == 1:
        return 1
    ends = loop_values(model, loop)
    if ends is None:
        return loop.step
    whole = box_of([(*ends, loop.step)])
    if all(values_of(model, loop, name).is_subset(whole) for name in leaves(loop.body)):
        return loop.step
    return 1


def counter(loop: LoopNode, expr: Expr, ends: tuple[int, int]) -> Expr:
    """The loop's value as a count 0, 1, 2, ... in the order in which it runs.

    The loop's step must be its `lattice_step`.
    """
    low, high = ends
    shifted = (
        Binary("-", constant(high), expr, index)
        if loop.descending
        else Binary("-", expr, constant(low), index)
    )
    if loop.step != 1:
        shifted = Binary("//", shifted, constant(loop.step), index)
    return simplify(shifted)
