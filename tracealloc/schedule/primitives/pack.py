"""``pack``: several elements of an array in one wide word."""

from __future__ import annotations

from tracealloc.poly.codegen.contraction import storage_of
from tracealloc.schedule.core.ask import asking, request
from tracealloc.schedule.core.primitive import Edit, Result, primitive
from tracealloc.trace.diagnostics.errors import LayoutError
from tracealloc.trace.ir.layout import Pack
from tracealloc.trace.ir.program import Array

__all__ = ["pack"]


@primitive(array="array")
def pack(edit: Edit, array: Array, dim: int, factor: int) -> Result:
    """Store `factor` neighbours along dimension `dim` of `array` in one word, read and written together.

    In HLS this is ``array_reshape type=cyclic``; C keeps plain elements. An argument is called as before.
    Dimensions are those that the array is stored with, as for `partition`.

    Rewrite:
        A: whole   ->   A: pack 4 (dim 1)
    Legal when:
        `factor` divides the extent, and no other dimension is packed nor this one partitioned. Asking
        again joins: the wider word must hold a whole number of the narrower ones.

    Raises:
        ScheduleError: a dimension or factor out of range.
        LayoutError: the factor does not divide the extent, or another layout stands in the way.
    """
    storage = storage_of(edit.state.model, edit.state.tree, array)
    shape, loops = storage.array.shape, len(storage.kept)
    _check(edit, array, shape, loops, dim, factor)
    return Result(asking(edit, edit.state, [request(edit, array, Pack(dim - loops, factor))]))


def _check(edit: Edit, array: Array, shape: tuple[int, ...], loops: int, dim: int, factor: int) -> None:
    """Whether the dimension is there and holds a whole number of words; the first `loops` are loops'."""
    if not isinstance(dim, int) or isinstance(dim, bool) or not 0 <= dim < len(shape):
        raise edit.error(
            "TA230",
            f"names dimension {dim!r} of {array.name!r}, which has {len(shape)}",
            because=["dimensions count from 0"],
        )
    if not isinstance(factor, int) or isinstance(factor, bool) or factor < 1:
        raise edit.error(
            "TA234",
            f"needs a factor of at least 1, not {factor!r}",
            because=["the factor is the number of elements in a word"],
            hint="factor=2",
        )
    if dim < loops:
        raise edit.error(
            "TA234",
            f"packs dimension {dim} of {array.name!r}, which is a loop's",
            because=[f"{array.name!r} lives inside a loop, and has an element for each of its iterations"],
            hint=f"a dimension from {loops} to {len(shape) - 1}" if array.rank else None,
        )
    extent = shape[dim]
    if extent % factor:
        raise LayoutError(
            "TA234",
            f"{edit.what} leaves a word that is not full",
            because=[
                f"dimension {dim} of {array.name!r} has {extent} elements, which {factor} does not divide"
            ],
            hint=f"a divisor of {extent}",
        )
