"""Recurrences of a pipelined loop: chains of values from one iteration to a later one, and the initiation
interval that they force: ceil(latency around the cycle / distance).

Statements of one iteration and the values that they hand on are a graph (`carried_values`; of loops with
bounds on data `data_loops`); the worst of its cycles decides (`cycle_ratio`). Latencies are those of the
hardware's operators on the way from the value that is read to the one that is written, not of what feeds
them. A pipelined loop that is all there is in the loop around it, with a constant number of iterations, is
flattened with that one: its pipeline does not drain in between, so chains through the outer loop count too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil

from tracealloc.poly.dependence.legality import Instance, carries, element_text
from tracealloc.poly.model.model import Access, Statement
from tracealloc.poly.model.tree import LoopNode, statements_of
from tracealloc.schedule.core.state import ScheduledLoop, State
from tracealloc.schedule.timing.carried_values import (
    Handed,
    carried_dependences,
    copied,
    flattened_nest,
    handed_on,
)
from tracealloc.schedule.timing.cycle_ratio import critical_cycle
from tracealloc.schedule.timing.data_loops import DataRecurrence, data_recurrence
from tracealloc.schedule.timing.latency import BEGINNING, Instant
from tracealloc.schedule.timing.operations import StateArrays
from tracealloc.trace.ir.dtype import DType
from tracealloc.trace.ir.hardware import Hardware
from tracealloc.trace.ir.program import Array

__all__ = ["Recurrence", "carried", "cycles_text", "recurrences"]


@dataclass(frozen=True)
class Recurrence:
    """A cycle of statements through a loop. `latency` is in cycles, `distance` in iterations.

    `copies` iterations start at a time where the loop is unrolled, and take `together` cycles. `shown` are
    the values that go to a later iteration; `way` the statements after it on the cycle.
    """

    latency: int
    distance: int
    shown: Handed
    way: tuple[Statement, ...] = ()
    copies: int = 1
    together: int = 0

    @property
    def interval(self) -> int:
        """The least initiation interval that it allows."""
        return ceil(max(self.latency, self.together) / self.distance)

    @property
    def array(self) -> Array:
        """What the value goes through from one iteration to a later one."""
        return self.shown.access.array

    @property
    def dtype(self) -> DType:
        """The type of the value."""
        return self.array.field_type(self.shown.access.leaf)

    @property
    def sink(self) -> Statement:
        """The statement that reads it."""
        return self.shown.met.sink

    @cached_property
    def instances(self) -> tuple[Instance, Instance]:
        """The least two that it goes between."""
        return self.shown.met.at(self.shown.distance)

    def text(self) -> str:
        """The two iterations, the lines, the latency and the distance."""
        source, sink = self.instances
        element, read = _element(self.shown.access, source, sink)
        way = f", by way of {' and '.join(_places(self.way))}" if self.way else ""
        return (
            f"iteration {source.iteration} writes {element} ({source.where}), which iteration "
            f"{sink.iteration} reads as {read} ({sink.where}){way}: "
            f"{cycles_text(self.latency)} of {self.dtype!r} arithmetic at distance {self.distance}"
            + (f", {self.copies} iterations at a time" if self.copies > 1 else "")
        )


def cycles_text(count: int) -> str:
    """``1 cycle``, ``8 cycles``."""
    return f"{count} cycle{'' if count == 1 else 's'}"


def _places(way: Sequence[Statement]) -> list[str]:
    """Where statements are that lie on a cycle, each once."""
    return list(dict.fromkeys(each.where for each in way))


def _element(access: Access, source: Instance, sink: Instance) -> tuple[str, str]:
    """The element that is written and read, and the read as the user wrote it."""
    for write in (a for a in source.statement.writes if a.space == access.space and a.exact):
        both = source.touched(write).intersect(sink.touched(access))
        if not both.is_empty():
            return element_text(access.array, both), access.text
    written = (a.text for a in source.statement.writes if a.space == access.space)
    return next(written, access.array.name), access.text


def recurrences(
    state: State, loop: ScheduledLoop, hardware: Hardware, alone: bool = False
) -> Sequence[Recurrence | DataRecurrence]:
    """The recurrences that a pipelined loop carries, of each tangle of statements the worst; worst first.

    Those through the loops that it is flattened with are among them, unless it is looked at `alone`.
    """
    if isinstance(loop, LoopNode):
        return carried(state, loop, hardware, alone)
    one = data_recurrence(loop.loop, hardware, StateArrays(state, hardware))
    return [] if one is None else [one]


def carried(state: State, loop: LoopNode, hardware: Hardware, alone: bool = False) -> list[Recurrence]:
    """The recurrences of a loop whose iterations are a set; see `recurrences`."""
    names = statements_of(loop)
    nest = (loop,) if alone else flattened_nest(state, loop, hardware)
    suspects = carried_dependences(state, names)
    if not any(carries(state.model, suspects, state.tree, each.key) for each in nest):
        return []
    found: list[Recurrence] = []
    arcs = list(handed_on(state, loop, nest, hardware))
    for tangle in _tangles(arcs):
        single = [[arc] for arc in tangle if arc.source == arc.sink]
        for cycle in (critical_cycle(tangle, lambda arc: arc.cycles), *single):
            if cycle:
                found.append(_closed(cycle, loop.marks.copies or 1))
    found = [each for each in found if each.interval > 1 or each.latency > 1]
    return sorted(found, key=lambda each: -each.interval)


def _tangles(arcs: Sequence[Handed]) -> list[list[Handed]]:
    """The arcs between statements that reach one another."""
    if all(arc.source == arc.sink for arc in arcs):
        return [[arc] for arc in arcs]
    import networkx as nx  # slow to import, and most loops carry nothing

    graph = nx.DiGraph([(arc.source, arc.sink) for arc in arcs])
    tangles = nx.strongly_connected_components(graph)
    number = {name: k for k, tangle in enumerate(tangles) for name in tangle}
    found: dict[int, list[Handed]] = {}
    for arc in arcs:
        if number[arc.source] == number[arc.sink]:
            found.setdefault(number[arc.source], []).append(arc)
    return list(found.values())


def _closed(cycle: Sequence[Handed], copies: int) -> Recurrence:
    """The recurrence of a cycle: its latency from the beginning of an iteration, in whole cycles."""
    first = next(k for k, arc in enumerate(cycle) if arc.distance)
    turned = [*cycle[first:], *cycle[:first]]
    latency, together = (_latency([copied(arc, n) for arc in turned]) for n in (1, copies))
    way = tuple(arc.met.sink for arc in turned[1:])
    distance = sum(arc.distance for arc in turned)
    return Recurrence(latency, distance, turned[0], way, copies, together)


def _latency(turned: Sequence[Handed]) -> int:
    total, at = 0, BEGINNING
    for number, arc in enumerate(turned):
        if arc.distance and number:  # what goes to another iteration is in a register, or in a memory
            total, at = total + at.stage + 1, BEGINNING
        after = arc.after(at)
        at = Instant(0, 0.0) if after is None else after
    return total + at.stage + 1
