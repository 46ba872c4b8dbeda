"""Bits at traced positions: those outside a number read as 0 and are not written, in every way to run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import BoundsError, int32, kernel, uint8, uint64
from tracealloc.check.interpret.interpret import interpret
from tracealloc.trace.ir.dtype import Fixed
from tracealloc.trace.ir.stored import stored_type

FIRST, LAST = -70, 140
COUNT = LAST - FIRST
PATTERN = 0xA5C396F1E7D2B48A5A5C3
NEW = 0b110101101011
FAR = (-(2**31), -64, -33, -1, 0, 3, 8, 31, 32, 33, 63, 64, 100, 2**31 - 1)


def read(value: int, bits: int, low: int, width: int) -> int:
    return sum((value >> (low + n) & 1) << n for n in range(width) if 0 <= low + n < bits)


def written(value: int, bits: int, low: int, width: int) -> int:
    for n in range(width):
        if 0 <= low + n < bits:
            value = value & ~(1 << (low + n)) | (NEW >> n & 1) << (low + n)
    return value


def ways(traced: Any) -> list[Any]:
    return [
        traced,
        traced.build("vitis_hls", mode="csim"),
        lambda *args: interpret(traced.trace(), *args),
    ]


def column(value: int, dtype: Any, count: int) -> np.ndarray:
    """`count` elements whose bits are those of `value`."""
    if isinstance(dtype, Fixed):
        found: np.ndarray = ta.from_raw(np.full(count, value, object), dtype)
        return found
    return np.full(count, dtype.wrap(value), object).astype(stored_type(dtype))


def bits_of(data: np.ndarray, dtype: Any) -> list[int]:
    held = ta.raw(data, dtype) if isinstance(dtype, Fixed) else data
    return [int(item) & ((1 << dtype.bits) - 1) for item in held]


TYPES = [ta.Int(8), ta.UInt(5), ta.UInt(32), ta.Int(64), ta.Int(100), ta.Fixed(12, 4)]


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_ranges_and_single_bits(dtype: Any) -> None:
    bits = dtype.bits
    widths = [width for width in (1, 3, 5, 8) if width <= bits]
    value = PATTERN & ((1 << bits) - 1)

    @kernel
    def ranges(u: dtype[1], out: uint8[len(widths), COUNT], v: dtype[len(widths), COUNT], x: ta.uint16):
        for n, width in enumerate(widths):
            for j in ta.range(FIRST, LAST):
                out[n, j - FIRST] = u[0][j : j + width]
                v[n, j - FIRST][j : j + width] = x

    @kernel
    def single(u: dtype[1], p: int32[len(FAR)], out: uint8[len(FAR)], v: dtype[len(FAR)], x: ta.uint16):
        for i in ta.range(len(FAR)):
            out[i] = u[0][p[i]]
            v[i][p[i]] = x

    for run in ways(ranges):
        out = np.zeros((len(widths), COUNT), np.uint8)
        v = column(value, dtype, out.size).reshape(out.shape)
        run(column(value, dtype, 1), out, v, NEW)
        for n, width in enumerate(widths):
            lows = range(FIRST, LAST)
            assert out[n].tolist() == [read(value, bits, low, width) for low in lows]
            assert bits_of(v[n], dtype) == [written(value, bits, low, width) for low in lows]
    for run in ways(single):
        one, v = np.zeros(len(FAR), np.uint8), column(value, dtype, len(FAR))
        run(column(value, dtype, 1), np.array(FAR, np.int32), one, v, NEW)
        assert one.tolist() == [read(value, bits, low, 1) for low in FAR]
        assert bits_of(v, dtype) == [written(value, bits, low, 1) for low in FAR]


def test_more_bits_than_there_are() -> None:
    @kernel
    def wide(u: uint8[4], out: uint64[4]):
        for i in ta.range(4):
            out[i] = u[i][i : i + 9]

    with pytest.raises(BoundsError) as caught:
        wide.trace()
    assert caught.value.summary == "9 bits are more than uint8 has"
    assert caught.value.because == ("it has 8, wherever they begin",)
    assert caught.value.hint == "x.astype(T) with a wider T, or at most 8 bits"
