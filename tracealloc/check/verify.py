"""`Verification`: what ``s.verify()`` and ``ta.verify(a, b)`` answer."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from itertools import zip_longest

import islpy as isl

from tracealloc.poly.dataflow.flow import FINAL, INPUT
from tracealloc.poly.dependence.dependence import same_sum
from tracealloc.poly.isl.budget import STATEMENT, STEP, limited, reason
from tracealloc.poly.isl.named import LOCK, box_of, dim_bounds, equal_sets, renamed
from tracealloc.poly.model.model import Model, Statement
from tracealloc.poly.proof.equivalence import NOTHING, Difference
from tracealloc.poly.proof.split_reduction import Split
from tracealloc.schedule.core.proof import Assumption, Claim, Proof, SumOrder
from tracealloc.schedule.core.state import Module
from tracealloc.schedule.loops.queue_order import displaced
from tracealloc.trace.diagnostics.errors import VerifyError
from tracealloc.trace.ir.program import Program
from tracealloc.trace.ir.rewrite import canonical

__all__ = ["Verification", "verify_module", "verify_pair"]


@dataclass(frozen=True, repr=False)
class Verification:
    """The answer of a proof: true when the schedule computes what the traced kernel does, for all data.

    Attributes:
        method: the proof that was made: ``"polyhedral"``.
        operations: dynamic statement instances that the proof covers (it does not visit them; for large
            domains that are not boxes, an upper bound).
        seconds: how long it took.
        assumptions: what was taken for granted, such as that an integer sum may be reordered.
        counterexample: when unequal, the read or output element that differs, and both writers.
    """

    equal: bool
    method: str
    operations: int
    seconds: float
    assumptions: tuple[str, ...] = ()
    counterexample: str | None = None

    def __bool__(self) -> bool:
        return self.equal

    def __repr__(self) -> str:
        return f"<{self}>"

    def __str__(self) -> str:
        verdict = "equal" if self.equal else f"NOT equal: {self.counterexample}"
        notes = f"; assuming {', '.join(self.assumptions)}" if self.assumptions else ""
        return f"{verdict} ({self.method}, {self.operations:,} instances, {self.seconds * 1e3:.0f} ms{notes})"


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
    with LOCK:
        for _, state in module.states:
            if casts and state.proof.conversions and found is None:
                found = f"{state.proof.conversions[0].reason}: values are converted"
            count += sum(_count(s) for s in state.proof.base.statements)
            try:
                with limited(STEP + STATEMENT * len(state.model.statements)):
                    wrong, assumed = _proof(state.claim)
            except isl.Error as error:
                raise VerifyError(
                    "TA514",
                    f"the proof of {state.name} fails inside isl",
                    because=[reason(error)],
                    hint="the C build can still be compared with the kernel on data",
                ) from error
            notes.update(dict.fromkeys(map(str, assumed)))
            found = found or wrong
    seconds = time.perf_counter() - start
    return Verification(found is None, "polyhedral", count, seconds, tuple(notes), found)


def _proof(claim: Claim) -> tuple[str | None, tuple[Assumption, ...]]:
    """What differs, and what the proof took for granted: no more than it needed."""
    proof = claim.proof
    if proof.obligations:
        notes: list[Assumption] = []
        rest = replace(claim, proof=replace(proof, obligations=(), assumptions=()))
        for each in (*proof.obligations, rest):
            wrong, assumed = _in_parts(each) if isinstance(each, Split) else _proof(each)
            notes += assumed
            if wrong is not None:
                break
        return wrong, tuple(notes)
    if claim.difference(free=False) is None:
        return None, ()
    found = replace(claim, proof=proof.strictly()).difference()
    if found is None:
        return None, (SumOrder("integer"),)
    if not proof.reassociate:
        return describe(claim, found), proof.assumptions
    found = claim.difference()
    taken = (*proof.assumptions, SumOrder("float"))
    return None if found is None else describe(claim, found), taken


def _in_parts(split: Split) -> tuple[str | None, tuple[Assumption, ...]]:
    """What differs where a sum is added up in parts."""
    wrong = split.difference()
    kind = same_sum(*[split.before[0].statement(split.updates[0])] * 2)
    model, tree = split.after
    text = None if wrong is None else describe(Claim(model, tree, Proof(model)), wrong)
    return text, (SumOrder(kind or "float"),)


def verify_pair(a: Module, b: Module, method: str | None = None) -> Verification:
    """Prove that two modules compute the same: both as traced, from programs that are the same.

    Raises:
        VerifyError: an unknown method.
    """
    same = [set(s.proof.conversions) for _, s in a.states] == [set(s.proof.conversions) for _, s in b.states]
    first, second = verify_module(a, method), verify_module(b, method)
    if same:
        first, second = _proved(a, casts=False), _proved(b, casts=False)
    found = first.counterexample or second.counterexample
    if found is None:
        found = _program_difference(a.state(a.top).program, b.state(b.top).program)
    return Verification(
        found is None,
        first.method,
        first.operations + second.operations,
        first.seconds + second.seconds,
        tuple(dict.fromkeys((*first.assumptions, *second.assumptions))),
        found,
    )


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


_MOST_COUNTED = 10**7


def _count(statement: Statement) -> int:
    """The instances of a statement (at most: where counting would take long, those of the box around).

    Of one with parameters, those of the box around what it has for any of them.
    """
    if statement.domain.is_empty():
        return 0
    ends = [dim_bounds(statement.domain, k) for k in range(len(statement.dims))]
    volume = math.prod(high - low + 1 for low, high in ends)
    box = renamed(box_of([(low, high, 1) for low, high in ends]), statement.name)
    sized = not statement.domain.params().plain_is_universe()
    if sized or volume > _MOST_COUNTED or equal_sets(box, statement.domain):
        return volume
    return int(statement.domain.count_val().to_python())


def describe(claim: Claim, wrong: Difference) -> str:
    """A difference in the user's terms."""
    base = claim.proof.base
    reader, values = wrong.reader
    space, indices = wrong.element
    arrays = {f"A{k}": array for k, array in enumerate(claim.model.arrays)}
    known = arrays.get(space.partition("_")[0])
    if known is not None and known.kind == "stream":
        return f"the order of {known.name}: {displaced(base, claim.whole(), wrong, known)}"
    array = space if known is None else known.name
    element = f"{array}[{', '.join(map(str, indices))}]" if indices else array
    who = f"the final {element}" if reader == FINAL else f"{_instance(base, reader, values)} reads {element}"
    return f"{who}: expected {_value(base, wrong.expected)}, found {_value(base, wrong.found)}"


def _instance(model: Model, name: str, values: tuple[int, ...]) -> str:
    statement = model.statement(name)
    pairs = ", ".join(f"{it.name}={v}" for it, v in zip(statement.dims, values, strict=False))
    where = statement.place.short if statement.place else name
    return f"{where} at ({pairs})"


def _value(model: Model, writer: tuple[str, tuple[int, ...]] | None) -> str:
    if writer is None:
        return "no value"
    name, values = writer
    if name == NOTHING:
        return "not the same each time that it runs"
    return "the caller's value" if name == INPUT else f"what {_instance(model, name, values)} writes"
