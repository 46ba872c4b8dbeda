"""Sets and maps of one statement's instances carried over to another's."""

from __future__ import annotations

from collections.abc import Sequence

import islpy as isl

from tracealloc.poly.isl.named import dims_of, map_of, renamed_input, with_tuple
from tracealloc.trace.ir.expr import Expr, Iter, IterRef

__all__ = ["beside", "preimage"]


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
