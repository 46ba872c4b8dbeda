"""What the tests of memory primitives share: a schedule of a plain function, and its three-way check."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tracealloc.check.interpret.interpret import interpret
from tracealloc.check.verify import verify_module
from tracealloc.customize import Schedule
from tracealloc.emit.run.runtime import build_c
from tracealloc.emit.vitis.hardware import HARDWARE
from tracealloc.trace.functions import trace
from tracealloc.trace.ir.dtype import Float
from tracealloc.trace.ir.program import Program


def schedule_of(function: Callable[..., Any]) -> Schedule:
    """A schedule of a function with annotated parameters, nothing scheduled."""
    return Schedule(None, trace(function), HARDWARE)  # type: ignore[arg-type]


def arguments(program: Program, seed: int = 0) -> list[Any]:
    """Small whole numbers for every argument, so that floating-point sums are exact."""
    rng = np.random.default_rng(seed)
    made: list[Any] = []
    for array in program.args:
        if isinstance(array.dtype, Float):
            dtype = {32: np.float32, 64: np.float64}[array.dtype.bits]
        else:
            dtype = np.dtype(str(array.dtype))
        values = rng.integers(-8, 9, array.shape).astype(dtype)
        made.append(values if array.shape else values.item())
    return made


def outcome(run: Callable[..., Any], program: Program, seed: int = 0) -> list[Any]:
    """All that a run leaves behind: arguments and results."""
    args = arguments(program, seed)
    results = run(*args)
    found = results if isinstance(results, tuple) else () if results is None else (results,)
    return [np.asarray(value) for value in (*args, *found)]


def agree(schedule: Schedule, c: bool = False) -> None:
    """Proof, interpreter and (if asked) the compiled text agree with the unscheduled program."""
    program, lowered = schedule.program, schedule.lowered
    proof = verify_module(schedule.module)
    assert proof, f"{proof}\n{schedule}"
    expected = outcome(lambda *args: interpret(program, *args), program)
    found = outcome(lambda *args: interpret(lowered, *args), program)
    for a, b in zip(expected, found, strict=True):
        assert np.array_equal(a, b), f"{schedule}"
    if c:
        built = outcome(build_c(lowered), program)
        for a, b in zip(expected, built, strict=True):
            assert np.array_equal(a, b), f"{schedule}"


def said(s: Schedule, loop: Any, ii: int = 1) -> list[str]:
    """What `pipeline` warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        s.pipeline(loop, ii)
    return [str(each.message) for each in caught]
