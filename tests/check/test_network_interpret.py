"""Networks in the interpreter: coroutines over bounded queues, and what is said where nobody can go on."""

from __future__ import annotations

import linecache
import re
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tests.plain import run_plain
from tracealloc import float32, int8, int32, kernel
from tracealloc.check.interpret import Event, interpret
from tracealloc.trace.network.cut import networked


def message(call: Callable[[], object]) -> str:
    """What a call is refused with; lines of this file as they are."""
    with pytest.raises(ta.TraceallocError) as found:
        call()
    return re.sub(
        r"at test_network_interpret\.py:(\d+)$",
        lambda line: f"at {linecache.getline(__file__, int(line[1])).strip()}",
        str(found.value),
        flags=re.MULTILINE,
    )


PUT_FIRST = "  try: put an element before the first get, or as many as are taken"


def systolic(M: int, N: int, K: int) -> Any:
    @kernel
    def gemm(A: int8[M, K], B: int8[K, N]) -> int32[M, N]:
        C = ta.empty((M, N), int32)
        qa = ta.stream(int8, shape=(M, N))
        qb = ta.stream(int8, shape=(M, N))
        with ta.dataflow():
            for i in ta.processes(M, name="left"):
                for k in ta.range(K):
                    qa[i, 0].put(A[i, k])
            for j in ta.processes(N, name="top"):
                for k in ta.range(K):
                    qb[0, j].put(B[k, j])
            for i, j in ta.processes(M, N, name="PE"):
                acc = ta.scalar(int32, 0)
                for _ in ta.range(K):
                    a = qa[i, j].get()
                    b = qb[i, j].get()
                    acc += a * b
                    if j < N - 1:
                        qa[i, j + 1].put(a)
                    if i < M - 1:
                        qb[i + 1, j].put(b)
                C[i, j] = acc
        return C

    return gemm


def every_way(kernel: Any, *args: Any, plain: bool = True) -> Any:
    """What a kernel does, the same however its processes are run (`plain`: the oracle has its types)."""

    def fresh() -> list[Any]:
        return [arg.copy() for arg in args]

    traced = kernel.trace()
    given = fresh()
    found = ta.interpret(kernel, *given)
    runs = [
        lambda own: ta.interpret(networked(traced), *own),
        lambda own: interpret(traced, *own, observe=lambda event: None),
        lambda own: kernel.python(*own),
        lambda own: run_plain(kernel, *own),
    ]
    for run in runs if plain else runs[:-1]:
        own = fresh()
        again = run(own)
        np.testing.assert_array_equal(found, again)
        for mine, theirs in zip(given, own, strict=True):
            np.testing.assert_array_equal(mine, theirs)
    return found


@pytest.mark.parametrize(("M", "N", "K"), [(1, 1, 1), (1, 4, 3), (3, 1, 1), (2, 3, 1), (3, 4, 9)])
def test_systolic(M: int, N: int, K: int) -> None:
    rng = np.random.default_rng(M * 100 + N * 10 + K)
    A = rng.integers(-128, 128, (M, K)).astype(np.int8)
    B = rng.integers(-128, 128, (K, N)).astype(np.int8)
    np.testing.assert_array_equal(every_way(systolic(M, N, K), A, B), A.astype(np.int32) @ B)


def fork(depth: int) -> Any:
    """One way takes all elements before it gives one, so the other must keep them."""

    @kernel
    def turn(A: int32[6], B: int32[6]):
        straight = ta.stream(int32, depth=depth)
        into, out = ta.stream(int32), ta.stream(int32)
        with ta.dataflow():
            for i in ta.range(6):
                straight.put(A[i])
                into.put(A[i])
            for _ in ta.processes(1, name="back"):
                T = ta.empty((6,), int32)
                for i in ta.range(6):
                    T[i] = into.get()
                for i in ta.range(6):
                    out.put(T[5 - i])
            for i in ta.range(6, name="join"):
                B[i] = straight.get() * 10 + out.get()

    return turn


