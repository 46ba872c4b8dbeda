"""conflicts() against brute force: what a run does per bank and cycle, all partitions with fewer banks."""

from __future__ import annotations

import itertools
import math
import random
from collections import defaultdict

import pytest

from tests.schedule.memory import arguments, schedule_of
from tests.schedule.test_memory_random import compiled
from tracealloc.check.interpret.interpret import interpret
from tracealloc.customize import Schedule
from tracealloc.emit.vitis.hardware import HARDWARE
from tracealloc.schedule.layout.lattice import join_banks
from tracealloc.schedule.timing import conflicts as table_module
from tracealloc.schedule.timing.bank_ports import busiest, interval
from tracealloc.trace.ir.dtype import Integer, float32
from tracealloc.trace.ir.layout import Banks, effective_banks, normal_banks
from tracealloc.trace.ir.program import Array, Loop, walk_nodes
from tracealloc.trace.proxies.loops import grid

int32 = Integer(32, True)
pytestmark = pytest.mark.filterwarnings("ignore::tracealloc.TraceallocWarning")


def random_source(rng: random.Random) -> str:
    """A nest over arrays of one and two dimensions; subscripts with offsets, strides and sums."""
    lines = ["def kernel(A: float32[24, 12], B: float32[24], C: float32[24, 24]):"]
    its: list[str] = []
    for depth in range(rng.choice([1, 2, 2, 3])):
        its.append("ijk"[depth])
        indent = "    " * (depth + 1)
        lines.append(f"{indent}for {its[-1]} in ta_range({rng.choice([0, 0, 1])}, {rng.choice([3, 4, 4])}):")
    indent = "    " * (len(its) + 1)

    def subscript() -> str:
        kind = rng.random()
        if kind < 0.15:
            return str(rng.randrange(4))
        if kind < 0.35:
            return f"{rng.choice([2, 3])} * {rng.choice(its)} + {rng.randrange(3)}"
        if kind < 0.5:
            return f"{its[0]} + {its[-1]} + {rng.randrange(2)}"
        return f"{rng.choice(its)} + {rng.randrange(4)}"

    for _ in range(rng.choice([1, 2])):
        target = rng.choice([f"C[{subscript()}, {subscript()}]", f"B[{subscript()}]"])
        reads = [
            rng.choice([f"A[{subscript()}, {rng.choice(its)} + {rng.randrange(4)}]", f"B[{subscript()}]"])
            for _ in range(rng.choice([1, 2, 3, 4]))
        ]
        lines.append(f"{indent}{target} {rng.choice(['=', '+='])} {' + '.join(reads)}")
    return "\n".join(lines) + "\n"


def pipelined(rng: random.Random) -> Schedule:
    """A schedule with one pipelined loop, some banks and some ports."""
    s = schedule_of(compiled(random_source(rng)))
    loop = rng.choice(s.loops())
    if rng.random() < 0.5:
        s.unroll(loop, rng.choice([2, 4]))
    for array in s.arrays():
        if rng.random() < 0.3:
            s.partition(array, 0, rng.choice(["cyclic", "block"]), rng.choice([2, 3]))
        if rng.random() < 0.2:
            s.bind(array, "bram", rng.choice([1, 2]))
    s.pipeline(loop, ii=rng.choice([1, 1, 2]))
    return s


