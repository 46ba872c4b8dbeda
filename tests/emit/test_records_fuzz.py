"""Random kernels of queues, records and ports: C simulation, C build and interpreter agree, or fail alike."""

from __future__ import annotations

import shutil
import warnings
from copy import deepcopy
from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tests.emit.batch import simulations
from tests.emit.records import given, random_schedule
from tracealloc.check.interpret.interpret import interpret
from tracealloc.customize import Schedule
from tracealloc.emit.run.runtime import build_c
from tracealloc.emit.vitis.csim.ap_headers import open_headers

pytestmark = pytest.mark.skipif(
    open_headers() is None or shutil.which("g++") is None, reason="needs hls4ml's headers and g++"
)
BATCH = 20


def can_be_built(s: Schedule) -> bool:
    """Whether no port is asked to do what it cannot."""
    try:
        s.build("vitis_hls")
    except ta.BuildError as error:
        assert error.code == "TA819", error
        return False
    return True


def outcome(run: Any, values: list[Any]) -> tuple[str | None, list[Any]]:
    """The code of the error, if there is one, and all that a run leaves behind."""
    values = deepcopy(values)
    try:
        run(*values)
    except ta.TraceallocError as error:
        return error.code, values
    return None, values


def same(a: Any, b: Any) -> bool:
    """Whether two arrays or queues hold the same bits (any NaN equals any other)."""
    if isinstance(a, list):
        return len(a) == len(b) and all(same(np.asarray(x), np.asarray(y)) for x, y in zip(a, b, strict=True))
    if a.dtype.names:
        return all(same(a[name], b[name]) for name in a.dtype.names)
    if a.dtype.kind == "O":
        return bool((a == b).all())
    nan = a != a
    return bool(a.dtype == b.dtype and (nan == (b != b)).all()) and bool((a[~nan] == b[~nan]).all())


def check(seeds: range) -> int:
    """Simulate the kernels of some seeds, compiled together; how many could be built."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = {seed: random_schedule(seed) for seed in seeds}
    kept = {seed: item for seed, item in made.items() if can_be_built(item[0])}
    runs = simulations([s.lowered for s, _ in kept.values()])
    for (seed, (s, text)), run in zip(kept.items(), runs, strict=True):
        for again in range(3):
            values = given(s, seed + again)
            want = outcome(lambda *args, s=s: interpret(s.kernel.trace(), *args), values)
            found, c = outcome(run, values), outcome(build_c(s.lowered), values)
            message = f"seed {seed}, {again}: {want[0]} {found[0]} {c[0]}\n{text}\n{run.source}"
            assert (want[0] is None) == (found[0] is None) == (c[0] is None), message
            kept_values = values if found[0] else want[1]
            assert all(same(a, b) for a, b in zip(found[1], kept_values, strict=True)), message
            assert found[0] or all(same(a, b) for a, b in zip(c[1], want[1], strict=True)), message
    return len(kept)


def test_random_records() -> None:
    assert check(range(BATCH)) >= BATCH // 3


@pytest.mark.long
@pytest.mark.parametrize("first", range(1000, 1000 + 40 * BATCH, BATCH))
def test_many_random_records(first: int) -> None:
    check(range(first, first + BATCH))
