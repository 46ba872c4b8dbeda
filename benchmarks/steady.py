"""The steady run: the unscheduled kernel beside the hand-written C and numba, in turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import handwritten, with_numba
from benchmarks.cases import Case
from benchmarks.timing import side_by_side

MEASURES = ("steady run", "gcc run", "ratio", "numba run")


def _numba(case: Case) -> Callable[..., Any] | None:
    function = with_numba.compiled(case.module)
    if function is None or case.module != "jacobi_2d":
        return function
    fifth = np.dtype(case.dtype).type(0.2)
    return lambda A, B: function(A, B, case.sizes["TSTEPS"], fifth)


def measure(case: Case, budget: float) -> dict[str, float]:
    """Median seconds of each contender, after checking that all compute the same."""
    contenders: dict[str, Callable[..., Any]] = {
        "steady run": case.kernel(),
        "gcc run": handwritten.build(case),
    }
    compiled = _numba(case)
    if compiled is not None:
        contenders["numba run"] = compiled
    original = case.arguments()
    work = [value.copy() for value in original]

    def fresh() -> tuple[Any, ...]:
        for target, source in zip(work, original, strict=True):
            if isinstance(target, np.ndarray):
                np.copyto(target, source)
        return tuple(work)

    _check(case, contenders, fresh)
    found = side_by_side(contenders, fresh, budget)
    return {**found, "ratio": found["steady run"] / found["gcc run"]}


def _check(
    case: Case, contenders: dict[str, Callable[..., Any]], fresh: Callable[[], tuple[Any, ...]]
) -> None:
    """Refuse to time what computes something else."""
    results = {}
    for name, function in contenders.items():
        arguments = fresh()
        function(*arguments)
        results[name] = [value.copy() for value in arguments if isinstance(value, np.ndarray)]
    expected = results["gcc run"]
    tolerance = 1e-3 if case.dtype == "float32" else 1e-9
    for name, arrays in results.items():
        for mine, theirs in zip(arrays, expected, strict=True):
            if not np.allclose(mine, theirs, rtol=tolerance, atol=tolerance):
                raise SystemExit(f"{case.label}: {name} computes something else than the hand-written C")
