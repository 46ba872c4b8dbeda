"""Subscripts outside a view: refused, or found while the kernel runs, wherever they lie in the array."""

from __future__ import annotations

import linecache
from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import BoundsError, float32, grid, kernel
from tracealloc.check.interpret.interpret import interpret

HEADER = """import numpy as np
import tracealloc as ta
from tracealloc import *

P = ta.Struct(x=int32)

@kernel
def inner(X: int32[2], k: int32[1]):
    for j in grid(2):
        X[j] += 1

@kernel
def single(X: int32[2], k: int32[1]):
    X[k[0]] = 7

@kernel
def k(A: int32[8], idx: int32[4], B: int32[6, 6]):
"""


def load(body: str) -> Any:
    text = HEADER + "\n".join(f"    {line}" for line in body.strip("\n").splitlines()) + "\n"
    file = f"<view {abs(hash(text))}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    scope: dict[str, Any] = {"__name__": "views"}
    exec(compile(text, file, "exec"), scope)
    return scope["k"]


REFUSED = {
    "V = A[1:3]\nV[2] = 1": "TA111 subscript 2 of a view of 'A' is outside dimension 0",
    "V = A[1:3]\nV[-1] = 1": "TA111 subscript -1 of 'A' in dimension 0 is negative",
    "V = A[1:5][1:3]\nV[2] = V[0]": "TA111 subscript 2 of a view of 'A' is outside dimension 0",
    "V = A[0:2]\nA[0] = V[2]": "TA111 subscript 2 of a view of 'A' is outside dimension 0",
    "V = A[0:2]\nW = V[1:3]": "TA111 slice 1:3 of 'A' is outside dimension 0",
    "V = B[1:3, 2]\nV[3] = 1": "TA111 subscript 3 of a view of 'B' is outside dimension 0",
    "V = A[1:3]\nfor i in grid(3):\n    V[i] = 1": "TA150 A[i + 1] is outside the view A[1:3]",
    "V = A[0:3]\nfor i in grid(4):\n    A[i + 4] = V[i]": "TA150 A[i] is outside the view A[0:3]",
    "V = A[2:6]\nfor i in grid(4):\n    V[3 - i] = V[i - 1]": "TA150 A[i + 1] is outside the view A[2:6]",
    "for i in grid(4):\n    V = A[i:i + 2]\n    for j in grid(3):\n        V[j] = 1": (
        "TA150 A[i + j] is outside the view A[i:+2]"
    ),
    "V = B[1:4, 1:4]\nfor i, j in grid(3, 4):\n    V[i, j] = 1": (
        "TA150 B[i + 1, j + 1] is outside the view B[1:4, 1:4]"
    ),
    "V = B[1:4, 1:4]\nfor i in grid(3):\n    W = V[i, 0:3]\n    for j in grid(4):\n        W[j] += 1": (
        "TA150 B[i + 1, j + 1] is outside the view B[i + 1, 1:4]"
    ),
    "V = A[1:4]\nfor i in grid(4):\n    if idx[i] > 0:\n        V[i] = 1": (
        "TA150 A[i + 1] is outside the view A[1:4]"
    ),
    "V = A[1:4]\nfor i in grid(4):\n    inner(V[i:i + 2], idx[0:1])": (
        "TA150 A[i + 1:+2] is outside the view A[1:4]"
    ),
    "V = A[1:4]\nfor i in ta.range(6, 0, -2):\n    V[i - 1] = 1": "TA150 A[i] is outside the view A[1:4]",
    "V = A[1:4]\nfor i in grid(4):\n    for j in ta.range(idx[i]):\n        V[i] = 1": (
        "TA150 A[i + 1] is outside the view A[1:4]"
    ),
}  # fmt: skip


@pytest.mark.parametrize("body", REFUSED)
def test_refused(body: str) -> None:
    with pytest.raises(BoundsError) as caught:
        load(body).trace()
    error = caught.value
    assert f"{error.code} {error.summary}" == REFUSED[body]
    assert error.place is not None and error.because and error.hint


def test_a_view_of_nothing_has_no_range() -> None:
    with pytest.raises(BoundsError) as caught:
        load("V = A[2:2]\nV[0] = 1").trace()
    assert str(caught.value).endswith("  because: the dimension has no elements")


def test_the_whole_message() -> None:
    with pytest.raises(BoundsError) as caught:
        load("V = A[2:6]\nfor i in grid(4):\n    V[3 - i] = V[i - 1]").trace()
    assert caught.value.because == ("in iteration (i=0) its subscript in the view is -1, expected 0 to 3",)
    assert (
        caught.value.hint
        == "narrow the loop, guard the access with if 0 <= i - 1 < 4:, or subscript A itself"
    )


