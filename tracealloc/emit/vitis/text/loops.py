"""Loops in HLS C++: labels, and pragmas inside."""

from __future__ import annotations

from collections.abc import Callable

from tracealloc.emit.common.scope import INDENT, Scope, comment_text
from tracealloc.emit.common.text import Text
from tracealloc.emit.common.walk import Where
from tracealloc.emit.vitis.text.pragmas import distance_pragma, loop_mark_pragmas, tripcount_pragma
from tracealloc.emit.vitis.values.expressions import Expressions
from tracealloc.emit.vitis.values.types import INT, INT64
from tracealloc.trace.ir.facts import FunctionFacts
from tracealloc.trace.ir.program import Loop, While
from tracealloc.trace.queries.intervals import INT32

__all__ = ["Loops"]


class Loops:
    """What is particular to Vitis HLS about the loops of one function.

    Args:
        scope: the function. `facts`: what is known of it.
        expressions: is told the types of iterators.

    Attributes:
        pipelined: whether a pipelined loop is around.
    """

    pragmas_inside = True

    def __init__(self, scope: Scope, facts: FunctionFacts, expressions: Expressions) -> None:
        self.scope = scope
        self.facts = facts
        self.expressions = expressions
        self.pipelined = facts.unrolled

    def around(self, loop: Loop, where: Where, write: Callable[[Loop], None]) -> None:
        """Write a loop, once."""
        write(loop)

    def body(self, node: Loop | While, where: Where, write: Callable[[], None]) -> None:
        """Write the body of a loop."""
        around = self.pipelined
        self.pipelined = around or node.marks.pipeline is not None
        with self.scope.inside():
            write()
        self.pipelined = around

    def label(self, node: Loop | While) -> str:
        """The loop's name, for reports."""
        return f"{self.scope.names.label(node.iter.name)}: "

    def iter_type(self, loop: Loop, low: int, high: int) -> str:
        """The type of an iterator whose values lie in a range."""
        small = INT32[0] <= low and high <= INT32[1]
        self.expressions.carriers[loop.iter] = INT if small else INT64
        return "int" if small else self.expressions.words.spell(INT64)

    def goes_on(self, node: Loop | While, cond: Text) -> Text:
        """The condition, as it is."""
        return cond

    def pragmas(self, node: Loop | While) -> list[str]:
        """The pragmas of a loop's marks, and what is known of its iterations."""
        lines = loop_mark_pragmas(node.marks)
        rolled = self.facts.rolled.get(node.iter)
        if rolled is not None:
            lines.append(f"{INDENT}// Not pipelined: {comment_text(rolled)}.")
        if isinstance(node, Loop):
            facts = self.facts.loop(node.iter)
            name = self.scope.array_name
            lines += [distance_pragma(name(d.array), d.iterations) for d in facts.distances]
            if facts.trips is not None and facts.trips[0] != facts.trips[1]:
                lines.append(tripcount_pragma(*facts.trips))
        return lines
