"""Queues at run time: order, what is left, and which one was empty, in C, in simulation and interpreted."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import int32, kernel
from tracealloc.check.interpret.interpret import interpret
from tracealloc.emit.run.runtime import build_c
from tracealloc.trace.ir.expr import Load
from tracealloc.trace.ir.program import Array, Program, Store
from tracealloc.trace.queries.affine import constant

Queue = ta.Stream[int32]


@kernel
def mixed(p: Queue, q: Queue, A: int32[3]):
    for i in ta.range(3):
        A[i] = p.get()
        q.put(A[i] + q.get())


@kernel
def through(p: Queue, q: Queue, A: int32[3]):
    """One direction for each queue, as a port of hardware has."""
    for i in ta.range(3):
        A[i] = p.get()
        q.put(A[i] + 1)


WAYS: dict[str, Callable[[Any], Callable[..., Any]]] = {
    "C": lambda k: ta.customize(k).build(),
    "csim": lambda k: ta.customize(k).build(target="vitis_hls", mode="csim"),
    "interpreter": lambda k: lambda *args: interpret(k.trace(), *args),
}


@pytest.mark.parametrize("way", WAYS)
def test_order_and_what_is_left(way: str) -> None:
    p, q, A = deque([1, 2, 3, 4, 5]), deque([10, 20]), np.zeros(3, np.int32)
    WAYS[way](through)(p, q, A)
    assert (list(p), list(q), A.tolist()) == ([4, 5], [10, 20, 2, 3, 4], [1, 2, 3])


@pytest.mark.parametrize("way", ["C", "interpreter"])
def test_a_queue_that_is_taken_from_and_put_to(way: str) -> None:
    p, q, A = deque([1, 2, 3, 4, 5]), deque([10, 20]), np.zeros(3, np.int32)
    WAYS[way](mixed)(p, q, A)
    assert (list(p), list(q), A.tolist()) == ([4, 5], [22, 14], [1, 2, 3])


def test_no_port_has_two_directions() -> None:
    with pytest.raises(ta.BuildError) as caught:
        WAYS["csim"](mixed)
    assert caught.value.code == "TA819"


@pytest.mark.parametrize(
    ("way", "text"),
    [
        ("C", "TA804 through: the stream 'p' was read while it was empty"),
        ("csim", "TA805 C simulation of through: stream 'p' is read while it is empty"),
        ("interpreter", "TA604 the stream p is read while it is empty"),
    ],
)
def test_the_empty_queue_is_named(way: str, text: str) -> None:
    with pytest.raises(ta.TraceallocError) as caught:
        WAYS[way](through)(deque([1]), deque([1, 2, 3]), np.zeros(3, np.int32))
    assert str(caught.value).splitlines()[0] == text


def test_one_of_many_queues_is_named() -> None:
    queues = Array("q", "q", int32, (2, 3), "stream")
    out = Array("A", "A", int32, (1,), "argument")
    taken = Array("t", "t", int32, (), "value")
    load = Load(queues, (constant(1), constant(2)))
    body = (Store(taken, (), load), Store(out, (constant(0),), Load(taken, ())))
    module = build_c(Program("take", (queues, out), body))
    with pytest.raises(ta.TraceallocError, match=r"^TA804 take: the stream 'q\[1, 2\]' was read while"):
        module([deque([1]) for _ in range(5)] + [deque()], np.zeros(1, np.int32))


@pytest.mark.parametrize("way", WAYS)
def test_two_streams_are_two_queues(way: str) -> None:
    one = deque([1] * 9)
    with pytest.raises(ta.ArgumentError, match="arguments 'p' and 'q' are one queue"):
        WAYS[way](through)(one, one, np.zeros(3, np.int32))
    assert list(one) == [1] * 9


@kernel
def pair(p: Queue, q: Queue, A: int32[2]):
    A[0] = p.get()
    A[1] = q.get()


@kernel
def put_pair(p: Queue, q: Queue, A: int32[2]):
    p.put(A[0])
    q.put(A[1])


@pytest.mark.parametrize("callee", [pair, put_pair], ids=lambda k: k.name)
def test_a_callee_gets_two_queues(callee: Any) -> None:
    @kernel
    def top(q: Queue, A: int32[2]):
        callee(q, q, A)

    with pytest.raises(ta.TraceError) as caught:
        top.trace()
    lines = str(caught.value).splitlines()
    assert lines[0] == f"TA119 arguments 'p' and 'q' of kernel {callee.name!r} are both the queue 'q'"
    assert lines[-1] == "  try: one queue, one parameter"
