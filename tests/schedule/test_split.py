"""``split``: strip-mine a loop."""

from __future__ import annotations

import pytest
from common import check_round_trip, nest, refused

import tracealloc as ta
from tracealloc import float32, grid, int32, kernel


@kernel
def backwards(A: float32[9]):
    for i in ta.range(8, 0, -2):
        A[i] = A[i - 1]


def test_split_downwards_and_by_steps() -> None:
    s = ta.customize(backwards)
    s.split("i", 3)
    check_round_trip(s, backwards)
    assert refused(lambda: s.split("i.inner", 0), s, ta.ScheduleError) == (
        'TA221 split("i.inner", 0) needs a factor of at least 1, not 0'
    )


@kernel
def double(A: int32[10]):
    for i in grid(10):
        A[i] = A[i] * 2


@pytest.mark.parametrize(
    ("factor", "lines"),
    [
        (5, ["L0: for i.outer in 0:2", "      for i.inner in 0:5", "        A[5 * i.outer + i.inner] *= 2"]),
        (
            4,
            [
                "L0: for i.outer in 0:3",
                "      for i.inner in 0:min(4, 10 - 4 * i.outer)",
                "        A[4 * i.outer + i.inner] *= 2",
            ],
        ),
    ],
)
def test_split_into_equal_parts_and_a_rest(factor: int, lines: list[str]) -> None:
    s = ta.customize(double)
    outer, inner = s.split("i", factor)
    assert (outer.name, inner.name) == ("i.outer", "i.inner")
    assert nest(s) == lines
    check_round_trip(s, double)
