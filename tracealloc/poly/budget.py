"""A bound on what a question to isl may cost, in isl's own operations.

isl's answers take milliseconds, but some questions of the same kind (unions of many pieces, many ``//``)
take hours. isl counts what it does and stops where it is told to; a count, other than a clock, gives the
same answer on every machine. A million operations take from a tenth of a second to one.

Budgets nest: an inner one ends alone, and the outer one then starts anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import islpy as isl

__all__ = ["PROOF", "STEP", "limited"]

STEP = 10_000_000
"""Operations of one schedule step, everything in it included."""
PROOF = 4_000_000
"""Of the proof that a buffer or a window holds what is read; chains of four windows take 300,000."""


@contextmanager
def limited(operations: int) -> Iterator[None]:
    """Let isl raise `isl.Error` once it has spent some operations inside the block."""
    context = isl.DEFAULT_CONTEXT
    outer = context.get_max_operations()
    context.reset_operations()
    context.set_max_operations(min(operations, outer) if outer else operations)
    try:
        yield
    finally:
        context.reset_operations()
        context.set_max_operations(outer)
