"""Calls of one kernel with other staged values, closures and objects call other programs."""

from __future__ import annotations

import numpy as np

import tracealloc as ta
from tracealloc import int32, kernel


@kernel
def add(A: int32[4], w=None):  # type: ignore[no-untyped-def]
    for i in ta.range(4):
        A[i] += w[0] + 10 * w[1]


def _run(k) -> int:  # type: ignore[no-untyped-def]
    a = np.zeros(4, np.int32)
    k(a)
    return int(a[0])


def test_containers_that_live_for_one_call() -> None:
    @kernel
    def main(A: int32[4]):  # type: ignore[no-untyped-def]
        add(A, [1, 2])
        add(A, [3, 4])
        add(A, np.array([5, 6]))
        add(A, np.array([7, 8]))

    assert _run(main) == 21 + 43 + 65 + 87


def test_a_list_that_changes_between_calls() -> None:
    weights = [1, 2]

    @kernel
    def main(A: int32[4]):  # type: ignore[no-untyped-def]
        add(A, weights)
        weights[0] = 7
        add(A, weights)
        weights[0] = 1

    assert _run(main) == 21 + 27


def test_an_object_that_changes_between_calls() -> None:
    class Layer:
        k = 0

        @kernel
        def add(self, A: int32[4]):  # type: ignore[no-untyped-def]
            for i in ta.range(4):
                A[i] += self.k

    layer = Layer()

    @kernel
    def main(A: int32[4]):  # type: ignore[no-untyped-def]
        for k in (1, 5):
            layer.k = k
            layer.add(A)
        layer.k = 0

    assert _run(main) == 6


def test_equal_kernels_made_anew_are_one_program() -> None:
    def make(k):  # type: ignore[no-untyped-def]
        @kernel
        def plus(A: int32[4]):  # type: ignore[no-untyped-def]
            for i in ta.range(4):
                A[i] += k

        return plus

    @kernel
    def main(A: int32[4]):  # type: ignore[no-untyped-def]
        for _ in ta.range(2):
            make(3)(A)
            make(3)(A)
        make(4)(A)

    assert _run(main) == 16
    assert len(main.trace().callees()) == 2
