"""Random feed-forward networks of pipelined processes, and the same ones stepped."""

from __future__ import annotations

import linecache
from typing import Any, TypeAlias

import tracealloc as ta
from tests.check.simulate.stepped import Pipe, Queue, run
from tracealloc import int32, kernel
from tracealloc.schedule.timing.timing import ALONE, LoopTiming, timing_of

__all__ = ["Edge", "N", "network", "stepped"]

Edge: TypeAlias = tuple[int, int, int]
"""Producer, consumer, depth."""

N = 23


def network(edges: list[Edge], work: list[int], length: int = N) -> Any:
    """Processes, each a loop: takes from its queues, multiplies so often, puts to its queues."""
    used = sorted({end for a, b, _ in edges for end in (a, b)})
    lines = ["def main(A: int32[N], B: int32[N]):"]
    lines += [f"    q{k} = ta.stream(int32, depth={depth})" for k, (_, _, depth) in enumerate(edges)]
    lines.append("    with ta.dataflow():")
    for p in used:
        into = [k for k, (_, b, _) in enumerate(edges) if b == p]
        out = [k for k, (a, _, _) in enumerate(edges) if a == p]
        lines.append(f"        for i{p} in ta.range(N, name='P{p}'):")
        value = " + ".join(f"q{k}.get()" for k in into) or f"A[i{p}]"
        lines.append(f"            x = int32(({value})" + f" * (A[i{p}] + 1)" * work[p] + ")")
        lines += [f"            q{k}.put(x)" for k in out]
        if not out and p == max(used):
            lines.append(f"            B[i{p}] = x")
    text = "\n".join(lines) + "\n"
    scope: dict[str, Any] = {"ta": ta, "int32": int32, "N": length}
    name = f"<network {hash((text, length))}>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    exec(compile(text, name, "exec"), scope)
    made = kernel(scope["main"])
    s = ta.customize(made)
    for p in used:
        s.pipeline(f"i{p}")
    return s


def stepped(s: Any, depths: dict[str, int], rigid: bool = False) -> tuple[int | None, dict[str, int], bool]:
    """The same network, stepped: its cycles, the highest fill of each queue, whether a put waited."""
    names = list(depths)
    queues = [Queue(depths[name]) for name in names]
    pipes = []
    for called in timing_of(s.module).calls:
        (loop,) = called.loops
        assert isinstance(loop, LoopTiming) and loop.interval == 1 and loop.depth is not None
        work: dict[int, list[tuple[int, bool]]] = {}
        latest = 0
        for access in loop.accesses:
            if access.kind in ("get", "put"):
                latest = max(latest, access.stage)
                work.setdefault(latest, []).append((names.index(access.array), access.kind == "put"))
        pipes.append(Pipe(N, max(loop.depth, latest + 1, 2), work, rigid=rigid))
    end = run(pipes, queues)
    fills = {name: queue.fill() for name, queue in zip(names, queues, strict=True)}
    return (None if end is None else end + ALONE), fills, any(queue.refused for queue in queues)
