"""A simulation as a value change dump, for GTKWave and its like: states of processes, fills of queues."""

from __future__ import annotations

from collections.abc import Iterator

from tracealloc.check.show.result import Process, Simulated

__all__ = ["dump_of"]

STATES = {"idle": 0, "busy": 1, "empty": 2, "full": 3}


def dump_of(run: Simulated) -> str:
    """The dump: one tick is one cycle."""
    period = round(run.clock_ns * 1000)
    marks: dict[str, str] = {}
    lines = [f"$comment {run.function}, one tick is a cycle of {period} ps $end", "$timescale 1 ns $end"]
    lines.append("$comment states: 0 idle, 1 busy, 2 waits at an empty queue, 3 waits at a full one $end")
    if len(run.events) and run.cycles and int(run.events["time"].max()) < run.cycles - 64:
        lines.append(f"$comment puts and gets are noted up to cycle {int(run.events['time'].max())} $end")
    lines.append(f"$scope module {_word(run.function)} $end")
    for kind, names, width in (("process", run.processes, 2), ("fifo", run.fifos, 32)):
        lines.append(f"$scope module {kind} $end")
        for name in names:
            mark = marks[f"{kind} {name}"] = _mark(len(marks))
            lines.append(f"$var wire {width} {mark} {_word(name)} $end")
        lines.append("$upscope $end")
    lines += ["$upscope $end", "$enddefinitions $end"]
    changes: dict[int, dict[str, int]] = {0: dict.fromkeys(marks.values(), 0)}
    for name, process in run.processes.items():
        for at, state in _states(run, process):
            changes.setdefault(at, {})[marks[f"process {name}"]] = STATES[state]
    for name, fifo in run.fifos.items():
        fill = 0
        for at, more in _fills(run, fifo.number):
            fill += more
            changes.setdefault(at, {})[marks[f"fifo {name}"]] = fill
    for at in sorted(changes):
        lines.append(f"#{at}")
        lines += [f"b{value:b} {mark}" for mark, value in changes[at].items()]
    return "\n".join([*lines, ""])


def _states(run: Simulated, process: Process) -> Iterator[tuple[int, str]]:
    yield process.started, "busy"
    if run.events.dtype.names is not None and len(run.events):
        mine = run.events[(run.events["process"] == process.number) & (run.events["stall"] > 0)]
        for event in sorted(mine.tolist()):
            time, stall, _, _, put, *_ = event
            yield time - stall, "full" if put else "empty"
            yield time, "busy"
    if process.finished:
        yield process.ended, "idle"


def _fills(run: Simulated, number: int) -> Iterator[tuple[int, int]]:
    if run.events.dtype.names is None or not len(run.events):
        return
    mine = run.events[run.events["queue"] == number]
    for time, put in sorted((int(e["time"]), int(e["put"])) for e in mine):
        yield time, 1 if put else -1


def _mark(number: int) -> str:
    """A short name of printable characters."""
    found = ""
    while True:
        found += chr(33 + number % 94)
        number //= 94
        if not number:
            return found
        number -= 1


def _word(name: str) -> str:
    return "".join(c if c.isalnum() or c in "[]_,/." else "_" for c in name.replace(", ", ","))
