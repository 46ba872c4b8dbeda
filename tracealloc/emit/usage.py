"""Which arrays a program reads and writes, through calls too."""

from __future__ import annotations

from tracealloc.trace.expr import loads_of
from tracealloc.trace.program import Alloc, Array, Call, Program, Region, Store, expressions_of, walk_nodes

__all__ = ["read_arrays", "written_arrays"]


def written_arrays(program: Program) -> frozenset[Array]:
    """The arrays that a program stores to, itself or through a call."""
    found: set[Array] = set()
    for node in walk_nodes(program.body):
        match node:
            case Store(array=array) | Alloc(array=array):
                found.add(array)
            case Call(program=callee, args=args, results=results):
                inner = written_arrays(callee)
                found.update(region.array for region in results)
                for formal, actual in zip(callee.args, args, strict=True):
                    if isinstance(actual, Region) and formal in inner:
                        found.add(actual.array)
            case _:
                pass
    return frozenset(found)


def read_arrays(program: Program) -> frozenset[Array]:
    """The arrays that a program reads, itself or through a call."""
    found: set[Array] = set()
    for node in walk_nodes(program.body):
        for expr in expressions_of(node):
            found.update(load.array for load in loads_of(expr))
        if isinstance(node, Call):
            inner = read_arrays(node.program)
            for formal, actual in zip(node.program.args, node.args, strict=True):
                if isinstance(actual, Region) and (formal in inner or formal.rank == 0):
                    found.add(actual.array)
    return frozenset(found)
