"""From the Python function to text: trace, dependences, four primitives, C text, HLS text."""

from __future__ import annotations

import warnings
from typing import Any

from benchmarks.cases import Case
from benchmarks.timing import median_seconds

MEASURES = ("trace", "dependences", "schedule", "emit C", "emit HLS", "sum to C", "sum to HLS")


def apply_steps(case: Case, schedule: Any) -> Any:
    """Apply the case's four primitives."""
    loops = list(schedule.loops())
    for step in case.steps:
        step(schedule, loops)
    return schedule


def measure(case: Case, rounds: int) -> dict[str, float]:
    """Median seconds of each stage; the sums are of medians.

    ``schedule`` takes the dependences that its steps ask for once more, so the sums are upper bounds.
    Emission starts from the schedule: lowering it to loops counts.
    """
    import tracealloc as ta
    from tracealloc.emit.c.function import c_source
    from tracealloc.emit.vitis.text.module import vitis_source
    from tracealloc.poly.dataflow.effects import model_of
    from tracealloc.poly.dependence.dependence import dependences_of
    from tracealloc.schedule.core.state import lowered
    from tracealloc.schedule.hls.lowered import for_hls

    warnings.simplefilter("ignore", ta.TraceallocWarning)
    program = case.kernel().trace()
    found = {"trace": median_seconds(lambda: case.kernel().trace(), rounds)}
    found["dependences"] = median_seconds(lambda: dependences_of(model_of(program)[0]), rounds)
    kernels = [case.kernel() for _ in range(rounds + 1)]
    for kernel in kernels:
        kernel.trace()
    waiting = iter(kernels)
    # A fresh kernel each time: what a schedule asks of a program (dependences, say) is kept with it.
    found["schedule"] = median_seconds(lambda: apply_steps(case, ta.customize(next(waiting))), rounds)
    module = apply_steps(case, ta.customize(case.kernel())).module
    found["emit C"] = median_seconds(lambda: c_source(lowered(module)), rounds)
    found["emit HLS"] = median_seconds(
        lambda: vitis_source(for_hls(lowered(module), module.hardware)), rounds
    )
    first = found["trace"] + found["dependences"] + found["schedule"]
    found["sum to C"] = first + found["emit C"]
    found["sum to HLS"] = first + found["emit HLS"]
    return found
