"""When a program's functions do what, in cycles: what timing hands to who simulates the text.

    Clocks := the program, a FunctionClock for each function of it
    FunctionClock := cycles before and after nodes, stages of accesses, Pipe by its innermost loop

Nodes go by their identity: in `Clocks.program` none stands twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from tracealloc.trace.ir.expr import Load
from tracealloc.trace.ir.program import Program, Store

__all__ = ["Clocks", "FunctionClock", "Meeting", "Pipe", "Style"]

Meeting: TypeAlias = tuple[Load | Store, int]

Style: TypeAlias = Literal["stp", "frp", "flp"]


@dataclass(frozen=True, slots=True)
class Pipe:
    """A pipelined loop, or a nest that is one pipeline.

    Attributes:
        interval: cycles from one iteration to the next.
        tail: cycles from the beginning of the last iteration to the end of the loop.
        first, last: the stages of the first and the last access to a queue, counted from 0.
        counted: whether all iterations are alike, and its loop counts them from 0.
    """

    interval: int
    tail: int
    first: int = 0
    last: int = 0
    counted: bool = False

    @property
    def flight(self) -> int:
        """How many iterations there is room for between the first and the last access to a queue."""
        return (self.last - self.first) // self.interval + 1


@dataclass(frozen=True)
class FunctionClock:
    """One function; everything by the identity of a node.

    Attributes:
        before, after: cycles that pass before and after a node.
        gets, puts: the stage in which a node takes from queues, or puts, counted from where time stood still:
            the last node that `before` or `after` names, or the beginning of an iteration.
        meets: accesses to queues that happen at once with those of a node, each with its stage: all wait for
            the last of them.
        pipes: by the loop that is pipelined. `nests`: by the outermost loop of its nest, that loop.
        alone: cycles that pass once more before the function ends.
        inside: whether a pipelined loop calls it: its time is that of the iteration.
    """

    before: Mapping[int, int] = field(default_factory=dict)
    after: Mapping[int, int] = field(default_factory=dict)
    gets: Mapping[int, int] = field(default_factory=dict)
    puts: Mapping[int, int] = field(default_factory=dict)
    meets: Mapping[int, tuple[Meeting, ...]] = field(default_factory=dict)
    pipes: Mapping[int, Pipe] = field(default_factory=dict)
    nests: Mapping[int, int] = field(default_factory=dict)
    alone: int = 0
    inside: bool = False


@dataclass(frozen=True)
class Clocks:
    """The clocks of a program's functions, by the identity of the function.

    Attributes:
        clock_ns: the clock period.
        style: how pipelines stand still: all of one at once (``stp``), or what can go on does.
        bare: whether the program is without its values.
    """

    program: Program
    functions: Mapping[int, FunctionClock]
    clock_ns: float
    style: Style = "frp"
    bare: bool = False
