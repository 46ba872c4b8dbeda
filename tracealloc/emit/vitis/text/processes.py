"""Networks in HLS C++: the pragma, grids without loops that run once, and processes as they are simulated.

The text of a network is plain: declarations, then calls, some in unrolled loops. Run in order it would leave
bounded queues behind, and could take from one that a later call fills; in the text that is simulated each
call is handed to ``tracealloc::network``, which runs them beside one another.
"""

from __future__ import annotations

from collections.abc import Mapping

from tracealloc.emit.common.parameters import element_bytes
from tracealloc.emit.common.processes import spots_of
from tracealloc.emit.common.scope import Scope
from tracealloc.emit.vitis.text.unit import Unit
from tracealloc.trace.ir.dtype import Index
from tracealloc.trace.ir.expr import Expr, Iter
from tracealloc.trace.ir.expr import substitute as with_values
from tracealloc.trace.ir.program import Alloc, Array, Block, Call, Loop, Node, Program, map_blocks, walk_nodes
from tracealloc.trace.ir.rewrite import map_expressions
from tracealloc.trace.queries.affine import constant, linear
from tracealloc.trace.queries.intervals import fixed_trips

__all__ = ["NETWORK_HEADER", "Processes", "local_bytes", "without_single_trips"]

NETWORK_HEADER = "tracealloc_network.h"
_STACK = 128 << 10  # bytes of a process's stack besides its arrays


def without_single_trips(block: Block) -> Block:
    """A network's body in which what a grid's loop does once stands without the loop."""
    return tuple(inner for node in block for inner in _without_single_trip(node))


def _without_single_trip(node: Node) -> Block:
    if not isinstance(node, Loop) or not node.marks.space:
        return (node,)
    body = without_single_trips(node.body)
    if fixed_trips(node) != 1:
        return (map_blocks(node, lambda _: body),)
    values: dict[Iter, Expr] = {node.iter: node.start}
    return tuple(map_expressions(inner, lambda expr: _known(with_values(expr, values))) for inner in body)


def _known(expr: Expr) -> Expr:
    """A subscript as a number, where it is one."""
    form = linear(expr) if isinstance(expr.dtype, Index) else None
    return expr if form is None or form.terms else constant(form.constant)


def local_bytes(program: Program) -> int:
    """An upper bound of the stack that a program's arrays need, in bytes."""
    total = 0
    for item in (*program.callees(), program):
        for node in walk_nodes(item.body):
            if isinstance(node, Alloc):
                total += node.array.size * 2 * max(8, element_bytes(node.array.dtype))
    return total


class Processes:
    """The processes of one function, if it is a network; what is written is for one that is simulated.

    Args:
        scope: the function. `unit`: its file.

    Attributes:
        outputs: the function's parameters for scalar results that one of its processes gives: it is passed
            them, as nothing may stand behind the processes.
    """

    def __init__(self, scope: Scope, unit: Unit) -> None:
        self.scope = scope
        simulated = unit.simulation is not None and scope.program.concurrent
        self.spots = spots_of(scope.program) if simulated else {}
        self.simulated = simulated
        self.outputs: dict[Array, str] = {}

    def returns(self, outputs: Mapping[Array, str]) -> None:
        """Note which of the function's results its processes give; `outputs` are the parameters."""
        program = self.scope.program
        calls = [node for node in walk_nodes(program.body) if isinstance(node, Call)]
        given = {part.array for call in calls for part in call.results if program.concurrent}
        self.outputs = {array: name for array, name in outputs.items() if array in given and not array.rank}

    def begin(self) -> None:
        """What stands before the processes."""
        if self.simulated:
            name = self.scope.names.declare(("network", ""), "network")
            self.scope.line(f"::tracealloc::network {name};")

    def end(self) -> None:
        """What stands behind them: they run, until all have ended."""
        if self.simulated:
            self.scope.line(f"{self._name}.run();")

    @property
    def _name(self) -> str:
        found = self.scope.names.find(("network", ""))
        assert found is not None
        return found

    def bounded(self, array: Array, depth: int | None) -> str | None:
        """The statement that gives the network's own queues their room."""
        if not self.simulated or depth is None:
            return None
        name = self.scope.array_name(array)
        if array.rank == 0:
            return f"{name}.set_capacity({depth});"
        first = f"&{name}{'[0]' * array.rank}"
        return f"for (long e = 0; e < {array.size}; ++e) ({first})[e].set_capacity({depth});"

    def call(self, node: Call, text: str) -> str:
        """The statement that does what a call does: the call, or a process that makes it."""
        spot = self.spots.get(id(node))
        if spot is None:
            return text
        its = [self.scope.iter_name(it) for it in spot.grid]
        held = ", ".join(["&", *its])
        waits = ", ".join(map(str, spot.waits))
        where = f'{spot.stage}, {{{waits}}}, "{spot.name}", {{{", ".join(its)}}}'
        stack = _STACK + local_bytes(node.program)
        return f"{self._name}.start({where}, {stack}ul, [{held}] {{ {text} }});"
