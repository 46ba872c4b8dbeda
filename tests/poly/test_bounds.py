"""Proofs at trace time: accesses inside their arrays, nothing read before it is stored."""

from __future__ import annotations

import pytest

import tracealloc as ta
from tracealloc import float32, grid, int32, kernel

N = 8


def test_the_first_iteration_outside_is_shown() -> None:
    @kernel
    def shift(A: float32[N, N], B: float32[N, N]):
        for i, j in grid(N, N):
            B[i, j] = A[i, i + j - 3]

    with pytest.raises(ta.BoundsError) as raised:
        shift.trace()
    error = raised.value
    assert error.code == "TA150"
    assert error.summary == "A[i, i + j - 3] is outside A, whose shape is (8, 8)"
    assert error.because == ("in iteration (i=0, j=0) subscript 1 is -3, expected 0 to 7",)
    assert error.place is not None
    assert "A[i, i + j - 3]" in error.place.source_line()


def test_conditions_and_triangles_count() -> None:
    @kernel
    def lower(A: int32[N], B: int32[N]):
        for i in ta.range(N):
            for j in ta.range(i + 1):
                B[i - j] = A[j]
            if i > 0 and i < N - 1:
                B[i] = A[i - 1] + A[i + 1]
        for k in ta.range(N - 1, -1, -3):
            B[k // 3] = A[(k + 5) % N]

    assert lower.trace() is not None


def test_a_read_before_any_store() -> None:
    @kernel
    def partial(A: float32[N]) -> float32[N]:
        B = ta.empty((N,), float32)
        C = ta.empty((N,), float32)
        for i in ta.range(1, N):
            B[i] = A[i]
        for i in ta.range(N):
            C[i] = B[i]
        return C

    with pytest.raises(ta.TraceError) as raised:
        partial.trace()
    assert raised.value.code == "TA151"
    assert raised.value.because[0] == (
        "iteration (i=0) reads an element of B that no earlier statement stores"
    )


def test_what_an_earlier_iteration_stored_counts() -> None:
    @kernel
    def prefix(A: float32[N]) -> float32[N]:
        S = ta.empty((N,), float32)
        S[0] = A[0]
        for i in ta.range(1, N):
            S[i] = S[i - 1] + A[i]
        return S

    assert prefix.trace() is not None
