"""Whether the parts of a function can run beside one another, as its schedule stands."""

from __future__ import annotations

from dataclasses import replace

from tracealloc.schedule.core.primitive import Edit
from tracealloc.schedule.core.state import Module, lowered
from tracealloc.trace.diagnostics.errors import ScheduleError, TraceallocError, TraceError
from tracealloc.trace.ir.program import Alloc, Array, Program, touched_by, used_by, walk_nodes
from tracealloc.trace.network.families import Stage
from tracealloc.trace.network.ownership import network_of

__all__ = ["pending", "refuse_channels", "refuse_pending"]


def _function(module: Module, name: str) -> Program:
    """A function as it is written down."""
    program = lowered(replace(module, top=name))
    return program if program.concurrent else replace(program, concurrent=True)


def pending(module: Module, name: str) -> TraceallocError | None:
    """What keeps the parts of a function from running beside one another."""
    try:
        network_of(_function(module, name))
    except (TraceError, ScheduleError) as found:
        return found
    return None


def refuse_pending(edit: Edit, module: Module, name: str) -> None:
    """Refuse a step after which the parts of a network would not be processes.

    Raises:
        ScheduleError: what is computed would depend on time.
    """
    found = pending(module, name)
    if found is None:
        return
    raise edit.error(
        "TA288",
        f"would not leave processes that can run beside one another: {found.summary}",
        because=found.because,
        hint=found.hint,
    )


def refuse_channels(edit: Edit, module: Module, name: str) -> None:
    """Refuse arrays that are no channels: from one part to one other, later one.

    Raises:
        ScheduleError: an array has two producers or two consumers.
    """
    network = network_of(_function(module, name))
    makers: dict[Array, list[Stage]] = {}
    users: dict[Array, list[Stage]] = {}
    for stage in network.stages:
        nodes = list(walk_nodes(stage.body))
        stored = {array for node in nodes for array in touched_by(node)}
        for array in dict.fromkeys(a for node in nodes for a in used_by(node)):
            if array.kind in ("local", "value") and array not in _own(stage):
                (makers if array in stored else users).setdefault(array, []).append(stage)
    for array, readers in users.items():
        if array in makers and len(readers) > 1:
            raise _several(edit, array, "goes from", makers[array][:1], "to two processes,", readers[:2])
    for array, writers in makers.items():
        if array in users and len(writers) > 1:
            raise _several(
                edit, array, "is made by two processes,", writers[:2], "and goes to", users[array][:1]
            )


def _own(stage: Stage) -> set[Array]:
    return {node.array for node in walk_nodes(stage.body) if isinstance(node, Alloc)}


def _several(
    edit: Edit, array: Array, first: str, ones: list[Stage], then: str, others: list[Stage]
) -> ScheduleError:
    left, right = (" and ".join(stage.name for stage in stages) for stages in (ones, others))
    return edit.error(
        "TA288",
        f"cannot make a channel of {array.name!r}: it {first} {left} {then} {right}",
        because=["a channel has one producer and one consumer"],
        hint=f"copy {array.name!r} in a nest of its own: one array for each; or merge the nests",
    )
