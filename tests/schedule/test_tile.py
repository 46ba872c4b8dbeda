"""``tile``: split several loops and move the outer ones outside."""

from __future__ import annotations

from common import check_round_trip, nest, refused

import tracealloc as ta
from tracealloc import float32, grid, kernel


@kernel
def matmul(A: float32[4, 5], B: float32[5, 6], C: float32[4, 6]):
    for i, j, k in grid(4, 6, 5):
        C[i, j] += A[i, k] * B[k, j]


def test_tile_any_factor() -> None:
    s = ta.customize(matmul)
    outer, *_ = s.tile(["i", "j"], [3, 4])
    assert outer.name == "i.outer"
    assert nest(s) == [
        "L0: for i.outer in 0:2",
        "      for j.outer in 0:2",
        "        for i.inner in 0:min(3, 4 - 3 * i.outer)",
        "          for j.inner in 0:min(4, 6 - 4 * j.outer)",
        "            for k in 0:5",
        "              C[3 * i.outer + i.inner, 4 * j.outer + j.inner] += "
        "A[3 * i.outer + i.inner, k] * B[k, 4 * j.outer + j.inner]",
    ]
    check_round_trip(s, matmul)
    assert refused(lambda: s.tile(["k"], [2, 2]), s, ta.ScheduleError) == (
        'TA222 tile(["k"], [2, 2]) got 1 loops but 2 factors\n'
        "  try: a factor for each loop, or one number for all"
    )
    assert refused(lambda: s.tile(["k", "k"], 2), s, ta.ScheduleError) == (
        'TA223 tile(["k", "k"], 2) names a loop twice'
    )


def test_tile_of_no_loops() -> None:
    s = ta.customize(matmul)
    message = refused(lambda: s.tile([], []), s, ta.ScheduleError)
    assert message == "TA222 tile([], []) needs at least one loop"
