"""The schedules of the examples: proved at MEDIUM size, free of bank conflicts, right on small data."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

import tracealloc as ta
from tests.schedule.memory import outcome

MEDIUM = {
    "gemm": {"NI": 200, "NJ": 220, "NK": 240},
    "two_mm": {"NI": 180, "NJ": 190, "NK": 210, "NL": 220},
    "three_mm": {"NI": 180, "NJ": 190, "NK": 200, "NL": 210, "NM": 220},
    "atax": {"M": 390, "N": 410},
    "bicg": {"M": 390, "N": 410},
    "correlation": {"M": 240, "N": 260},
    "gesummv": {"N": 250},
    "jacobi_2d": {"TSTEPS": 100, "N": 250},
    "mvt": {"N": 400},
    "symm": {"M": 200, "N": 240},
    "syr2k": {"M": 200, "N": 240},
    "syrk": {"M": 200, "N": 240},
    "trmm": {"M": 200, "N": 240},
}


def scheduled(name: str, sizes: dict[str, int]) -> tuple[ta.Kernel, ta.Schedule]:
    """The kernel of an example and its schedule."""
    module = importlib.import_module(f"examples.polybench.{name}")
    if not hasattr(module, "schedule"):
        pytest.skip(f"{name} has no schedule")
    kernel = module.make(**sizes, dtype=ta.float32)
    return kernel, module.schedule(kernel)


@pytest.mark.parametrize("name", MEDIUM)
def test_proved_at_medium_size(name: str) -> None:
    _, schedule = scheduled(name, MEDIUM[name])
    proof = schedule.verify("polyhedral")
    assert proof, str(proof)
    assert not schedule.conflicts(), str(schedule.conflicts())


@pytest.mark.parametrize("name", MEDIUM)
def test_right_on_small_data(name: str) -> None:
    sizes = {key: min(value, 24 + number) for number, (key, value) in enumerate(MEDIUM[name].items())}
    if "TSTEPS" in sizes:
        sizes["TSTEPS"] = 3
    kernel, schedule = scheduled(name, sizes)
    expected = outcome(kernel.build(), schedule.program)
    found = outcome(schedule.build(), schedule.program)
    for a, b in zip(expected, found, strict=True):
        assert np.array_equal(a, b, equal_nan=True)
