"""Recurrences of pipelined loops whose bounds depend on data: no set of iterations is known, subscripts are.

Subscripts that differ by a constant say how many iterations apart two accesses meet; where they do not, the
next iteration may need what this one stores.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from tracealloc.schedule.timing.cycle_ratio import critical_cycle
from tracealloc.schedule.timing.latency import BEGINNING, Arrays, Clocked, Instant, Walk
from tracealloc.trace.ir.expr import Expr, Iter, IterRef, Load, iters_of, loads_of
from tracealloc.trace.ir.hardware import Hardware
from tracealloc.trace.ir.operators import Operator
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Block,
    Loop,
    Store,
    While,
    expressions_of,
    touched_by,
    walk_nodes,
)
from tracealloc.trace.ir.text import expr_text
from tracealloc.trace.queries.affine import linear

__all__ = ["DataRecurrence", "data_recurrence"]


@dataclass(frozen=True)
class DataRecurrence:
    """A cycle through a loop with bounds on data: a store, and what reads it `distance` iterations later."""

    latency: int
    distance: int
    stored: Store
    load: Load
    assumed: bool

    @property
    def interval(self) -> int:
        """The least initiation interval that it allows."""
        return ceil(self.latency / self.distance)

    def text(self) -> str:
        """What is written, what reads it, the lines, the latency and the distance."""
        store, load = self.stored, self.load
        element = expr_text(Load(store.array, store.indices, store.path))
        places = ["" if at is None else f" ({at.short})" for at in (store.place, load.place)]
        reads = f"{'may read' if self.assumed else 'reads'} as {expr_text(load)}"
        return (
            f"an iteration writes {element}{places[0]}, which a later one {reads}{places[1]}: "
            f"{self.latency} cycle{'' if self.latency == 1 else 's'} of {load.dtype!r} arithmetic "
            f"at distance {self.distance}"
        )


@dataclass(frozen=True)
class _Arc:
    """What a store hands to a later iteration, from there to another store of that."""

    source: str
    sink: str
    distance: int
    cycles: int
    stored: Store
    load: Load
    assumed: bool


def data_recurrence(loop: Loop | While, hardware: Hardware, arrays: Arrays) -> DataRecurrence | None:
    """The worst recurrence of a loop (None: no iteration needs what another stores)."""
    body = loop.body if isinstance(loop, Loop) else (*loop.prologue, *loop.body)
    stores = list(_stores(body))
    clocked = Clocked(hardware.operators, tight=True)
    arrays = _Kept(arrays, _one_element(body, loop.iter)) if hardware.promotes else arrays
    step = loop.step if isinstance(loop, Loop) else 1
    arcs: list[_Arc] = []
    for load in _loads(body):
        fed = [(k, store) for k, store in enumerate(stores) if store.array == load.array]
        met = [(k, store, distance_between(store, load, loop.iter, step)) for k, store in fed]
        reached = _reached(body, load, clocked, arrays) if any(far for _, _, far in met) else {}
        for number, store, far in met:
            for other, at in reached.items():
                if far is not None:
                    distance, assumed = far
                    arcs.append(_Arc(str(number), str(other), distance, at.stage + 1, store, load, assumed))
    cycle = critical_cycle(arcs, lambda arc: arc.cycles)
    if not cycle:
        return None
    latency, distance = sum(arc.cycles for arc in cycle), sum(arc.distance for arc in cycle)
    return DataRecurrence(latency, distance, cycle[0].stored, cycle[0].load, cycle[0].assumed)


@dataclass(frozen=True)
class _Kept:
    """Arrays of which one element is used, which is in a register while the loop runs."""

    others: Arrays
    kept: frozenset[Array]

    def memory(self, array: Array) -> str:
        return "register" if array in self.kept else self.others.memory(array)

    def operator(self, array: Array, expr: Expr) -> Operator | None:
        return self.others.operator(array, expr)


def _one_element(body: Block, it: Iter) -> frozenset[Array]:
    """The arrays of which all iterations use the same element."""
    inner = {node.iter for node in walk_nodes(body) if isinstance(node, Loop | While)} | {it}
    used: dict[Array, set[tuple[Expr, ...] | None]] = {}
    for node in walk_nodes(body):
        for array in touched_by(node):  # by anything but a store: nobody knows where
            used.setdefault(array, set()).add(node.indices if isinstance(node, Store) else None)
    changed = frozenset(used)
    for load in _loads(body):
        used.setdefault(load.array, set()).add(load.indices)
    one = {array: next(iter(places)) for array, places in used.items() if len(places) == 1}
    return frozenset(
        array
        for array, place in one.items()
        if place is not None and all(_stays(part, inner, changed) for part in place)
    )


def _stays(expr: Expr, inner: set[Iter], changed: frozenset[Array]) -> bool:
    return not iters_of(expr) & inner and not any(load.array in changed for load in loads_of(expr))


def _stores(block: Block) -> Iterator[Store]:
    made = {node.array for node in walk_nodes(block) if isinstance(node, Alloc)}
    for node in walk_nodes(block):
        if isinstance(node, Store) and node.array.kind != "stream" and node.array not in made:
            yield node


def _loads(block: Block) -> list[Load]:
    """The elements that a block reads, each once."""
    loads = (load for node in walk_nodes(block) for expr in expressions_of(node) for load in loads_of(expr))
    return list(dict.fromkeys(loads))


def _reached(body: Block, load: Load, clocked: Clocked, arrays: Arrays) -> dict[int, Instant]:
    """The stores whose values wait for a load at the beginning of an iteration, and when they are there."""
    rows = clocked.access("load", arrays.memory(load.array), load.dtype.bits)
    start = clocked.after(BEGINNING, rows)
    walk = Walk(clocked, lambda each, _: start if each == load else None, arrays)
    found: dict[int, Instant] = {}
    stores = list(_stores(body))
    walk.block(body)
    for number, store in enumerate(stores):
        for node, _, at, _ in walk.accesses:
            if node is store and at is not None:
                found[number] = max(at, found.get(number, at))
    return found


def distance_between(store: Store, load: Load, it: Iter, step: int) -> tuple[int, bool] | None:
    """After how many iterations a load may read what a store wrote; whether that is assumed (None: never)."""
    exact: set[int] = set()
    assumed = False
    for written, read in zip(store.indices, load.indices, strict=True):
        apart = _apart(written, read, it, step)
        if apart is None:
            assumed = True
        elif apart != "any":
            exact.add(apart) if isinstance(apart, int) else None
            if apart == "never":
                return None
    if len(exact) > 1 or any(each < 1 for each in exact):
        return None
    if exact:
        return next(iter(exact)), assumed
    return 1, assumed


def _apart(written: Expr, read: Expr, it: Iter, step: int) -> int | str | None:
    """How far apart two subscripts meet; ``any``: always, ``never``, or None: nobody knows."""
    a, b = linear(written), linear(read)
    if a is None or b is None:
        return None
    apart = a.plus(b, -1)
    slope = next((c for atom, c in a.terms if isinstance(atom, IterRef) and atom.iter == it), 0)
    if apart.terms or any(it in iters_of(atom) and not isinstance(atom, IterRef) for atom, _ in a.terms):
        return None
    if slope == 0:
        return "any" if apart.constant == 0 else "never"
    # written at t and read at t + d: slope * t + a = slope * (t + d) + b
    quotient, rest = divmod(apart.constant, slope * step)
    return quotient if rest == 0 else "never"