@pytest.mark.parametrize("depth", [6, 7])
def test_a_fork_with_room(depth: int) -> None:
    A, B = np.arange(6, dtype=np.int32), np.zeros(6, np.int32)
    every_way(fork(depth), A, B)
    ta.interpret(fork(depth), A, B)
    assert B.tolist() == [5, 14, 23, 32, 41, 50]


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_a_fork_without(depth: int) -> None:
    """Where nobody can go on, nothing has happened."""
    A, B = np.arange(6, dtype=np.int32), np.zeros(6, np.int32)
    # The join has taken one element, and waits.
    assert message(lambda: ta.interpret(fork(depth), A, B)) == "\n".join(
        [
            "TA808 turn: the processes wait for one another",
            f"  because: L0 waits for room in straight ({depth} of {depth}) at straight.put(A[i])",
            "  because: join waits for an element of out at B[i] = straight.get() * 10 + out.get()",
            "  because: back[0] waits for an element of into at T[i] = into.get()",
            f"  try: more room, straight = ta.stream(T, depth={depth + 1}, ...), or another order of gets and"
            " puts",
        ]
    )
    assert not B.any()


def test_feedback_with_a_token() -> None:
    @kernel
    def loop(B: int32[5]):
        there, back = ta.stream(int32, depth=1), ta.stream(int32, depth=1)
        with ta.dataflow():
            for _ in ta.processes(1, name="ask"):
                there.put(1)
                for i in ta.range(5):
                    value = back.get()
                    B[i] = value
                    if i < 4:
                        there.put(value + 1)
            for _ in ta.range(5, name="answer"):
                back.put(there.get() * 2)

    for what in (loop, networked(loop.trace())):
        B = np.zeros(5, np.int32)
        ta.interpret(what, B)
        assert B.tolist() == [2, 6, 14, 30, 62]
    assert message(lambda: loop.python(np.zeros(5, np.int32))).splitlines()[-2:] == [
        "  because: plain Python runs the processes of a network in order, one at a time",
        "  try: ta.interpret(kernel, ...) runs them beside one another",
    ]


def ring(first: bool) -> Any:
    @kernel
    def cannon(A: int32[4]) -> int32[4]:
        C = ta.empty((4,), int32)
        q = ta.stream(int32, depth=1, shape=(4,))
        with ta.dataflow():
            for i in ta.processes(4, name="PE"):
                acc = ta.scalar(int32, 0)
                value = ta.scalar(int32, A[i])
                for k in ta.range(4):
                    acc += value * (k + 1)
                    if first:
                        q[(i + 1) % 4].put(value)
                        value.set(q[i].get())
                    else:
                        value.set(q[i].get())
                        q[(i + 1) % 4].put(value)
                C[i] = acc
        return C

    return cannon


def test_a_ring() -> None:
    A = np.array([3, 5, 7, 11], np.int32)
    want = [sum(int(A[(i - k) % 4]) * (k + 1) for k in range(4)) for i in range(4)]
    assert ta.interpret(ring(True), A).tolist() == want
    assert ta.interpret(networked(ring(True).trace()), A).tolist() == want


def test_a_ring_in_which_nobody_puts_first() -> None:
    assert message(lambda: ta.interpret(ring(False), np.zeros(4, np.int32))) == "\n".join(
        [
            "TA808 cannon: the processes wait for one another",
            *(
                f"  because: PE[{i}] waits for an element of q[{i}] at value.set(q[i].get())"
                for i in (0, 3, 2, 1)
            ),
            PUT_FIRST,
        ]
    )


def test_many_wait() -> None:
    @kernel
    def grid_of(C: int32[3, 4]):
        q = ta.stream(int32, shape=(3, 4))
        with ta.dataflow():
            for i, j in ta.processes(3, 4, name="PE"):
                C[i, j] = q[i, j].get()

    lines = message(lambda: ta.interpret(grid_of, np.zeros((3, 4), np.int32))).splitlines()
    assert len(lines) == 11
    assert lines[8:10] == [
        "  because: PE[1, 3] waits for an element of q[1, 3] at C[i, j] = q[i, j].get()",
        "  because: and 4 more",
    ]


def test_an_array_between_processes() -> None:
    @kernel
    def half(A: int32[8], B: int32[8]):
        T = ta.empty((8,), int32)
        q = ta.stream(int32, depth=1)
        with ta.dataflow():
            for i in ta.processes(8, name="make"):
                T[i] = A[i] * 2
            for i in ta.range(8):
                q.put(T[7 - i])
            for i in ta.range(8):
                B[i] = q.get()

    A, B = np.arange(8, dtype=np.int32), np.zeros(8, np.int32)
    every_way(half, A, B)
    ta.interpret(half, A, B)
    assert B.tolist() == [14, 12, 10, 8, 6, 4, 2, 0]


