"""Subscripts of views: where an element of a part of an array lies, and what must hold for it to be inside.

A constant subscript is compared where it stands. One that is affine in loops with affine bounds is proved
once the program is whole (`poly.model.views`), with the `View` that its access carries. Any other is
replaced by one that is outside the array where it is outside the view: what checks accesses while
a kernel runs finds it. Hardware does not check, and its text leaves that out (`expr.unchecked`).
"""

from __future__ import annotations

from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import OUTSIDE, Const, Expr, View, iters_of
from tracealloc.trace.ir.program import Region, Slice
from tracealloc.trace.queries import typing_rules
from tracealloc.trace.queries.affine import is_affine
from tracealloc.trace.record.recorder import Recorder

__all__ = ["element_of_view"]


def element_of_view(
    recorder: Recorder, view: Region, dim: int, offset: Expr, extent: int | None
) -> tuple[Expr, View | None]:
    """Where an element of a view (of a slice of it the first) lies in the array, and what is to be proved.

    `extent` is that of a slice, `dim` a dimension of the array of which the view has a slice.
    """
    part, size = view.indices[dim], 1 if extent is None else extent
    assert isinstance(part, Slice)
    start = part.start
    if isinstance(start, Const) and start.value == 0:
        if part.extent == view.array.shape[dim]:
            return offset, None  # the array's own check is that of the view
        place = offset
    else:
        place = typing_rules.binary("+", *((start, offset) if is_affine(offset) else (offset, start)))
    if isinstance(offset, Const):
        return place, None
    if is_affine(offset) and iters_of(offset) <= recorder.bounded:
        return place, View(offset, size, part.extent, view)
    last = typing_rules.lift(part.extent - size, index)
    inside = typing_rules.logical(
        "and",
        typing_rules.compare(">=", offset, typing_rules.lift(0, index)),
        typing_rules.compare("<=", offset, last),
    )
    return typing_rules.select(inside, place, OUTSIDE), None
