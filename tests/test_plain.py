"""The plain-Python oracle itself: types of results, stores, guards, callees, indices."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import tracealloc as ta
from tests.plain import run_plain
from tests.plain_value import Value, convert
from tracealloc import grid, kernel
from tracealloc.trace.ir.dtype import Fixed, Integer, float32, index

int8 = Integer(8, True)


def test_integers_grow_and_stores_wrap() -> None:
    total = Value(100, int8) + Value(100, int8)
    assert (total.number, total.dtype) == (200, Integer(9, True))
    assert total.astype(int8).number == -56
    assert (Value(-7, int8) // 2).number == -4
    assert (Value(-7, int8) % 2).number == 1
    assert (Value(3, int8) << 6).number == -64
    with pytest.raises(TypeError, match="no / of int8 and uint2"):
        Value(1, int8) / 2


def test_float_literals_are_weak() -> None:
    product = Value(np.float32(0.1), float32) * 0.1
    assert product.dtype == float32
    assert product.number == np.float32(0.1) * np.float32(0.1)
    assert (Value(2, index) * Value(np.float32(0.5), float32)).dtype == float32


def test_fixed_point_rounds_and_saturates() -> None:
    assert convert(Fraction(-1, 3), Fixed(8, 4)) == Fraction(-6, 16)
    assert convert(Fraction(-1, 3), Fixed(8, 4, rounding="RND")) == Fraction(-5, 16)
    assert convert(Fraction(100), Fixed(8, 4, overflow="SAT")) == Fraction(127, 16)
    assert convert(Fraction(9), Fixed(8, 4)) == -7


def test_bits() -> None:
    value = Value(0b10110010, Integer(8, False))
    assert [value[0].number, value[1].number, value[4:8].number] == [0, 1, 0b1011]
    assert Value(np.float32(1), float32).bitcast(Integer(32, False)).number == 0x3F800000


def test_kernels_call_kernels_and_guards_switch_stores_off() -> None:
    @kernel
    def scale(X: ta.int8[4], factor: ta.int8):
        for i in ta.range(4):
            X[i] = X[i] * factor

    @kernel
    def outer(X: ta.int8[2, 4]):
        for i in grid(2):
            with ta.when(X[i, 0] > 0):
                X[i, 1] = 50
            with ta.otherwise():
                X[i, 2] = 60
            scale(X[i], 3)
        total = ta.scalar(ta.int8, 0)
        for i, j in grid(2, 4):
            total += X[i, j]
        return total

    data = np.array([[1, 0, 0, 0], [0, 0, 0, 0]], np.int8)
    result = run_plain(outer, data)
    assert data.tolist() == [[3, -106, 0, 0], [0, 0, -76, 0]]
    assert result == Integer(8, True).wrap(3 - 106 - 76)


@pytest.mark.parametrize("position", [-1, 4])
def test_an_index_outside_is_an_error(position: int) -> None:
    def read(X: ta.int8[4], Y: ta.int8[4]):
        for i in ta.range(1):
            Y[0] = X[i + position]

    with pytest.raises(IndexError):
        run_plain(read, np.zeros(4, np.int8), np.zeros(4, np.int8))
