"""Two kernels that were written apart: equal for all data, different on some, or not decided."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tracealloc as ta
from tests.fuzz.run import load_kernel
from tracealloc import float32, int8, int16, int32, kernel


def gemm_of(m: int, n: int, k_: int, T: Any, O: Any) -> ta.Kernel:
    @kernel
    def gemm(A: T[m, k_], B: T[k_, n]) -> O[m, n]:
        C = ta.zeros((m, n), O)
        for i, j, k in ta.grid(m, n, k_):
            C[i, j] += A[i, k] * B[k, j]
        return C

    return gemm


def array_of(m: int, n: int, k_: int, T: Any, O: Any, backwards: bool = False, wrong: int = 0) -> ta.Kernel:
    @kernel
    def array(A: T[m, k_], B: T[k_, n]) -> O[m, n]:
        C = ta.zeros((m, n), O)
        a = ta.stream(T, depth=4, shape=(m, n + 1))
        b = ta.stream(T, depth=4, shape=(m + 1, n))
        with ta.dataflow():
            for i in ta.processes(m, name="left"):
                for k in ta.range(k_):
                    a[i, 0].put(A[i, k_ - 1 - k if backwards else k])
            for j in ta.processes(n, name="top"):
                for k in ta.range(k_):
                    b[0, j].put(B[k_ - 1 - k if backwards else k, j])
            for i, j in ta.processes(m, n, name="PE"):
                c = ta.scalar(O, 0)
                for _ in ta.range(k_):
                    x = a[i, j].get()
                    y = b[i, j].get()
                    c += x * (y + wrong if wrong else y)
                    a[i, j + 1].put(x)
                    b[i + 1, j].put(y)
                C[i, j] = c
            for i in ta.processes(m, name="right"):
                for _ in ta.range(k_):
                    a[i, n].get()
            for j in ta.processes(n, name="bottom"):
                for _ in ta.range(k_):
                    b[m, j].get()
        return C

    return array


@pytest.mark.parametrize("size", [(1, 1, 1), (2, 3, 4), (4, 4, 4), (8, 8, 16)])
@pytest.mark.parametrize(
    ("T", "O"),
    [
        (int8, int32),
        (int8, int16),
        (int32, int32),
        (ta.Fixed(12, 6), ta.Fixed(24, 12)),
        (float32, float32),
    ],
)
def test_an_array_by_hand_is_the_product(size: tuple[int, int, int], T: Any, O: Any) -> None:
    found = ta.verify(array_of(*size, T, O), gemm_of(*size, T, O))
    assert found and found.method == "symbols" and "terms" in str(found)


def test_integer_sums_have_no_order_and_floats_do() -> None:
    assert ta.verify(array_of(2, 3, 4, int32, int32, backwards=True), gemm_of(2, 3, 4, int32, int32))
    other = ta.verify(array_of(2, 3, 4, float32, float32, backwards=True), gemm_of(2, 3, 4, float32, float32))
    assert not other


def test_a_wrong_array_shows_where() -> None:
    found = ta.verify(array_of(2, 3, 4, int8, int32, wrong=1), gemm_of(2, 3, 4, int8, int32))
    assert not found and found.decided
    assert found.counterexample is not None and found.counterexample.startswith("C[0, 0] is ")
    assert " in array, and " in found.counterexample


def test_a_schedule_against_a_kernel() -> None:
    s = ta.customize(gemm_of(4, 4, 8, int8, int32))
    s.split("k", 4)
    s.reorder("k.outer", "j")
    assert ta.verify(s, array_of(4, 4, 8, int8, int32))


HEAD = """import tracealloc as ta
from tracealloc import *


@kernel
def main({types}):
    for i in ta.range(4):
        B[i] = {expr}
