"""Random kernels of the whole language as HLS C++: its C simulation and the interpreter agree bit for bit."""

from __future__ import annotations

import shutil
import warnings

import numpy as np
import pytest

from tests.emit.batch import simulations
from tests.fuzz.generate import generate
from tests.fuzz.run import arguments, compare, copies, load_kernel, outcome, trace_kernel
from tracealloc.check.interpret.interpret import interpret
from tracealloc.emit.vitis.csim.ap_headers import open_headers
from tracealloc.emit.vitis.hardware import HARDWARE
from tracealloc.schedule.core.state import lowered, module_of
from tracealloc.trace.ir.program import Program
from tracealloc.trace.queries.summary import summary_of

pytestmark = pytest.mark.skipif(
    open_headers() is None or shutil.which("g++") is None, reason="needs hls4ml's headers and g++"
)
BATCH = 25


def _has_queue_of_two_ways(program: Program) -> bool:
    """Whether a queue is taken from and put into: hardware's ports have one direction (TA819)."""
    used = summary_of(program)
    return any(array.kind == "stream" and array in used.reads & used.writes for array in program.args)


def check(seeds: range) -> None:
    """Simulate the kernels of some seeds, compiled together."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        texts = {seed: generate(seed) for seed in seeds}
        traced = {seed: trace_kernel(load_kernel(text)) for seed, text in texts.items()}
        texts = {seed: text for seed, text in texts.items() if not _has_queue_of_two_ways(traced[seed])}
        programs = [traced[seed] for seed in texts]
        runs = simulations(
            [lowered(module_of(program, HARDWARE)) for program in programs]
        )  # as a user's build has it
        for (seed, text), program, run in zip(texts.items(), programs, runs, strict=True):
            given = arguments(program, seed)
            found = []
            for way, call in (("interpreter", lambda *args, p=program: interpret(p, *args)), ("csim", run)):
                mine = copies(given)
                found.append((way, outcome(mine, call(*mine))))
            try:
                compare(*found, [array.name for array in program.args])
            except Exception as error:
                raise AssertionError(f"seed {seed}: {error}\n{text}\n{run.source}") from None


def test_random_kernels() -> None:
    check(range(BATCH))


@pytest.mark.long
@pytest.mark.parametrize("first", range(1000, 1000 + 20 * BATCH, BATCH))
def test_many_random_kernels(first: int) -> None:
    check(range(first, first + BATCH))
