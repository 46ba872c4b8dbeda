"""A simulation as a value change dump (IEEE 1364), for GTKWave and its like: what is when, in picoseconds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tracealloc.check.show.history import History
from tracealloc.check.show.result import Fifo, Process, Simulated

__all__ = ["STATES", "dump_of"]

STATES = {"idle": 0, "busy": 1, "empty": 2, "full": 3, "stuck": 4}
_CLOCKED = 20_000
"""Cycles up to which a dump has a clock."""

_LEGEND = """state: 0 not started or ended, 1 busy, 2 waits at an empty queue, 3 waits at a full one,
  4 waits for ever; x: not noted"""


@dataclass
class _Scope:
    """A module of the dump: its variables (name, width) and what is in it."""

    variables: list[tuple[str, int, str]] = field(default_factory=list)
    inner: dict[str, _Scope] = field(default_factory=dict)

    def at(self, *path: str) -> _Scope:
        """The scope at a path; it and those around it are made where they are not there."""
        found = self
        for name in path:
            found = found.inner.setdefault(name, _Scope())
        return found

    def lines(self, name: str) -> Iterator[str]:
        """The declarations."""
        yield f"$scope module {name} $end"
        for own, width, mark in self.variables:
            yield f"$var wire {width} {mark} {own} $end"
        for own, scope in self.inner.items():
            yield from scope.lines(own)
        yield "$upscope $end"


class _Dump:
    """What a dump is made of: scopes, and by cycle what changes."""

    def __init__(self) -> None:
        self.top = _Scope()
        self.changes: dict[int, dict[str, str]] = {}
        self.count = 0

    def variable(self, scope: _Scope, name: str, width: int) -> str:
        mark = _mark(self.count)
        self.count += 1
        taken = {other for other, _, _ in scope.variables}
        name = next(n for n in (name, *(f"{name}_{k}" for k in range(2, self.count + 2))) if n not in taken)
        scope.variables.append((name, width, mark))
        self.changes.setdefault(0, {})[mark] = _value(0, width, mark)
        return mark

    def set(self, cycle: int, mark: str, value: int | None, width: int) -> None:
        """A variable's value from a cycle on; None: unknown."""
        self.changes.setdefault(cycle, {})[mark] = _value(value, width, mark)


def dump_of(run: Simulated) -> str:
    """The dump."""
    history, dump = History(run), _Dump()
    if history.end <= _CLOCKED:
        cycle, clock = dump.variable(dump.top, "cycle", 32), dump.variable(dump.top, "clk", 1)
    paths = _paths(run)
    for process in run.processes.values():
        _process(dump, history, process, paths[process.name])
    for fifo in run.fifos.values():
        around, _, own = fifo.name.rpartition("/")
        _fifo(dump, history, fifo, (*paths.get(around, ()), _word(own)))
    ticks: dict[int, list[str]] = {}
    for at, values in dump.changes.items():
        ticks[_time(run, at)] = list(values.values())
    ticks.setdefault(_time(run, history.end), [])
    if history.end <= _CLOCKED:
        for at in range(history.end + 1):
            ticks.setdefault(_time(run, at), []).extend([_value(at, 32, cycle), f"1{clock}"])
            if at < history.end:
                ticks.setdefault(_time(run, at + 0.5), []).append(f"0{clock}")
    lines = list(_head(run, history, dump))
    lines += _changes(ticks)
    return "\n".join([*lines, ""])


def _changes(ticks: Mapping[int, list[str]]) -> Iterator[str]:
    """What changes when; all variables at time 0."""
    current: dict[str, str] = {}
    for time in sorted(ticks):
        new = {_marked(change): change for change in ticks[time]}
        changed = [change for mark, change in new.items() if current.get(mark) != change]
        current.update(new)
        yield f"#{time}"
        yield from changed if time else ("$dumpvars", *changed, "$end")


def _marked(change: str) -> str:
    return change.rpartition(" ")[2] if " " in change else change[1:]


def _head(run: Simulated, history: History, dump: _Dump) -> Iterator[str]:
    yield f"$comment a cycle is {run.clock_ns:g} ns; {_LEGEND} $end"
    if history.note:
        yield f"$comment {history.note.replace('where its row is hatched', 'where it is x')} $end"
    for line in run.why if run.deadlock is not None else ():
        yield f"$comment waits for ever: {line.replace('$', '')} $end"
    yield "$timescale 1 ps $end"
    yield from dump.top.lines(_word(run.function))
    yield "$enddefinitions $end"


def _process(dump: _Dump, history: History, process: Process, path: tuple[str, ...]) -> None:
    mark = dump.variable(dump.top.at(*path), "state", 3)
    dump.set(process.started, mark, STATES["busy"], 3)
    for span in history.spans(process):
        dump.set(span.start, mark, STATES[span.why], 3)
        if span.end < history.end or process.finished:
            dump.set(span.end, mark, STATES["busy"], 3)
    limit = history.known(process)
    if limit is not None:
        dump.set(limit, mark, None, 3)
    if process.finished:
        dump.set(process.ended, mark, STATES["idle"], 3)


def _fifo(dump: _Dump, history: History, fifo: Fifo, path: tuple[str, ...]) -> None:
    scope = dump.top.at(*path)
    width = max(max(fifo.fill, fifo.depth or 0, fifo.puts if fifo.depth is None else 0).bit_length(), 1)
    fill, empty = dump.variable(scope, "fill", width), dump.variable(scope, "empty", 1)
    full = dump.variable(scope, "full", 1) if fifo.depth is not None else None
    for at, count in history.fills(fifo):
        dump.set(at, fill, count, width)
        dump.set(at, empty, int(count == 0), 1)
        if full is not None:
            dump.set(at, full, int(count == fifo.depth), 1)
    limit = history.known_fill(fifo)
    if limit is not None:
        for mark, bits in ((fill, width), (empty, 1), *(((full, 1),) if full is not None else ())):
            dump.set(limit, mark, None, bits)


def _paths(run: Simulated) -> Mapping[str, tuple[str, ...]]:
    """Where each process is: ``tile[0]/one`` in the scope of ``tile[0]``."""
    found: dict[str, tuple[str, ...]] = {}

    def path(name: str) -> tuple[str, ...]:
        if name not in found:
            parent = run.processes[name].parent
            if parent in run.processes:
                found[name] = (*path(parent), _word(name.removeprefix(f"{parent}/")))
            else:
                found[name] = (_word(name),)
        return found[name]

    for name in run.processes:
        path(name)
    return found


def _time(run: Simulated, cycle: float) -> int:
    """Picoseconds."""
    return round(cycle * run.clock_ns * 1000)


def _value(value: int | None, width: int, mark: str) -> str:
    bits = "x" if value is None else f"{value:b}"
    return f"{bits}{mark}" if width == 1 else f"b{bits} {mark}"


def _mark(number: int) -> str:
    """A short name of printable characters."""
    found = ""
    while True:
        found += chr(33 + number % 94)
        number = number // 94 - 1
        if number < 0:
            return found


def _word(name: str) -> str:
    """A name without spaces and dots, which separate: ``PE[0, 1]`` is ``PE[0][1]``."""
    return re.sub(r"[^\w\[\]]", "_", name.replace(", ", "]["))