"""


def _stored(expr: str) -> ta.Kernel:
    made: ta.Kernel = load_kernel(HEAD.format(types="A: int8[4], B: int32[4]", expr=f"int32({expr})"))
    return made


def both(left: str, right: str, types: str = "A: int8[4], B: int32[4]") -> Any:
    return ta.verify(*(load_kernel(HEAD.format(types=types, expr=expr)) for expr in (left, right)))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("A[i] + A[0]", "A[0] + A[i]"),
        ("(A[i] + 1) * (A[i] - 1)", "A[i] * A[i] - 1"),
        ("int8(A[i] * 4)", "A[i] << 2"),
        ("-A[i]", "0 - A[i]"),
        ("7 // (-2)", "-4"),
        ("-7 % 4", "1"),
        ("int8(A[i] + A[0]) + 0", "int8(A[0] + A[i])"),
        ("int8(int8(A[i] + 100) + 100)", "int8(A[i] + 200)"),
        ("ta.where(A[i] < 1000, A[i], 0)", "A[i] + 0"),
        ("ta.maximum(A[i], A[0])", "ta.maximum(A[0], A[i])"),
    ],
)
def test_what_is_equal(left: str, right: str) -> None:
    assert both(left, right), str(both(left, right))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("A[i] + A[0]", "A[i] - A[0]"),
        ("A[i] + A[0]", "int8(A[i] + A[0])"),
        ("int8(A[i] + 100) // 2", "(A[i] + 100) // 2"),
        ("A[i] >> 1", "A[i] * 2"),
        ("A[i] // 2", "(A[i] + 1) // 2"),
        ("A[i] % 4", "A[i] % 8"),
        ("ta.where(A[i] < 0, A[i], 0)", "A[i] + 0"),
        ("A[(i + 1) % 4]", "A[i]"),
    ],
)
def test_what_is_not(left: str, right: str) -> None:
    found = both(left, right)
    assert not found and found.decided, str(found)


def test_what_is_not_decided() -> None:
    same = both("(A[i] // 2) * 2 + A[i] % 2", "A[i]")
    assert not same and not same.decided and "other ways" in str(same)
    chosen = both("A[i] if A[i] > 0 else -A[i]", "abs(A[i])")
    assert not chosen and not chosen.decided


def test_what_data_choose_is_not_followed() -> None:
    @kernel
    def some(A: int32[4], B: int32[4]):
        for i in ta.range(4):
            B[A[i] % 4] = i

    @kernel
    def other(A: int32[4], B: int32[4]):
        for i in ta.range(4):
            j = A[i] % 4
            B[j] = i + 0 * A[0]

    found = ta.verify(some, other)
    assert not found and not found.decided and "data choose" in str(found)


def test_calls_views_and_results() -> None:
    @kernel
    def row(x: int32[3], y: int32[3]) -> int32:
        s = ta.scalar(int32, 0)
        for i in ta.range(3):
            s += x[i] * y[i]
            y[i] = s
        return s

    @kernel
    def called(A: int32[2, 3], B: int32[2, 3]) -> int32[2]:
        C = ta.empty((2,), int32)
        for i in ta.range(2):
            C[i] = row(A[i], B[1 - i])
        return C

    @kernel
    def flat(A: int32[2, 3], B: int32[2, 3]) -> int32[2]:
        D = ta.zeros((2,), int32)
        for i, j in ta.grid(2, 3):
            D[i] += B[1 - i, j] * A[i, j]
            B[1 - i, j] = D[i]
        return D

    assert ta.verify(called, flat), str(ta.verify(called, flat))
    assert ta.verify(called, flat).method == "symbols"


_LEAF = st.sampled_from(["A[i]", "A[0]", "A[(i + 1) % 4]", "3", "-2", "1"])
_EXPR = st.recursive(
    _LEAF,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda e: f"int8({e})"),
        inner.map(lambda e: f"int16({e})"),
        st.tuples(inner, st.sampled_from(["//", "%"]), st.sampled_from(["2", "3"])).map(
            lambda t: f"({t[0]} {t[1]} {t[2]})"
        ),
        st.tuples(inner, inner).map(lambda t: f"ta.maximum({t[0]}, {t[1]})"),
    ),
    max_leaves=6,
)


@settings(max_examples=40, deadline=None)
@given(_EXPR, _EXPR)
def test_an_answer_is_true_of_random_data(left: str, right: str) -> None:
    """Equal ones are equal when they run; and what is swapped or distributed stays equal."""
    a, b = (_stored(expr) for expr in (left, right))
    found = ta.verify(a, b)
    random = np.random.default_rng(3)
    for _ in range(8 if found else 0):
        A = random.integers(-128, 128, 4).astype(np.int8)
        x, y = np.zeros(4, np.int32), np.zeros(4, np.int32)
        ta.interpret(a, A, x)
        ta.interpret(b, A, y)
        assert (x == y).all(), (left, right)
    assert ta.verify(_stored(f"({left}) + ({right})"), _stored(f"({right}) + ({left})")), (left, right)
    spread = (f"({left}) * (({right}) + 1)", f"({left}) * ({right}) + ({left})")
    assert ta.verify(*map(_stored, spread)), spread
