"""Banks and their ports: which bank an access goes to, what the busiest one gets, how many would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod

from tracealloc.schedule.lattice import join_banks, normal_banks
from tracealloc.trace.affine import Linear, constant, expression, range_of
from tracealloc.trace.expr import Iter
from tracealloc.trace.layout import Banks, Layout
from tracealloc.trace.program import Array

__all__ = [
    "Form",
    "Uses",
    "all_banks",
    "busiest",
    "in_words",
    "interval",
    "least_partition",
    "port_text",
    "steps",
]

Form = tuple[Linear | None, ...]
_Choice = tuple[Banks, dict[Linear | None, int | None]]


@dataclass
class Uses:
    """The distinct accesses of one iteration to one array, as linear forms of its subscripts."""

    reads: dict[Form, None] = field(default_factory=dict)
    writes: dict[Form, None] = field(default_factory=dict)


def all_banks(layout: Layout, array: Array) -> tuple[Banks, ...]:
    if layout.resource == "register":
        return tuple(Banks("complete", extent) for extent in array.shape)
    given = layout.banks or tuple(Banks() for _ in array.shape)
    return tuple(normal_banks(b, extent) for b, extent in zip(given, array.shape, strict=True))


def bank_of(
    form: Linear | None, banks: Banks, extent: int, ranges: Mapping[Iter, tuple[int, int]]
) -> int | None:
    """The bank of a subscript, or None where it is not known at compile time."""
    if banks.kind == "whole":
        return 0
    if form is None:
        return None
    if banks.kind in ("cyclic", "complete"):
        factor = banks.factor if banks.kind == "cyclic" else extent
        if banks.kind == "complete" and form.terms:
            return None
        if any(coefficient % factor for _, coefficient in form.terms):
            return None
        return form.constant % factor
    size = -(-extent // banks.factor)
    ends = _ends(form, ranges)
    return None if ends is None or ends[0] // size != ends[1] // size else ends[0] // size


def _ends(form: Linear, ranges: Mapping[Iter, tuple[int, int]]) -> tuple[int, int] | None:
    return range_of(expression(form), ranges)


def in_words(use: Uses, layout: Layout, array: Array) -> Uses:
    """The accesses to a packed array, counted in words: neighbours in one word come together."""
    if layout.pack == 1:
        return use
    dim = array.rank - 1 if layout.pack_dim is None else layout.pack_dim

    def word(form: Form) -> Form:
        part = form[dim]
        if part is None or any(coefficient % layout.pack for _, coefficient in part.terms):
            return form
        terms = tuple((atom, coefficient // layout.pack) for atom, coefficient in part.terms)
        # An atom that no subscript has keeps words apart from elements whose word is not known.
        mark = (constant(layout.pack), 1)
        return (*form[:dim], Linear((*terms, mark), part.constant // layout.pack), *form[dim + 1 :])

    return Uses({word(form): None for form in use.reads}, {word(form): None for form in use.writes})


def busiest(
    use: Uses, layout: Layout, banks: tuple[Banks, ...], array: Array, ranges: Mapping[Iter, tuple[int, int]]
) -> tuple[int, int]:
    """Reads and writes of the bank that needs the longest interval."""
    places = [
        {f: bank_of(f, bank, extent, ranges) for f in {form[dim] for form in (*use.reads, *use.writes)}}
        for dim, (bank, extent) in enumerate(zip(banks, array.shape, strict=True))
    ]
    return _busiest(use, layout, banks, array, places)


def _busiest(
    use: Uses,
    layout: Layout,
    banks: tuple[Banks, ...],
    array: Array,
    places: Sequence[Mapping[Linear | None, int | None]],
) -> tuple[int, int]:
    counts: dict[tuple[int, ...], list[int]] = {}
    everywhere = [0, 0]
    for kind, forms in enumerate((use.reads, use.writes)):
        for form in forms:
            known = [place[part] for place, part in zip(places, form, strict=True)]
            if None in known:
                _count_partly(counts, known, banks, kind, everywhere)
            else:
                counts.setdefault(tuple(k or 0 for k in known), [0, 0])[kind] += 1
    totals = [(r + everywhere[0], w + everywhere[1]) for r, w in counts.values()]
    totals.append((everywhere[0], everywhere[1]))
    return max(totals, key=lambda n: (interval(n[0], n[1], layout, banks, array), sum(n), n[1]))


def _count_partly(
    counts: dict[tuple[int, ...], list[int]],
    known: list[int | None],
    banks: tuple[Banks, ...],
    kind: int,
    everywhere: list[int],
) -> None:
    """An access whose bank is known in some dimensions occupies all that agree in these."""
    free = prod(bank.factor for k, bank in zip(known, banks, strict=True) if k is None)
    if free > _MOST_BANKS or set(known) == {None}:
        everywhere[kind] += 1
        return
    choices = [range(b.factor) if k is None else (k,) for k, b in zip(known, banks, strict=True)]
    for chosen in product(*choices):
        counts.setdefault(chosen, [0, 0])[kind] += 1


def _is_registers(banks: tuple[Banks, ...], array: Array) -> bool:
    return all(b.kind == "complete" or n == 1 for b, n in zip(banks, array.shape, strict=True))


def interval(reads: int, writes: int, layout: Layout, banks: tuple[Banks, ...], array: Array) -> int:
    """The least initiation interval that the ports of a bank allow."""
    if _is_registers(banks, array):
        return 1
    if array.kind == "constant":
        return max(1, -(-reads // (layout.ports or 2)))
    both = reads + writes
    if layout.ports == 1:
        return max(1, both)
    least = max(1, -(-both // 2))
    return least if layout.ports == 2 else max(least, writes)


def port_text(layout: Layout, banks: tuple[Banks, ...], array: Array) -> str:
    if _is_registers(banks, array):
        return "registers"
    if array.kind == "constant":
        return f"{layout.ports or 2} read"
    return {None: "1 read + 1 either", 1: "1 either", 2: "2 either"}[layout.ports]


def least_partition(
    use: Uses, layout: Layout, array: Array, ranges: Mapping[Iter, tuple[int, int]], asked: int
) -> tuple[Banks, ...] | None:
    """The layout with the fewest banks that is at least what there is and allows the asked interval.

    Of those with as many banks, the one that changes the fewest dimensions, cyclic before block.
    """
    given = all_banks(layout, array)
    packed = array.rank - 1 if layout.pack_dim is None else layout.pack_dim
    accesses = [*use.reads, *use.writes]
    choices: list[list[_Choice]] = []
    for dim, (bank, extent) in enumerate(zip(given, array.shape, strict=True)):
        forms = {form[dim] for form in accesses}
        stays = layout.pack > 1 and dim == packed
        choices.append(
            [_choice(bank, forms, extent, ranges)] if stays else _choices(bank, forms, extent, ranges)
        )
    fewest = -(-len(accesses) // (asked * (layout.ports or 2)))
    ranked = sorted(product(*_few(choices, len(accesses))), key=lambda chosen: _cost(given, chosen))
    complete = tuple(Banks("complete", extent) for extent in array.shape)
    for chosen in ranked:
        banks = tuple(bank for bank, _ in chosen)
        if prod(bank.factor for bank in banks) < fewest and banks != complete:
            continue
        reads, writes = _busiest(use, layout, banks, array, [places for _, places in chosen])
        if interval(reads, writes, layout, banks, array) <= asked:
            return banks
    return None


_MOST_COUNTED = 100_000
_MOST_BANKS = 128


def _few(choices: list[list[_Choice]], accesses: int) -> list[list[_Choice]]:
    """Not more combinations than can be tried: of the longest list every other choice goes."""
    while prod(len(each) for each in choices) * accesses > _MOST_COUNTED:
        longest = max(range(len(choices)), key=lambda dim: len(choices[dim]))
        kept = choices[longest]
        if len(kept) <= 2:
            break
        choices = [*choices[:longest], [*kept[:-1:2], kept[-1]], *choices[longest + 1 :]]
    return choices


def _cost(given: tuple[Banks, ...], chosen: tuple[_Choice, ...]) -> tuple[int, int, int]:
    banks = [bank for bank, _ in chosen]
    changed = sum(1 for old, new in zip(given, banks, strict=True) if old != new)
    return prod(bank.factor for bank in banks), changed, sum(bank.kind == "block" for bank in banks)


def _choice(
    bank: Banks, forms: set[Linear | None], extent: int, ranges: Mapping[Iter, tuple[int, int]]
) -> _Choice:
    return bank, {form: bank_of(form, bank, extent, ranges) for form in forms}


def _choices(
    given: Banks, forms: set[Linear | None], extent: int, ranges: Mapping[Iter, tuple[int, int]]
) -> list[_Choice]:
    """Layouts of one dimension that tell its subscripts apart in different ways, least factor first."""
    found: list[_Choice] = []
    seen: set[tuple[int | None, ...]] = set()
    for factor in _factors(extent, forms):
        for bank in (Banks("cyclic", factor), Banks("block", factor)):
            choice = _choice(join_banks(given, normal_banks(bank, extent), extent), forms, extent, ranges)
            pattern = _pattern([choice[1][form] for form in forms])
            if pattern not in seen or (choice[0].kind == "complete" and choice not in found):
                seen.add(pattern)
                found.append(choice)
    return found


def _pattern(places: list[int | None]) -> tuple[int | None, ...]:
    """Banks by the order in which they occur: what matters is which accesses share one."""
    numbers: dict[int, int] = {}
    return tuple(None if place is None else numbers.setdefault(place, len(numbers)) for place in places)


def _factors(extent: int, forms: set[Linear | None]) -> list[int]:
    """Factors that may tell subscripts apart: small ones, divisors of their strides, the extent."""
    most = min(extent, max(64, 2 * len(forms)))
    strides = {abs(c) for form in forms if form is not None for _, c in form.terms}
    large = {stride for stride in strides if most < stride < extent}
    return sorted({*range(1, most + 1), *large, extent})


def steps(array: str, before: tuple[Banks, ...], after: tuple[Banks, ...]) -> str:
    found = []
    for dim, (old, new) in enumerate(zip(before, after, strict=True)):
        if old == new:
            continue
        how = "" if new.kind == "complete" else f', kind="{new.kind}", factor={new.factor}'
        found.append(f"s.partition({array}, dim={dim}{how})")
    return "; ".join(found)
