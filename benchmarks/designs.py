"""The designs of the examples at MEDIUM size: ``python -m benchmarks.designs [names]``.

With ``--table`` the rows of the table in ``examples/README.md``, and nothing is measured.

For each: lines and primitives of the schedule, time for all primitives, for the middle and for the slowest
one, and for the proof; then what `benchmarks.hardware` counts: additions per cycle of the busiest loop, the
longest interval of any pipelined loop, DSPs and cycles. Last the product for the processor beside NumPy's,
one thread each.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import importlib
import inspect
import sys
import time

import numpy as np

from benchmarks.cases import MEDIUM
from benchmarks.hardware import PUBLISHED, design_of, table_row

# In the order of the published table's importance.
NAMES = ["gemm", "two_mm", "three_mm", "atax", "bicg", "mvt", "gesummv", "syrk", "syr2k", "trmm", "symm"]
NAMES += ["correlation", "jacobi_2d"]


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
    found = design_of(schedule)
    lines = len(inspect.getsource(module.schedule).splitlines())
    return (
        f"{name:12s} {lines:5d} {len(schedule.history):10d} {(scheduled - start) * 1e3:8.0f} ms"
        f" {np.median(steps) * 1e3:6.0f} ms {max(steps) * 1e3:6.0f} ms {slowest:10s}"
        f" {(proved - scheduled) * 1e3:6.0f} ms {found.lanes:6.0f} {found.interval:3d} {found.dsps:6d}"
        f" {found.cycles:8d}"
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
    import tracealloc as ta

    if sys.argv[1:] == ["--table"]:
        for name in PUBLISHED:
            module = importlib.import_module(f"examples.polybench.{name}")
            print(table_row(name, design_of(module.schedule(module.make(**MEDIUM[name], dtype=ta.float32)))))
        return
    wanted = sys.argv[1:] or [*NAMES, "cpu_gemm"]
    print(
        "kernel       lines primitives  schedule    median   slowest               verify   adds  II   DSPs"
        "   cycles  conflicts"
    )
    for name in wanted:
        print(cpu_gemm() if name == "cpu_gemm" else measure(name), flush=True)


if __name__ == "__main__":
    main()
