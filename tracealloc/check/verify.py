"""`Verification`: what ``s.verify()`` and ``ta.verify(a, b)`` answer."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import zip_longest

from tracealloc.check.deadlock import UNDECIDED, stuck
from tracealloc.check.symbolic.compare import compare
from tracealloc.schedule.core.state import Module, lowered
from tracealloc.schedule.core.verdict import verdict_of
from tracealloc.trace.diagnostics.errors import VerifyError
from tracealloc.trace.ir.program import Program
from tracealloc.trace.ir.rewrite import canonical

__all__ = ["Verification", "verify_module", "verify_pair"]


@dataclass(frozen=True, repr=False)
class Verification:
    """The answer of a proof: true when the schedule computes what the traced kernel does, for all data.

    False where it does not, and where that is not decided: two kernels that were written in other ways.

    Attributes:
        method: the proof that was made: ``"polyhedral"``, or ``"symbols"``: two kernels that were written
            apart were run on symbols, and leave the same terms behind.
        operations: dynamic statement instances that the proof covers (it does not visit them; for large
            domains that are not boxes, an upper bound); of ``"symbols"`` the terms.
        seconds: how long it took.
        assumptions: what was taken for granted, such as that an integer sum may be reordered.
        counterexample: when unequal, the read or output element that differs, and both writers.
        decided: whether a false answer says that something differs.
    """

    equal: bool
    method: str
    operations: int
    seconds: float
    assumptions: tuple[str, ...] = ()
    counterexample: str | None = None
    decided: bool = True

    def __bool__(self) -> bool:
        return self.equal

    def __repr__(self) -> str:
        return f"<{self}>"

    def __str__(self) -> str:
        answer = "NOT equal" if self.decided else "not decided"
        verdict = "equal" if self.equal else f"{answer}: {self.counterexample}"
        counted = "terms" if self.method == "symbols" else "instances"
        notes = f"; assuming {', '.join(self.assumptions)}" if self.assumptions else ""
        return f"{verdict} ({self.method}, {self.operations:,} {counted}, {self.seconds * 1e3:.0f} ms{notes})"


def verify_module(module: Module, method: str | None = None) -> Verification:
    """Prove that every function of a module computes what its traced program does.

    Raises:
        VerifyError: an unknown method, or one that this build does not have.
    """
    if method == "symbolic":
        raise VerifyError(
            "TA510",
            "symbolic execution of the emitted text is not built yet",
            hint='s.verify("polyhedral"), which holds for all data',
        )
    if method not in (None, "polyhedral"):
        raise VerifyError("TA511", f"unknown method {method!r}", hint='"polyhedral" or None')
    return _proved(module, casts=True)


def _proved(module: Module, casts: bool) -> Verification:
    """The polyhedral proof; with `casts`, an array in another type than the kernel's is a difference."""
    start = time.perf_counter()
    found: str | None = None
    count = 0
    notes: dict[str, None] = {}
    for state in module.functions.values():
        if casts and state.proof.conversions and found is None:
            found = f"{state.proof.conversions[0].reason}: values are converted"
        verdict = verdict_of(state)
        count += verdict.instances
        notes.update(dict.fromkeys(map(str, verdict.assumptions)))
        found = found or verdict.difference
    if found is None and any(state.concurrent for state in module.functions.values()):
        waits = stuck(lowered(module))
        if waits == UNDECIDED:
            notes[UNDECIDED] = None
        else:
            found = waits
    seconds = time.perf_counter() - start
    return Verification(found is None, "polyhedral", count, seconds, tuple(notes), found)


def verify_pair(a: Module, b: Module, method: str | None = None) -> Verification:
    """Prove that two modules compute the same: both as traced, from programs that are the same.

    Raises:
        VerifyError: an unknown method.
    """
    ends = ([set(s.proof.conversions) for s in module.functions.values()] for module in (a, b))
    same = next(ends) == next(ends)
    first, second = verify_module(a, method), verify_module(b, method)
    if same:
        first, second = _proved(a, casts=False), _proved(b, casts=False)
    found = first.counterexample or second.counterexample
    decided = found is not None
    if found is None:
        programs = a.state(a.top).program, b.state(b.top).program
        found = _program_difference(*programs)
        decided = found is None or _takes(programs[0]) != _takes(programs[1])
        if found is not None and not decided and method is None:
            if any(state.proof.conversions for module in (a, b) for state in module.functions.values()):
                programs = lowered(a), lowered(b)  # what casts make of values is no part of what was traced
            return _compared(programs, first, second, found)
    return Verification(
        found is None,
        first.method,
        first.operations + second.operations,
        first.seconds + second.seconds,
        tuple(dict.fromkeys((*first.assumptions, *second.assumptions))),
        found,
        decided,
    )


def _compared(
    programs: tuple[Program, Program], first: Verification, second: Verification, apart: str
) -> Verification:
    """Two kernels that were written apart, as the text `apart` says: run on symbols."""
    answer = compare(*programs)
    why = None if answer.equal else f"{answer.why}; {apart}"
    return Verification(
        bool(answer.equal),
        "symbols",
        answer.terms,
        first.seconds + second.seconds + answer.seconds,
        tuple(dict.fromkeys((*first.assumptions, *second.assumptions))),
        why,
        answer.equal is not None,
    )


def _takes(program: Program) -> list[object]:
    """What a program takes and gives."""
    return [(array.dtype, array.shape, array.kind) for array in (*program.args, *program.results)]


def _program_difference(a: Program, b: Program) -> str | None:
    """Where two traced programs are not the same up to names, as text."""
    if canonical(a) == canonical(b):
        return None
    for mine, other in zip_longest(_lines(a), _lines(b), fillvalue=("(nothing)", "(nothing)")):
        if mine[0] != other[0]:
            return f"the traced kernels differ: {mine[1]} against {other[1]}"
    return "the traced kernels differ in a type"


def _lines(program: Program) -> list[tuple[str, str]]:
    """The printed lines with names that do not matter, and as the user named things; without places."""
    plain, own = (
        [line.partition("#")[0].strip() for line in str(each).splitlines()]
        for each in (canonical(program), program)
    )
    return list(zip(plain, own if len(own) == len(plain) else plain, strict=True))
