"""What lowering knows of a program for HLS, decided and proved once, for everybody who works on the text.

    Lowered := the program as the target takes it, its Facts, and the program `before` that
    Facts   := Function by name;  Function := values, banks, Loop by iterator

Emission prints these; estimates and simulations are to read the same ones. `schedule.hls` finds them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.expr import Iter
from tracealloc.trace.ir.interval_rules import Range
from tracealloc.trace.ir.layout import Banks
from tracealloc.trace.ir.program import Array, Program

__all__ = ["Distance", "Facts", "FunctionFacts", "LoopFacts", "Lowered", "PortCopy", "Refusal"]


@dataclass(frozen=True, slots=True)
class Distance:
    """How many iterations of a pipelined nest are at least between two that use an element of an array.

    None: no iteration needs what another does.
    """

    array: Array
    iterations: int | None


@dataclass(frozen=True, slots=True)
class LoopFacts:
    """One loop of the text.

    Attributes:
        trips: how often it runs each time that it is reached, at least and at most; None: not known.
        nest: of a loop that is pipelined: the loops, outermost first, which HLS flattens into one pipeline.
        distances: of arrays for which HLS would assume less than what is proved.
    """

    trips: Range | None = None
    nest: tuple[Iter, ...] = ()
    distances: tuple[Distance, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """What HLS would refuse, and what makes it right."""

    text: str
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class FunctionFacts:
    """One function.

    Attributes:
        unrolled: whether a pipelined loop calls it, so that HLS unrolls all its loops.
        values: the range of each integer scalar argument, over all calls.
        loops: its loops with bounds, by iterator.
        rolled: loops that are not pipelined although that was asked for, with the reason: inside is one that
            cannot be unrolled.
        banks: the banks of each dimension of its arrays, where something was asked of them.
        room: how many elements its queues hold at most (None: data say).
        instances: the scalar arguments that tell the processes of a grid apart: each value of them is a
            function of its own in hardware.
        refused: what HLS would refuse of a network.
    """

    unrolled: bool = False
    values: Mapping[Array, Range] = field(default_factory=dict)
    loops: Mapping[Iter, LoopFacts] = field(default_factory=dict)
    rolled: Mapping[Iter, str] = field(default_factory=dict)
    banks: Mapping[Array, tuple[Banks, ...]] = field(default_factory=dict)
    room: Mapping[Array, int | None] = field(default_factory=dict)
    instances: frozenset[Array] = frozenset()
    refused: tuple[Refusal, ...] = ()

    def loop(self, iter_: Iter) -> LoopFacts:
        """What is known of a loop."""
        return self.loops[iter_]


@dataclass(frozen=True, slots=True)
class PortCopy:
    """An array of the top function that works on a copy; what of it goes through the port."""

    array: Array
    local: Array
    read: bool
    written: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """All functions of a program, by name."""

    functions: Mapping[str, FunctionFacts]
    copies: tuple[PortCopy, ...] = ()


@dataclass(frozen=True, slots=True)
class Lowered:
    """What a back end is handed: a program, its facts, and the program as it was for every target."""

    program: Program
    facts: Facts
    before: Program
