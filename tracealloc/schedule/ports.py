"""Banks and their ports: which bank an access goes to, what the busiest one gets, how many would do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations, product
from math import prod

from tracealloc.schedule.lattice import join_banks, normal_banks
from tracealloc.trace.affine import Linear, expression, range_of
from tracealloc.trace.expr import Iter
from tracealloc.trace.layout import Banks, Layout
from tracealloc.trace.program import Array

__all__ = ["Form", "Uses", "all_banks", "busiest", "interval", "least_partition", "port_text", "steps"]

Form = tuple[Linear | None, ...]


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


def busiest(
    use: Uses, banks: tuple[Banks, ...], array: Array, ranges: Mapping[Iter, tuple[int, int]]
) -> tuple[int, int]:
    """Reads and writes of the bank with the most accesses."""
    counts: dict[tuple[int, ...], list[int]] = {}
    everywhere = [0, 0]
    for kind, forms in enumerate((use.reads, use.writes)):
        for form in forms:
            known = [bank_of(f, b, n, ranges) for f, b, n in zip(form, banks, array.shape, strict=True)]
            if None in known:
                _count_partly(counts, known, banks, kind, everywhere)
            else:
                counts.setdefault(tuple(k or 0 for k in known), [0, 0])[kind] += 1
    totals = [(r + everywhere[0], w + everywhere[1]) for r, w in counts.values()]
    return max([*totals, (everywhere[0], everywhere[1])], key=lambda both: (sum(both), both[1]))


def _count_partly(
    counts: dict[tuple[int, ...], list[int]],
    known: list[int | None],
    banks: tuple[Banks, ...],
    kind: int,
    everywhere: list[int],
) -> None:
    """An access whose bank is known in some dimensions occupies all that agree in these."""
    free = prod(bank.factor for k, bank in zip(known, banks, strict=True) if k is None)
    if free > 4096 or set(known) == {None}:
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
    """The layout with the fewest banks that is at least what there is and allows the asked interval."""
    given = all_banks(layout, array)
    most = 2 * (len(use.reads) + len(use.writes))
    best: tuple[int, tuple[Banks, ...]] | None = None
    for count in range(1, min(array.rank, 3) + 1):
        for dims in combinations(range(array.rank), count):
            for factors in product(*(_factors(array.shape[dim], most) for dim in dims)):
                banks = list(given)
                for dim, factor in zip(dims, factors, strict=True):
                    extent = array.shape[dim]
                    banks[dim] = join_banks(given[dim], normal_banks(Banks("cyclic", factor), extent), extent)
                total = 1
                for bank in banks:
                    total *= bank.factor
                if best is not None and total >= best[0]:
                    continue
                reads, writes = busiest(use, tuple(banks), array, ranges)
                if interval(reads, writes, layout, tuple(banks), array) <= asked:
                    best = (total, tuple(banks))
        if best is not None:
            return best[1]
    return None


def _factors(extent: int, most: int) -> list[int]:
    small = list(range(2, min(extent, most, 64) + 1))
    return small if extent in small else [*small, extent]


def steps(array: str, before: tuple[Banks, ...], after: tuple[Banks, ...]) -> str:
    found = []
    for dim, (old, new) in enumerate(zip(before, after, strict=True)):
        if old == new:
            continue
        how = "" if new.kind == "complete" else f', kind="{new.kind}", factor={new.factor}'
        found.append(f"s.partition({array}, dim={dim}{how})")
    return "; ".join(found)
