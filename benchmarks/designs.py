"""The designs of the examples at MEDIUM size: ``python -m benchmarks.designs [names]``.

For each: lines and primitives of the schedule, seconds for all primitives and for the slowest one, for the
proof, and how many multiply-adds start per cycle in its busiest pipelined loop. Then the product for the
processor beside NumPy's, one thread each.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import importlib
import inspect
import sys
import time
from typing import Any

import numpy as np

from benchmarks.cases import MEDIUM

# In the order of the published table's importance.
NAMES = ["gemm", "two_mm", "three_mm", "atax", "bicg", "mvt", "gesummv", "syrk", "syr2k", "trmm", "symm"]
NAMES += ["correlation", "jacobi_2d"]


def multiply_adds(schedule: Any) -> float:
    """Multiply-adds that start per cycle in the busiest pipelined loop, where tiles are full."""
    from tracealloc.trace.affine import range_of
    from tracealloc.trace.dtype import Float
    from tracealloc.trace.expr import Binary, walk
    from tracealloc.trace.program import Loop, Store, blocks_of

    best = 0.0

    def visit(block: Any, ranges: dict[Any, tuple[int, int]], copies: int, interval: int) -> int:
        nonlocal best
        found = 0
        for node in block:
            if isinstance(node, Store):
                operators = {
                    e.op for e in walk(node.value) if isinstance(e, Binary) and isinstance(e.type, Float)
                }
                found += copies if interval and operators >= {"*", "+"} else 0
            elif isinstance(node, Loop):
                low, high = range_of(node.start, ranges), range_of(node.stop, ranges)
                assert low is not None and high is not None
                inside = {**ranges, node.iter: (low[0], high[1] - 1)}
                if node.marks.pipeline and not interval:
                    started = visit(node.body, inside, 1, node.marks.pipeline)
                    best = max(best, started / node.marks.pipeline)
                else:
                    found += visit(node.body, inside, copies * (high[1] - low[0]), interval)
            else:
                found += sum(visit(inner, ranges, copies, interval) for inner in blocks_of(node))
        return found

    visit(schedule.lowered.body, {}, 1, 0)
    return best


def measure(name: str) -> str:
    """One line of the table."""
    import tracealloc as ta

    module = importlib.import_module(f"examples.polybench.{name}")
    kernel = module.make(**MEDIUM[name], dtype=ta.float32)
    kernel.trace()
    start = time.perf_counter()
    schedule = module.schedule(kernel)
    scheduled = time.perf_counter()
    proof = schedule.verify()
    proved = time.perf_counter()
    steps = []
    again = ta.customize(kernel)
    for step in schedule.history:
        before = time.perf_counter()
        exec(f"s.{step.call()}", {"s": again})
        steps.append(time.perf_counter() - before)
    slowest = schedule.history[int(np.argmax(steps))].primitive
    lines = len(inspect.getsource(module.schedule).splitlines())
    return (
        f"{name:12s} {lines:5d} {len(schedule.history):10d} {(scheduled - start) * 1e3:8.0f} ms"
        f" {np.median(steps) * 1e3:6.0f} ms {max(steps) * 1e3:6.0f} ms {slowest:10s}"
        f" {(proved - scheduled) * 1e3:6.0f} ms {multiply_adds(schedule):8.0f}"
        f"  {'conflicts' if schedule.conflicts() else 'none':9s} {'proved' if proof else 'NOT PROVED'}"
        f"{'; '.join(('', *proof.assumptions))}"
    )


def cpu_gemm(size: int = 1024, rounds: int = 15) -> str:
    """The product for the processor beside NumPy's, the best of runs taken in turns."""
    module = importlib.import_module("examples.cpu_gemm")
    built = module.schedule(module.make(M=size, N=size, K=size)).build()
    A, B = np.random.default_rng(0).random((2, size, size), dtype=np.float32)
    C = np.zeros((size, size), np.float32)
    times: dict[str, list[float]] = {"ours": [], "NumPy": []}
    for _ in range(rounds):
        for label, call in (("ours", lambda: built(A, B, C)), ("NumPy", lambda: A @ B)):
            start = time.perf_counter()
            call()
            times[label].append(time.perf_counter() - start)
    best = {label: min(found) for label, found in times.items()}
    middle = {label: float(np.median(found)) for label, found in times.items()}
    return (
        f"cpu_gemm {size}: best {best['ours'] * 1e3:.1f} ms, NumPy {best['NumPy'] * 1e3:.1f} ms,"
        f" speed {best['NumPy'] / best['ours']:.2f} of NumPy's"
        f" (medians {middle['NumPy'] / middle['ours']:.2f})"
    )


def main() -> None:
    """Print the table."""
    wanted = sys.argv[1:] or [*NAMES, "cpu_gemm"]
    print(
        "kernel       lines primitives  schedule    median   slowest               verify     MACs  conflicts"
    )
    for name in wanted:
        print(cpu_gemm() if name == "cpu_gemm" else measure(name), flush=True)


if __name__ == "__main__":
    main()
