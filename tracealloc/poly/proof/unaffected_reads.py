"""Reads that see the very same in two models, because nothing around them has changed.

What nothing writes is what it was. And most of a kernel is the same before and after a step: where the
statements that have not changed run in the same order, a read by one of them sees the same as before unless
a statement that has changed writes, or wrote, to the array that it reads. The others are asked for what they
see in both models, which is remembered where nothing has changed on the way to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Set
from typing import TypeAlias

import islpy as isl

from tracealloc.poly.dataflow.solve import FINAL
from tracealloc.poly.dataflow.through_copies import Values
from tracealloc.poly.model.model import Access, Statement
from tracealloc.poly.model.tree import restrict
from tracealloc.poly.proof.traced_terms import read_name, tagged_reads

__all__ = ["Reads", "changed_reads"]

_MOST_ALONE = 16  # statements that have changed, each compared before the next is looked at

Reads: TypeAlias = frozenset[tuple[str, str]]
"""Reads by name (``S3__1``: the second of S3; ``Final``) and array."""


def changed_reads(
    ours: Values, theirs: Values, finals: tuple[Iterable[isl.Map], Iterable[isl.Map]]
) -> Iterator[Reads]:
    """The reads of two models that may see something else in one than in the other, part by part.

    First come those by statements that have changed, for these are the most likely, then all others.
    `finals` are what each model leaves to its caller. All reads that are the same one of the traced
    program are in one part; they are left out only where all of them see the same.
    """
    alike = _Alike(ours, theirs)
    reads: dict[str | None, set[tuple[str, str]]] = {}
    for statement in (s for model in alike.models for s in model.statements if not s.copy):
        own = reads.setdefault(statement.origin, set())
        own |= {(name, read.space) for name, read in tagged_reads(statement)}
    moved = {s.origin for model in alike.models for s in model.statements if s.name not in alike.still}
    if len(moved) > _MOST_ALONE:
        moved = set()
    for origin in (origin for origin in reads if origin in moved):
        yield frozenset(reads[origin] - set(alike.reads({origin})))
    known = {id(whole) for whole in finals[0]}
    same = {id(whole) for whole in finals[1] if id(whole) in known and alike.sees(whole, whole, None)}
    left = {(FINAL, str(w.range().get_tuple_name())) for part in finals for w in part if id(w) not in same}
    others = [own for origin, own in reads.items() if origin not in moved]
    yield frozenset(left.union(*others) - set(alike.reads(reads.keys() - moved)))


class _Alike:
    """What two models have in common.

    `still` are the statements that are the same and run in the same order (None is the end), and `changed`
    the arrays whose contents may not be the same even so; to those not in `written` nothing writes.
    """

    def __init__(self, ours: Values, theirs: Values) -> None:
        self.ours, self.theirs = ours, theirs
        self.models = ours.clock.model, theirs.clock.model
        self.onto = [{str(m.domain().get_tuple_name()): m for m in model.origins} for model in self.models]
        here = {s.name: s for s in self.models[0].statements}
        both = [(here[s.name], s) for s in self.models[1].statements if s.name in here]
        self.pairs = [(a, b) for a, b in both if _runs_alike(a, b)]
        self.names = {None, *(a.name for a, _ in self.pairs)}
        same = frozenset(a.name for a, b in both if _identical(a, b))
        first, second = (restrict(values.clock.tree, same) for values in (ours, theirs))
        self.still: frozenset[str | None] = same | {None} if first == second else frozenset()
        # A copy that has not changed may still bring something else.
        others = [s for model in self.models for s in model.statements if s.copy or s.name not in same]
        self.changed = {access.space for s in others for access in s.writes}
        self.written = {
            access.space for model in self.models for s in model.statements for access in s.writes
        }

    def reads(self, wanted: Set[str | None]) -> Iterator[tuple[str, str]]:
        """Reads of some traced statements that see the same, wherever they run."""
        found: dict[str | None, list[tuple[Statement, Statement]]] = {}
        for pair in self.pairs:
            found.setdefault(pair[0].origin, []).append(pair)
        counts = [Counter(s.origin for s in model.statements) for model in self.models]
        for origin, pairs in found.items():
            if origin not in wanted or any(count[origin] != len(pairs) for count in counts):
                continue
            known = [(a.name, a.tagged(), b.tagged()) for a, b in pairs]
            for tag in known[0][1]:
                ends = [(name, mine.get(tag, []), other.get(tag, [])) for name, mine, other in known]
                if all(self.see_alike(*each) for each in ends):
                    yield from ((read_name(name, tag), mine[0].space) for name, mine, _ in ends)

    def see_alike(self, reader: str, mine: list[Access], other: list[Access]) -> bool:
        """Whether both have one read of a kind, which sees the same."""
        one = len(mine) == len(other) == 1
        return one and self.sees(mine[0].relation, other[0].relation, reader)

    def sees(self, mine: isl.Map, other: isl.Map, reader: str | None) -> bool:
        """Whether a read is the same in both, and sees the same."""
        space = str(mine.range().get_tuple_name())
        if mine is not other or self.onto[0].get(space) is not self.onto[1].get(space):
            return False
        if space not in self.written or (reader in self.still and space not in self.changed):
            return True
        seen = self.ours.seen(mine)
        return seen is self.theirs.seen(other) and all(w.statement in self.names for w, _ in seen.found)


def _runs_alike(a: Statement, b: Statement) -> bool:
    """Whether two statements run the same instances of a traced one."""
    return not a.copy and not b.copy and a.origin == b.origin and a.origin_instance == b.origin_instance


def _identical(a: Statement, b: Statement) -> bool:
    """Whether two statements of one name are the same for isl."""
    return (
        a.copy == b.copy
        and (a.copy or _runs_alike(a, b))
        and a.domain is b.domain
        and a.dims == b.dims
        and len(a.accesses) == len(b.accesses)
        and all(
            x.relation is y.relation and x.write == y.write and x.tags == y.tags
            for x, y in zip(a.accesses, b.accesses, strict=True)
        )
    )
