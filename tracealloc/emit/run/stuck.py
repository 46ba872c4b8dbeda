"""What is told of processes that wait for one another, from what the C text wrote down of them."""

from __future__ import annotations

import re
from math import prod

import numpy as np

from tracealloc.trace.ir.program import Program
from tracealloc.trace.network.waits import Wait, circle_of, ends_of, told

__all__ = ["left_of", "queue_name", "stuck_text", "waits_of"]


def queue_name(name: str, number: str) -> str:
    """``q[0, 1]`` for a number in ``q[2, 3]``; without a number, it is the name of one queue."""
    found = re.fullmatch(r"(.*)\[([\d, ]*)\]", name)
    if found is None or not number:
        return name
    shape = tuple(map(int, found[2].split(", ")))
    if int(number) >= prod(shape):
        return name
    return f"{found[1]}[{', '.join(str(int(at)) for at in np.unravel_index(int(number), shape))}]"


def _waits(report: str, lines: list[str]) -> list[Wait]:
    found = []
    for line in report.splitlines():
        process, queue, number, what, count, limit, at = line.split("\t")
        if what != "left":
            text = lines[int(at) - 1] if 0 < int(at) <= len(lines) else ""
            where = text.rpartition("  // ")[2] if "  // " in text else ""
            found.append(Wait(process, queue_name(queue, number), what, int(count), int(limit), where))
    return found


def left_of(report: str) -> list[tuple[str, int]]:
    """The queues that ended with elements in them, and how many."""
    parts = [line.split("\t") for line in report.splitlines()]
    return [(queue_name(p[1], p[2]), int(p[4])) for p in parts if len(p) == 7 and p[3] == "left"]


def waits_of(program: Program, report: str, source: str) -> list[Wait]:
    """Who waits for what where a network cannot go on: those that make a circle, if there is one."""
    waits = _waits(report, source.split("\n"))
    return list(circle_of(waits, ends_of(program)) or waits)


def stuck_text(program: Program, report: str, source: str) -> tuple[list[str], str]:
    """The reasons and the advice for a network that cannot go on."""
    return told(_waits(report, source.split("\n")), ends_of(program))
