"""A bound on what a question to isl may cost, in isl's own operations.

isl's answers take milliseconds, but some questions of the same kind (unions of many pieces, many ``//``)
take hours. isl counts what it does and stops where it is told to; a count, other than a clock, gives the
same answer on every machine. A million operations take from a tenth of a second to one.

Budgets nest: what an inner one takes, the outer one has taken, too. An inner one that is used up ends
alone, and what was asked can be asked in another way; where nothing of the outer one is left, it ends that.
"""

from __future__ import annotations

from typing import ClassVar

import islpy as isl

__all__ = [
    "ADVICE",
    "CLOSURE",
    "CURE",
    "EXTENTS",
    "LISTED",
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

STEP = 7_000_000
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
LISTED = 300_000
"""Of the points of an access, one by one: some 20,000, in a fifth of a second."""
STORAGE = 1_000_000
"""Of where an array that lives inside loops is declared; beyond, it has all of its instances at the top."""

EXTENTS = 50_000
"""Of whether that would be so at other extents, where all uses of an array are listed: a nicety."""


class Spent(isl.Error):
    """A budget is used up: what was asked inside it has no answer."""


class _OuterSpent(Exception):
    """An outer budget is used up: not for those who have another way inside it."""


class limited:
    """Let isl raise `Spent` once it has taken some operations inside the block.

    `beside`: the outer budget does not count them, for what is asked when that has been used well.

    A user's interrupt may come at any call, that of `__exit__` itself included: then the budget around this
    one ends both, and of the outermost the end of the object does. (A generator is closed whenever the
    traceback that holds it goes, and gave its budget back to isl long after all of them had ended.)
    """

    _open: ClassVar[list[int]] = []  # those that have not ended, by identity, outermost first

    def __init__(self, operations: int, *, beside: bool = False) -> None:
        self.operations, self.beside = operations, beside
        self.outer = self.before = 0
        self.inside = False  # the outer budget ends first

    def __enter__(self) -> None:
        self.outer = isl.DEFAULT_CONTEXT.get_max_operations()
        try:
            self._open.append(id(self))
            if not self.outer:
                isl.DEFAULT_CONTEXT.reset_operations()
            self.before = _taken(self.outer)
            own = self.before + self.operations
            self.inside = not self.beside and 0 < self.outer <= own
            isl.DEFAULT_CONTEXT.set_max_operations(self.outer if self.inside else own)
        except BaseException:
            self._end()
            raise

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        try:
            # isl may say anything then, that a text has an error say
            spent = isinstance(error, isl.Error | _OuterSpent) and not isinstance(error, Spent)
            spent = spent and not _goes_on()
            if self.beside and self.outer:
                self.outer += _taken(self.before + self.operations) - self.before
        finally:
            self._end()
        if spent and self.inside:
            raise _OuterSpent from error
        if spent:
            assert error is not None
            asked = str(error.__cause__ or error).partition("call to ")[2].partition(" failed")[0]
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
            del self._open[self._open.index(id(self)) :]


def _goes_on() -> bool:
    """Whether isl answers, and is not at the end of its operations."""
    try:
        isl.Val(1).add(isl.Val(1))
    except isl.Error:
        return False
    return True


def _taken(most: int) -> int:
    """How many operations isl has taken, of `most`: it does not tell, but where a bound would stop it."""
    context = isl.DEFAULT_CONTEXT
    least = 0
    while least < most:
        middle = (least + most) // 2
        context.set_max_operations(middle + 1)
        least, most = (least, middle) if _goes_on() else (middle + 1, most)
    return least


def reason(error: isl.Error) -> str:
    """Why isl gave no answer, for people."""
    return str(error) if isinstance(error, Spent) else f"isl fails on it: {str(error).partition(' in /')[0]}"
