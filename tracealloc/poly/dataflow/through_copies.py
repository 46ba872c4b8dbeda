"""What reads see when pure copies are looked through: all in moments, where relations are plain."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property

import islpy as isl

from tracealloc.poly.dataflow.last_writes import LastWrites, Seen
from tracealloc.poly.dataflow.timestamps import Clock, Point, flow_between, points_of
from tracealloc.poly.isl.coalesce import coalesced, pieces
from tracealloc.poly.isl.compared import own
from tracealloc.poly.isl.named import renamed_input, union_of, with_tuple
from tracealloc.poly.model.model import Model, Statement
from tracealloc.poly.model.tree import Tree
from tracealloc.trace.diagnostics.errors import VerifyError

__all__ = ["Values"]


class Values:
    """What reads of a model see in the order of a tree.

    `before` are what arrays hold at the start, as accesses of `INPUT`; `updates` names statements whose
    writes are updates of a sum: a read sees all of them, in no order, and what the sum began with.
    """

    def __init__(
        self,
        model: Model,
        tree: Tree,
        before: Iterable[isl.Map] = (),
        updates: Callable[[Statement], bool] | None = None,
    ) -> None:
        self.clock = Clock(model, tree)
        self.copies = {s.name: s for s in model.statements if s.copy}
        adds = updates or (lambda statement: False)
        writes = [a.relation for s in model.statements for a in s.writes if not adds(s)]
        more = [a.relation for s in model.statements for a in s.writes if adds(s)]
        self.last = LastWrites(self.clock, [*writes, *before], more)

    def seen(self, access: isl.Map) -> Seen:
        """What a read sees, copies included."""
        return self.last.of(points_of(self.clock, [access], numbered=False)[0])

    def flows(self, seen: Seen, without: frozenset[str] = frozenset()) -> list[isl.Map]:
        """``[read -> element] -> [write -> element]`` for one read, copies looked through.

        Sources among the statements `without` are left out.
        """
        plain = without.isdisjoint(str(write.statement) for write, _ in seen.found)
        if plain and not any(self._copies(write) for write, _ in seen.found):
            return seen.flows
        labels, brought = self._brought
        known = {label: write for write, label in labels.items()}
        ends = [(write, pairs) for write, pairs in seen.found if not self._copies(write)]
        direct = [with_tuple(pairs, labels[write]) for write, pairs in seen.found if self._copies(write)]
        for piece in pieces(union_of(direct).apply_range(brought)):
            ends.append((known[str(piece.range().get_tuple_name())], with_tuple(piece, "B")))
        return [flow_between(seen.read, *end) for end in ends if end[0].statement not in without]

    def _copies(self, write: Point) -> bool:
        return write.statement in self.copies

    @cached_property
    def _brought(self) -> tuple[dict[Point, str], isl.UnionMap]:
        """Names for all writes, and copies -> the writes that they bring in the end."""
        labels: dict[Point, str] = {}

        def label(point: Point) -> str:
            return labels.setdefault(point, f"W{len(labels)}")

        steps: list[isl.Map] = []
        writes: dict[tuple[str | None, str, int], Point] = {}
        for point in self.last.points():
            label(point)
            writes[point.statement, point.space, point.number] = point
        for copy in self.copies.values():
            counts: dict[str, int] = {}
            # The fields of a record are copied one by one: the k-th read goes with the k-th write.
            for read, write in zip(copy.reads, copy.writes, strict=True):
                number = counts[write.space] = counts.get(write.space, -1) + 1
                target = writes.get((copy.name, write.space, number))
                if target is None:  # it never runs
                    continue
                seen = self.seen(read.relation)
                assert not target.spread and not seen.read.spread, "a copy copies one element at a time"
                steps += [
                    with_tuple(renamed_input(pairs, label(target)), label(source))
                    for source, pairs in seen.found
                ]
        inner = {labels[p] for p in labels if p.statement in self.copies}
        return labels, _closure(coalesced(union_of(steps)), inner, _longest(self.copies.values()))


def _split(union: isl.UnionMap, inner: set[str]) -> tuple[isl.UnionMap, isl.UnionMap]:
    """The part that ends in copies, and the rest."""
    found = pieces(union)
    ends = [str(piece.range().get_tuple_name()) in inner for piece in found]
    return (
        union_of([m for m, end in zip(found, ends, strict=True) if end]),
        union_of([m for m, end in zip(found, ends, strict=True) if not end]),
    )


def _closure(steps: isl.UnionMap, inner: set[str], longest: int) -> isl.UnionMap:
    """Copies -> what they bring in the end.

    A value may move through many copies (a shift register), so each round doubles the distance. Where
    it may be copied any number of times there must be a closed form: a partial sum goes out of a buffer
    and back in, once for each iteration of the loop around.
    """
    for _ in range(longest.bit_length() + 1):
        todo, done = _split(steps, inner)
        if todo.is_empty():
            return done
        steps = coalesced(done.union(todo.apply_range(steps)))
    todo, done = _split(steps, inner)
    if todo.is_empty():
        return done
    further, exact = own(todo).transitive_closure()
    if not exact:
        raise VerifyError(
            "TA513",
            "the proof cannot follow a value through all its copies",
            because=["it moves from buffer to buffer in a way that isl has no closed form for"],
            hint="prove a schedule with fewer buffers of that array; the C build can still be compared",
        )
    return coalesced(done.union(further.apply_range(done)))


def _longest(copies: Iterable[Statement]) -> int:
    """How many copies a value can pass through: each of a chain, and each place of what shifts in itself."""
    length = 2
    for statement in copies:
        array = statement.writes[0].array
        shifts = any(read.array == array for read in statement.reads)
        length += sum(array.shape) + 1 if shifts else 1
    return length
