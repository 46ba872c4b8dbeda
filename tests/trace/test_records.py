"""Records of a type: ``Point(x=a, y=b)`` in a kernel."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import grid, int8, int16, int32, kernel

NARROW = ta.Fixed(7, 3, rounding="RND", overflow="SAT")
Point = ta.Struct(x=NARROW, n=int8)
Line = ta.Struct(a=Point, z=int32)
LINES = np.dtype([("a", [("x", np.float64), ("n", np.int8)]), ("z", np.int32)])


@kernel
def by_name_and_order(out: Line[3], v: int32[3]):
    for i in grid(3):
        p = Point(v[i] * 0.25, n=v[i])
        out[i] = Line(p, v[i] + 1)


@kernel
def given_others(out: Line[3], v: int32[3]):
    for i in grid(3):
        out[i] = Line(z=v[i] + 1, a=ta.Struct(x=v[i] * 0.25, n=v[i]))


@kernel
def queued(q: ta.Stream[Point, 8], v: int32[3]):
    for i in grid(3):
        with ta.when(v[i] > 0):
            q.put(Point(n=v[i], x=1))


@pytest.mark.parametrize("which", [by_name_and_order, given_others])
def test_fields_are_converted_as_a_store_does(which: Any) -> None:
    v = np.array([3, -2, 300], np.int32)
    expected = np.array([((0.75, 3), 4), ((-0.5, -2), -1), ((7.875, 44), 301)], LINES)
    for run in (which, which.python, lambda *args: ta.interpret(which, *args)):
        out = np.zeros(3, LINES)
        run(out, v)
        assert (out == expected).all()


def test_a_record_goes_into_a_queue() -> None:
    q: deque[Any] = deque()
    queued(q, np.array([1, 0, 5], np.int32))
    assert [tuple(item) for item in q] == [(1.0, 1), (1.0, 5)]


Pair = ta.Struct(x=int16, n=int8)
WHICH = [
    (lambda a: Pair(a), "'n' has none"),
    (lambda a: Pair(a, 1, 2), "these are 3"),
    (lambda a: Pair(a, x=2), "'x' is given twice and 'n' has none"),
    (lambda a: Pair(a, m=2), "'m' is no field and 'n' has none"),
]


@pytest.mark.parametrize(("make", "what"), WHICH, ids=[what for _, what in WHICH])
def test_a_record_has_one_value_for_each_field(make: Any, what: str) -> None:
    @kernel
    def wrong(a: int16[3]) -> int16:
        return make(a[0]).x

    with pytest.raises(ta.TraceError) as caught:
        wrong.trace()
    sentence, *_, because, cure = str(caught.value).splitlines()
    assert sentence == f"TA109 a record of Struct(x=int16, n=int8) takes one value for each field: {what}"
    assert because == "  because: its fields are x, n"
    assert cure == "  try: Point(x=..., n=...) with Point = ta.Struct(...)"


def test_a_field_that_is_a_record_takes_a_record() -> None:
    @kernel
    def wrong(a: int8[3]) -> int32:
        return Line(a[0], 1).z

    with pytest.raises(ta.TraceError, match="TA109 there is no conversion from int8 to Struct"):
        wrong.trace()


def test_a_record_is_made_in_a_kernel() -> None:
    with pytest.raises(ta.TraceError, match=r"TA116 Struct\(x=int16, n=int8\)\(\.\.\.\) was called outside"):
        Pair(1, 2)
