"""The last write before a read where loops have steps: isl's own answer is wrong for some maps."""

from __future__ import annotations

import islpy as isl
import pytest

import tracealloc as ta
from tracealloc import float32, kernel
from tracealloc.poly.isl.named import extreme

STEPS = isl.Map(
    "{ F[e0 = 2] -> S[t0, t1, k0 = -t0 + t1, k1, k2] : 3k1 = -1 + t0 and 2k2 = 1 - t0 + t1"
    " and 0 < t0 <= 4 and t0 < t1 <= 3 + t0 }"
)


def test_last_and_first_of_a_map_with_steps() -> None:
    assert extreme(STEPS, latest=True).is_equal(isl.Map("{ F[2] -> S[4, 7, 3, 1, 2] }"))
    assert extreme(STEPS, latest=False).is_equal(isl.Map("{ F[2] -> S[1, 2, 1, 0, 1] }"))


@kernel
def one(F: float32[14], B: float32[14]):
    for i in ta.range(1, 5, 3):
        for j in ta.range(1, 4, 2):
            F[2] = B[i + j] - F[2]


@kernel
def triangle(F: float32[40], B: float32[14]):
    for i in ta.range(1, 12, 3):
        for j in ta.range(i, 12, 2):
            for k in ta.range(0, -5, -3):
                F[2 * j - k] = B[j] - F[j]


@pytest.mark.parametrize("made", [one, triangle])
@pytest.mark.parametrize("factor", [1, 2, -1])
def test_skewed_loops_with_steps_are_proved(made: ta.Kernel, factor: int) -> None:
    s = ta.customize(made)
    s.skew("j", "i", factor)
    assert s.verify()
