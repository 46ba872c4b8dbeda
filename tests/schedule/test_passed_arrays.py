"""Layouts of arrays that are passed to kernels, and inlining where other calls stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from common import check_round_trip

import tracealloc as ta
from tests.fuzz.run import compare_scheduled
from tracealloc import int16, int32, kernel


@kernel
def first_only(P: int32[2], Q: int32[2, 3]):
    for i in ta.range(2):
        P[i] += 3


@kernel
def passes_on(P: int32[2], Q: int32[2, 3]):
    first_only(P, Q)


@kernel
def adds(P: int32[2, 3], Q: int32[2, 3], R: int32[2]):
    for i, j in ta.grid(2, 3):
        R[i] += P[i, j] + Q[i, j]


@kernel
def unused(A: int32[2]):
    H = ta.zeros((2, 3), int32)
    first_only(A, H)


@kernel
def unused_inside(A: int32[2]):
    H = ta.zeros((2, 3), int32)
    passes_on(A, H)


@kernel
def passed_twice(A: int32[2]):
    H = ta.full((2, 3), 1, int32)
    adds(H, H, A)


@pytest.mark.parametrize(
    "step",
    [
        lambda s: s.reshape(s["H"], (6,)),
        lambda s: s.permute(s["H"], (1, 0)),
        lambda s: s.pack(s["H"], 1, 3),
        lambda s: s.cast(s["H"], int16),
    ],
    ids=["reshape", "permute", "pack", "cast"],
)
@pytest.mark.parametrize("top", [unused, unused_inside, passed_twice], ids=lambda top: top.name)
def test_what_a_kernel_gets_keeps_its_layout_or_is_right(top: Any, step: Callable[[Any], Any]) -> None:
    s = ta.customize(top)
    try:
        step(s)
    except ta.TraceallocError as error:
        assert error.code in {"TA235", "TA236", "TA237", "TA238"}, error
        assert "bug" not in str(error)
        check_round_trip(s, top)
    compare_scheduled(s, top.trace(), 1)
    s.build(target="vitis_hls", mode="csim")


@kernel
def dot(a: int16[4], o: int16[2]):
    for k in ta.range(4):
        o[0] += a[k]


@kernel
def by_rows(X: int16[3, 4], O: int16[5, 2]):
    for i in ta.range(3):
        dot(X[i], O[i])


@pytest.mark.parametrize(
    "steps",
    [
        lambda s: (s.peel("i", 1), s.outline("i", "main"), s.inline("dot")),
        lambda s: (s.peel("i", 2), s.outline("i", "main"), s.inline("dot")),
        lambda s: (s.peel("i", 1), s.outline("i", "main"), s.inline("main"), s.inline("dot")),
        lambda s: (s.split("i", 2), s.outline("i.inner", "main"), s.inline("dot")),
    ],
)
def test_inline_where_some_calls_are_outlined(steps: Callable[[Any], Any]) -> None:
    s = ta.customize(by_rows)
    steps(s)
    assert s.verify()
    check_round_trip(s, by_rows)
    compare_scheduled(s, by_rows.trace(), 1)
