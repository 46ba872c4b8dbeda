"""Random kernels with run-time sizes under random steps: right for every size, or refused before a write."""

from __future__ import annotations

import warnings
from collections import Counter
from random import Random
from typing import Any

import numpy as np
import pytest
from sized import SIZES, sized_kernel, sized_source
from steps import arguments, called

import tracealloc as ta
from tracealloc.check.interpret.interpret import interpret
from tracealloc.trace.ir.dtype import Index, Integer

STEPS = ("reorder", "tile", "skew", "shift", "reverse", "merge", "distribute", "split", "fuse", "peel")
STEPS += ("unroll", "buffer_at", "compute_at", "parallel", "pipeline", "split", "buffer_at")


def fits(program: Any, sizes: tuple[int, int]) -> bool:
    """Whether sizes are values of the types of `n` and `m`."""
    types = [Integer(64, True) if isinstance(a.dtype, Index) else a.dtype for a in program.args[:2]]
    return all(t.low <= value <= t.high for t, value in zip(types, sizes, strict=True))


def outcome(run: Any, sizes: tuple[int, int]) -> list[np.ndarray] | str:
    """The arrays after a run, or the code of its error."""
    rng = np.random.default_rng(7)
    arrays = [rng.integers(-9, 10, shape).astype(np.int32) for shape in ((12, 12), (12, 12), (12,))]
    before = [array.copy() for array in arrays]
    try:
        run(*sizes, *arrays)
    except ta.TraceallocError as error:
        if error.code == "TA153":
            assert all(np.array_equal(a, b) for a, b in zip(before, arrays, strict=True)), (
                "written before the check"
            )
        return error.code
    return arrays


def same(a: list[np.ndarray] | str, b: list[np.ndarray] | str) -> bool:
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def one_case(seed: int, seen: Counter[str], compile_c: bool) -> None:
    kernel = sized_kernel(seed)
    raw = kernel._traced()
    try:
        program = kernel.trace()
    except ta.BoundsError:  # outside whatever the sizes are
        seen["never inside"] += 1
        return
    rng = Random(seed)
    s = ta.customize(kernel)
    for _ in range(rng.randint(1, 4)):
        name = rng.choice(STEPS)
        try:
            getattr(s, name)(*called(rng, s, arguments(rng, s, name)))
            seen["accepted"] += 1
        except ta.ScheduleError:
            seen["refused"] += 1
    try:
        assert s.verify(), s
    except ta.VerifyError:  # more than its budget
        seen["undecided"] += 1
    runs = {"lowered": lambda *a: interpret(s.lowered, *a)}
    if compile_c:
        runs |= {"C": s.build(), "plain C": kernel.build()}
    for sizes in SIZES:
        if not fits(program, sizes):
            continue
        plain = outcome(lambda *a: interpret(raw, *a), sizes)
        checked = outcome(lambda *a: interpret(program, *a), sizes)
        if checked == "TA153":  # an access would be outside, or its loop does not run
            seen["not required"] += 1
        elif plain == "TA601":
            assert checked == "TA601", (sizes, checked)  # under a condition on data: found when it happens
            seen["guarded"] += 1
            continue
        else:
            seen["run"] += 1
            assert same(plain, checked)
        for name, run in runs.items():
            found = outcome(run, sizes)
            assert same(found, checked), f"{name} at {sizes}: {found} not {checked}\n{s}"


@pytest.mark.filterwarnings("ignore::tracealloc.TraceallocWarning")
def test_random_sizes(long_mode: bool) -> None:
    seen: Counter[str] = Counter()
    for seed in range(2000 if long_mode else 40):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                one_case(seed, seen, compile_c=long_mode or seed % 4 == 0)
        except Exception as error:
            raise AssertionError(f"seed {seed}\n{sized_source(seed)}") from error
    assert seen["run"] > seen["guarded"], seen
    assert seen["accepted"] > 20, seen
