"""Operations by the names that a tool has for them: what an expression is, how many an iteration has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tracealloc.poly.codegen.contraction import storage_of
from tracealloc.poly.model.model import Model
from tracealloc.poly.model.tree import LoopNode, leaves, loops_above
from tracealloc.schedule.core.chains import chain_above, most_trips
from tracealloc.schedule.core.state import OpaqueLoop, ScheduledLoop, State
from tracealloc.schedule.timing.latency import without_casts
from tracealloc.trace.ir.dtype import Float
from tracealloc.trace.ir.expr import Binary, Expr, Intrinsic, children, walk
from tracealloc.trace.ir.hardware import Hardware
from tracealloc.trace.ir.layout import BoundOp
from tracealloc.trace.ir.operators import Operator
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Block,
    Call,
    Loop,
    Store,
    blocks_of,
    expressions_of,
    walk_nodes,
)
from tracealloc.trace.queries.intervals import fixed_trips

__all__ = [
    "Shared",
    "StateArrays",
    "bound_operator",
    "count_of",
    "operation_of",
    "roots_of",
    "shared_of",
    "shared_text",
]


def operation_of(expr: Expr, hardware: Hardware) -> str | None:
    """The tool's name of the operation that an expression is (None: it has none)."""
    if not isinstance(expr, Binary | Intrinsic):
        return None
    name = expr.op if isinstance(expr, Binary) else expr.name
    dtype = expr.dtype
    asked = (name, "float", dtype.bits) if isinstance(dtype, Float) else (name, "int", 0)
    if isinstance(dtype, Float) and dtype.name == "bfloat16":
        return None
    return next((op for op, row in hardware.operations.items() if row == asked), None)


def roots_of(model: Model, array: Array) -> Iterator[Expr]:
    """The expressions whose values are stored in an array, without conversions."""
    for node in walk_nodes(tuple(statement.node for statement in model.statements)):
        if isinstance(node, Store) and node.array == array:
            yield without_casts(node.value)
        elif isinstance(node, Alloc) and node.array == array and node.fill is not None and not array.rank:
            yield without_casts(node.fill)


def bound_operator(bound: Sequence[BoundOp], expr: Expr, hardware: Hardware) -> Operator | None:
    """The operator that an operation is by what was said of it (None: nothing was)."""
    name = operation_of(expr, hardware) if bound else None
    asked = next((each for each in bound if each.op == name), None)
    if asked is None:
        return None
    op, family, _ = hardware.operations[asked.op]
    bits = max(part.dtype.bits for part in children(expr))
    impl = None if asked.impl == "auto" else asked.impl
    row = hardware.operators.find(op, family, bits, impl) or hardware.operators.find(op, family, bits)
    if row is None or asked.latency is None:
        return row
    ns = (row.ns or hardware.operators.budget) if asked.latency == 0 else None
    return replace(row, stages=asked.latency + 1, ns=ns)


@dataclass(frozen=True)
class StateArrays:
    """What timing has to know of the arrays of a schedule as it stands; `kept` are in registers meanwhile."""

    state: State
    hardware: Hardware
    kept: frozenset[Array] = frozenset()

    def memory(self, array: Array) -> str:
        """What an array is reached through."""
        if array in self.kept:
            return "register"
        shape = storage_of(self.state.model, self.state.tree, array).array.shape
        return self.hardware.memory_of(self.state.layout(array), array, shape)

    def operator(self, array: Array, expr: Expr) -> Operator | None:
        """How an operation is made whose result is stored in an array, where ``bind_op`` said so."""
        return bound_operator(self.state.layout(array).operators, expr, self.hardware)


@dataclass(frozen=True)
class Shared:
    """Operations of an iteration of a pipelined loop that share instances."""

    op: str
    count: int
    limit: int

    @property
    def interval(self) -> int:
        """The least initiation interval that it allows."""
        return -(-self.count // self.limit)

    def text(self) -> str:
        """How many operations start on how many instances."""
        return f"an iteration has {self.count} {self.op}, of which {self.limit} may start in a cycle"


def shared_of(state: State, loop: ScheduledLoop, hardware: Hardware) -> list[Shared]:
    """The operations of a pipelined loop that were limited, on it or around it; the slowest first."""
    around = [loop.loop.marks] if isinstance(loop, OpaqueLoop) else []
    if isinstance(loop, LoopNode):
        around = [each.marks for each in chain_above(state, loop.key)]
    least: dict[str, int] = {}
    for op, limit in (each for marks in around for each in marks.limits):
        least[op] = min(limit, least.get(op, limit))
    found = [Shared(op, count_of(state, loop, op, hardware), limit) for op, limit in least.items()]
    return sorted(found, key=lambda each: -each.interval)


def shared_text(state: State, loop: ScheduledLoop, asked: int, hardware: Hardware) -> tuple[str, ...]:
    """A warning where operations that share instances do not allow an interval."""
    slow = [each for each in shared_of(state, loop, hardware) if each.interval > asked]
    return (f"allocation allows ii={slow[0].interval}, not {asked}: {slow[0].text()}",) if slow else ()


def count_of(state: State, loop: ScheduledLoop, op: str, hardware: Hardware) -> int:
    """How many operations of a name start in an iteration of a pipelined loop, loops inside it unrolled."""
    copies = loop.loop.marks.copies if isinstance(loop, OpaqueLoop) else loop.marks.copies
    if isinstance(loop, OpaqueLoop):
        blocks = blocks_of(loop.loop)
        return (copies or 1) * sum(_in_block(block, op, hardware) for block in blocks)
    count = 0
    for name in leaves(loop.body):
        times = 1
        for inner in reversed(loops_above(state.tree, name)):
            if inner.key == loop.key:
                break
            times *= most_trips(state.model, inner)
        statement = state.model.statement(name)
        guards = sum(_in_expr(cond, op, hardware) for cond in statement.guards)
        count += times * (guards + _in_block((statement.node,), op, hardware))
    return (copies or 1) * count


def _in_block(block: Block, op: str, hardware: Hardware) -> int:
    count = 0
    for node in block:
        count += sum(_in_expr(expr, op, hardware) for expr in expressions_of(node))
        if isinstance(node, Call):
            count += _in_block(node.program.body, op, hardware)
        times = fixed_trips(node) or 1 if isinstance(node, Loop) else 1
        count += times * sum(_in_block(inner, op, hardware) for inner in blocks_of(node))
    return count


def _in_expr(expr: Expr, op: str, hardware: Hardware) -> int:
    return sum(operation_of(part, hardware) == op for part in walk(expr))