def test_who_waits_for_the_end_of_another() -> None:
    @kernel
    def stuck(A: int32[8], B: int32[8]):
        T = ta.empty((8,), int32)
        q = ta.stream(int32)
        with ta.dataflow():
            for i in ta.range(8, name="make"):
                T[i] = A[i]
                q.put(i)
            for _ in ta.processes(1, name="use"):
                for k in ta.range(8):
                    B[k] = T[q.get()]

    assert message(lambda: ta.interpret(stuck, np.zeros(8, np.int32), np.zeros(8, np.int32))) == "\n".join(
        [
            "TA808 stuck: the processes wait for one another",
            "  because: make waits for room in q (2 of 2) at q.put(i)",
            "  because: use waits for the end of make",
            "  try: more room, q = ta.stream(T, depth=3, ...), or another order of gets and puts",
        ]
    )


@kernel
def relay(come: ta.Stream[int32], go: ta.Stream[int32]):
    middle = ta.stream(int32, depth=1)
    with ta.dataflow():
        for _ in ta.range(5, name="one"):
            middle.put(come.get() + 1)
        for _ in ta.range(5, name="two"):
            go.put(middle.get() * 2)


def test_a_network_in_a_network() -> None:
    @kernel
    def outer(A: int32[5], B: int32[5]):
        q = ta.stream(int32, depth=1, shape=(3,))
        with ta.dataflow():
            for i in ta.range(5):
                q[0].put(A[i])
            relay(q[0], q[1])
            relay(q[1], q[2])
            for i in ta.range(5):
                B[i] = q[2].get()

    A, B = np.arange(5, dtype=np.int32), np.zeros(5, np.int32)
    every_way(outer, A, B)
    ta.interpret(outer, A, B)
    assert B.tolist() == [6, 10, 14, 18, 22]


def test_a_network_that_a_kernel_calls_in_a_loop() -> None:
    @kernel
    def outer(A: int32[3, 5], B: int32[3, 5]):
        a, b = ta.stream(int32), ta.stream(int32)
        for n in ta.range(3):
            for i in ta.range(5):  # no network of its own: there is room for all
                a.put(A[n, i])
            relay(a, b)
            for i in ta.range(5):
                B[n, i] = b.get()

    A, B = np.arange(15, dtype=np.int32).reshape(3, 5), np.zeros((3, 5), np.int32)
    every_way(outer, A, B)
    ta.interpret(outer, A, B)
    np.testing.assert_array_equal(B, (A + 1) * 2)


def test_who_waits_inside_a_call() -> None:
    @kernel
    def outer(B: int32[4]):
        q = ta.stream(int32, shape=(2,))
        with ta.dataflow():
            for i in ta.range(4):
                q[0].put(i)
            relay(q[0], q[1])
            for i in ta.range(4):
                B[i] = q[1].get()

    assert message(lambda: ta.interpret(outer, np.zeros(4, np.int32))) == "\n".join(
        [
            "TA808 outer: the processes wait for one another",
            "  because: relay/one waits for an element of q[0] at middle.put(come.get() + 1)",
            "  because: relay/two waits for an element of middle at go.put(middle.get() * 2)",
            PUT_FIRST,
        ]
    )


def test_arguments_that_are_queues() -> None:
    come, go = deque([1, 2, 3, 4, 5]), deque([0])
    ta.interpret(relay, come, go)
    assert (come, go) == (deque(), deque([0, 4, 6, 8, 10, 12]))
    assert message(lambda: ta.interpret(relay, deque([1, 2]), deque())).splitlines()[0] == (
        "TA604 the stream come is read while it is empty"
    )


def test_elements_that_nobody_takes() -> None:
    @kernel
    def leave(B: int32[2]):
        q = ta.stream(int32, shape=(2,))
        with ta.dataflow():
            for i in ta.range(3):
                q[1].put(i)
            for i in ta.range(2):
                B[i] = q[1].get()

    assert message(lambda: ta.interpret(leave, np.zeros(2, np.int32))).splitlines()[0] == (
        "TA605 the stream q[1] ends with an element that nothing took"
    )

    @kernel
    def own(B: int32[2]):
        with ta.dataflow():
            for i in ta.processes(2):
                q = ta.stream(int32)
                q.put(i)
                B[i] = 1

    for what in (own, networked(own.trace())):
        assert message(lambda what=what: ta.interpret(what, np.zeros(2, np.int32))).splitlines()[0] == (
            "TA605 the stream q ends with an element that nothing took"
        )


