"""Default values of typed and of staged parameters, in calls from Python and from kernels."""

from __future__ import annotations

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import int32, kernel


@kernel
def add(A: int32[4], n: int = 3, x: int32 = 7):
    for i in ta.range(4):
        A[i] += x * n


@kernel
def many(A: int32[4]):
    add(A)
    add(A, 2)
    add(A, x=1)
    add(A, n=1, x=0)
    add(A, 5, A[0] - A[0] + 1)


def _run(*args: int, **kwargs: int) -> int:
    a = np.zeros(4, np.int32)
    add(a, *args, **kwargs)
    return int(a[0])


def test_calls_from_python() -> None:
    found = [_run(), _run(2), _run(x=1), _run(2, 5), _run(n=1, x=0), _run()]
    assert found == [21, 14, 3, 10, 0, 21]


def test_calls_from_a_kernel() -> None:
    a = np.zeros(4, np.int32)
    many(a)
    assert a.tolist() == [21 + 14 + 3 + 0 + 5] * 4


def test_a_traced_value_for_a_staged_parameter() -> None:
    @kernel
    def wrong(A: int32[4]):  # type: ignore[no-untyped-def]
        add(A, A[0])

    with pytest.raises(ta.TraceError, match="parameter 'n' of kernel 'add' is known while tracing"):
        wrong.trace()


@kernel
def scale(A: int32[4], by: int32 = 7):
    for i in ta.range(4):
        A[i] *= by


def test_builds_know_the_defaults() -> None:
    s = ta.customize(scale)
    s.unroll("i")
    for module in (scale.build(), s.build()):
        a = np.ones(4, np.int32)
        module(a)
        module(a, 2)
        module(a, by=3)
        assert a[0] == 42
    with pytest.raises(ta.ArgumentError, match=r"TA701 scale\(\) takes 2 arguments, not 0: 'A' is missing"):
        scale.build()()
