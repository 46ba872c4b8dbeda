"""Of the writes before a read at one level of a tree, the last, and the updates since.

Found once for all reads and writes of the same forms: statements of a large kernel are alike, and what they
see of one another depends on their names nowhere, and on places in the array only by how far they are apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import islpy as isl

from tracealloc.poly.dependence.distances import Form, shape_between
from tracealloc.poly.isl.bounding_boxes import Box, Same, box_around
from tracealloc.poly.isl.coalesce import coalesced
from tracealloc.poly.isl.compared import minus, minus_domain
from tracealloc.poly.isl.extremes import extreme
from tracealloc.poly.isl.named import lex_less
from tracealloc.poly.isl.remembered import remembered
from tracealloc.poly.isl.texts import tuple_text

__all__ = ["Answer", "Candidate", "Question", "answer_to", "moved_box"]

_FEW_PARTS = 8  # of what is left, with a box around each


@dataclass(frozen=True, slots=True)
class Candidate:
    """A write without its name: `access` begins at the origin, `box` where it does as seen from the read.

    `size` is the number of coordinates of a moment.
    """

    access: Same
    box: Box
    size: int
    update: bool

    @property
    def form(self) -> Form:
        """Where it is, as seen from the read."""
        return Form(self.access, tuple([low for low, _ in self.box]))


@dataclass(frozen=True, slots=True)
class Question:
    """A read, of which `rest` are the moments without an answer (None: all), and what comes before it.

    `depth` loops around it agree; in one more the writes have a lesser value (`less`), or the text decides.
    The writes come last first; `common` are the loops that each shares with the next.
    """

    read: Same
    size: int
    rest: Same | None
    depth: int
    less: bool
    writes: tuple[Candidate, ...]
    common: tuple[int, ...]


class Answer:
    """Moments ``A`` of the read -> those, ``B``, of the writes that it sees, by number; and what is left."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.found: list[tuple[int, isl.Map]] = []
        self.rest = question.rest
        self.left = True

    @property
    def _unanswered(self) -> isl.Set:
        if self.rest is None:
            assert isinstance(self.question.read.value, isl.Map)
            return self.question.read.value.domain()
        assert isinstance(self.rest.value, isl.Set)
        return self.rest.value

    def look(self) -> None:
        """Find what the read sees."""
        winners, updates = self._candidates()
        for number, pairs in updates:
            for winner, last in winners:
                if not self._apart(number, winner):
                    pairs = minus(pairs, last.apply_range(self._order(number, winner).reverse()))
            if not pairs.is_empty():
                self.found.append((number, pairs))
        for winner, last in winners:
            self.found.append((winner, last))
            self._answered(last.domain())

    def _candidates(self) -> tuple[list[tuple[int, isl.Map]], list[tuple[int, isl.Map]]]:
        """The last write for each moment of the read, and all updates before it."""
        asked = self.question
        winners: list[tuple[int, isl.Map]] = []
        updates: list[tuple[int, isl.Map]] = []
        for number, write in enumerate(asked.writes):
            order = _agree(asked.size, write.size, asked.depth, asked.less)
            shape = shape_between(Form(asked.read, (0,) * len(write.box)), write.form, order)
            if shape is None:
                continue
            pairs = shape.relation
            if asked.rest is not None:
                pairs = pairs.intersect_domain(self._unanswered)
                if pairs.is_empty():
                    continue
            if write.update:
                updates.append((number, pairs))
            else:
                latest = shape.latest if asked.rest is None else extreme(pairs, latest=True)
                self._compete(winners, number, latest)
        return winners, updates

    def _answered(self, moments: isl.Set) -> None:
        rest = self._unanswered
        all_of_it = bool(rest.plain_is_equal(moments))  # most often; isl's subtraction does not look
        rest = isl.Set.empty(rest.get_space()) if all_of_it else coalesced(minus(rest, moments))
        self.rest = Same(rest)
        self.left = not all_of_it and not rest.is_empty()

    @cached_property
    def boxes(self) -> tuple[Box, ...] | None:
        """Boxes around what is left, as seen from the read; None where it falls into many parts."""
        read = self.question.read.value
        assert isinstance(read, isl.Map)
        parts = [] if self.rest is None else self._unanswered.get_basic_sets()
        parts = [part for part in parts if not part.is_empty()]
        if not 0 < len(parts) <= _FEW_PARTS:
            return None
        return tuple(box_around(isl.Set.from_basic_set(part).apply(read)) for part in parts)

    def _compete(self, winners: list[tuple[int, isl.Map]], number: int, last: isl.Map) -> None:
        """Add a candidate to the winners: for each moment of the read the latest one stays."""
        for k, (other, known) in enumerate(winners):
            if self._apart(other, number):
                continue
            both = known.range_product(last)
            if both.is_empty():
                continue
            later = both.intersect_range(self._order(other, number).wrap()).domain()
            earlier = minus(both.domain(), later)
            winners[k] = other, minus_domain(known, later)
            last = minus_domain(last, earlier)
        winners[:] = [(other, known) for other, known in winners if not known.is_empty()]
        if not last.is_empty():
            winners.append((number, last))

    def _order(self, a: int, b: int) -> isl.Map:
        """Moments of one write -> later moments of another."""
        first, second = (self.question.writes[number].size for number in (a, b))
        loops = min(self.question.common[min(a, b) : max(a, b)])
        return lex_less("B", "B", first, second, loops, a > b)

    def _apart(self, a: int, b: int) -> bool:
        """Whether the boxes of two writes share no element: then no read can see both."""
        ends = (self.question.writes[number].box for number in (a, b))
        return any(low > high or first > last for (low, last), (first, high) in zip(*ends, strict=True))


def answer_to(question: Question) -> Answer:
    """What a read sees at one level."""
    return _answer(question)


@remembered(1 << 12)
def _answer(question: Question) -> Answer:
    found = Answer(question)
    found.look()
    return found


@remembered(1024)
def _agree(first: int, second: int, depth: int, less: bool) -> Same:
    left, right = [f"a{k}" for k in range(first)], [f"b{k}" for k in range(second)]
    where = [f"a{k} = b{k}" for k in range(depth)] + ([f"b{depth} < a{depth}"] if less else [])
    condition = " and ".join(where) or "true"
    return Same(isl.Map(f"{{ {tuple_text('A', left)} -> {tuple_text('B', right)} : {condition} }}"))


def moved_box(box: Box, by: tuple[int, ...], sign: int = 1) -> Box:
    """A box that begins elsewhere."""
    return tuple([(low + sign * far, high + sign * far) for (low, high), far in zip(box, by, strict=True)])