Odd = ta.Struct(x=ta.Int(5), y=float32)


def test_structs_and_odd_widths() -> None:
    @kernel
    def records(A: ta.Int(77)[4], X: float32[4], B: ta.Int(77)[4], Y: float32[4]):
        q = ta.stream(Odd, depth=1)
        wide = ta.stream(ta.Int(77), depth=1)
        with ta.dataflow():
            for i in ta.range(4):
                q.put(Odd(x=A[i], y=X[i]))
                wide.put(A[i] * 3)
            for i in ta.range(4):
                point = q.get()
                B[i] = point.x + wide.get()
                Y[i] = point.y * 2

    A = np.array([1, 17, -(1 << 60), 5], object)
    X, B, Y = np.arange(4, dtype=np.float32), np.zeros(4, object), np.zeros(4, np.float32)
    every_way(records, A, X, B, Y, plain=False)
    ta.interpret(records, A, X, B, Y)
    assert B.tolist() == [4, 51 - 15, -3 << 60, 20]
    assert Y.tolist() == [0, 2, 4, 6]


def test_the_place_in_the_grid_decides() -> None:
    @kernel
    def edges(A: int32[4, 4], B: int32[4, 4]):
        q = ta.stream(int32, shape=(4, 4))
        with ta.dataflow():
            for i, j in ta.processes(4, 4, name="PE"):
                corner = (i == 0) | (j == 0)
                x = A[i, j] if corner else q[i - 1, j - 1].get()
                if i < 3 and j < 3 and not (i == 1 and j == 2):
                    q[i, j].put(x + 1)
                if (i == 1 and j == 2) or i == 5:
                    q[i, j].put(100)
                B[i, j] = ta.where(i < j, x, -x)

    A, B = np.arange(16, dtype=np.int32).reshape(4, 4), np.zeros((4, 4), np.int32)
    every_way(edges, A, B)
    want = A.copy()
    for i in range(1, 4):
        for j in range(1, 4):
            want[i, j] = 100 if (i, j) == (2, 3) else want[i - 1, j - 1] + 1
    ta.interpret(edges, A, B)
    i, j = np.indices((4, 4))
    np.testing.assert_array_equal(B, np.where(i < j, want, -want))


def test_who_looks_on_is_told_of_each_statement_whole() -> None:
    """A get that waits does not mix what two statements read."""

    @kernel
    def sums(A: int32[6], B: int32[6]):
        q = ta.stream(int32, depth=1)
        with ta.dataflow():
            for i in ta.range(6):
                B[i] = A[i] + q.get()
            for i in ta.range(6):
                q.put(A[5 - i])

    events: list[Event] = []
    A, B = np.arange(6, dtype=np.int32), np.zeros(6, np.int32)
    interpret(sums.trace(), A, B, observe=events.append)
    assert B.tolist() == [5] * 6
    reads = {
        (event.writes[0].array.name, event.writes[0].indices): [a.indices for a in event.reads]
        for event in events
        if event.writes and event.writes[0].array.name == "B"
    }
    assert len(reads) == 6
    assert all((i,) in reads["B", (i,)] or reads["B", (i,)] == [] for i in range(6))


def test_a_fault_in_one_process_ends_all() -> None:
    @kernel
    def outside(A: int32[4], n: int32[1], B: int32[4]):
        q = ta.stream(int32, depth=1)
        with ta.dataflow():
            for i in ta.range(4):
                q.put(A[n[0] + i])
            for i in ta.range(4):
                B[i] = q.get()

    A, B = np.arange(4, dtype=np.int32), np.zeros(4, np.int32)
    text = message(lambda: ta.interpret(outside, A, np.array([2], np.int32), B))
    assert text.splitlines()[0] == "TA601 A[4] is outside the array A of shape [4]"
    ta.interpret(outside, A, np.array([0], np.int32), B)
    assert B.tolist() == [0, 1, 2, 3]
