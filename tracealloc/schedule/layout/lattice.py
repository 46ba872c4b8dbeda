"""The lattice of layouts of one array dimension, ordered by "gives at least these banks".

whole <= cyclic(f) <= cyclic(g) when f divides g     block likewise, when both divide the extent
complete on top; a factor >= the extent is complete
"""

from __future__ import annotations

import math
from typing import TypeVar

from tracealloc.trace.ir.layout import Banks, Pack, Storage, normal_banks

__all__ = ["at_least", "equal", "join_banks", "join_packs", "join_storage"]

Value = TypeVar("Value")


def at_least(a: Banks, b: Banks, extent: int) -> bool:
    """Whether layout `a` gives at least the banks of `b`."""
    a, b = normal_banks(a, extent), normal_banks(b, extent)
    if a == b or b.kind == "whole" or a.kind == "complete":
        return True
    if a.kind != b.kind or a.factor % b.factor:
        return False
    return a.kind == "cyclic" or (extent % a.factor == 0 and extent % b.factor == 0)


def join_banks(a: Banks, b: Banks, extent: int) -> Banks:
    """The least layout that gives at least the banks of both."""
    a, b = normal_banks(a, extent), normal_banks(b, extent)
    if at_least(a, b, extent):
        return a
    if at_least(b, a, extent):
        return b
    if a.kind == b.kind:
        together = math.lcm(a.factor, b.factor)
        if a.kind == "cyclic" or (a.kind == "block" and extent % together == 0):
            return normal_banks(Banks(a.kind, together), extent)
    return Banks("complete", extent)


def join_packs(a: Pack, b: Pack) -> Pack | None:
    """The least words that hold a whole number of both words; None: they are along two dimensions."""
    return Pack(a.dim, math.lcm(a.factor, b.factor)) if a.dim == b.dim else None


def join_storage(a: Storage, b: Storage) -> Storage | None:
    """The memory that both mean; None: they mean two."""
    resources = {a.resource, b.resource} - {"auto"}
    ports = {a.ports, b.ports} - {None}
    if len(resources) > 1 or len(ports) > 1:
        return None
    return Storage(next(iter(resources), "auto"), next(iter(ports), None))


def equal(a: Value, b: Value) -> Value | None:
    """The join of a flat lattice: only equal values go together."""
    return a if a == b else None
