"""A bound on what a question to isl may cost, in isl's own operations.

isl's answers take milliseconds, but some questions of the same kind (unions of many pieces, many ``//``)
take hours. isl counts what it does and stops where it is told to; a count, other than a clock, gives the
same answer on every machine. A million operations take from a tenth of a second to one.

Budgets nest: an inner one ends alone, and the outer one then starts anew.
"""

from __future__ import annotations

from typing import ClassVar

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


class limited:
    """Let isl raise `Spent` once it has taken some operations inside the block.

    A user's interrupt may come at any call, that of `__exit__` itself included: then the budget around this
    one ends both, and of the outermost the end of the object does. (A generator is closed whenever the
    traceback that holds it goes, and gave its budget back to isl long after all of them had ended.)
    """

    _open: ClassVar[list[int]] = []  # those that have not ended, by identity, outermost first

    def __init__(self, operations: int) -> None:
        self.operations, self.outer = operations, 0

    def __enter__(self) -> None:
        self.outer = isl.DEFAULT_CONTEXT.get_max_operations()
        try:
            self._open.append(id(self))
            isl.DEFAULT_CONTEXT.reset_operations()
            operations = min(self.operations, self.outer) if self.outer else self.operations
            isl.DEFAULT_CONTEXT.set_max_operations(operations)
        except BaseException:
            self._end()
            raise

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        try:
            # isl may say anything then, that a text has an error say
            spent = isinstance(error, isl.Error) and not isinstance(error, Spent) and _is_spent()
        finally:
            self._end()
        if spent:
            asked = str(error).partition("call to ")[2].partition(" failed")[0]
            text = f"a budget of {self.operations:,} isl operations was used up, the last in {asked}"
            raise Spent(text) from error

    def __del__(self) -> None:
        self._end()

    def _end(self) -> None:
        if id(self) not in self._open:
            return
        try:
            isl.DEFAULT_CONTEXT.set_max_operations(self.outer)
        finally:  # also where the interrupt comes just then
            isl.DEFAULT_CONTEXT.set_max_operations(self.outer)
            isl.DEFAULT_CONTEXT.reset_operations()
            del self._open[self._open.index(id(self)) :]


def _is_spent() -> bool:
    try:
        isl.Val(1).add(isl.Val(1))
    except isl.Error:
        return True
    return False


def reason(error: isl.Error) -> str:
    """Why isl gave no answer, for people."""
    return str(error) if isinstance(error, Spent) else f"isl fails on it: {str(error).partition(' in /')[0]}"
