"""The schedules of the designs at the least sizes: proved, right, and with the names of larger ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tests.examples.suite import example
from tests.examples.test_designs import IN_PARTS, MEDIUM
from tracealloc.check.interpret.interpret import interpret

LEAST = [1, 2, 3]


def sizes(name: str, first: int) -> dict[str, int]:
    """Small sizes that differ, from the first on."""
    return {key: LEAST[(first + number) % len(LEAST)] for number, key in enumerate(MEDIUM[name])}


def values(program: Any) -> list[Any]:
    """Small numbers for each argument: sums of them are exact in any order."""
    rng = np.random.default_rng(5)
    return [
        rng.integers(1, 5, array.shape).astype(np.float64) if array.shape else 2.0 for array in program.args
    ]


@pytest.mark.parametrize("first", range(len(LEAST)))
@pytest.mark.parametrize("name", MEDIUM)
def test_least_sizes(name: str, first: int) -> None:
    module = example("polybench", name)
    for chosen in (sizes(name, first), dict.fromkeys(MEDIUM[name], LEAST[first])):
        kernel = module.make(**chosen, dtype=ta.float64)
        s = module.schedule(kernel)
        assert s.verify(), chosen
        expected, found = values(s.program), values(s.program)
        interpret(s.program, *expected)
        interpret(s.lowered, *found)
        for want, got in zip(expected, found, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-12 if name in IN_PARTS else 0, strict=True)


@pytest.mark.parametrize("name", MEDIUM)
def test_names_and_ranks_do_not_depend_on_sizes(name: str) -> None:
    module = example("polybench", name)
    found = []
    for size in (1, 2, 3, 9):
        s = module.schedule(module.make(**dict.fromkeys(MEDIUM[name], size), dtype=ta.float64))
        ranks = {array: len(banks) for array, banks in s.layouts().items()}
        found.append(([str(loop) for loop in s.loops()], ranks))
    assert found[0] == found[1] == found[2] == found[3]
