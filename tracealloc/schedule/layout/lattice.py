"""The lattices of layouts, ordered by "gives at least this".

Banks of a dimension: whole <= cyclic(f) <= cyclic(g) when f divides g; block(f) <= block(g) when the size of
the blocks of g divides that of f; complete on top. Words along one dimension go by what divides what;
memories and ports are flat.
"""

from __future__ import annotations

import math
from typing import TypeVar

from tracealloc.trace.ir.layout import Banks, Pack, Storage, blocks_of, normal_banks

__all__ = ["at_least", "equal", "join_banks", "join_packs", "join_storage"]

Value = TypeVar("Value")


def at_least(a: Banks, b: Banks, extent: int) -> bool:
    """Whether layout `a` gives at least the banks of `b`."""
    a, b = normal_banks(a, extent), normal_banks(b, extent)
    if a == b or b.kind == "whole" or a.kind == "complete":
        return True
    if a.kind != b.kind:
        return False
    if a.kind == "cyclic":
        return a.factor % b.factor == 0
    return blocks_of(extent, b.factor) % blocks_of(extent, a.factor) == 0


def join_banks(a: Banks, b: Banks, extent: int) -> Banks:
    """The least layout that gives at least the banks of both."""
    a, b = normal_banks(a, extent), normal_banks(b, extent)
    if at_least(a, b, extent):
        return a
    if at_least(b, a, extent):
        return b
    if a.kind != b.kind:
        return Banks("complete", extent)
    if a.kind == "cyclic":
        return normal_banks(Banks("cyclic", math.lcm(a.factor, b.factor)), extent)
    size = math.gcd(blocks_of(extent, a.factor), blocks_of(extent, b.factor))
    fitting = (part for part in range(size, 0, -1) if size % part == 0)  # 12 elements are never 5 and 5 and 2
    size = next(part for part in fitting if blocks_of(extent, blocks_of(extent, part)) == part)
    return normal_banks(Banks("block", blocks_of(extent, size)), extent)


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
