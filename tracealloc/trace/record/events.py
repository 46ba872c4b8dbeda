"""What a recorder writes down while the function runs, before names and shapes are settled.

    Event := Define | Alloc | Store | Call | ForEach | Repeat | Branch
           | Decide                         (only until paths are joined)
           | Open | Otherwise | Close       (`ta.when`; only until blocks are nested)
           | Return                         (only at the end of a function)

Every operation is defined once under a number, in the order in which Python evaluates; `structure` puts
the operations back into the statements that use them where nothing is written in between. Numbers of
values, arrays and iterators come from one counter, so a number tells what was there before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.dtype import DType
from tracealloc.trace.ir.expr import Expr, Iter
from tracealloc.trace.ir.program import Alloc, Array, Call, Store

__all__ = [
    "Branch",
    "Close",
    "Decide",
    "Define",
    "Event",
    "ForEach",
    "Open",
    "Otherwise",
    "Ref",
    "Repeat",
    "Return",
]


@dataclass(frozen=True, eq=False)
class Ref(Expr):
    """The value that `Define` number `number` computed."""

    number: int
    type: DType

    @property
    def dtype(self) -> DType:
        return self.type

    def __str__(self) -> str:
        return f"%{self.number}"


@dataclass(frozen=True, slots=True)
class Define:
    """Compute `expr`; `name` is the user's variable, where there is one."""

    number: int
    expr: Expr
    name: str | None = field(default=None, compare=False)
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ForEach:
    """A loop, see `program.Loop`."""

    iter: Iter
    start: Expr
    stop: Expr
    step: int
    body: tuple[Event, ...]
    reduction: bool = False
    band: str | None = None
    place: Place | None = field(default=None, compare=False)
    space: bool = False


@dataclass(frozen=True, slots=True)
class Repeat:
    """A while loop, see `program.While`."""

    iter: Iter
    prologue: tuple[Event, ...]
    cond: Expr
    body: tuple[Event, ...]
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Branch:
    """An `If` whose blocks are events."""

    cond: Expr
    then: tuple[Event, ...]
    orelse: tuple[Event, ...] = ()
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Decide:
    """Python asked whether `cond` holds and was told `outcome`; `number` is the counter then."""

    cond: Expr
    outcome: bool
    number: int = field(compare=False)
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Open:
    """``with ta.when(cond):`` begins."""

    cond: Expr
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Otherwise:
    """``with ta.otherwise():`` begins."""

    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Close:
    """The block of a `ta.when` or `ta.otherwise` ends."""


@dataclass(frozen=True, slots=True)
class Return:
    """The function returned; `arrays` are the results."""

    arrays: tuple[Array, ...]


Event: TypeAlias = (
    Define | Alloc | Store | Call | ForEach | Repeat | Branch | Decide | Open | Otherwise | Close | Return
)
