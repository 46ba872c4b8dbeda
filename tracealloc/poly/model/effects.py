"""What a call of a kernel does to the arrays that it gets; `poly.dataflow.effects` finds it out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import islpy as isl

from tracealloc.trace.ir.program import Array, Program

__all__ = ["Effects", "EffectsOf", "Part"]


@dataclass(frozen=True)
class Part:
    """What happens to one argument (one field of its elements): values of the scalars -> elements.

    `reads` and `may_read` are read as they were before the kernel, certainly or perhaps. `updates` may be
    stored and are as they were where they are not; `stores` certainly are stored.
    """

    reads: isl.Map
    may_read: isl.Map
    updates: isl.Map
    stores: isl.Map


@dataclass(frozen=True)
class Effects:
    """The parts of a kernel's arguments that it touches; `scalars` choose the elements."""

    scalars: tuple[Array, ...]
    parts: Mapping[tuple[Array, tuple[str, ...]], Part]

    def may_store(self, argument: Array) -> bool:
        """Whether some call stores to an argument: not where all its stores are in loops of no iteration."""
        if not argument.rank or argument.kind == "stream":
            return True
        parts = [part for (array, _), part in self.parts.items() if array == argument]
        return any(not (part.stores.is_empty() and part.updates.is_empty()) for part in parts)


EffectsOf: TypeAlias = Callable[[Program], Effects]
"""What tells the effects of the kernels that a model calls."""
