"""Calls of kernels that keep a state are in order: each updates what the kernel keeps."""

from __future__ import annotations

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import int32, kernel


@kernel
def counted(p: int32[2]):
    n = ta.state((1,), int32)
    n[0] += 1
    p[0] += n[0]


@kernel
def through(p: int32[2]):
    counted(p)


@kernel
def plain(p: int32[2]):
    p[1] += 1


def caller(inner: ta.Kernel) -> ta.Kernel:
    @kernel
    def main(A: int32[3, 2], B: int32[4, 2]):
        for i in ta.range(7):
            for j in ta.range(i):
                inner(A[(i + j) % 3])
        for k in ta.range(7):
            B[k % 4, 0] += A[1, 0]
            plain(A[1])

    return main


@pytest.mark.parametrize("inner", [counted, through], ids=["called", "called by a callee"])
@pytest.mark.parametrize(
    "step",
    [
        lambda s: s.compute_at(s.A, "k"),
        lambda s: s.reverse("i"),
        lambda s: s.reorder("j", "i"),
        lambda s: s.tile(["i", "j"], [2, 2]),
        lambda s: s.parallel("j"),
    ],
    ids=["compute_at", "reverse", "reorder", "tile", "parallel"],
)
def test_calls_stay_in_order(inner: ta.Kernel, step: object) -> None:
    s = ta.customize(caller(inner))
    before = s.module
    with pytest.raises(ta.IllegalScheduleError):
        step(s)  # type: ignore[operator]
    assert s.module is before


@pytest.mark.parametrize("inner", [counted, through], ids=["called", "called by a callee"])
def test_what_keeps_the_order_is_right(inner: ta.Kernel) -> None:
    main = caller(inner)
    s = ta.customize(main)
    s.split("i", 2)
    s.peel("k", 2)
    s.inline("counted")
    assert s.verify()
    assert "counted" not in [array.name for array in s.arrays()]
    runs = [
        ta.interpret,
        lambda what, *args: ta.customize(main).build()(*args),
        lambda _, *args: s.build()(*args),
    ]
    found = []
    for run in (*runs, lambda _, *args: ta.interpret(s, *args)):
        A, B = np.zeros((3, 2), np.int32), np.zeros((4, 2), np.int32)
        run(main, A, B)
        found.append((A, B))
    for A, B in found[1:]:
        assert np.array_equal(A, found[0][0]) and np.array_equal(B, found[0][1])


def test_loops_that_never_run_are_cut_out() -> None:
    @kernel
    def never(A: int32[4]):
        n = ta.scalar(int32, A[0])
        for _ in ta.range(3, 3):
            ta.while_loop(lambda: n > 0, lambda: n.set(n - 1))

    s = ta.customize(never)
    s.outline("while", "part")
    assert s.verify()
