"""The least interval that recurrences allow: all types, registers, memories, conditions, statements."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import tracealloc as ta
from tracealloc import float32, int8, int32, kernel, uint8, uint32

F = ta.Fixed(18, 15)
G = ta.Fixed(9, 6)
W = ta.UInt(17)
P = ta.Struct(x=float32, n=int32)
KERNELS: list[tuple[Any, int, str]] = []


def K(interval: int, loop: str = "i") -> Callable[[Any], Any]:
    """A kernel, the least interval of one of its loops."""

    def add(function: Any) -> Any:
        KERNELS.append((kernel(function), interval, loop))
        return function

    return add


@K(2)
def hist(x: uint8[256], h: uint32[256]):
    for i in ta.range(256):
        h[x[i]] += 1


@K(1)
def prefix(x: int32[256], y: int32[256]):
    s = ta.scalar(int32, 0)
    for i in ta.range(256):
        s += x[i]
        y[i] = s


@K(2)
def prefix_mem(x: int32[256], y: int32[256]):
    for i in ta.range(1, 256):
        y[i] = y[i - 1] + x[i]


@K(4)
def iir(x: F[256], y: F[256], a: F):
    s = ta.scalar(F, 0)
    for i in ta.range(256):
        s.set(x[i] - s * a)
        y[i] = s


@K(1)
def iir9(x: G[256], y: G[256], a: G):
    s = ta.scalar(G, 0)
    for i in ta.range(256):
        s.set(x[i] - s * a)
        y[i] = s


@K(1, "k")
def matvec(A: int8[16, 16], x: int8[16], y: int32[16]):
    for i in ta.range(16):
        acc = ta.scalar(int32, 0)
        for k in ta.range(16):
            acc += A[i, k] * x[k]
        y[i] = acc


@K(2, "k")
def matvec_mem(A: int8[16, 16], x: int8[16], y: int32[16]):
    for i in ta.range(16):
        for k in ta.range(16):
            y[i] += A[i, k] * x[k]


@K(1)
def lfsr(y: W[64]):
    s = ta.scalar(W, 1)
    for i in ta.range(64):
        b = (s ^ (s >> 3)) & 1
        s.set((s >> 1) | (b << 16))
        y[i] = s


@K(1)
def maxi(x: int32[64], o: int32[1]):
    m = ta.scalar(int32, 0)
    for i in ta.range(64):
        m.set(ta.maximum(m, x[i]))
    o[0] = m


@K(2)
def maxf(x: float32[64], o: float32[1]):
    m = ta.scalar(float32, 0)
    for i in ta.range(64):
        m.set(ta.maximum(m, x[i]))
    o[0] = m


@K(1)
def maxif(x: int32[64], o: int32[1]):
    m = ta.scalar(int32, 0)
    for i in ta.range(64):
        if x[i] > m:
            m.set(x[i])
    o[0] = m


@K(2)
def maxiff(x: float32[64], o: float32[1]):
    m = ta.scalar(float32, 0)
    for i in ta.range(64):
        if x[i] > m:
            m.set(x[i])
    o[0] = m


@K(14)
def interleaved(x: float32[64], o: float32[2]):
    a = ta.scalar(float32, 0)
    b = ta.scalar(float32, 1)
    for i in ta.range(64):
        a.set(b + x[i])
        b.set(a + 1.0)
    o[0] = a
    o[1] = b


@K(7)
def swap(x: float32[64], o: float32[2]):
    a = ta.scalar(float32, 0)
    b = ta.scalar(float32, 1)
    for i in ta.range(64):
        t = b + x[i]
        b.set(a + 1.0)
        a.set(t)
    o[0] = a
    o[1] = b


@K(1)
def dist2(x: int32[64], y: int32[64]):
    for i in ta.range(2, 64):
        y[i] = y[i - 2] + x[i]


@K(4)
def dist2f(x: float32[64], y: float32[64]):
    for i in ta.range(2, 64):
        y[i] = y[i - 2] + x[i]


@K(7)
def cond(x: float32[64], o: float32[1]):
    s = ta.scalar(float32, 0)
    for i in ta.range(64):
        if x[i] > 0:
            s += x[i]
    o[0] = s


@K(2)
def condmem(x: int32[64], c: uint8[64], h: int32[16]):
    for i in ta.range(64):
        if x[i] > 0:
            h[c[i] % 16] += x[i]


@K(1)
def dot(x: int32[64], y: int32[64], o: int32[1]):
    s = ta.scalar(int32, 0)
    for i in ta.range(64):
        s += x[i] * y[i]
    o[0] = s


@K(1)
def copy(x: int32[64], y: int32[64]):
    for i in ta.range(64):
        y[i] = x[i] * x[i]


@K(7, "j")
def spmv(v: float32[64], c: int32[64], p: int32[17], x: float32[16], y: float32[16]):
    for i in ta.range(16):
        for j in ta.range(p[i], p[i + 1]):
            y[i] += v[j] * x[c[j]]


@K(7, "j")
def spmvr(v: float32[64], c: int32[64], p: int32[17], x: float32[16], y: float32[16]):
    for i in ta.range(16):
        s = ta.scalar(float32, 0)
        for j in ta.range(p[i], p[i + 1]):
            s += v[j] * x[c[j]]
        y[i] = s


@K(2)
def table(t: uint8[256], x: uint8[64], y: uint8[64]):
    s = ta.scalar(uint8, 0)
    for i in ta.range(64):
        s.set(t[s] ^ x[i])
        y[i] = s


@K(12)
def div(x: int8[64], o: int8[64]):
    s = ta.scalar(int8, 100)
    for i in ta.range(64):
        s.set(s // x[i])
        o[i] = s


@K(7)
def field(x: float32[64], p: P[4]):
    for i in ta.range(64):
        p[0].x += x[i]


@K(1, "k")
def kept(A: int8[16, 16], x: int8[16], y: int32[16]):
    for i in ta.range(16):
        y[i] = 0
        for k in ta.range(16):
            y[i] += A[i, k] * x[k]


@K(1)
def four_apart(x: int32[64], y: int32[64]):
    st = ta.state((4,), int32)
    for i in ta.range(64):
        st[i % 4] += x[i]
        y[i] = st[i % 4]


@K(1)
def summed_in_a_tree(A: int32[32, 8], y: int32[1]):
    s = ta.scalar(int32, 0)
    for i in ta.range(32):
        for k in ta.range(8):
            s += A[i, k]
    y[0] = s


@K(56)
def summed_one_by_one(A: float32[32, 8], y: float32[1]):
    s = ta.scalar(float32, 0)
    for i in ta.range(32):
        for k in ta.range(8):
            s += A[i, k]
    y[0] = s


@K(41, "j")
def seidel(A: float32[16, 16]):
    for i in ta.range(1, 15):
        for j in ta.range(1, 15):
            A[i, j] = (A[i - 1, j] + A[i, j - 1] + A[i, j] + A[i, j + 1] + A[i + 1, j]) / 5.0


@K(5)
def sized(n: int32, x: float32[100], y: float32[100]):
    for i in ta.range(1, n):
        y[i] = y[i - 1] * x[i]


@K(1)
def shifted_bits(y: ta.uint1[64]):
    s = ta.scalar(ta.UInt(31), 1)
    for i in ta.range(64):
        b = s[30] ^ s[27]
        s.set((s << 1) | b)
        y[i] = b


def said(s: ta.Schedule, loop: Any, ii: int = 1) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        s.pipeline(loop, ii)
    return [str(each.message) for each in caught]


@pytest.mark.parametrize(("k", "least", "loop"), KERNELS, ids=[k.name for k, _, _ in KERNELS])
def test_the_least_interval(k: Any, least: int, loop: str) -> None:
    texts = said(ta.customize(k), loop)
    found = [int(number) for text in texts for number in re.findall(r"allow ii=(\d+), not 1: ", text)]
    assert found == ([] if least == 1 else [least]), texts
    assert said(ta.customize(k), loop, least) == []


def test_the_type_of_a_field_is_said() -> None:
    (text,) = said(ta.customize(kernel(field)), "i")
    assert text.endswith(": 7 cycles of float32 arithmetic at distance 1")


def test_bounds_on_data_say_what_may_be_read() -> None:
    @kernel
    def scattered(low: int32[9], c: int32[64], v: float32[64], y: float32[16]):
        for i in ta.range(8):
            for j in ta.range(low[i], low[i + 1]):
                y[c[j]] += v[j]

    s = ta.customize(scattered)
    (text,) = said(s, "j")
    where = text.partition("(test_least_intervals.py:")[2].partition(")")[0]
    assert text == (
        f'pipeline("j", 1): dependences allow ii=8, not 1: an iteration writes y[c[j]] '
        f"(test_least_intervals.py:{where}), which a later one may read as y[c[j]] "
        f"(test_least_intervals.py:{where}): "
        "8 cycles of float32 arithmetic at distance 1"
    )
    last = str(s.conflicts()).splitlines()[-1]
    assert last.startswith("j: II asked 1, needed 8: an iteration writes y[c[j]] (")


def test_a_later_iteration_that_is_known() -> None:
    @kernel
    def chained(low: int32[9], y: float32[80]):
        for i in ta.range(8):
            for j in ta.range(low[i], low[i + 1]):
                y[j] = y[j - 3] * 2
                y[j + 5] = 0

    assert "at distance 3" in said(ta.customize(chained), "j")[0]
