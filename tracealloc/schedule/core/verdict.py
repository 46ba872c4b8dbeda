"""The verdict on one function: whether its schedule computes what the kernel does, for all data."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import islpy as isl

from tracealloc.poly.dependence.dependence import same_sum
from tracealloc.poly.isl.budget import STATEMENT, STEP, limited, reason
from tracealloc.poly.isl.equality import same_sets
from tracealloc.poly.isl.named import LOCK, box_of, dim_bounds, renamed
from tracealloc.poly.model.model import Statement
from tracealloc.poly.proof.differences import explain
from tracealloc.poly.proof.split_reduction import Split
from tracealloc.schedule.core.proof import Assumption, Claim, SumOrder
from tracealloc.schedule.core.state import State
from tracealloc.trace.diagnostics.errors import VerifyError

__all__ = ["Verdict", "verdict_of"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a proof found.

    Attributes:
        difference: the first read or output element that differs, in the user's terms; None: there is none.
        assumptions: what the proof took for granted.
        instances: the statement instances that it covers (see `verdict_of`).
    """

    difference: str | None
    assumptions: tuple[Assumption, ...]
    instances: int


def verdict_of(state: State) -> Verdict:
    """Prove that a function computes what its traced program does, or find where it does not.

    Instances are counted, not visited: of large domains that are not boxes, those of the box around.

    Raises:
        VerifyError: the proof cannot be made.
    """
    with LOCK:
        count = sum(_count(statement) for statement in state.proof.base.statements)
        try:
            with limited(STEP + STATEMENT * len(state.model.statements)):
                return Verdict(*_proof(state.claim), count)
        except isl.Error as error:
            raise VerifyError(
                "TA514",
                f"the proof of {state.name} fails inside isl",
                because=[reason(error)],
                hint="the C build can still be compared with the kernel on data",
            ) from error


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
        return claim.explain(found), proof.assumptions
    found = claim.difference()
    taken = (*proof.assumptions, SumOrder("float"))
    return None if found is None else claim.explain(found), taken


def _in_parts(split: Split) -> tuple[str | None, tuple[Assumption, ...]]:
    """What differs where a sum is added up in parts."""
    wrong = split.difference()
    kind = same_sum(*[split.before[0].statement(split.updates[0])] * 2)
    model, tree = split.after
    text = None if wrong is None else explain(model, (model, tree), wrong)
    return text, (SumOrder(kind or "float"),)


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
    if sized or volume > _MOST_COUNTED or same_sets(box, statement.domain):
        return volume
    return int(statement.domain.count_val().to_python())
