"""Where the processes of a network stand in its text, for every language that runs them."""

from __future__ import annotations

from dataclasses import dataclass

from tracealloc.trace.ir.expr import Iter
from tracealloc.trace.ir.program import Call, Program, walk_nodes
from tracealloc.trace.network.ownership import network_of

__all__ = ["Spot", "spots_of"]


@dataclass(frozen=True)
class Spot:
    """Where a process stands: the number of its stage, the grid's iterators, which stages end before it.

    `name` is what people call it, as the inside of a string literal.
    """

    stage: int
    name: str
    grid: tuple[Iter, ...]
    waits: tuple[int, ...]


def spots_of(program: Program) -> dict[int, Spot]:
    """The processes of a network that is cut into calls, by the identity of the call."""
    network = network_of(program)
    found: dict[int, Spot] = {}
    for number, (stage, waits) in enumerate(zip(network.stages, network.waits, strict=True)):
        name = "".join(c if c.isprintable() and c not in '"\\%' else "?" for c in stage.name)
        grid = tuple(loop.iter for loop in stage.loops)
        for node in walk_nodes(stage.body):
            if isinstance(node, Call):
                found[id(node)] = Spot(number, name, grid, tuple(sorted(waits)))
    return found
