"""``partition``: split an array into banks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tracealloc.schedule.lattice import join_banks
from tracealloc.schedule.primitive import Edit, Result, primitive
from tracealloc.trace.errors import LayoutError
from tracealloc.trace.layout import BankKind, Banks
from tracealloc.trace.program import Array

__all__ = ["partition"]

_KINDS = ("complete", "cyclic", "block")


@primitive(array="array")
def partition(
    edit: Edit,
    array: Array,
    dim: int | Sequence[int] | None = None,
    kind: BankKind = "complete",
    factor: int | None = None,
) -> Result:
    """Split dimensions of `array` into banks; `dim` counts from 0 (None: all).

    Rewrite:
        A: whole   ->   A: dim 1 cyclic 8
    Legal when:
        always; asking again joins with what was asked before (the least layout that gives both).

    Raises:
        ScheduleError: a dimension or factor out of range, or an unknown kind.
        LayoutError: the dimension is packed into words.
    """
    dims = list(range(array.rank)) if dim is None else [dim] if isinstance(dim, int) else list(dim)
    if array.rank == 0:
        raise edit.error("TA230", f"cannot partition {array.name!r}, which is a scalar")
    for position in dims:
        if not isinstance(position, int) or isinstance(position, bool) or not 0 <= position < array.rank:
            raise edit.error(
                "TA230",
                f"names dimension {position!r} of {array.name!r}, which has {array.rank}",
                because=["dimensions count from 0"],
                hint=f"a dimension from 0 to {array.rank - 1}",
            )
    if kind not in _KINDS:
        raise edit.error("TA231", f"got the unknown kind {kind!r}", hint=" or ".join(map(repr, _KINDS)))
    if kind == "complete" and factor is not None:
        raise edit.error("TA231", "takes no factor for kind 'complete'", hint="kind='cyclic' or kind='block'")
    if kind != "complete" and (not isinstance(factor, int) or isinstance(factor, bool) or factor < 1):
        raise edit.error("TA231", f"needs a factor of at least 1 for kind {kind!r}, not {factor!r}")
    layout = edit.state.layout(array)
    banks = list(layout.banks or (Banks() for _ in range(array.rank)))
    for position in dims:
        extent = array.shape[position]
        asked = Banks(kind, extent if factor is None else factor)
        banks[position] = join_banks(banks[position], asked, extent)
        packed = array.rank - 1 if layout.pack_dim is None else layout.pack_dim
        if layout.pack > 1 and position == packed and banks[position].kind != "whole":
            raise LayoutError(
                "TA234",
                f"{edit.what} partitions a dimension that is packed",
                because=[f"dimension {position} of {array.name!r} is packed by {layout.pack}"],
                hint="pack one dimension and partition another",
            )
    return Result(edit.state.with_layout(array, replace(layout, banks=tuple(banks))))