def bank(indices: tuple[int, ...], banks: tuple[Banks, ...], array: Array) -> tuple[int, ...]:
    """The bank of one element."""
    found = []
    for index, each, extent in zip(indices, banks, array.shape, strict=True):
        if each.kind == "whole":
            found.append(0)
        elif each.kind == "block":
            found.append(index // -(-extent // each.factor))
        else:
            found.append(index % each.factor)
    return tuple(found)


def intervals_of_a_run(s: Schedule) -> dict[str, int]:
    """For each array the longest interval that any iteration of the pipelined loop needs for its ports."""
    state = s.module.state(s.name)
    loop = next(n for n in walk_nodes(s.lowered.body) if isinstance(n, Loop) and n.marks.pipeline is not None)
    width = (loop.marks.unroll or 1) * loop.step
    seen: dict[tuple[object, ...], tuple[set[tuple[int, ...]], set[tuple[int, ...]]]]
    seen = defaultdict(lambda: (set(), set()))
    first: dict[tuple[object, ...], int] = {}

    def note(event) -> None:  # type: ignore[no-untyped-def]
        names = list(event.iterators)
        if loop.iter not in names:
            return
        outer = tuple(event.iterators[it] for it in names[: names.index(loop.iter)])
        start = first.setdefault(outer, event.iterators[loop.iter])
        iteration = (*outer, (event.iterators[loop.iter] - start) // width)
        for kind, accesses in enumerate((event.reads, event.writes)):
            for access in accesses:
                reads, writes = seen[(iteration, access.array)]
                if access.indices not in writes:
                    (reads, writes)[kind].add(access.indices)

    interpret(s.lowered, *arguments(s.program), observe=note)
    longest: dict[str, int] = defaultdict(int)
    for (_, array), both in seen.items():
        assert isinstance(array, Array)
        layout = state.layout(array)
        banks = effective_banks(layout, array.shape)
        counts: dict[tuple[int, ...], list[int]] = defaultdict(lambda: [0, 0])
        for kind, elements in enumerate(both):
            for element in elements:
                counts[bank(element, banks, array)][kind] += 1
        for reads, writes in counts.values():
            ports = HARDWARE.ports_of(layout, array)
            needed = interval(reads, writes, ports, banks, array)
            longest[array.name] = max(longest[array.name], needed)
    return longest


def layouts_of(extent: int) -> list[Banks]:
    factors = range(2, extent)
    ways = [Banks("cyclic", f) for f in factors] + [Banks("block", f) for f in factors]
    return [Banks(), *ways, Banks("complete", extent)]


@pytest.mark.parametrize("seed", range(12))
def test_proposals_are_the_least_and_remove_the_conflict(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    s = pipelined(random.Random(seed))
    asked: list[tuple[object, ...]] = []
    least = table_module.least_partition

    def spy(*args):  # type: ignore[no-untyped-def]
        asked.append((*args, least(*args)))
        return asked[-1][-1]

    monkeypatch.setattr(table_module, "least_partition", spy)
    table = s.copy().conflicts()
    monkeypatch.undo()
    for use, layout, array, ranges, ii, hardware, found in asked:
        ports = hardware.ports_of(layout, array)
        assert isinstance(array, Array)
        most = math.prod(b.factor for b in found) if found else math.inf
        given = effective_banks(layout, array.shape)
        for chosen in itertools.product(*(layouts_of(extent) for extent in array.shape)):
            banks = tuple(
                join_banks(old, normal_banks(new, extent), extent)
                for old, new, extent in zip(given, chosen, array.shape, strict=True)
            )
            if math.prod(b.factor for b in banks) < most:
                reads, writes = busiest(use, ports, banks, array, ranges)
                assert interval(reads, writes, ports, banks, array) > ii, (array.name, found, banks)
    for row in table:
        if row.proposal is not None:
            for step in row.proposal.split("; "):
                exec(step, {"s": s})
            after = next(other for other in s.conflicts() if other.array == row.array)
            assert after.ok, f"{row}\n{after}"


@pytest.mark.parametrize("seed", range(40))
def test_a_run_needs_no_longer_interval_than_the_table_says(seed: int) -> None:
    s = pipelined(random.Random(seed))
    for _ in range(2):
        table = s.conflicts()
        needed = intervals_of_a_run(s)
        for row in table:
            assert needed[row.array] <= row.needed, f"{row}\n{s}"
        for row in table:
            for step in (row.proposal or "").split("; "):
                exec(step, {"s": s})


def test_subscripts_on_data_are_accesses_of_their_own() -> None:
    def gather(p: int32[8], q: int32[8], A: float32[8], B: float32[8]):
        for i in grid(8):
            B[i] = A[p[i]] + A[q[i]] + A[p[i] + q[i]] + A[p[i]]

    s = schedule_of(gather)
    s.pipeline("i")
    row = next(row for row in s.conflicts() if row.array == "A")
    assert (row.accesses, row.needed, row.proposal) == (3, 2, 's.partition("A", dim=0)')


def test_packed_neighbours_are_one_access() -> None:
    def rows(A: float32[8, 8], B: float32[8]):
        for i in grid(8):
            B[i] = A[i, 0] + A[i, 1] + A[i, 2] + A[i, 3] + A[i, 5]

    s = schedule_of(rows)
    s.pipeline("i")
    assert next(row for row in s.conflicts() if row.array == "A").needed == 3
    s.pack("A", 1, 4)
    row = next(row for row in s.conflicts() if row.array == "A")
    assert (row.accesses, row.needed) == (2, 1)
