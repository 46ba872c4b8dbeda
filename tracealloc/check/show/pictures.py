"""A simulation as SVG: its network, with how full each queue was; its timeline, with where time was lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

import numpy as np

from tracealloc.check.show.places import family_of, places_of
from tracealloc.check.show.result import Process, Simulated

__all__ = ["network_svg", "timeline_svg"]

_BOX, _GAP = (92, 34), (58, 40)
_MOST_BOXES = 400
_MOST_ROWS = 80
_WIDTH = 860  # of a timeline without its names


def network_svg(run: Simulated) -> str:
    """The processes and queues; of more than 400 processes a block for each family."""
    if not run.processes:
        return ""
    edges = [(f.name, f.producer, f.consumer, f.depth, f.fill, f.full, f.empty) for f in run.fifos.values()]
    labels = {name: name for name in run.processes}
    tips = {name: _process_tip(process) for name, process in run.processes.items()}
    if len(labels) > _MOST_BOXES:
        counts: dict[str, int] = {}
        for name in labels:
            counts[family_of(name)[0]] = counts.get(family_of(name)[0], 0) + 1
        labels = {name: f"{name} x {count}" for name, count in counts.items()}
        tips = {name: f"{count} processes" for name, count in counts.items()}
        merged: dict[tuple[str, str, str], list[int]] = {}
        for name, a, b, depth, fill, full, empty in edges:
            key = family_of(name)[0], family_of(a)[0], family_of(b)[0]
            old = merged.setdefault(key, [depth or 0, 0, 0, 0])
            merged[key] = [max(old[0], depth or 0), max(old[1], fill), old[2] + full, old[3] + empty]
        edges = [(*key, d or None, fill, full, empty) for key, (d, fill, full, empty) in merged.items()]
    places = places_of(labels, [(a, b) for _, a, b, *_ in edges])
    step = _BOX[0] + _GAP[0], _BOX[1] + _GAP[1]
    at = {name: (10 + x * step[0], 10 + y * step[1]) for name, (x, y) in places.items()}
    width = max(x for x, _ in at.values()) + _BOX[0] + 10
    height = max(y for _, y in at.values()) + _BOX[1] + _GAP[1]
    parts = [f'<svg class="network" viewBox="0 0 {width:g} {height:g}" width="{width:g}" role="img">', _ARROW]
    stuck = {each.process for each in run.deadlock or ()}
    beside: dict[tuple[str, str], list[str]] = {}  # queues between the same two
    for name, a, b, *_ in edges:
        beside.setdefault((a, b), []).append(name)
    for edge in edges:
        if edge[1] in at and edge[2] in at:
            same = beside[edge[1], edge[2]]
            apart = (same.index(edge[0]) - (len(same) - 1) / 2) * min(12, 30 / len(same))
            parts.append(_edge(at, edge, len(edges) <= 160, apart))
    for name, (x, y) in at.items():
        kind = "process stuck" if name in stuck else "process"
        parts.append(
            f"<g><title>{escape(tips[name])}</title>"
            f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{_BOX[0]}" height="{_BOX[1]}" rx="5"/>'
            f'<text class="name" x="{x + _BOX[0] / 2:g}" y="{y + 21:g}">{escape(_short(labels[name]))}</text>'
            "</g>"
        )
    return "".join([*parts, "</svg>"])


_ARROW = (
    '<defs><marker id="to" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
    ' orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>'
)


def _short(name: str) -> str:
    tail = name.rpartition("/")[2]
    return tail if len(tail) <= 13 else tail[:12] + "…"


def _process_tip(process: Process) -> str:
    stalls = "".join(f"\n{stall}" for stall in process.stalls)
    return f"{process.name}: cycles {process.started:,} to {process.ended:,}, busy {process.busy:,}{stalls}"


def _edge(
    at: Mapping[str, tuple[float, float]],
    edge: tuple[str, str, str, int | None, int, int, int],
    labelled: bool,
    apart: float,
) -> str:
    name, a, b, depth, fill, full, empty = edge
    (ax, ay), (bx, by) = at[a], at[b]
    w, h = _BOX
    if a == b:
        path = f"M{ax + w - 20:g} {ay:g}c0 -22 -40 -22 -40 0"
        middle = ax + w - 40, ay - 16
    elif ay == by and abs(bx - ax) > w + _GAP[0]:  # past others
        x1, x2, deep = ax + w / 2, bx + w / 2, ay + h + _GAP[1] - 6
        path = f"M{x1:g} {ay + h:g}C{x1:g} {deep:g} {x2:g} {deep:g} {x2:g} {by + h:g}"
        middle = (x1 + x2) / 2, deep - 2
    elif abs(bx - ax) >= abs(by - ay):
        x1, x2 = (ax + w, bx) if bx > ax else (ax, bx + w)
        y1, y2, turn = ay + h / 2 + apart, by + h / 2 + apart, (x1 + x2) / 2
        path = f"M{x1:g} {y1:g}C{turn:g} {y1:g} {turn:g} {y2:g} {x2:g} {y2:g}"
        middle = turn, (y1 + y2) / 2 - 4
    else:
        y1, y2 = (ay + h, by) if by > ay else (ay, by + h)
        x1, x2, turn = ax + w / 2 + apart, bx + w / 2 + apart, (y1 + y2) / 2
        path = f"M{x1:g} {y1:g}C{x1:g} {turn:g} {x2:g} {turn:g} {x2:g} {y2:g}"
        middle = (x1 + x2) / 2 + 16, turn + 4
    kind = "fifo full" if full else "fifo"
    room = "without end" if depth is None else depth
    tip = f"{name}: depth {room}, at most {fill} in it; full {full:,}, empty {empty:,} cycles"
    label = f"{fill}/{'∞' if depth is None else depth}" if labelled else ""
    text = f'<text class="fill" x="{middle[0]:g}" y="{middle[1]:g}">{label}</text>'
    return f'<g><title>{escape(tip)}</title><path class="{kind}" d="{path}" marker-end="url(#to)"/>{text}</g>'


def timeline_svg(run: Simulated) -> str:
    """A row for each process: when it ran, and when it stood still at an empty or a full queue."""
    shown = list(run.processes.values())[:_MOST_ROWS]
    if not shown:
        return ""
    end = max(max(process.ended for process in shown), 1)
    scale, left, row = _WIDTH / end, 150, 20
    height = row * len(shown) + 40
    whole = left + _WIDTH + 40
    parts = [f'<svg class="timeline" viewBox="0 0 {whole} {height}" width="{whole}" role="img">']
    queues = {fifo.number: fifo.name for fifo in run.fifos.values()}
    for k, process in enumerate(shown):
        y = 6 + k * row
        x, width = left + process.started * scale, max((process.ended - process.started) * scale, 1)
        kind = "busy" if process.finished else "busy open"
        parts.append(f'<text class="row" x="{left - 8}" y="{y + 12}">{escape(_short(process.name))}</text>')
        tip = escape(_process_tip(process))
        where = f'x="{x:.1f}" y="{y}" width="{width:.1f}" height="14"'
        parts.append(f'<rect class="{kind}" {where}><title>{tip}</title></rect>')
        parts += _stalls(run, process, queues, (left, y, scale))
    axis = height - 26
    for k in range(6):
        cycle = round(end * k / 5)
        x = left + cycle * scale
        parts.append(f'<path class="axis" d="M{x:.1f} 4V{axis}"/>')
        micros = cycle * run.clock_ns / 1000
        parts.append(f'<text class="tick" x="{x:.1f}" y="{axis + 14}">{cycle:,}</text>')
        parts.append(f'<text class="tick" x="{x:.1f}" y="{axis + 25}">{micros:.3g} us</text>')
    return "".join([*parts, "</svg>"])


def _stalls(
    run: Simulated, process: Process, queues: Mapping[int, str], where: tuple[int, int, float]
) -> Iterator[str]:
    """The times that a process stood still; what is closer than a pixel is drawn together."""
    left, y, scale = where
    if not len(run.events) or run.events.dtype.names is None:
        return
    mine = run.events[(run.events["process"] == process.number) & (run.events["stall"] > 0)]
    drawn: list[tuple[float, float, bool, str]] = []
    for event in mine[np.argsort(mine["time"], kind="stable")]:
        full, queue = bool(event["put"]), queues.get(int(event["queue"]), "")
        start, end = float(event["time"] - event["stall"]) * scale, float(event["time"]) * scale
        if drawn and drawn[-1][2:] == (full, queue) and start - drawn[-1][1] < 0.7:
            drawn[-1] = (drawn[-1][0], end, full, queue)
        else:
            drawn.append((start, end, full, queue))
    for start, end, full, queue in drawn:
        word = "full" if full else "empty"
        at = f'x="{left + start:.1f}" y="{y}" width="{max(end - start, 0.6):.1f}" height="14"'
        when = f"cycles {round(start / scale):,} to {round(end / scale):,}"
        yield f'<rect class="{word}" {at}><title>{escape(queue)} {word}: {when}</title></rect>'
