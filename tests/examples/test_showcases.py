"""The examples outside the suites: each proved, and right on data."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from tests.schedule.memory import outcome

SIZES = {
    "blur": {"H": 8, "W": 11},
    "conv2d": {"H": 9, "W": 13},
    "wavefront": {"TSTEPS": 3, "N": 14},
    "cpu_gemm": {"M": 30, "N": 37, "K": 29},
}


@pytest.mark.parametrize("name", SIZES)
def test_proved_and_right(name: str) -> None:
    module = importlib.import_module(f"examples.{name}")
    kernel = module.make(**SIZES[name])
    schedule = module.schedule(kernel)
    proof = schedule.verify("polyhedral")
    assert proof, str(proof)
    expected = outcome(kernel.build(), schedule.program)
    found = outcome(schedule.build(), schedule.program)
    for a, b in zip(expected, found, strict=True):
        assert np.array_equal(a, b)


def test_the_convolution_reads_one_pixel_per_cycle() -> None:
    module = importlib.import_module("examples.conv2d")
    table = module.schedule(module.make(H=62, W=62)).conflicts()
    assert not table, str(table)
    row = next(row for row in table if (row.loop, row.array) == ("x", "image"))
    assert (row.reads, row.writes) == (1, 0)
