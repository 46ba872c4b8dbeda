"""partition of arrays that live inside loops and are stored with an element for each iteration."""

from __future__ import annotations

from common import check_round_trip, refused

import tracealloc as ta
from tracealloc import float32, grid, kernel


@kernel
def dots(A: float32[6, 7], B: float32[7, 8], C: float32[6, 8]):
    for i, j in grid(6, 8):
        total = ta.scalar(float32, C[i, j])
        for k in ta.range(7):
            total += A[i, k] * B[k, j]
        C[i, j] = total


@kernel
def lines(A: float32[6, 8], B: float32[6, 8]):
    for i in ta.range(6):
        line = ta.zeros(8, float32)
        for j in ta.range(8):
            line[j] = A[i, j] * 2
        for j in ta.range(8):
            B[i, j] = line[j] + 1


def test_an_array_that_a_loop_was_split_around_has_that_loop_as_a_dimension() -> None:
    s = ta.customize(dots)
    message = refused(lambda: s.partition(s.total), s, ta.ScheduleError)
    assert message == (
        "TA230 partition(\"total\") cannot partition 'total', which is a scalar\n"
        "  because: it has one element, in a register\n"
        "  try: leave it as it is: a register has no ports that could conflict"
    )
    s.distribute("j")
    assert s.total.shape == (8,)
    s.distribute("i")
    assert s.total.shape == (6, 8)
    s.partition(s.total, dim=1, kind="cyclic", factor=2)
    s.partition(s.total, dim=1, kind="cyclic", factor=4)
    s.partition(s.total, dim=0, kind="cyclic", factor=1)
    assert "total: dim 1 cyclic 4" in str(s)
    s.partition(s.total, dim=0)
    assert "total: dim 0 complete, dim 1 cyclic 4" in str(s)
    assert "dim 2 of 'total'" not in refused(lambda: s.partition(s.total, dim=2), s, ta.ScheduleError)
    source = s.build(target="vitis_hls").source
    assert "array_partition variable=total type=cyclic factor=4 dim=2" in source
    check_round_trip(s, dots)


def test_banks_stay_with_their_dimension() -> None:
    s = ta.customize(lines)
    s.partition(s.line, dim=0, kind="cyclic", factor=4)
    s.distribute("i")
    assert "line: dim 1 cyclic 4" in str(s)
    s.partition(s.line, dim=0, kind="cyclic", factor=3)
    assert "line: dim 0 cyclic 3, dim 1 cyclic 4" in str(s)
    s.merge("i_1", "i_2")
    s.merge("i_1", "i_3")
    assert s.line.shape == (8,)
    assert "line: dim 0 cyclic 4" in str(s)
    check_round_trip(s, lines)


def test_words_are_along_the_dimension_that_is_stored() -> None:
    s = ta.customize(lines)
    s.pack(s.line, 0, 2)
    s.distribute("i")
    s.pack(s.line, 1, 4)
    assert "line: dim 1 pack 4" in str(s)
    assert refused(lambda: s.pack(s.line, 0, 2), s, ta.ScheduleError) == "\n".join(
        [
            "TA234 pack(\"line\", 0, 2) packs dimension 0 of 'line', which is a loop's",
            "  because: 'line' lives inside a loop, and has an element for each of its iterations",
            "  try: a dimension from 1 to 1",
        ]
    )
    message = refused(lambda: s.partition(s.line, 1), s, ta.LayoutError)
    assert "dimension 1 of 'line' is packed by 4" in message
    s.partition(s.line, 0)
    check_round_trip(s, lines)


def test_an_accumulator_of_a_tile_is_as_large_as_the_tile() -> None:
    """It was as large as the whole product, of which each tile used a corner."""

    @kernel
    def product(A: float32[13, 11], B: float32[11, 17], C: float32[13, 17]):
        for i, j in grid(13, 17):
            t = ta.scalar(float32, 0)
            for k in ta.range(11):
                t += A[i, k] * B[k, j]
            C[i, j] = t

    s = ta.customize(product)
    s.tile(["i", "j"], [4, 5])
    s.reorder("k", "i.inner", "j.inner")
    assert s.t.shape == (4, 5)
    assert any(line.strip().startswith("t[i.inner, j.inner] +=") for line in str(s).splitlines())
    s.partition(s.t)
    check_round_trip(s)
    s.reverse("i.outer")
    s.skew("j.outer", "i.outer")
    assert s.t.shape == (4, 5)
    check_round_trip(s)
    s.outline("j.outer", "tile")
    check_round_trip(s)
