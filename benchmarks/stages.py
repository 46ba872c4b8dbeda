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
    """Median seconds of each stage; the sums are of medians."""
    import tracealloc as ta
    from tracealloc.emit.c import c_source
    from tracealloc.emit.vitis import vitis_source
    from tracealloc.poly.build import build_model
    from tracealloc.poly.dependence import dependences_of

    warnings.simplefilter("ignore", ta.TraceallocWarning)
    program = case.kernel().trace()
    found = {"trace": median_seconds(lambda: case.kernel().trace(), rounds)}
    found["dependences"] = median_seconds(lambda: dependences_of(build_model(program)[0]), rounds)
    kernel = case.kernel()
    base = ta.customize(kernel)
    found["schedule"] = median_seconds(lambda: apply_steps(case, base.copy()), rounds)
    scheduled = apply_steps(case, ta.customize(kernel))
    found["emit C"] = median_seconds(lambda: c_source(scheduled.lowered), rounds)
    found["emit HLS"] = median_seconds(lambda: vitis_source(scheduled.lowered), rounds)
    first = found["trace"] + found["dependences"] + found["schedule"]
    found["sum to C"] = first + found["emit C"]
    found["sum to HLS"] = first + found["emit HLS"]
    return found
