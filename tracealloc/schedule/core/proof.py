"""What a schedule is proved from, and what its proofs took for granted: values only.

Proof      := base, reassociate, assumptions, obligations
Assumption := SumOrder | Conversion
Obligation := Claim | Split
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from tracealloc.poly.model.model import Model
from tracealloc.poly.model.tree import Tree
from tracealloc.poly.proof.differences import explain
from tracealloc.poly.proof.equivalence import Difference, difference
from tracealloc.poly.proof.split_reduction import Split
from tracealloc.trace.ir.dtype import DType

__all__ = ["Assumption", "Claim", "Conversion", "Obligation", "Proof", "SumOrder"]


@dataclass(frozen=True, slots=True)
class SumOrder:
    """That sums of a kind (``integer`` or ``float``) may be added up in another order."""

    kind: str

    @property
    def exact(self) -> bool:
        """Whether results are the traced kernel's in every bit all the same."""
        return self.kind == "integer"

    def __str__(self) -> str:
        return f"{self.kind} sums may be reordered"


@dataclass(frozen=True, slots=True)
class Conversion:
    """That an array may be stored in another type than the kernel's: its values are converted."""

    array: str
    stored: DType
    traced: DType

    @property
    def exact(self) -> bool:
        """Whether results are the traced kernel's in every bit all the same."""
        return False

    @property
    def reason(self) -> str:
        """What was done, as a sentence."""
        return f"{self.array} is stored as {self.stored}, not {self.traced}"

    def __str__(self) -> str:
        return "casts: no longer bit-exact"


Assumption: TypeAlias = SumOrder | Conversion


@dataclass(frozen=True, repr=False)
class Proof:
    """What a function is compared with, and what comparing took for granted.

    `base`, in its reference order, is the kernel as traced. `obligations` are what is to be proved before it
    may be taken for the kernel. `reassociate` says that the user lets floating-point sums be reordered;
    `assumptions` are what steps made use of.
    """

    base: Model
    reassociate: bool = False
    assumptions: tuple[Assumption, ...] = ()
    obligations: tuple[Obligation, ...] = ()

    @property
    def conversions(self) -> tuple[Conversion, ...]:
        """The arrays that are stored in another type than the kernel's."""
        return tuple(note for note in self.assumptions if isinstance(note, Conversion))

    def assuming(self, *notes: Assumption) -> Proof:
        """The proof with more taken for granted."""
        return replace(self, assumptions=tuple(dict.fromkeys((*self.assumptions, *notes))))

    def difference(self, model: Model, tree: Tree, free: bool = True) -> Difference | None:
        """The first read that sees another write in `model` than in `base`, or None.

        Unless `free`, all sums keep their order.
        See `poly.proof.equivalence`.
        """
        return difference(self.base, self.base.reference, model, tree, self.reassociate, free)

    def strictly(self) -> Proof:
        """The proof in which floating-point sums keep their order."""
        return replace(self, reassociate=False)

    def taken_in(self, base: Model, other: Proof) -> Proof:
        """The proof of a function into which another one was inlined; `base` is both, as traced."""
        return replace(
            self.assuming(*other.assumptions),
            base=base,
            reassociate=self.reassociate or other.reassociate,
            obligations=(*self.obligations, *other.obligations),
        )


@dataclass(frozen=True, repr=False)
class Claim:
    """That `model`, in the order of `tree`, computes what the base of `proof` does."""

    model: Model
    tree: Tree
    proof: Proof

    def difference(self, free: bool = True) -> Difference | None:
        """Where the claim is wrong, or None."""
        return self.proof.difference(self.model, self.tree, free)

    def explain(self, wrong: Difference) -> str:
        """A difference in the user's terms."""
        return explain(self.proof.base, (self.model, self.tree), wrong)


Obligation: TypeAlias = Claim | Split
