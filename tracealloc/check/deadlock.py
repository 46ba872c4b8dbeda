"""Whether the processes of a network wait for one another, whatever the data are.

Where data choose nothing that a network does with its queues, one run says it for all: that of the compiled
program on zeros.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tracealloc.emit.common.numpy_types import container
from tracealloc.emit.run.runtime import build_c
from tracealloc.trace.diagnostics.errors import TraceallocError
from tracealloc.trace.ir.expr import Expr, loads_of
from tracealloc.trace.ir.program import (
    Array,
    Call,
    If,
    Loop,
    Node,
    Program,
    Region,
    Slice,
    Store,
    While,
    expressions_of,
    read_by,
    walk_nodes,
)
from tracealloc.trace.network.cut import is_network, networked

__all__ = ["UNDECIDED", "depends_on_data", "stuck", "zeros_for"]

UNDECIDED = "that its processes do not wait for one another, which data decide"


def stuck(program: Program) -> str | None:
    """Why the processes of a program do not end; None where they do, `UNDECIDED` where that is for data."""
    if not is_network(program):
        return None
    program = networked(program)
    if depends_on_data(program):
        return UNDECIDED
    try:
        build_c(program)(*(zeros_for(array) for array in program.args))
    except TraceallocError as found:
        if found.code not in ("TA808", "TA809"):
            return UNDECIDED  # zeros are no data for this kernel: the run says nothing
        return "; ".join([found.summary, *found.because])
    return None


def zeros_for(array: Array) -> object:
    """Zeros as an argument."""
    kept = np.zeros(array.shape, container(array.dtype))
    return kept if array.rank else kept[()]


def depends_on_data(program: Program) -> bool:
    """Whether data choose what a process does: a condition, how often a loop runs, which queue it uses.

    What comes in queues and as sizes counts as such: nothing is known of it.
    """
    if any(array.kind == "stream" or array.parameter for array in program.args):
        return True
    return any(
        load.array.kind != "constant" and load.array.parameter is None
        for each in (*program.callees(), program)
        for expr in _choices(each)
        for load in loads_of(expr)
    )


def _choices(program: Program) -> Iterator[Expr]:
    for node in walk_nodes(program.body):
        if isinstance(node, Loop | If | While):
            yield from expressions_of(node)
        elif isinstance(node, Store) and node.array.kind == "stream":
            yield from node.indices
        yield from _passed(node)
        for load in read_by(node):
            if load.array.kind == "stream":
                yield from load.indices


def _passed(node: Node) -> Iterator[Expr]:
    """Which queues and which sizes a call gives its kernel."""
    if not isinstance(node, Call):
        return
    for formal, part in zip(node.program.args, node.args, strict=True):
        if not isinstance(part, Region):
            if formal.parameter is not None:
                yield part
        elif part.array.kind == "stream":
            yield from (index.start if isinstance(index, Slice) else index for index in part.indices)
