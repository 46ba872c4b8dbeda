"""What several loop primitives need: chains, ranges, and moving a band's name along."""

from __future__ import annotations

import islpy as isl

from tracealloc.poly.dependence.stretched import Looped, looped
from tracealloc.poly.isl.bounding_boxes import Same
from tracealloc.poly.isl.compared import is_within
from tracealloc.poly.isl.extremes import greatest, least
from tracealloc.poly.isl.named import (
    box_of,
    dim_bounds,
    is_function_of_outer,
    is_product,
    parameters_in,
)
from tracealloc.poly.isl.remembered import remembered
from tracealloc.poly.isl.texts import parameter_name
from tracealloc.poly.model.model import Model
from tracealloc.poly.model.tree import LoopNode, leaves, loops_to
from tracealloc.schedule.core.state import State
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Binary, Expr
from tracealloc.trace.queries.affine import constant, simplify

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


def values_of(model: Model, loop: LoopNode) -> list[isl.Set]:
    """The values that a loop takes for the statements below it, each once."""
    found = (model.statement(name) for name in leaves(loop.body))
    return [_values(each) for each in dict.fromkeys(looped(statement, [loop]) for statement in found)]


@remembered(4096)
def _values(at: Looped) -> isl.Set:
    return at.domain.apply(at.onto("T", at.values))


@remembered(4096)
def _ends(values: Same) -> tuple[int, int] | None:
    assert isinstance(values.value, isl.Set)
    return None if values.value.is_empty() else dim_bounds(values.value, 0)


def loop_values(model: Model, loop: LoopNode) -> tuple[int, int] | None:
    """The least and greatest value of a loop over everything below it (None: it never runs)."""
    found = [_ends(Same(values)) for values in values_of(model, loop)]
    ends = [each for each in found if each is not None]
    if not ends:
        return None
    return min(low for low, _ in ends), max(high for _, high in ends)


def counted_ends(model: Model, loop: LoopNode) -> tuple[int, int]:
    """The ends from which the values of a loop are counted; 0 for one that depends on a parameter."""
    low, high = loop_values(model, loop) or (0, 0)
    for values in values_of(model, loop):
        given = values.params()
        low = 0 if parameters_in(least(values), given) else low
        high = 0 if parameters_in(greatest(values), given) else high
    return low, high


def most_trips(model: Model, loop: LoopNode) -> int:
    """How many values a loop has at most, whatever the parameters are."""
    low, high = loop_values(model, loop) or (0, -1)
    return (high - low) // loop.step + 1


def sizes_of(model: Model, loop: LoopNode) -> list[str]:
    """The parameters on which the values of a loop depend, by the names of the arguments."""
    found: set[str] = set()
    for values in values_of(model, loop):
        found |= parameters_in(values, values.params())  # not only whether there are any
    return [str(array) for array in model.program.args if array.parameter and parameter_name(array) in found]


def runs_once(state: State, loop: LoopNode) -> bool:
    """Whether a loop runs at most once each time it is reached."""
    return _runs_once(_chained(state, loop))


def same_trips(state: State, loop: LoopNode) -> bool:
    """Whether a loop takes the same values in every iteration of the loops around it, or just one value.

    One up to an argument does not: nobody knows how many they are before the kernel is called.
    """
    if sizes_of(state.model, loop):
        return False
    chained = _chained(state, loop)
    return _is_product(chained) or _runs_once(chained)


def _chained(state: State, inner: LoopNode) -> tuple[Looped, ...]:
    """The statements in a loop, in all loops from the outermost to it, each kind once."""
    chain = chain_above(state, inner.key)
    return tuple(dict.fromkeys(looped(state.model.statement(name), chain) for name in leaves(inner.body)))


@remembered(1024)
def _runs_once(chained: tuple[Looped, ...]) -> bool:
    return is_function_of_outer([_values(each) for each in chained])


@remembered(1024)
def _is_product(chained: tuple[Looped, ...]) -> bool:
    return is_product([_values(each) for each in chained])


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
    if all(is_within(values, whole) for values in values_of(model, loop)):
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
