"""What `ta.constant` and `ta.state` take, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import float32, int8, int32, int64, kernel
from tracealloc.check.interpret.interpret import interpret
from tracealloc.trace.diagnostics.errors import TraceError

NUMBERS = "needs an array of numbers with at least one element, not"
REFUSED: list[tuple[Any, Any, str]] = [
    (np.array([1.0, np.nan]), int32, "element [1] of ta.constant is nan"),
    (np.array([np.inf]), ta.Fixed(8, 3), "element [0] of ta.constant is inf"),
    (np.array([[1.0, 1.5]]), int8, "element [0, 1] of ta.constant is 1.5"),
    ([2**70, 1], int32, f"element [0] of ta.constant is {2**70}"),
    (np.array([1, "x"], object), int32, "element [1] of ta.constant is 'x' (str)"),
    (np.array([None, 1]), float32, "element [0] of ta.constant is None (NoneType)"),
    (["a", "b"], int32, "ta.constant was given an array of <U1, not of numbers"),
    (["a", "b"], None, "ta.constant was given an array of <U1, not of numbers"),
    (np.array([1j]), float32, "ta.constant was given an array of complex128, not of numbers"),
    (np.array([0], "M8[D]"), int64, "ta.constant was given an array of datetime64[D], not of numbers"),
    (np.zeros((2, 0)), float32, f"ta.constant {NUMBERS} an array of shape (2, 0)"),
    (np.array(3.0), float32, f"ta.constant {NUMBERS} a single value"),
    (np.ma.array([1, 2], mask=[0, 1]), int32,
     "ta.constant was given an array with masked elements, which have no value"),
    (np.array([1, 2], object), None, "ta.constant finds no element type for an array of object"),
    (np.array([(1, 2)], [("x", "i4"), ("y", "i4")]), ta.Struct(x=int32),
     "ta.constant of Struct(x=int32) was given elements of [('x', '<i4'), ('y', '<i4')]"),
]  # fmt: skip


@pytest.mark.parametrize("make", [ta.constant, ta.state])
@pytest.mark.parametrize(("data", "dtype", "said"), REFUSED)
def test_refused(make: Any, data: Any, dtype: Any, said: str) -> None:
    @kernel
    def table(out: float32[1]):
        make(data, dtype)

    with pytest.raises(TraceError) as caught:
        table.trace()
    assert caught.value.code == "TA125" and caught.value.summary == said.replace("constant", make.__name__)
    assert caught.value.place is not None and caught.value.hint


WIDE = np.array([-(2**99), 2**64, -1, 5], object)
TAKEN: list[tuple[Any, Any]] = [
    (WIDE, ta.Int(100)),
    (np.array([1.0, np.nan, np.inf, -0.0], np.float32), float32),
    (np.asfortranarray([[1, 2], [3, 4]]), int32),
    (np.arange(8)[::-2], int32),
    (np.array([1, 2, 3, 4], ">i4"), int32),
    (np.array([1.5, 2.5, 3.5, 4.5], ">f8"), float32),
    (np.broadcast_to(np.int32(3), (4,)), int32),
    (np.ma.array([1, 2, 3, 4]), int32),
    (np.array([1.0, 2.0, 3.0, 4.0], np.longdouble), float32),
    ([True, False, 3 > 2, 0], int8),
]


@pytest.mark.parametrize("make", [ta.constant, ta.state])
@pytest.mark.parametrize(("data", "dtype"), TAKEN)
def test_taken(make: Any, data: Any, dtype: Any) -> None:
    @kernel
    def table(out: dtype[4]):
        t = make(data, dtype)
        for i in ta.range(4):
            out[i] = t[i] if t.ndim == 1 else t[i // 2, i % 2]

    expected = [float(x) if dtype == float32 else int(x) for x in np.asarray(data).ravel()]
    for run in (table, table.build("vitis_hls", mode="csim"), lambda *a: interpret(table.trace(), *a)):
        out = np.zeros(4, object if dtype == ta.Int(100) else np.dtype(str(dtype)))
        run(out)
        np.testing.assert_array_equal(np.array(out.tolist()), np.array(expected))


def test_tables_of_objects_are_told_apart() -> None:
    """By what they hold, not by where it lies."""

    @kernel
    def inner(out: ta.Int(100)[1], which):
        t = ta.constant(which, ta.Int(100))
        out[0] = t[0]

    @kernel
    def outer(out: ta.Int(100)[2]):
        inner(out[0:1], which=np.array([2**90], object))
        inner(out[1:2], which=np.array([2**91], object))

    out = np.array([0, 0], object)
    outer(out)
    assert out.tolist() == [2**90, 2**91]
