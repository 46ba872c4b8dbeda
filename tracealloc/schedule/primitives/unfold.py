"""``unfold``: loops become a grid of processing elements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tracealloc.poly.model.tree import LoopNode, loops_in, statements_of
from tracealloc.poly.model.tree import Sequence as Parts
from tracealloc.schedule.core.chains import find, loop_values, sizes_of
from tracealloc.schedule.core.marks import mark
from tracealloc.schedule.core.networks import pending
from tracealloc.schedule.core.primitive import Edit, LoopRef, Result, primitive
from tracealloc.schedule.core.state import OpaqueLoop
from tracealloc.schedule.primitives.reorder import reordered_chain
from tracealloc.trace.ir.program import Alloc, Array

__all__ = ["unfold"]


@primitive(band="nest")
def unfold(
    edit: Edit,
    band: LoopNode | OpaqueLoop | Array,
    axis: int | Sequence[int],
    factor: int | Sequence[int],
) -> Result:
    """Make a grid of processing elements (PEs) of loops: one for each iteration, beside one another.

    `axis` are loops of the band, counted from the outermost; `factor` is how often each runs. They become the
    outermost loops; what is inside, loops over time included, is what each PE does.

    Rewrite:
        for t: for i: body   ->   for i in space: for t: body
    Legal when:
        the loops are of the band's perfect nest, and can be its outermost.
        Where values pass between PEs through memory, they run in order until something carries them (a
        warning says which).

    Returns:
        The loops of the grid.

    Raises:
        ScheduleError: no such axis, or another factor than the loop's extent.
        IllegalScheduleError: a dependence would be reversed.
    """
    if isinstance(band, Array):
        raise edit.error("TA289", f"needs a band of loops, not the array {band.name!r}", hint="s.bands()")
    nest = _nest(edit.affine(band))
    axes = _numbers(edit, axis, "axis")
    factors = _numbers(edit, factor, "factor")
    _check(edit, nest, axes, factors)
    chosen = [nest[k] for k in axes]
    rest = [loop for k, loop in enumerate(nest[: max(axes) + 1]) if k not in axes]
    state = reordered_chain(edit, [*chosen, *rest]) if rest else edit.state
    for loop in chosen:
        state = mark(state, find(state, loop.key), lambda marks: replace(marks, space=True))
    state = replace(state, grids=(*state.grids, _axes(edit, nest)))
    module = edit.module.with_state(edit.function, replace(state, concurrent=True))
    kept = pending(module, edit.function)
    made = tuple(LoopRef(loop.key) for loop in chosen)
    if kept is None:
        return Result(replace(state, concurrent=True), made)
    where = "" if kept.place is None else f" ({kept.place.short})"
    return Result(state, made, (f"the PEs run in order: {kept.summary}{where}",))


def _nest(outer: LoopNode) -> list[LoopNode]:
    """The loops of the perfect nest that a loop begins."""
    found = [outer]
    while isinstance(found[-1].body, LoopNode):
        found.append(found[-1].body)
    return found


def _inner(edit: Edit, loop: LoopNode) -> LoopNode | None:
    """The loop in a loop, what only copies or fills buffers left out."""
    base = edit.state.proof.base
    fills = {s.name for s in base.statements if isinstance(s.node, Alloc)}
    computing = {s.name for s in edit.state.model.statements if not s.copy and s.origin not in fills}
    parts = loop.body.children if isinstance(loop.body, Parts) else (loop.body,)
    found = [part for part in parts if computing & statements_of(part)]
    return found[0] if len(found) == 1 and isinstance(found[0], LoopNode) else None


def _axes(edit: Edit, nest: list[LoopNode]) -> tuple[str, ...]:
    """The axes of a band by key: its nest as it stands, without copies, then loops that were traced in it."""
    keys = [loop.key for loop in nest]
    while (inner := _inner(edit, nest[-1])) is not None:
        nest = [*nest, inner]
        keys.append(inner.key)
    for outer in loops_in(edit.state.proof.base.reference):
        chain = [loop.key for loop in _nest(outer)]
        if set(keys) <= set(chain):
            return (*keys, *(key for key in chain if key not in keys))
    return tuple(keys)


def _numbers(edit: Edit, given: Any, what: str) -> list[int]:
    items = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    if not items or not all(hasattr(item, "__index__") and not isinstance(item, bool) for item in items):
        raise edit.error("TA289", f"needs {what} as an int or a list of them, not {given!r}")
    return [int(item) for item in items]


def _check(edit: Edit, nest: list[LoopNode], axes: list[int], factors: list[int]) -> None:
    names = ", ".join(f"{k}: {loop.name!r}" for k, loop in enumerate(nest))
    for k in axes:
        if not 0 <= k < len(nest):
            raise edit.error(
                "TA289", f"finds no axis {k}", because=[f"the loops of the band's perfect nest are {names}"]
            )
    if len(set(axes)) < len(axes) or axes != sorted(axes):
        raise edit.error("TA289", f"needs each axis once, the outermost first, not {axes}", because=[names])
    if len(factors) != len(axes):
        raise edit.error("TA289", f"needs a factor for each axis, not {len(factors)} for {len(axes)}")
    for k, factor in zip(axes, factors, strict=True):
        loop = nest[k]
        if sizes_of(edit.state.model, loop):
            raise edit.error(
                "TA289", f"cannot make PEs of {loop.name!r}, whose extent is known when the kernel is called",
                because=["each PE is a piece of hardware"],
                hint=f's.split("{loop.name}", {factor}), and the inner loop',
            )  # fmt: skip
        ends = loop_values(edit.state.model, loop)
        extent = 0 if ends is None else ends[1] - ends[0] + 1
        if extent != factor:
            raise edit.error(
                "TA289", f"needs a factor of {extent} for axis {k}, not {factor}",
                because=[f"loop {loop.name!r} runs {extent} times, and each iteration is a PE"],
                hint=f's.split("{loop.name}", {factor}), and the inner loop' if factor < extent else None,
            )  # fmt: skip
