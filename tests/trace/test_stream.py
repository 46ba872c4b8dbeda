"""`ta.stream` while a kernel is traced: what it makes, and what it refuses."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
import pytest

import tracealloc as ta
from tests.trace.forms import message, printed, program
from tracealloc import float32, int16, int32, kernel


def test_what_is_made() -> None:
    def body(A: int32[4]):
        q = ta.stream(int32, depth=7)
        lanes = ta.stream(float32, shape=(2, 3))
        assert (q.shape, q.dtype, q.depth) == ((), int32, 7)
        assert (lanes.shape, lanes[1].shape, lanes[1, 2].shape, len(lanes), lanes.depth) == (
            (2, 3),
            (3,),
            (),
            2,
            2,
        )
        assert repr(lanes) == "<stream lanes: float32[2, 3]>"
        for i in ta.range(4):
            q.put(i)
            lanes[1, i % 3].put(0.5)
            A[i] = q.get()
            lanes[1][i % 3].get()

    assert (
        printed(body)
        == """\
kernel body(A: int32[4])
  q: Stream[int32]
  lanes: Stream[float32][2, 3]
  L0: for i in 0:4
        q.put(i)
        lanes[1, i % 3].put(0.5)
        t0 = q.get()
        A[i] = t0
        t1 = lanes[1, i % 3].get()"""
    )


@ta.kernel
def move(q: ta.Stream[int32], r: ta.Stream[int32]):
    r.put(q.get())


DEPTH = "TA125 the depth of ta.stream is a positive int known while tracing, not "
MANY = " is for one queue, and 'the array' is an array of them"
ONE = "TA121 the stream 'the array' "
REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "depth": (lambda: ta.stream(int32, depth=0), f"{DEPTH}0"),
    "a boolean depth": (lambda: ta.stream(int32, depth=True), f"{DEPTH}True"),
    "shape": (
        lambda: ta.stream(int32, shape=(2, 0)),
        "TA125 an extent of ta.stream is a positive int known while tracing, not 0",
    ),
    "an array of queues": (lambda: ta.stream(int32, shape=2).put(1), f"TA121 put{MANY}"),
    "a row of queues": (lambda: ta.stream(int32, shape=(2, 3))[0].get(), f"TA121 get{MANY}"),
    "a number": (lambda: ta.stream(int32)[0], f"{ONE}is one queue, and has no elements by number"),
    "too many subscripts": (
        lambda: ta.stream(int32, shape=2)[0, 1],
        "TA110 'the array' has 1 dimension, but 2 subscripts were given",
    ),
    "behind the last": (
        lambda: ta.stream(int32, shape=(2, 2))[1][2].put(0),
        "TA111 subscript 2 of a view of 'the array' is outside dimension 0",
    ),
    "length": (lambda: len(ta.stream(int32)), f"{ONE}has no length"),
    "truth": (lambda: 1 if ta.stream(int32) else 2, f"{ONE}has no truth"),
    "arithmetic": (
        lambda: ta.stream(int32) + 1,
        "TA130 Python raised TypeError (unsupported operand type(s) for +: 'stream' and 'int') "
        "while kernel 'body' was traced",
    ),
    "a row for a kernel": (
        lambda: move(ta.stream(int32, shape=2), ta.stream(int32)),
        "TA121 a kernel takes one queue, and 'the array' is an array of them",
    ),
    "another type": (
        lambda: move(ta.stream(int16), ta.stream(int32)),
        "TA120 argument 'q' of kernel 'move' is Stream[int32, 2], not the array: Stream[int16, 2]",
    ),
    "loop": (lambda: list(ta.stream(int32)), f"{ONE}cannot be iterated over"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what: str) -> None:
    act, said = REFUSED[what]

    def body(A: int32[4]):
        A[0] = 0
        act()

    with pytest.raises(ta.TraceallocError) as caught:
        program(body)
    assert str(caught.value).splitlines()[0] == said


def test_outside_a_kernel() -> None:
    with pytest.raises(ta.TraceError, match=r"^TA116 ta.stream was called outside a kernel"):
        ta.stream(int32)


def test_a_queue_is_passed_once() -> None:
    def twice(A: int32[4]):
        q = ta.stream(int32, shape=2)
        q[0].put(A[0])
        move(q[0], q[0])

    assert message(twice).startswith(
        "TraceError TA119 arguments 'q' and 'r' of kernel 'move' are both the queue 'q[0]'"
    )

    def apart(A: int32[4]):
        q = ta.stream(int32, shape=2)
        q[0].put(A[0])
        move(q[0], q[1])
        A[0] = q[1].get()

    assert "move(q[0], q[1])" in str(program(apart))


def test_numpy_numbers_say_how_many() -> None:
    def body(A: int32[4]):
        q = ta.stream(int32, depth=np.int64(3), shape=np.int64(2))
        assert (q.depth, q.shape) == (3, (2,))
        q[0].put(A[0])
        A[1] = q[0].get()

    program(body)


def test_a_queue_is_no_result_and_no_element() -> None:
    def returned(A: int32[4]):
        return ta.stream(int32)

    def stored(A: int32[4]):
        A[0] = ta.stream(int32)

    assert message(returned).startswith("TraceError TA102 kernel 'returned' returns ")
    assert message(stored).startswith("TraceError TA112 ")


def test_what_is_taken_under_a_condition_stays_there() -> None:
    """A condition and one inside it are not put together where something is taken between them."""

    @kernel
    def taken(a: int32, q: ta.Stream[int32], p: ta.Stream[int32]):
        for i in ta.range(3):
            if a > 0:
                q.get()
                if a > 1:
                    p.put(i)
            if a < 5:
                pass
            else:
                q.get()
                if a > 7:
                    pass
                else:
                    p.put(i)

    for a in (0, 1, 2, 5, 8):
        takes = 3 * (a > 0) + 3 * (a >= 5)
        puts = 3 * (a > 1) + 3 * (5 <= a <= 7)
        for run in (taken, taken.python, lambda *args: ta.interpret(taken, *args)):
            q, p = deque(range(10)), deque[int]()
            run(a, q, p)
            assert (10 - len(q), len(p)) == (takes, puts), a