# What is right, and what the same means on the array itself.
RIGHT = {
    "V = A[2:6]\nfor i in grid(8):\n    if i < 4:\n        V[i] += 1": "for i in grid(4):\n    A[i + 2] += 1",
    "V = A[2:6]\nfor i in grid(4):\n    V[3 - i] = i": "for i in grid(4):\n    A[5 - i] = i",
    "V = A[2:7]\nfor i in ta.range(4, 0, -2):\n    V[i] = i": "A[6] = 4\nA[4] = 2",
    "for i in grid(4):\n    V = A[i:i + 4]\n    W = V[1:3]\n    W[1] += 1": (
        "for i in grid(4):\n    A[i + 2] += 1"
    ),
    "V = A[1:4]\nfor i in grid(2):\n    inner(V[i:i + 2], idx[0:1])": "A[1] += 1\nA[2] += 2\nA[3] += 1",
    "V = A[2:6]\nfor i in grid(4):\n    V[idx[i]] += 1": "for i in grid(4):\n    A[idx[i] + 2] += 1",
    "V = A[2:6]\nfor i in grid(4):\n    for j in ta.range(idx[i]):\n        V[j] += 1": (
        "for i in grid(4):\n    for j in ta.range(idx[i]):\n        A[j + 2] += 1"
    ),
    "V = A[2:6]\nfor i in grid(4):\n    if idx[i] > 0:\n        if idx[i] < 4:\n            V[i] = 5": (
        "for i in grid(4):\n    if idx[i] > 0:\n        if idx[i] < 4:\n            A[i + 2] = 5"
    ),
    "single(A[3:5], idx[1:2])": "A[3 + idx[1]] = 7",
}  # fmt: skip


@pytest.mark.parametrize("body", RIGHT)
def test_right(body: str) -> None:
    found = []
    for text in (body, RIGHT[body]):
        traced = load(text)
        runs = (traced, lambda *args, traced=traced: interpret(traced.trace(), *args))
        for run in runs:
            a, b = np.arange(8, dtype=np.int32), np.ones((6, 6), np.int32)
            run(a, np.array([0, 1, 3, 1], np.int32), b)
            found.append((a.tolist(), b.tolist()))
    assert found == 4 * [found[0]]


# Data choose the subscript: the access that leaves its view, and the values of idx that make it.
FAULTS = {
    "V = A[2:4]\nV[idx[0]] = 9": "A[idx[0] + 2] went outside a view of A",
    "V = A[2:4]\nB[0, 0] = V[idx[0]]": "A[idx[0] + 2] went outside a view of A",
    "V = A[0:2]\nfor i in grid(1):\n    V[idx[i]] += 1": "A[idx[i]] went outside a view of A",
    "V = A[1:6][1:3]\nV[idx[0]] = 9": "A[idx[0] + 2] went outside a view of A",
    "V = B[1:3, 1:3]\nV[1, idx[0]] = 9": "B[2, idx[0] + 1] went outside a view of B",
    "V = B[1:3]\nW = V[idx[0]]\nW[0] = 9": "B[idx[0] + 1, 0] went outside a view of B",
    "single(A[2:4], idx[0:1])": "X[k[0]] went outside X",
    "V = A[1:3]\nfor j in ta.range(idx[0] + 1):\n    V[j] = 9": "A[j + 1] went outside a view of A",
}  # fmt: skip


@pytest.mark.parametrize("body", FAULTS)
@pytest.mark.parametrize("value", [2, 3, -1])
def test_found_while_it_runs(body: str, value: int) -> None:
    if value == -1 and "ta.range" in body:
        pytest.skip("an empty loop")
    traced = load(body)
    idx = np.array([value, 0, 0, 0], np.int32)
    s = ta.customize(traced)
    for run in (traced, s.build(), s.build("vitis_hls", mode="csim")):
        a, b = np.arange(8, dtype=np.int32), np.zeros((6, 6), np.int32)
        with pytest.raises(BoundsError) as caught:
            run(a, idx, b)
        assert FAULTS[body] in caught.value.summary and caught.value.place is not None
        outside = a.tolist()[:1] + a.tolist()[6:]
        assert outside == [0, 6, 7] and not b[:, 4:].any()
    with pytest.raises(ta.TraceallocError, match="TA601"):
        interpret(traced.trace(), np.arange(8, dtype=np.int32), idx, np.zeros((6, 6), np.int32))


def test_hardware_does_not_check() -> None:
    text = ta.customize(load("V = A[2:4]\nV[idx[0]] = 9")).build("vitis_hls").source
    assert "A[(int64_t)idx[0] + 2] = 9" in text and "?" not in text


def test_a_view_costs_nothing_where_it_is_proved() -> None:
    @kernel
    def plain(A: float32[8], C: float32[4]):
        V = A[2:6]
        for i in grid(4):
            C[i] = V[i] + V[3 - i]

    @kernel
    def direct(A: float32[8], C: float32[4]):
        for i in grid(4):
            C[i] = A[i + 2] + A[5 - i]

    texts = [k.build().source.split("{", 1)[1].split("//")[0] for k in (plain, direct)]
    assert texts[0] == texts[1]
