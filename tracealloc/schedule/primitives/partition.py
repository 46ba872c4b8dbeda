"""``partition``: split an array into banks."""

from __future__ import annotations

from collections.abc import Sequence

from tracealloc.poly.codegen.contraction import storage_of
from tracealloc.schedule.core.ask import asking, request
from tracealloc.schedule.core.primitive import Edit, Result, primitive
from tracealloc.schedule.layout.requests import Request, ScopeDim
from tracealloc.trace.ir.layout import BankKind, Banks
from tracealloc.trace.ir.program import Array

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

    Dimensions are those that the array is stored with: one that lives inside a loop and has an element
    for each of its iterations has that dimension in front.

    Rewrite:
        A: whole   ->   A: dim 1 cyclic 8
    Legal when:
        always; asking again joins with what was asked before (the least layout that gives both).

    Raises:
        ScheduleError: a dimension or factor out of range, or an unknown kind.
        LayoutError: the dimension is packed into words.
    """
    storage = storage_of(edit.state.model, edit.state.tree, array)
    shape = storage.array.shape
    dims = _dims(edit, array, len(shape), dim)
    if kind not in _KINDS:
        raise edit.error("TA231", f"got the unknown kind {kind!r}", hint=" or ".join(map(repr, _KINDS)))
    if kind == "complete" and factor is not None:
        raise edit.error("TA231", "takes no factor for kind 'complete'", hint="kind='cyclic' or kind='block'")
    if kind != "complete" and (not isinstance(factor, int) or isinstance(factor, bool) or factor < 1):
        raise edit.error(
            "TA231",
            f"needs a factor of at least 1 for kind {kind!r}, not {factor!r}",
            because=["the factor is the number of banks"],
            hint="factor=2",
        )
    first = len(storage.kept)
    asked: list[Request] = []
    for position in dims:
        banks = Banks(kind, shape[position] if factor is None else factor)
        own = position - first if position >= first else ScopeDim(storage.kept[position][0])
        asked.append(request(edit, array, banks, own))
    return Result(asking(edit, edit.state, asked))


def _dims(edit: Edit, array: Array, rank: int, dim: int | Sequence[int] | None) -> list[int]:
    asked: list[object] = list(range(rank)) if dim is None else [dim]
    if isinstance(dim, list | tuple):
        asked = list(dim)
    if not rank:
        raise edit.error(
            "TA230",
            f"cannot partition {array.name!r}, which is a scalar",
            because=["it has one element, in a register"],
            hint="leave it as it is: a register has no ports that could conflict",
        )
    if not asked:
        raise edit.error("TA230", f"names no dimension of {array.name!r}", hint="dim=None for all of them")
    found: list[int] = []
    for position in asked:
        if not isinstance(position, int) or isinstance(position, bool) or not 0 <= position < rank:
            raise edit.error(
                "TA230",
                f"names dimension {position!r} of {array.name!r}, which has {rank}",
                because=["dimensions count from 0"],
                hint=f"a dimension from 0 to {rank - 1}",
            )
        found.append(position)
    return found
