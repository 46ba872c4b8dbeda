"""The reads of an array that a window can serve, told apart from its writes.

Where a loop also writes the array, its reads are sent to a stand-in of the array; only these then go to
the window. All of them must see what was there before the loop ran: the window may load it at any time.
"""

from __future__ import annotations

from dataclasses import replace

from tracealloc.poly.dataflow.flow import flow_of
from tracealloc.poly.dependence.dependence import time_map
from tracealloc.poly.isl.coalesce import pieces
from tracealloc.poly.model.model import Access, Model, Part, Statement
from tracealloc.poly.model.statements import elsewhere, remade, renamed
from tracealloc.poly.model.tree import LoopNode
from tracealloc.schedule.core.names import user_name
from tracealloc.schedule.core.primitive import Edit
from tracealloc.schedule.core.state import State
from tracealloc.trace.ir.expr import Expr, Load
from tracealloc.trace.ir.program import Array, Call
from tracealloc.trace.ir.rewrite import map_expressions, map_part, map_reads

__all__ = ["served_reads"]


def served_reads(
    edit: Edit, array: Array, loops: tuple[LoopNode, ...], users: list[Statement]
) -> tuple[Array, list[Statement]]:
    """What the reads are called, and the statements under the innermost loop that have any.

    Raises:
        ScheduleError: a read sees what the loop writes, or a called kernel reads and writes the array.
    """
    writers = [s for s in users if any(access.array == array for access in s.writes)]
    if not writers:
        return array, users
    _refuse_inside_flow(edit, array, loops, users, writers)
    seen = replace(array, key=f"{array.key}:seen")
    model = edit.state.model
    model = replace(model, arrays=(*model.arrays, seen))
    sent = [_sent(model, s, array, seen) for s in users]
    reading = [s for s in sent if any(access.array == seen for access in s.accesses)]
    if not reading:
        raise edit.error(
            "TA243",
            f"finds no read of {array.name!r} in {loops[-1].name!r}",
            hint=f"{_buffered(edit, array, loops)} collects what is written",
        )
    return seen, reading


def _buffered(edit: Edit, array: Array, loops: tuple[LoopNode, ...]) -> str:
    return f's.buffer_at("{user_name(edit, array)}", "{user_name(edit, loops[-1])}")'


def _refuse_inside_flow(
    edit: Edit,
    array: Array,
    loops: tuple[LoopNode, ...],
    users: list[Statement],
    writers: list[Statement],
) -> None:
    state: State = edit.state
    inside, writing = {s.name for s in users}, {s.name for s in writers}
    hint = f"{_buffered(edit, array, loops)}, which copies back"
    for statement in writers:
        if isinstance(statement.node, Call) and any(a.array == array for a in statement.reads):
            because = [f"{statement.where} passes it to a kernel that writes it"]
            raise edit.error(
                "TA245",
                f"needs {array.name!r} unchanged while {loops[-1].name!r} runs",
                because=because,
                hint=hint,
            )
    flow = flow_of(state.model, state.tree, frozenset((array,)), frozenset(inside))
    for piece in pieces(flow.sources):
        reads = piece.range().unwrap()
        source, sink = str(piece.domain().get_tuple_name()), str(reads.domain().get_tuple_name())
        if source not in writing or sink not in inside:
            continue
        first, second = state.model.statement(source), state.model.statement(sink)
        same = time_map(first, loops[:-1]).apply_range(time_map(second, loops[:-1]).reverse())
        for access in second.reads:
            if access.update or access.space != str(reads.range().get_tuple_name()):
                continue
            part = piece.intersect_range(access.relation.wrap()).range_factor_domain()
            if not part.intersect(same).is_empty():
                raise edit.error(
                    "TA245",
                    f"needs what is read of {array.name!r} unchanged while {loops[-1].name!r} runs",
                    because=[f"{second.where} reads what {first.where} writes inside the loop"],
                    hint=hint,
                )


def _sent(model: Model, statement: Statement, array: Array, seen: Array) -> Statement:
    """The statement with its reads of `array` sent to the stand-in."""
    moved = {array: (seen, tuple)}.get
    scopes = {**dict(statement.scopes), seen: statement.scope(array)}
    sent = elsewhere(statement, moved)
    if not any(access.array == array for access in statement.writes):
        return remade(model, sent, scopes)

    def change(expr: Expr) -> Expr:
        return map_reads(expr, moved)

    def part(access: Access) -> Part:
        stored = access.part
        if isinstance(stored, Load) and (access.write or access.update):
            return replace(stored, indices=tuple(map(change, stored.indices)))
        return map_part(stored, moved)

    sent = replace(renamed(statement, part), node=map_expressions(statement.node, change), guards=sent.guards)
    return remade(model, sent, scopes)
