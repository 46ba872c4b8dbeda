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

__all__ = [
    "ADVICE",
    "CLOSURE",
    "CURE",
    "LOOPS",
    "PROOF",
    "READ",
    "SMALL",
    "STATEMENT",
    "STEP",
    "STORAGE",
    "Spent",
    "limited",
    "reason",
]

STEP = 5_000_000
"""Operations of one schedule step, everything in it included."""
LOOPS = 4_000_000
"""Of isl's loops for a nest; what needs more gets loops of our own. Nests of 200 statements take 600,000."""
ADVICE = 2_000_000
"""Of a warning about what a pipelined loop has to wait for: the mark is right whatever it says."""
READ = 1_000_000
"""Of the comparison of these loops with what they should run."""
STATEMENT = 300_000
"""What a proof of a whole schedule may take more for each statement: it looks at all reads at once."""
PROOF = 4_000_000
"""Of the proof that a buffer or a window holds what is read; chains of four windows take 300,000."""
SMALL = 1_000_000
"""Of a proof of a program that runs few instances: it can run them one by one instead."""
CURE = 1_000_000
"""Of the search for what would be legal instead of a refused step: the refusal stands without it."""
CLOSURE = 1_000_000
"""Of what a value needs that needs others in turn; beyond, small programs are followed point by point."""
STORAGE = 1_000_000
"""Of where an array that lives inside loops is declared; beyond, it has all of its instances at the top."""


class Spent(isl.Error):
    """A budget is used up: what was asked inside it has no answer."""


@contextmanager
def limited(operations: int) -> Iterator[None]:
    """Let isl raise `Spent` once it has taken some operations inside the block."""
    context = isl.DEFAULT_CONTEXT
    outer = context.get_max_operations()
    context.reset_operations()
    context.set_max_operations(min(operations, outer) if outer else operations)
    try:
        yield
    except Spent:
        raise
    except isl.Error as error:
        if not _is_spent():  # isl may say anything then, that a text has an error say
            raise
        asked = str(error).partition("call to ")[2].partition(" failed")[0]
        raise Spent(f"a budget of {operations:,} isl operations was used up, the last in {asked}") from error
    finally:
        context.reset_operations()
        context.set_max_operations(outer)


def _is_spent() -> bool:
    try:
        isl.Val(1).add(isl.Val(1))
    except isl.Error:
        return True
    return False


def reason(error: isl.Error) -> str:
    """Why isl gave no answer, for people."""
    return str(error) if isinstance(error, Spent) else f"isl fails on it: {str(error).partition(' in /')[0]}"
