"""In a PE all gets stand before what is passed on, where values go to the next ones only."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import numpy as np

import tracealloc as ta
from tracealloc import int8, int32, kernel
from tracealloc.check.interpret.interpret import interpret
from tracealloc.trace.ir.program import If, Loop, Store, walk_nodes
from tracealloc.trace.network.puts_last import puts_last


def scheduled(m: int, n: int, k_: int) -> ta.Schedule:
    @kernel
    def matmul(A: int8[m, k_], B: int8[k_, n]) -> int32[m, n]:
        C = ta.zeros((m, n), int32)
        for i, j, k in ta.grid(m, n, k_, name="PE"):
            C[i, j] += A[i, k] * B[k, j]
        return C

    s = ta.customize(matmul)
    buf_A, buf_B = s.buffer_at(s.A, "j"), s.buffer_at(s.B, "j")
    pe = s.unfold("PE", axis=[0, 1], factor=[m, n])
    s.relay(buf_A, pe, axis=0, depth=2)
    s.relay(buf_B, pe, axis=1, depth=2)
    return s


def test_gets_come_first_and_the_array_keeps_its_pace() -> None:
    """With a put between the gets, the second is a stage later, and depth 2 too little: 1.5 cycles each."""
    s = scheduled(2, 2, 64)
    (body,) = [
        n.body
        for n in walk_nodes(s.lowered.body)
        if isinstance(n, Loop) and n.iter.name == "k" and any(isinstance(e, If) for e in n.body)
    ]
    kinds = [type(node).__name__ for node in body if isinstance(node, Store | If)]
    assert kinds == ["Store", "Store", "If", "If", "Store"]
    A, B = np.ones((2, 64), np.int8), np.ones((64, 2), np.int8)
    found = s.simulate(A, B)
    assert (found.arrays[-1] == 64).all()
    assert found.cycles is not None and found.cycles < 64 + 16
    assert s.verify()


def test_a_put_that_passes_on_what_a_get_changes_stays() -> None:
    @kernel
    def twice(x: ta.Stream[int32], y: ta.Stream[int32]):
        for _i in ta.range(4):
            a = ta.scalar(int32, x.get())
            y.put(a)
            a.set(x.get())
            y.put(a)

    program = twice.trace()
    moved = replace(program, body=puts_last(program.body))
    for each in (program, moved):
        x, y = deque(range(8)), deque[int]()
        interpret(each, x, y)
        assert list(y) == list(range(8)) and not x


def test_a_get_from_the_queue_that_was_put_into_stays_behind() -> None:
    @kernel
    def back(x: ta.Stream[int32]):
        q = ta.stream(int32)
        for _i in ta.range(4):
            a = ta.scalar(int32, x.get())
            b = ta.scalar(int32, 0)
            q.put(a)
            b.set(q.get())
            x.put(b)

    body = back.trace().body
    assert puts_last(body) == body
