"""Calls: the first in a new process, with and without the disk cache, and the cost of a later one."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import timeit
from pathlib import Path

import numpy as np

from benchmarks.cases import Case
from benchmarks.handwritten import compile_command
from benchmarks.timing import median_seconds

MEASURES = ("compile", "first call", "cached call", "import", "gcc")
ROOT = Path(__file__).resolve().parent.parent

_CHILD = """
import sys, time
import numpy
from benchmarks.cases import from_description
case = from_description(sys.argv[1])
with numpy.load(sys.argv[2]) as stored:
    arguments = [stored[name][()] for name in stored.files]
start = time.perf_counter()
import tracealloc
imported = time.perf_counter()
kernel = case.kernel()
kernel(*arguments)
print(imported - start, time.perf_counter() - imported)
"""


def _child(case: Case, arguments: Path, cache: str) -> tuple[float, float]:
    """Seconds of the import and of the first call in a new process."""
    environment = {**os.environ, "TRACEALLOC_CACHE": cache}
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, case.description(), str(arguments)],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    imported, called = done.stdout.split()
    return float(imported), float(called)


def measure(case: Case, rounds: int) -> dict[str, float]:
    """Median seconds; ``first call`` has nothing cached, ``cached call`` has the disk cache.

    Neither counts the import of NumPy; ``import`` is that of tracealloc alone, to be added. ``gcc`` is the
    compiler alone on the hand-written C.
    """
    cold, warm, imports = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        arguments = Path(folder) / "arguments.npz"
        np.savez(arguments, *case.arguments())
        for number in range(rounds):
            cache = str(Path(folder) / f"cache{number}")
            for found in (cold, warm):
                imported, called = _child(case, arguments, cache)
                found.append(called)
                imports.append(imported)
        command = compile_command(case, Path(folder) / "kernel.so")
        gcc = median_seconds(lambda: subprocess.run(command, check=True), rounds)
    return {
        "compile": statistics.median(cold) - statistics.median(warm),
        "first call": statistics.median(cold),
        "cached call": statistics.median(warm),
        "import": statistics.median(imports),
        "gcc": gcc,
    }


def overhead(repeat: int = 7) -> float:
    """Seconds that a call with three arrays costs beyond its (tiny) work."""
    import tracealloc as ta
    from tracealloc import float32, grid, kernel

    @kernel
    def add(A: float32[4], B: float32[4], C: float32[4]):  # type: ignore[no-untyped-def, valid-type]
        for i in grid(4):
            C[i] = A[i] + B[i]

    assert ta is not None
    A, B, C = (np.ones(4, np.float32) for _ in range(3))
    add(A, B, C)
    number = 20_000
    return statistics.median(timeit.repeat(lambda: add(A, B, C), number=number, repeat=repeat)) / number
