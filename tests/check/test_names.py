"""The interpreter is found by the name of its room, too."""

from __future__ import annotations

import inspect

import tracealloc as ta
import tracealloc.check.interpret as room
from tracealloc import int8, int32, kernel
from tracealloc.check.interpret.interpret import Interpreter, interpret


def test_the_room_gives_what_it_is_for() -> None:
    assert inspect.isfunction(room.interpret) and room.interpret is interpret
    assert room.Interpreter is Interpreter


def test_a_state_says_what_its_proofs_took_for_granted() -> None:
    @kernel
    def plus(A: int32[8], B: int32[8]):
        T = ta.zeros((8,), int32)
        for i in ta.grid(8):
            T[i] = A[i] + 1
        for i in ta.grid(8):
            B[i] = T[i]

    s = ta.customize(plus)
    assert s.module.state("plus").assumptions == ()
    s.cast("T", int8)
    assert [str(note) for note in s.module.state("plus").assumptions] == ["casts: no longer bit-exact"]
