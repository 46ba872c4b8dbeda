"""``pack_products``: two products in one multiplication, exact for all values."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from common import assert_same_results, check_round_trip, nest, refused

import tracealloc as ta
from tests.emit.test_vitis import needs_headers
from tracealloc import Int, UInt, float32, grid, int8, int16, int32, kernel, uint8

MANY = 1 << 16


def products(n: int, lanes: int, same: Any, other: Any, out: Any = int32) -> Any:
    @kernel
    def lanes_of(a: same[1], B: other[n, lanes], y: out[n, lanes]):
        for i in ta.range(n):
            for u in ta.range(lanes):
                y[i, u] = a[0] * B[i, u]

    return lanes_of


def packed(k_: Any) -> Any:
    s = ta.customize(k_)
    s.pack_products("u")
    return s


def test_the_loops() -> None:
    @kernel
    def dot(a: int8[6], B: int8[6, 2], y: int32[2]):
        for k in ta.range(6):
            for u in ta.range(2):
                y[u] += a[k] * B[k, u]

    s = ta.customize(dot)
    s.pipeline("k")
    s.pack_products("u")
    assert nest(s) == [
        "L0: for k in 0:6                                         [pipeline ii=1]",
        "      u_factors = (int25(B[k, 1]) << 16) + int25(B[k, 0])",
        "      u_both = u_factors * a[k]",
        "      y[0] += int16(u_both)",
        "      y[1] += int16((u_both >> 16) + where(int16(u_both) < 0, 1, 0))",
    ]
    text = s.build(target="vitis_hls").source
    assert text.count(" * ") == 1
    check_round_trip(s, dot)


@pytest.mark.parametrize("types", [(int8, int8), (uint8, int8), (int8, uint8), (uint8, uint8)])
def test_all_values(types: tuple[Any, Any]) -> None:
    """Each of 2^24 triples of eight bits."""
    same, other = types
    build = packed(products(MANY, 2, same, other)).build()
    bits = np.arange(MANY)
    kinds = [np.int8 if t is int8 else np.uint8 for t in types]
    B = np.stack([bits & 255, bits >> 8], axis=1).astype(np.uint8).view(kinds[1])
    y, wide = np.zeros((MANY, 2), np.int32), B.astype(np.int32)
    for value in np.arange(256, dtype=np.uint8).view(kinds[0]):
        build(np.array([value]), B, y)
        assert np.array_equal(y, wide * int(value))


@pytest.mark.parametrize("widths", list(itertools.product([1, 2, 3], [1, 2, 4])))
def test_odd_widths(widths: tuple[int, int]) -> None:
    """All values of few bits, signed and not, in the interpreter and in C."""
    for same, other in itertools.product(
        (Int(widths[0]), UInt(widths[0])), (Int(widths[1]), UInt(widths[1]))
    ):
        values = range(other.low, other.high + 1)
        B = np.array(list(itertools.product(values, values)), np.int8 if other.signed else np.uint8)
        s = packed(products(len(B), 2, same, other))
        build = s.build()
        for a in range(same.low, same.high + 1):
            given = np.array([a], np.int8 if same.signed else np.uint8)
            y = np.zeros((len(B), 2), np.int32)
            build(given, B, y)
            assert np.array_equal(y, B.astype(np.int32) * a)
        assert_same_results(s)


@needs_headers
@pytest.mark.parametrize("lanes", [1, 2, 3, 4])
def test_simulated(lanes: int) -> None:
    k_ = products(40, lanes, int8, int8, int16)
    s = packed(k_)
    rng = np.random.default_rng(lanes)
    B = rng.integers(-128, 128, (40, lanes)).astype(np.int8)
    B[:4], a = -128, np.array([-128], np.int8)
    y = np.zeros((40, lanes), np.int16)
    s.build(target="vitis_hls", mode="csim")(a, B, y)
    np.testing.assert_array_equal(y, B.astype(np.int16) * -128)
    check_round_trip(s, k_)


def test_an_array_of_pes() -> None:
    """A PE for two columns: `A` travels, one multiplication a cycle gives both products."""
    M, N, K = 5, 6, 7

    @kernel
    def matmul(A: int8[M, K], B: int8[K, N]) -> int32[M, N]:
        C = ta.zeros((M, N), int32)
        for j, i, k in grid(N, M, K, name="PE"):
            C[i, j] += A[i, k] * B[k, j]
        return C

    s = ta.customize(matmul)
    s.split("j", 2)
    s.reorder("j.outer", "i", "k", "j.inner")
    row = s.buffer_at(s.A, "j.outer")
    pe = s.unfold("PE", axis=0, factor=N // 2)
    s.partition(s.B, dim=1)
    s.partition(s.C, dim=1)
    s.pack_products("j.inner")
    s.relay(row, pe, along=0)
    assert s.module.state(s.name).concurrent
    check_round_trip(s, matmul)
    text = s.build(target="vitis_hls").source
    assert text.count("j_inner_factors * ") == 2  # of the PEs that pass rows on, and of the last one
    rng = np.random.default_rng(0)
    A = rng.integers(-128, 128, (M, K)).astype(np.int8)
    B = rng.integers(-128, 128, (K, N)).astype(np.int8)
    np.testing.assert_array_equal(s.build()(A, B), A.astype(np.int32) @ B)


def test_what_may_not_be_computed_is_not() -> None:
    @kernel
    def chosen(a: int8[4], B: int8[4, 2], y: int32[4, 2]):
        for i, u in grid(4, 2):
            y[i, u] = ta.where(i > 0, a[i] * B[i, u], 0)

    s = ta.customize(chosen)
    assert "has one factor that is always the same" in refused(
        lambda: s.pack_products("u"), s, ta.ScheduleError
    )


@pytest.mark.parametrize(
    ("types", "because"),
    [
        ((int16, int16), "two factors of 16 bits beside one another take 49, and the other one 16"),
        ((Int(18), Int(4)), None),
        ((Int(19), Int(2)), "the other one 19; a multiplier takes 27 by 18"),
        ((float32, float32), "one multiplication gives the products of two numbers with a third"),
    ],
)
def test_refusals(types: tuple[Any, Any], because: str | None) -> None:
    out = float32 if types[0] is float32 else int32
    s = ta.customize(products(4, 2, *types, out))
    if because is None:
        s.pack_products("u")
        return
    message = refused(lambda: s.pack_products("u"), s, ta.ScheduleError)
    assert message.startswith('TA293 pack_products("u") cannot be: ')
    assert because in message


def test_the_loop_stands_there_twice() -> None:
    @kernel
    def dot(a: int8[6], B: int8[6, 2], y: int32[2]):
        for k in ta.range(6):
            for u in ta.range(2):
                y[u] += a[k] * B[k, u]

    s = ta.customize(dot)
    s.pack_products("u")
    s.peel("k", 1)
    check_round_trip(s, dot)
    a, B = np.arange(6, dtype=np.int8), np.arange(-6, 6, dtype=np.int8).reshape(6, 2)
    y = np.zeros(2, np.int32)
    s.build()(a, B, y)
    np.testing.assert_array_equal(y, a.astype(np.int32) @ B)


def test_a_later_step_may_leave_nothing_to_share() -> None:
    @kernel
    def two(a: int8[1], B: int8[4, 2], y: int32[4, 2], z: int32[4, 2]):
        for i in ta.range(4):
            for u in ta.range(2):
                y[i, u] = a[0] * B[i, u]
            for v in ta.range(2):
                for w in ta.range(1):
                    z[i, v] = w

    s = ta.customize(two)
    s.pack_products("u")
    s.merge("u", "v")
    assert "for u in 0:2" in str(s)
    assert "[unroll, packed]" in str(s)  # it is not: the mark is still there
    check_round_trip(s, two)


def test_a_loop_that_does_not_run_equally_often() -> None:
    @kernel
    def ragged(a: int8[5], B: int8[5, 5], y: int32[5]):
        for i in ta.range(5):
            for u in ta.range(i, 5):
                y[u] += a[i] * B[i, u]

    s = ta.customize(ragged)
    assert "does not run equally often each time" in refused(
        lambda: s.pack_products("u"), s, ta.ScheduleError
    )
