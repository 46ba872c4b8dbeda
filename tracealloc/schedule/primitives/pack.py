"""``pack``: several elements of an array in one wide word."""

from __future__ import annotations

from dataclasses import replace

from tracealloc.schedule.primitive import Edit, Result, primitive
from tracealloc.trace.errors import LayoutError
from tracealloc.trace.program import Array

__all__ = ["pack"]


@primitive(array="array")
def pack(edit: Edit, array: Array, dim: int, factor: int) -> Result:
    """Store `factor` neighbours along dimension `dim` of `array` in one word, read and written together.

    In HLS this is ``array_reshape type=cyclic``; C keeps plain elements. An argument is called as before.

    Rewrite:
        A: whole   ->   A: pack 4 (dim 1)
    Legal when:
        `factor` divides the extent, and no other dimension is packed nor this one partitioned. Asking
        again joins: the wider word must hold a whole number of the narrower ones.

    Raises:
        ScheduleError: a dimension or factor out of range.
        LayoutError: the factor does not divide the extent, or another layout stands in the way.
    """
    if not isinstance(dim, int) or isinstance(dim, bool) or not 0 <= dim < array.rank:
        raise edit.error(
            "TA230",
            f"names dimension {dim!r} of {array.name!r}, which has {array.rank}",
            because=["dimensions count from 0"],
        )
    if not isinstance(factor, int) or isinstance(factor, bool) or factor < 1:
        raise edit.error("TA234", f"needs a factor of at least 1, not {factor!r}")
    extent = array.shape[dim]
    if extent % factor:
        raise LayoutError(
            "TA234",
            f"{edit.what} leaves a word that is not full",
            because=[
                f"dimension {dim} of {array.name!r} has {extent} elements, which {factor} does not divide"
            ],
            hint=f"a divisor of {extent}",
        )
    layout = edit.state.layout(array)
    before = array.rank - 1 if layout.pack_dim is None else layout.pack_dim
    if layout.pack > 1 and before != dim:
        raise LayoutError(
            "TA234",
            f"{edit.what} packs a second dimension",
            because=[f"{array.name!r} is packed by {layout.pack} along dimension {before}"],
            hint=f"s.pack({array.name!r}, {before}, ...) widens these words",
        )
    wide, narrow = max(layout.pack, factor), min(layout.pack, factor)
    if wide % narrow:
        raise LayoutError(
            "TA234",
            f"{edit.what} asks for unequal words",
            because=[f"{array.name!r} is packed by {layout.pack}, of which {factor} is no part or multiple"],
        )
    if dim < len(layout.banks) and layout.banks[dim].kind != "whole" and wide > 1:
        raise LayoutError(
            "TA234",
            f"{edit.what} packs a dimension that is partitioned",
            because=[f"dimension {dim} of {array.name!r} is {layout.banks[dim]}"],
            hint="pack one dimension and partition another",
        )
    return Result(edit.state.with_layout(array, replace(layout, pack=wide, pack_dim=dim)))
