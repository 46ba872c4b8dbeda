"""Sets and maps of one statement's instances carried over to another's."""

from __future__ import annotations

from collections.abc import Sequence

import islpy as isl

from tracealloc.poly.isl.bounding_boxes import Same
from tracealloc.poly.isl.named import dims_of, map_of, renamed, renamed_input, with_tuple
from tracealloc.poly.isl.remembered import remembered
from tracealloc.trace.ir.expr import Expr, Iter, IterRef

__all__ = ["UNNAMED", "beside", "preimage", "unnamed"]

UNNAMED = "S"
"""What the instances of a statement are called whose name says nothing."""


def unnamed(s: isl.Set) -> Same:
    """The instances of a statement without its name: the one set that stands for all that are equal to it."""
    return _unnamed(Same(s))


@remembered(1 << 13)
def _unnamed(s: Same) -> Same:
    assert isinstance(s.value, isl.Set)
    return _one(renamed(s.value, UNNAMED))


_one = remembered(1 << 13)(Same)


def preimage(s: isl.Set, name: str, dims: Sequence[Iter], exprs: Sequence[Expr] | None = None) -> isl.Set:
    """The instances of statement `name` whose `exprs` (None: its first iterators) lie in `s`."""
    if exprs is None:
        exprs = [IterRef(it) for it in dims[: dims_of(s)]]
    return s.apply(map_of(name, dims, s.get_tuple_name(), exprs).reverse())


def beside(m: isl.Map, count: int, source: str, target: str) -> isl.Map:
    """`m` with the same `count` coordinates in front of its input and of its output, and both renamed."""
    names = ", ".join(f"c{k}" for k in range(count))
    whole = isl.Map(f"{{ [{names}] -> [{names}] }}").flat_product(m)
    return with_tuple(renamed_input(whole, source), target)
