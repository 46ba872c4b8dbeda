"""``reshape`` and ``permute``: other dimensions, or another order of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import prod

from tracealloc.schedule.core.primitive import ArrayRef, Edit, Result, primitive
from tracealloc.schedule.core.prove_storage import proved_storage
from tracealloc.schedule.core.state import State
from tracealloc.schedule.layout.requests import Request, ScopeDim, moved
from tracealloc.schedule.storage.relayout import relaid, with_local_copy
from tracealloc.trace.diagnostics.errors import LayoutError
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Binary, Expr, Iter, IterRef, substitute
from tracealloc.trace.ir.layout import Banks, Pack, normal_banks
from tracealloc.trace.ir.program import Array
from tracealloc.trace.queries.affine import constant, simplify

__all__ = ["permute", "reshape"]


@primitive(array="array")
def reshape(edit: Edit, array: Array, shape: int | Sequence[int]) -> Result:
    """Store `array` with another shape of as many elements, in row-major order.

    Rewrite:
        A[i, j] of T[4, 8]   ->   A[8*i + j] of T[32]
        An argument or result keeps its shape for the caller: the kernel works on a copy in the new one.
    Legal when:
        the number of elements is the same, and the array is not partitioned or packed yet (registers
        stay registers).

    Returns:
        The array (the copy, for an argument or result).

    Raises:
        LayoutError: another number of elements, or a layout that names the old dimensions.
        ScheduleError: a called kernel gets a view of the array.
    """
    sizes = tuple(shape) if isinstance(shape, list | tuple) else (shape,)
    if not sizes or not all(isinstance(n, int) and not isinstance(n, bool) and n >= 1 for n in sizes):
        raise edit.error("TA235", f"needs a shape of positive sizes, not {shape!r}")
    if prod(sizes) != array.size:
        raise LayoutError(
            "TA235",
            f"{edit.what} changes the number of elements",
            because=[f"{array.name!r} has {array.size} elements, the new shape {prod(sizes)}"],
            hint=f"a shape whose sizes multiply to {array.size}",
        )
    state, target = _inside(edit, array)
    layout = edit.state.layout(array)
    own = layout.banks[len(layout.banks) - array.rank :]
    registers = bool(own) and all(banks.kind == "complete" for banks in own)
    if layout.pack is not None or not (registers or all(banks.kind == "whole" for banks in own)):
        raise LayoutError(
            "TA235",
            f"{edit.what} would lose the layout of {array.name!r}",
            because=["its banks or words are along dimensions that the new shape does not have"],
            hint="reshape first, then partition or pack",
        )
    old = array.shape

    places = _places(old, sizes)
    its = [Iter(f"old{dim}", f"old{dim}") for dim in range(len(old))]

    def remap(indices: Sequence[Expr]) -> tuple[Expr, ...]:
        values = dict(zip(its, indices, strict=True))
        return tuple(simplify(substitute(place, values)) for place in places)

    if target == array:
        state = state.with_requests(dict.fromkeys(_of_new_shape(state, array, sizes)))
    data = None if target.data is None else target.data.reshape(sizes)
    new = replace(target, shape=sizes, data=data)
    made = proved_storage(edit, relaid(edit, state, target, new, remap), array)
    return Result(made, (ArrayRef(target.key),))


def _of_new_shape(state: State, array: Array, sizes: Sequence[int]) -> Iterator[Request]:
    """The requests: what asked for registers asks for them in the new shape, the old dimensions are gone."""
    for request in state.requests:
        asks, dim = request.asks, request.dim
        if request.array != array.key or not isinstance(asks, Banks | Pack) or isinstance(dim, ScopeDim):
            yield request
        elif isinstance(asks, Banks) and dim is not None and normal_banks(asks, array.shape[dim]) != Banks():
            for place, size in enumerate(sizes):
                yield replace(request, asks=Banks("complete", size), dim=place)


def _places(old: Sequence[int], new: Sequence[int]) -> list[Expr]:
    """The subscripts in the new shape of an element with subscripts ``old0``, ``old1``, ..."""
    its = [Iter(f"old{dim}", f"old{dim}") for dim in range(len(old))]
    ranges = {it: (0, extent - 1) for it, extent in zip(its, old, strict=True)}
    found: list[Expr] = []
    for position, size in enumerate(new):
        inner = prod(new[position + 1 :])
        # Whole dimensions below the new one's stride play no part in the quotient.
        last = next(k for k in range(len(old) + 1) if inner % prod(old[k:]) == 0)
        part: Expr = constant(0)
        for dim in range(last):
            weight = constant(prod(old[dim + 1 : last]))
            part = Binary("+", part, Binary("*", weight, IterRef(its[dim]), index), index)
        divisor = inner // prod(old[last:])
        part = Binary("//", part, constant(divisor), index) if divisor > 1 else part
        found.append(simplify(Binary("%", part, constant(size), index) if position else part, ranges))
    return found


@primitive(array="array")
def permute(edit: Edit, array: Array, order: Sequence[int]) -> Result:
    """Store the dimensions of `array` in another order: dimension d of the new one is `order[d]`.

    Rewrite:
        B[k, j]   ->   B[j, k]   for order [1, 0]
        An argument or result keeps its order for the caller: the kernel works on a copy in the new one.
    Legal when:
        `order` names every dimension once. Banks move along with their dimensions.

    Returns:
        The array (the copy, for an argument or result).

    Raises:
        LayoutError: `order` is not a permutation of the dimensions.
        ScheduleError: a called kernel gets a view of the array.
    """
    places = list(order) if isinstance(order, list | tuple) else []
    whole = all(isinstance(p, int) and not isinstance(p, bool) for p in places)
    if not whole or sorted(places) != list(range(array.rank)):
        raise LayoutError(
            "TA235",
            f"{edit.what} needs every dimension of {array.name!r} once",
            because=[f"its dimensions are {', '.join(map(str, range(array.rank)))}"],
        )

    def remap(indices: Sequence[Expr]) -> tuple[Expr, ...]:
        return tuple(indices[place] for place in places)

    state, target = _inside(edit, array)
    others = (request for request in state.requests if request.array != target.key)
    own = moved(
        state.requests, target.key, target.key, lambda dim: places.index(dim) if isinstance(dim, int) else dim
    )
    state = state.with_requests((*others, *own))
    data = None if target.data is None else target.data.transpose(places).copy()
    new = replace(target, shape=tuple(target.shape[place] for place in places), data=data)
    made = proved_storage(edit, relaid(edit, state, target, new, remap), array)
    return Result(made, (ArrayRef(target.key),))


def _inside(edit: Edit, array: Array) -> tuple[State, Array]:
    """The array that takes the new layout: itself, or a copy where a caller sees it."""
    if array.kind in ("local", "constant"):
        return edit.state, array
    if array.kind == "value":
        raise edit.error("TA235", f"cannot change the shape of {array.name!r}, which is a value")
    return with_local_copy(edit, edit.state, array)
