"""Which arguments of a program some iteration may store to: not all that the text stores to are."""

from __future__ import annotations

from tracealloc.poly.dataflow.effects import effects_of
from tracealloc.poly.isl.named import LOCK
from tracealloc.trace.ir.program import Program
from tracealloc.trace.queries.summary import summary_of

__all__ = ["may_store"]


def may_store(program: Program, name: str) -> bool:
    """Whether some iteration of a program may store to its argument `name`.

    Of a scheduled program the traced one is asked: it stores the same.
    """
    program = program.memo.get("traced", program)
    if name not in {array.name for array in summary_of(program).writes}:
        return False
    with LOCK:
        parts = effects_of(program).parts
        found = [part for (array, _), part in parts.items() if array.name == name]
        return any(not (part.stores.is_empty() and part.updates.is_empty()) for part in found)
