"""Running a scheduled program with a clock, and reading what the run tells of itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tracealloc.check.show.result import Arrays, Fifo, Process, Stall, Waiting
from tracealloc.check.show.simulation import Simulation
from tracealloc.emit.run.simulated import Run, SimulatedModule
from tracealloc.emit.run.stuck import queue_name
from tracealloc.schedule.core.state import Module
from tracealloc.schedule.timing.clocks import clocks_of
from tracealloc.schedule.timing.skeleton import skeleton_of
from tracealloc.trace.diagnostics.errors import TraceallocError
from tracealloc.trace.diagnostics.source import caller_place
from tracealloc.trace.ir.clocks import Style
from tracealloc.trace.network.waits import ends_of

__all__ = ["EVENTS", "read_back", "simulate_module", "simulated_module"]

EVENTS = 200_000
"""Puts and gets that a simulation notes, the first ones."""


def simulated_module(
    module: Module, clock_ns: float | None = None, style: Style = "frp", values: bool = True
) -> SimulatedModule:
    """A schedule as it stands, compiled with its clock; without `values` where data choose nothing.

    Raises:
        BuildError: a port cannot do what the program needs, or there is no compiler.
    """
    clocks = clocks_of(module, clock_ns, style)
    return SimulatedModule(clocks if values else skeleton_of(clocks) or clocks)


def simulate_module(
    module: Module,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    clock_ns: float | None = None,
    style: Style = "frp",
    values: bool = True,
) -> Simulation:
    """What a schedule does on arrays, cycle by cycle; the arguments stay as they are.

    Raises:
        ArgumentError: an argument does not fit.
        BuildError: a port cannot do what the program needs, or there is no compiler.
        TraceallocError: the program does what it may not: it leaves an array, or elements in a queue.
    """
    made = simulated_module(module, clock_ns, style, values)
    try:
        return read_back(made, made.run(args, kwargs, events=EVENTS if values else 0))
    except TraceallocError as error:
        error.place = error.place or caller_place()
        raise


def read_back(made: SimulatedModule, run: Run) -> Simulation:
    """What a run was, in the user's names."""
    program = made.clocks.program
    lines = [line.split("\t") for line in run.told.splitlines()]
    names, parents = _names([row[1:] for row in lines if row[0] == "process"])
    fifos = _fifos([row[1:] for row in lines if row[0] == "queue"], names, ends_of(program))
    stalls: dict[str, list[Stall]] = {}
    for fifo in fifos.values():
        if fifo.full:
            stalls.setdefault(fifo.producer, []).append(Stall(fifo.name, "full", fifo.full))
        if fifo.empty:
            stalls.setdefault(fifo.consumer, []).append(Stall(fifo.name, "empty", fifo.empty))
    processes: dict[str, Process] = {}
    for row in sorted((row[1:] for row in lines if row[0] == "process"), key=lambda row: int(row[0])):
        name, (started, ended, finished, stood) = names[int(row[0])], map(int, row[row.index("|") + 1 :])
        found = tuple(sorted(stalls.get(name, ()), key=lambda stall: -stall.cycles))
        around = names.get(parents[int(row[0])], "")
        processes[name] = Process(name, started, ended, found, stood, around, bool(finished), int(row[0]))
    cycles, leapt = next(((int(row[1]), int(row[2])) for row in lines if row[0] == "cycles"), (None, 0))
    return Simulation(
        program.name,
        made.clocks.clock_ns,
        Arrays() if made.clocks.bare else _arrays(made, run),
        None if run.waits else cycles,
        processes,
        fifos,
        [Waiting(each.process, each.queue, each.where) for each in run.waits] or None,
        (*run.error.because, f"try: {run.error.hint}") if run.error is not None else (),
        run.events,
        leapt,
    )


def _names(rows: Iterable[Sequence[str]]) -> tuple[dict[int, str], dict[int, int]]:
    """The name of each process by its number, unique; and the number of the process around it."""
    parents = {int(row[0]): int(row[1]) for row in rows}
    own: dict[int, str] = {}
    for row in rows:
        at = row[3 : row.index("|")]
        own[int(row[0])] = f"{row[2]}[{', '.join(at)}]" if at else row[2]
    found: dict[int, str] = {}
    seen: Counter[str] = Counter()
    for number in sorted(own):
        around = found.get(parents[number])
        name = own[number] if around is None else f"{around}/{own[number]}"
        seen[name] += 1
        found[number] = name if seen[name] == 1 else f"{name} ({seen[name]})"
    return found, parents


def _fifos(
    rows: Iterable[Sequence[str]], names: Mapping[int, str], ends: Mapping[tuple[str, str], str]
) -> dict[str, Fifo]:
    """The queues; one that a function made each time that it was called is one.

    `ends` says who is at the ends of one that nobody used.
    """
    found: dict[str, Fifo] = {}
    for row in sorted(rows, key=lambda row: int(row[0])):
        limit, fill, puts, gets, full, empty, giver, taker, owner, place = map(int, row[3:])
        own = queue_name(row[1], row[2])
        giver_name = names.get(giver, "") if giver >= 0 else ends.get((own, "put"), "")
        taker_name = names.get(taker, "") if taker >= 0 else ends.get((own, "get"), "")
        name = f"{names[owner]}/{own}" if owner in names else own
        old = found.get(name)
        new = Fifo(
            name, limit or None, fill, puts, gets, full, empty, giver_name, taker_name, place, int(row[0])
        )
        if old is not None:
            new = Fifo(
                name,
                new.depth,
                max(old.fill, fill),
                old.puts + puts,
                old.gets + gets,
                old.full + full,
                old.empty + empty,
                old.producer or new.producer,
                old.consumer or new.consumer,
                place,
                old.number,
            )
        found[name] = new
    return found


def _arrays(made: SimulatedModule, run: Run) -> Arrays:
    program = made.clocks.program
    found = Arrays()
    for array, value in zip(program.args, run.values, strict=True):
        if isinstance(value, np.ndarray) or array.kind == "stream":
            found[array.name] = value
    results = run.results if isinstance(run.results, tuple) else (run.results,)
    if run.results is not None:
        for number, (array, value) in enumerate(zip(program.results, results, strict=True)):
            name = array.name
            if name in found and found[name] is value:
                continue
            while name in found:
                name = f"{array.name}_{number}"
                number += 1
            found[name] = value
    return found
