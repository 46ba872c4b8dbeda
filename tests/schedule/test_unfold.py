"""``unfold``: loops become a grid of processing elements, which run beside one another."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from common import check_round_trip, nest, refused

import tracealloc as ta
from tracealloc import float32, grid, int8, int32, kernel
from tracealloc.customize import Schedule


def product(m: int, n: int, k_: int) -> Any:
    @kernel
    def matmul(A: int8[m, k_], B: int8[k_, n]) -> int32[m, n]:
        C = ta.zeros((m, n), int32)
        for i, j, k in grid(m, n, k_, name="PE"):
            C[i, j] += A[i, k] * B[k, j]
        return C

    return matmul


def is_network(s: Schedule) -> bool:
    return s.module.state(s.name).concurrent


def check_values(s: Schedule, m: int, n: int, k: int) -> None:
    rng = np.random.default_rng(m + 10 * n + 100 * k)
    A = rng.integers(-128, 128, (m, k)).astype(np.int8)
    B = rng.integers(-128, 128, (k, n)).astype(np.int8)
    expected = A.astype(np.int32) @ B.astype(np.int32)
    np.testing.assert_array_equal(s.build()(A, B), expected)
    np.testing.assert_array_equal(ta.interpret(s, A, B), expected)


@pytest.mark.parametrize(("m", "n", "k"), [(3, 4, 5), (1, 4, 2), (4, 1, 1), (1, 1, 1)])
def test_two_loops_in_space(m: int, n: int, k: int) -> None:
    kernel_ = product(m, n, k)
    s = ta.customize(kernel_)
    pe = s.unfold("PE", axis=[0, 1], factor=[m, n])
    assert isinstance(pe, tuple)
    assert [str(loop) for loop in pe] == ["i", "j"]
    assert is_network(s)
    check_round_trip(s, kernel_)
    check_values(s, m, n, k)


def test_the_text_has_a_grid() -> None:
    s = ta.customize(product(3, 4, 5))
    s.unfold("PE", axis=[0, 1], factor=[3, 4])
    assert "for i in 0:3                                         [space]" in str(s)
    text = s.build(target="vitis_hls").source
    assert "#pragma HLS dataflow" in text
    assert text.count("static void PE(") == 1


def test_a_loop_over_time_is_inside_each() -> None:
    """The loop in space becomes the outermost; each PE runs all of the other loop."""
    kernel_ = product(3, 4, 5)
    s = ta.customize(kernel_)
    assert str(s.unfold("PE", axis=1, factor=4)) == "j"
    assert nest(s)[1].startswith("PE: for j in 0:4")
    check_round_trip(s, kernel_)
    check_values(s, 3, 4, 5)


def test_sums_over_a_loop_in_space_are_pending() -> None:
    """Values that pass between PEs through memory: in order until something carries them."""
    kernel_ = product(3, 4, 5)
    s = ta.customize(kernel_)
    s.reorder("k", "j", "i")
    with pytest.warns(ta.TraceallocWarning, match=r"the PEs run in order: 'C' is stored to by two processes"):
        s.unfold("PE", axis=[0, 1], factor=[5, 4])
    assert not is_network(s)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_round_trip(s, kernel_)
    check_values(s, 3, 4, 5)


def test_tiles() -> None:
    """A tile at a time, factors that do not divide: the PEs behind the edge do nothing in the last tile."""
    kernel_ = product(5, 7, 3)
    s = ta.customize(kernel_)
    s.tile(["i", "j"], [2, 4])
    s.unfold("PE", axis=[2, 3], factor=[2, 4])
    assert is_network(s)
    check_round_trip(s, kernel_)
    check_values(s, 5, 7, 3)


def test_refusals() -> None:
    s = ta.customize(product(3, 4, 5))
    assert refused(lambda: s.unfold("PE", axis=[0, 1], factor=[3, 5]), s, ta.ScheduleError) == (
        'TA289 unfold("PE", axis=[0, 1], factor=[3, 5]) needs a factor of 4 for axis 1, not 5\n'
        "  because: loop 'j' runs 4 times, and each iteration is a PE"
    )
    assert refused(lambda: s.unfold("PE", axis=2, factor=2), s, ta.ScheduleError) == (
        'TA289 unfold("PE", axis=2, factor=2) needs a factor of 5 for axis 2, not 2\n'
        "  because: loop 'k' runs 5 times, and each iteration is a PE\n"
        '  try: s.split("k", 2), and the inner loop'
    )
    assert refused(lambda: s.unfold("PE", axis=3, factor=2), s, ta.ScheduleError) == (
        'TA289 unfold("PE", axis=3, factor=2) finds no axis 3\n'
        "  because: the loops of the band's perfect nest are 0: 'i', 1: 'j', 2: 'k'"
    )
    assert "needs a factor for each axis, not 1 for 2" in refused(
        lambda: s.unfold("PE", axis=[0, 1], factor=[3]), s, ta.ScheduleError
    )
    assert "needs each axis once, the outermost first" in refused(
        lambda: s.unfold("PE", axis=[1, 0], factor=[4, 3]), s, ta.ScheduleError
    )
    assert "needs a band of loops, not the array 'A'" in refused(
        lambda: s.unfold(s.A, axis=0, factor=3), s, ta.ScheduleError
    )


def test_a_loop_up_to_a_size_is_no_grid() -> None:
    @kernel
    def scale(n: int32, x: float32[16]):
        for i in ta.range(n):
            x[i] = x[i] * 2

    s = ta.customize(scale)
    assert "whose extent is known when the kernel is called" in refused(
        lambda: s.unfold("L0", axis=0, factor=4), s, ta.ScheduleError
    )


def test_a_grid_stays_outermost() -> None:
    s = ta.customize(product(3, 4, 5))
    s.unfold("PE", axis=0, factor=3)
    assert refused(lambda: s.reorder("j", "i"), s, ta.ScheduleError) == (
        "TA287 reorder(\"j\", \"i\") would put the processes of 'i' into the loop 'j'\n"
        "  because: each process is there all the time, and runs beside the others\n"
        "  try: keep the loops of ta.processes outermost"
    )
    s.undo()
    assert not is_network(s)


def test_a_grid_is_no_function() -> None:
    """Each PE is one already: in a function around them they would run in order."""
    s = ta.customize(product(3, 4, 5))
    s.unfold("PE", axis=[0, 1], factor=[3, 4])
    for loop in ("i", "j"):
        message = refused(lambda loop=loop: s.outline(loop, "f"), s, ta.ScheduleError)
        assert "into a function, in which it runs in order" in message
    s.outline("k", "f")
    check_values(s, 3, 4, 5)
