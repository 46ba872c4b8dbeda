"""What running a program does to the arrays that it names, found once for each program.

Whoever asks what a call reads or writes asks here: the tracer, the emitters and the interpreter. Which
elements these are is in `poly.dataflow.effects`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from tracealloc.trace.ir.expr import loads_of
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Call,
    If,
    Loop,
    Program,
    Region,
    Store,
    While,
    expressions_of,
    walk_nodes,
)

__all__ = ["Summary", "returned", "summary_of"]


@dataclass(frozen=True, slots=True)
class Summary:
    """The arrays that a program may read and may write, itself or through calls."""

    reads: frozenset[Array]
    writes: frozenset[Array]

    @property
    def changes(self) -> frozenset[Array]:
        """What is not as it was afterwards: what is written, and queues, for to take is to write."""
        return self.writes | {array for array in self.reads if array.kind == "stream"}


def summary_of(program: Program) -> Summary:
    """The summary of a program."""
    found: Summary | None = program.memo.get("summary")
    if found is None:
        found = program.memo["summary"] = _summary(program)
    return found


def returned(program: Program) -> tuple[Array, ...]:
    """The results that need a parameter of their own, once each."""
    found = dict.fromkeys(program.results)
    return tuple(a for a in found if not (a.kind == "argument" and a.rank > 0))


def _summary(program: Program) -> Summary:
    reads: set[Array] = set()
    writes: set[Array] = set()
    for node in walk_nodes(program.body):
        for expr in expressions_of(node):
            reads.update(load.array for load in loads_of(expr))
        match node:
            case Store(array=array) | Alloc(array=array):
                writes.add(array)
            case Call(program=callee, args=args, results=results):
                inner = summary_of(callee)
                passed = [
                    (f, a.array) for f, a in zip(callee.args, args, strict=True) if isinstance(a, Region)
                ]
                by_value = {f for f in callee.args if not f.rank and f.kind != "stream"}
                reads.update(array for formal, array in passed if formal in inner.reads | by_value)
                writes.update(array for formal, array in passed if formal in inner.writes)
                writes.update(region.array for region in results)
            case Loop() | While() | If():
                pass
            case _:
                assert_never(node)
    return Summary(frozenset(reads), frozenset(writes))
