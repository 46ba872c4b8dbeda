"""Banks and their ports: which bank an access goes to, what the busiest one gets, how many would do."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tracealloc.schedule.layout.lattice import join_banks
from tracealloc.schedule.timing.unrolled_accesses import Accesses, Form, Ints, Ranges, Terms
from tracealloc.trace.ir.hardware import BankPorts, Hardware
from tracealloc.trace.ir.layout import BankKind, Banks, Layout, effective_banks, normal_banks
from tracealloc.trace.ir.program import Array
from tracealloc.trace.queries.affine import Linear, constant, expression, range_of

__all__ = [
    "Uses",
    "busiest",
    "in_words",
    "interval",
    "least_partition",
    "port_text",
    "steps",
    "uses_of",
]

_UNKNOWN = -1
_MOST_CELLS = 1 << 24


@dataclass(frozen=True)
class Uses:
    """The distinct accesses of one iteration to one array: per subscript a number of `terms`, a constant."""

    terms: tuple[Terms, ...]
    reads: Ints
    writes: Ints

    @property
    def all(self) -> Ints:
        """Reads, then writes: (access, dimension, terms or constant)."""
        return np.concatenate([self.reads, self.writes])


def uses_of(array: Array, reads: Accesses | None, writes: Accesses | None) -> Uses:
    """What an iteration accesses of an array; it need not read again what it has just written."""
    numbers: dict[Terms, int] = {}
    written = {} if writes is None else writes.rows()
    read = {} if reads is None else reads.rows()
    fresh = {}
    for form, (constants, clock) in read.items():
        if form in written:
            constants = constants[clock <= _first_written(constants, *written[form])]
        fresh[form] = constants
    tables = (fresh, {form: constants for form, (constants, _) in written.items()})
    found = [_table(table, numbers, array.rank) for table in tables]
    return Uses(tuple(numbers), *found)


def _first_written(constants: Ints, written: Ints, clock: Ints) -> Ints:
    """When each row is first written (never: after everything)."""
    _, places = np.unique(np.concatenate([written, constants]), axis=0, return_inverse=True)
    places = places.reshape(-1)
    first = np.full(len(places), np.iinfo(np.int64).max)
    first[places[: len(written)]] = clock
    return first[places[len(written) :]]


def _table(accesses: Mapping[Form, Ints], numbers: dict[Terms, int], rank: int) -> Ints:
    parts = [np.empty((0, rank, 2), np.int64)]
    for form, constants in accesses.items():
        terms = [numbers.setdefault(part, len(numbers)) for part in form]
        parts.append(np.stack([np.broadcast_to(np.array(terms), constants.shape), constants], axis=2))
    return np.concatenate(parts)


def in_words(uses: Uses, layout: Layout, array: Array) -> Uses:
    """The accesses to a packed array, counted in words: neighbours in one word come together."""
    if layout.pack is None:
        return uses
    dim, factor = layout.pack.dim, layout.pack.factor
    terms = list(uses.terms)
    words: dict[int, int] = {}
    for number, known in enumerate(uses.terms):
        if all(coefficient % factor == 0 for _, coefficient in known):
            # An atom that no subscript has keeps words apart from elements whose word is not known.
            mark = (constant(factor), 1)
            terms.append((*((atom, coefficient // factor) for atom, coefficient in known), mark))
            words[number] = len(terms) - 1

    def packed(accesses: Ints) -> Ints:
        accesses = accesses.copy()
        for number, word in words.items():
            mine = accesses[:, dim, 0] == number
            accesses[mine, dim] = np.stack(
                [np.full(mine.sum(), word), accesses[mine, dim, 1] // factor], axis=1
            )
        return np.unique(accesses, axis=0)

    return Uses(tuple(terms), packed(uses.reads), packed(uses.writes))


class _Subscripts:
    """The distinct subscripts of one dimension; `of` says which of them each access has."""

    def __init__(self, uses: Uses, dim: int, extent: int, ranges: Ranges) -> None:
        both, of = np.unique(uses.all[:, dim], axis=0, return_inverse=True)
        self.of: Ints = of.reshape(-1)
        self.count, self.extent = len(both), extent
        self._numbers, self._constants = both[:, 0], both[:, 1]
        self.strides = np.array([math.gcd(*(c for _, c in terms)) for terms in uses.terms], np.int64)
        spans = [range_of(expression(Linear(terms, 0)), ranges) for terms in uses.terms]
        self._bounded = np.array([span is not None for span in spans], bool)[self._numbers]
        ends = np.array([span or (0, 0) for span in spans], np.int64).reshape(-1, 2)[self._numbers]
        self._low, self._high = self._constants + ends[:, 0], self._constants + ends[:, 1]

    def places(self, banks: Banks) -> Ints:
        """The bank of each subscript, or -1 where it is not known at compile time."""
        if banks.kind == "whole":
            return np.zeros(self.count, np.int64)
        if banks.kind == "block":
            size = -(-self.extent // banks.factor)
            known = self._bounded & (self._low // size == self._high // size)
            return np.where(known, self._low // size, _UNKNOWN)
        strides = self.strides[self._numbers]
        if banks.kind == "complete":
            return np.where(strides == 0, self._constants % self.extent, _UNKNOWN)
        return np.where(strides % banks.factor == 0, self._constants % banks.factor, _UNKNOWN)

    def tells_apart(self, banks: Banks) -> bool:
        """Whether the bank of some subscript is known."""
        if banks.kind == "cyclic":
            return bool(np.any(self.strides % banks.factor == 0))
        if banks.kind == "block":
            return bool(np.any(self._bounded & (self._high - self._low < -(-self.extent // banks.factor))))
        return True


def _subscripts(uses: Uses, array: Array, ranges: Ranges) -> list[_Subscripts]:
    return [_Subscripts(uses, dim, extent, ranges) for dim, extent in enumerate(array.shape)]


def busiest(
    uses: Uses, ports: BankPorts, banks: tuple[Banks, ...], array: Array, ranges: Ranges
) -> tuple[int, int]:
    """Reads and writes of the bank that needs the longest interval."""
    subscripts = _subscripts(uses, array, ranges)
    places = [each.places(bank)[each.of] for each, bank in zip(subscripts, banks, strict=True)]
    pairs = _pairs(places, [bank.factor for bank in banks], len(uses.reads))
    return max(pairs, key=lambda n: (interval(n[0], n[1], ports, banks, array), sum(n), n[1]))


def _pairs(places: Sequence[Ints], factors: Sequence[int], reads: int) -> list[tuple[int, int]]:
    """Reads and writes of banks, where these differ; the first `reads` accesses are reads.

    `places` gives the bank of each access in each dimension; -1 is any of the dimension's `factors`.
    """
    columns, sizes = [], []
    for place, factor in zip(places, factors, strict=True):
        labels, column = np.unique(place, return_inverse=True)
        column, size = column.reshape(-1), len(labels)
        if size and labels[0] == _UNKNOWN:
            # One label more stands for all banks that no access is known to go to.
            column, size = column - 1, size - 1 + (size - 1 < factor)
        columns.append(column)
        sizes.append(size)
    kinds = (np.arange(len(places[0])) >= reads).astype(np.int64)
    rows = np.stack([kinds, *columns], axis=1)
    known = np.all(rows >= 0, axis=1)
    if math.prod(sizes) > _MOST_CELLS:  # what may go to several banks counts for all of them
        everywhere = np.bincount(kinds[~known], minlength=2)[:, None]
        _, banks = np.unique(rows[known, 1:], axis=0, return_inverse=True)
        found = np.zeros((2, int(banks.max(initial=0)) + 1), np.int64)
        np.add.at(found, (kinds[known], banks.reshape(-1)), 1)
        found += everywhere
    else:
        found = np.zeros((2, *sizes), np.int64)
        np.add.at(found, tuple(rows[known].T), 1)
        some, times = np.unique(rows[~known], axis=0, return_counts=True)
        for row, count in zip(some.tolist(), times.tolist(), strict=True):
            found[tuple(slice(None) if k < 0 else k for k in row)] += count
    radix = len(kinds) + 1
    both = np.unique(found[0] * radix + found[1])
    return [(int(pair) // radix, int(pair) % radix) for pair in both] or [(0, 0)]


def _is_registers(banks: Sequence[Banks], array: Array) -> bool:
    return all(b.kind == "complete" or n == 1 for b, n in zip(banks, array.shape, strict=True))


def interval(reads: int, writes: int, ports: BankPorts, banks: Sequence[Banks], array: Array) -> int:
    """The least initiation interval that the ports of a bank allow."""
    return 1 if _is_registers(banks, array) else ports.cycles(reads, writes)


def port_text(ports: BankPorts, banks: tuple[Banks, ...], array: Array) -> str:
    if _is_registers(banks, array):
        return "registers"
    return f"{ports.accesses} read" if array.kind == "constant" else str(ports)


def least_partition(
    uses: Uses, layout: Layout, array: Array, ranges: Ranges, asked: int, hardware: Hardware
) -> tuple[Banks, ...] | None:
    """The layout with the fewest banks that is at least what there is and allows the asked interval.

    Of those with as many banks, the one that changes the fewest dimensions, cyclic before block. None where
    no partition does, or only one into more banks than a device may have.
    """
    return _Search(uses, layout, array, ranges, asked, hardware).run()


@dataclass(frozen=True)
class _Choice:
    """The banks of one dimension, where each access goes, and whether that is something new."""

    banks: Banks
    places: Ints
    changed: bool


class _Search:
    """Layouts in the order of what they cost, without those that a dimension alone rules out."""

    def __init__(
        self, uses: Uses, layout: Layout, array: Array, ranges: Ranges, asked: int, hardware: Hardware
    ) -> None:
        self.uses, self.array, self.asked = uses, array, asked
        self.ports = hardware.ports_of(layout, array)
        given = effective_banks(layout, array.shape)
        self.most = max(hardware.most_banks, math.prod(bank.factor for bank in given))
        self.fewest = -(-len(uses.all) // (asked * self.ports.accesses))
        self.subscripts = _subscripts(uses, array, ranges)
        self.choices: list[list[_Choice]] = []
        if min(self.fewest, array.size) > self.most:
            return
        for dim, (bank, each) in enumerate(zip(given, self.subscripts, strict=True)):
            stays = layout.pack is not None and dim == layout.pack.dim
            found = [bank] if stays else _ways(bank, each, self.most)
            made = [_Choice(b, each.places(b)[each.of], b != bank) for b in found]
            self.choices.append([choice for choice in made if self.may_do(dim, choice)])

    def may_do(self, dim: int, choice: _Choice) -> bool:
        """Whether the choice would do if all other dimensions told all their subscripts apart."""
        if choice.banks.kind == "complete":
            return True  # all may become registers
        places = [each.of for each in self.subscripts]
        factors = [each.count for each in self.subscripts]
        places[dim], factors[dim] = choice.places, choice.banks.factor
        return self.fits(places, factors)

    def fits(self, places: Sequence[Ints], factors: Sequence[int]) -> bool:
        pairs = _pairs(places, factors, len(self.uses.reads))
        return all(self.ports.cycles(r, w) <= self.asked for r, w in pairs)

    def run(self) -> tuple[Banks, ...] | None:
        """The first layout that does."""
        for count, group in self.groups():
            for chosen in sorted(group, key=_changes):
                banks = tuple(choice.banks for choice in chosen)
                if _is_registers(banks, self.array):
                    return banks
                factors = [bank.factor for bank in banks]
                if count >= self.fewest and self.fits([choice.places for choice in chosen], factors):
                    return banks
        return None

    def groups(self) -> Iterator[tuple[int, list[tuple[_Choice, ...]]]]:
        """All combinations with as many banks, from the fewest banks on."""
        if len(self.choices) < self.array.rank or not all(self.choices):
            return
        first = (0,) * len(self.choices)
        queue = [(self.count(first), first)]
        known = {first}
        while queue:
            count, group = queue[0][0], list[tuple[_Choice, ...]]()
            while queue and queue[0][0] == count:
                _, at = heapq.heappop(queue)
                group.append(tuple(each[k] for each, k in zip(self.choices, at, strict=True)))
                for dim, each in enumerate(self.choices):
                    after = (*at[:dim], at[dim] + 1, *at[dim + 1 :])
                    if after[dim] < len(each) and after not in known and self.count(after) <= self.most:
                        known.add(after)
                        heapq.heappush(queue, (self.count(after), after))
            yield count, group

    def count(self, at: tuple[int, ...]) -> int:
        """The banks of a combination."""
        return math.prod(each[k].banks.factor for each, k in zip(self.choices, at, strict=True))


def _changes(chosen: Sequence[_Choice]) -> tuple[int, int]:
    """How many dimensions a layout changes, and how many are in blocks."""
    return sum(choice.changed for choice in chosen), sum(choice.banks.kind == "block" for choice in chosen)


def _ways(given: Banks, subscripts: _Subscripts, most: int) -> list[Banks]:
    """Layouts of one dimension that tell its subscripts apart in different ways, fewest banks first."""
    extent = subscripts.extent
    found: dict[bytes, Banks] = {}
    enough = min(extent, most)  # banks with which all subscripts are told apart
    factor = 0
    while (factor := factor + 1) <= enough:
        kinds: tuple[BankKind, ...] = ("cyclic", "block")
        for banks in dict.fromkeys(
            join_banks(given, normal_banks(Banks(kind, factor), extent), extent) for kind in kinds
        ):
            if banks.factor > most or not subscripts.tells_apart(banks):
                continue
            places = subscripts.places(banks)
            known = found.setdefault(_pattern(places), banks)
            if banks.factor < known.factor:  # a join may be larger than what comes later
                found[_pattern(places)] = banks
            if places.min(initial=0) != _UNKNOWN and len(np.unique(places)) == len(places):
                enough = min(enough, banks.factor)
    ways = {given, *found.values(), *([Banks("complete", extent)] if extent <= most else [])}
    return sorted(ways, key=lambda banks: (banks.factor, banks.kind == "block"))


def _pattern(places: Ints) -> bytes:
    """Banks by the order in which they occur: what matters is which accesses share one."""
    _, first, of = np.unique(places, return_index=True, return_inverse=True)
    numbers = np.argsort(np.argsort(first))[of.reshape(-1)]
    return np.where(places == _UNKNOWN, _UNKNOWN, numbers).tobytes()


def steps(array: str, before: tuple[Banks, ...], after: tuple[Banks, ...]) -> str:
    found = []
    for dim, (old, new) in enumerate(zip(before, after, strict=True)):
        if old == new:
            continue
        how = "" if new.kind == "complete" else f', kind="{new.kind}", factor={new.factor}'
        found.append(f"s.partition({array}, dim={dim}{how})")
    return "; ".join(found)
