"""The lesser and the greater of floats, as NumPy has them, in every way to run a kernel."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

import tracealloc as ta
from tracealloc import bfloat16, float16, float32, float64, grid, kernel
from tracealloc.check.interpret.interpret import interpret

HELD = {float16: np.float16, bfloat16: ml_dtypes.bfloat16, float32: np.float32, float64: np.float64}
VALUES = [np.nan, 1.0, -1.0, 0.0, -0.0, np.inf, -np.inf, 2.5]
PAIRS = [(a, b) for a in VALUES for b in VALUES]
COUNT = len(PAIRS)


def ways(traced: Any) -> list[Any]:
    s = ta.customize(traced)
    return [traced, s.build("vitis_hls", mode="csim"), lambda *args: interpret(traced.trace(), *args)]


def columns(dtype: Any) -> list[np.ndarray]:
    return [np.array(column).astype(HELD[dtype]) for column in zip(*PAIRS, strict=True)]


def assert_same(found: np.ndarray, expected: np.ndarray, zeros: bool = True) -> None:
    a, b = found.astype(np.float64), expected.astype(np.float64)
    np.testing.assert_array_equal(a, b)
    if zeros:
        np.testing.assert_array_equal(np.signbit(a) & (a == 0), np.signbit(b) & (b == 0))


@pytest.mark.parametrize("dtype", HELD, ids=str)
def test_every_spelling_of_every_type(dtype: Any) -> None:
    @kernel
    def both(a: dtype[COUNT], b: dtype[COUNT], out: dtype[9, COUNT]):
        for i in grid(COUNT):
            out[0, i] = np.maximum(a[i], b[i])
            out[1, i] = np.minimum(a[i], b[i])
            out[2, i] = ta.maximum(a[i], b[i])
            out[3, i] = ta.minimum(a[i] + 0, b[i] * 1)
            out[4, i] = np.fmax(a[i], b[i])
            out[5, i] = np.fmin(a[i] * 1, b[i])
            out[6, i] = np.clip(a[i], b[i], 2.0)
            out[7, i] = max(a[i], b[i])
            out[8, i] = min(a[i], b[i])

    a, b = columns(dtype)
    two = np.array(2.0, HELD[dtype])
    half, pairs = dtype == float16, list(zip(a, b, strict=True))
    # Which of two equal zeros NumPy takes depends on its version and the machine: here it is said.
    greater = [x if x != x or (x >= y if half else x > y) else y for x, y in pairs]
    lesser = [x if x != x or (x <= y if half else x < y) else y for x, y in pairs]
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(np.float64(greater), np.float64(np.maximum(a, b)))
        np.testing.assert_array_equal(np.float64(lesser), np.float64(np.minimum(a, b)))
        numbers = [np.fmax(a, b), np.fmin(a, b), np.minimum(np.maximum(a, b), two)]
    pythons = [[f(x, y) for x, y in pairs] for f in (max, min)]
    wanted = [np.array(row) for row in (greater, lesser, greater, lesser, *numbers, *pythons)]
    for run in ways(both):
        out = np.zeros((9, COUNT), HELD[dtype])
        run(a, b, out)
        for row, (found, expected) in enumerate(zip(out, wanted, strict=True)):
            assert_same(found, expected, zeros=row in (0, 1, 2, 7, 8))


def test_sums_of_extremes_keep_nan() -> None:
    """A running maximum is NaN from the first NaN on, whatever the schedule."""

    @kernel
    def top(a: float32[8], out: float32[1]):
        m = ta.scalar(float32, -np.inf)
        for k in grid(8, name="M"):
            m.set(ta.maximum(m, a[k]))
        out[0] = m

    a = np.arange(8, dtype=np.float32)
    for at in (None, 0, 3, 7):
        given = a.copy()
        if at is not None:
            given[at] = np.nan
        s = ta.customize(top)
        s.split("k", 3)
        for run in (*ways(top), s.build(), s.build("vitis_hls", mode="csim")):
            out = np.zeros(1, np.float32)
            run(given, out)
            np.testing.assert_array_equal(out, [np.max(given)])


def test_clip_with_one_end() -> None:
    @kernel
    def clipped(a: float32[3], n: ta.int16[3], out: float32[3, 3], m: ta.int16[3]):
        for i in grid(3):
            out[0, i] = np.clip(a[i], -1, np.where(n[i] > 0, 1, 2))
            out[1, i] = np.clip(a[i], None, 0.5)
            out[2, i] = np.clip(a[i], 0.5, None)
            m[i] = np.clip(n[i], -3, 3)

    a, n = np.array([-2, np.nan, 3], np.float32), np.array([-9, 2, 9], np.int16)
    for run in ways(clipped):
        out, m = np.zeros((3, 3), np.float32), np.zeros(3, np.int16)
        run(a, n, out, m)
        np.testing.assert_array_equal(out, [np.clip(a, -1, 1), np.minimum(a, 0.5), np.maximum(a, 0.5)])
        assert m.tolist() == [-3, 2, 3]
