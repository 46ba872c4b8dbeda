"""Lowered blocks are tidied; nothing is read that an empty loop would not have read."""

from __future__ import annotations

import numpy as np

import tracealloc as ta
from tracealloc import float32, grid, int32, kernel
from tracealloc.check.interpret.interpret import interpret


@kernel
def corner(A: float32[6], B: int32[6], D: int32[6]):
    for i in grid(3):
        t = ta.scalar(float32, 0)
        t += A[i]
        for k in ta.range(i):
            if t > 0:
                B[k] = k
    for m in grid(6):
        D[m] = m


def test_a_condition_stays_in_a_loop_that_may_be_empty_where_its_scalar_is_not_stored() -> None:
    s = ta.customize(corner)
    s.shift("i", 3)
    s.merge("i", "m")  # iterations without a t come first
    state = [np.full(6, 2, np.float32), *(np.zeros(6, np.int32) for _ in range(2))]
    found = [a.copy() for a in state]
    interpret(corner.trace(), *state)
    interpret(s.lowered, *found)
    assert all(np.array_equal(a, b) for a, b in zip(state, found, strict=True))
    assert state[1].tolist() == [0, 1, 0, 0, 0, 0]


def test_a_condition_moves_out_of_a_loop_where_its_scalar_is_there() -> None:
    s = ta.customize(corner)
    lines = [line.split("#")[0].strip() for line in str(s.lowered).splitlines()]
    assert lines.index("if t > 0:") < lines.index("for k in 0:i")
