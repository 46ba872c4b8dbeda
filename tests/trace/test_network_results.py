"""What networks compute, run in every way, and the functions that they are cut into."""

from __future__ import annotations

import numpy as np

import tracealloc as ta
from tests.trace.network_ways import every_way
from tracealloc import int32, kernel
from tracealloc.trace.network.cut import networked


def A(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.int32).reshape(shape) + 3


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.int32)


def test_scalars_that_others_read() -> None:
    @kernel
    def scalars(A: int32[4], B: int32[4]) -> (int32, int32):
        q = ta.stream(int32)
        first = A[2]
        total = ta.scalar(int32, first)
        with ta.dataflow():
            for i in ta.range(4):
                q.put(A[i])
            for _ in ta.range(4):
                total += q.get()
            x = A[1]
            for i in ta.range(3):
                B[i + 1] = total + x
            y = ta.scalar(int32, total)
        return total, y + 1

    result, (_, B) = every_way(scalars, A(4), zeros(4))
    assert (list(result), B.tolist()) == ([23, 24], [0, 27, 27, 27])


def test_what_a_fill_waits_for() -> None:
    @kernel
    def fills(A: int32[4], B: int32[4]):
        q = ta.stream(int32, shape=(2,))
        with ta.dataflow():
            q[0].put(A[0])
            acc = ta.full((2, 2), q[0].get(), int32)
            for i in ta.range(4):
                B[i] = acc[i // 2, i % 2]

    _, (_, B) = every_way(fills, A(4), zeros(4))
    assert B.tolist() == [3, 3, 3, 3]


def test_views_and_numbers_for_kernels() -> None:
    @kernel
    def give(A: int32[4], q: ta.Stream[int32], n: int32):
        for i in ta.range(4):
            q.put(A[i] * n)

    @kernel
    def views(A: int32[2, 4], B: int32[2, 4]):
        q = ta.stream(int32, shape=(2,))
        with ta.dataflow():
            for p in ta.processes(2, name="F"):
                give(A[p], q[p], p + 3)
            for p in ta.processes(2, name="G"):
                for i in ta.range(4):
                    B[1 - p, 3 - i] = q[p].get()

    _, (_, B) = every_way(views, A(2, 4), zeros(2, 4))
    assert B.tolist() == [[40, 36, 32, 28], [18, 15, 12, 9]]


def test_one_kernel_for_parts_of_an_array() -> None:
    """Names of a callee's iterators and arrays are not those of the network, whatever their keys are."""

    @kernel
    def half(A: int32[4], B: int32[4]):
        T = ta.empty((4,), int32)
        for k in ta.range(4):
            T[k] = A[3 - k]
        for k in ta.range(4):
            B[k] = T[k]

    @kernel
    def halves(A: int32[8], B: int32[8]):
        with ta.dataflow():
            half(A[0:4], B[4:8])
            half(A[4:8], B[0:4])

    _, (_, B) = every_way(halves, A(8), zeros(8))
    assert B.tolist() == [10, 9, 8, 7, 6, 5, 4, 3]


def test_queues_that_a_loop_chooses() -> None:
    @kernel
    def deal(A: int32[4], B: int32[4]):
        q = ta.stream(int32, shape=(3,))
        with ta.dataflow():
            for i in ta.range(4):
                for k in ta.range(3):
                    q[k].put(A[i] + k)
            for i in ta.range(4):
                s = ta.scalar(int32, 0)
                for k in ta.range(3):
                    s += q[k].get()
                B[i] = s

    _, (_, B) = every_way(deal, A(4), zeros(4))
    assert B.tolist() == [12, 15, 18, 21]


def test_queues_that_a_table_chooses() -> None:
    @kernel
    def shuffled(A: int32[4], B: int32[4]):
        q = ta.stream(int32, shape=(4,))
        to = ta.constant(np.array([2, 0, 3, 1]), int32)
        with ta.dataflow():
            for i in ta.processes(4, name="P"):
                q[to[i]].put(A[i] * to[i])
            for i in ta.processes(4, name="Q"):
                if to[i] > 1:
                    B[i] = q[i].get()
                else:
                    B[i] = -q[i].get()

    _, (_, B) = every_way(shuffled, A(4), zeros(4))
    assert B.tolist() == [0, -6, 6, -15]


def test_while_loops_sizes_and_results() -> None:
    @kernel
    def several(A: int32[4], n: int32) -> (int32[4], int32):
        q = ta.stream(int32)
        B = ta.zeros((4,), int32)
        last = ta.scalar(int32, 0)
        with ta.dataflow():
            for i in ta.range(n):
                q.put(A[i])
            for _ in ta.processes(1, name="take"):
                at = ta.scalar(int32, 0)

                def body(at=at):
                    B[at] = q.get()
                    at.set(at + 1)

                ta.while_loop(lambda at=at: at < n, body)
                last.set(at)
        return B, last

    result, _ = every_way(several, A(4), 3)
    assert (result[0].tolist(), result[1]) == ([3, 4, 5, 0], 3)


def test_bounds_and_choices_by_the_place() -> None:
    @kernel
    def places(A: int32[3, 3], B: int32[3, 3], n: int32):
        q = ta.stream(int32, depth=9, shape=(3, 3))
        with ta.dataflow():
            for i, j in ta.processes(3, 3, name="PE"):
                inner = (i > 0) & (j > 0)
                acc = ta.scalar(int32, 0)
                for k in ta.range(i - j, i):
                    acc += k + n
                if inner or i == 2:
                    acc += 100
                with ta.when((i == j) & (A[i, j] > 4)):
                    acc += 7
                with ta.otherwise():
                    acc -= 1
                for _ in ta.range(1 + (i + j) % 2):
                    q[(i + 1) % 3, 2 - j].put(ta.where(j < i, acc, -acc))
            for i, j in ta.processes(3, 3, name="Q"):
                B[i, j] = q[i, j].get()
                if ((i + 2) % 3 + 2 - j) % 2 == 1:
                    B[i, j] += 1000 * q[i, j].get()

    every_way(places, A(3, 3), zeros(3, 3), 5)


def test_how_a_network_is_cut() -> None:
    def chain(A: int32[3, 4], B: int32[4]):
        q = ta.stream(int32, shape=(2, 4))
        with ta.dataflow():
            for i, j in ta.processes(3, 4, name="PE"):
                x = A[i, j]
                if i > 0:
                    x = x + q[i - 1, j].get()
                if i < 2:
                    q[i, j].put(x)
                else:
                    B[j] = x

    functions = [line for line in str(networked(kernel(chain).trace())).splitlines() if line[:7] == "kernel "]
    assert functions == [
        "kernel chain(A: int32[3, 4], B: int32[4])",
        "kernel PE(q_out: Stream[int32], A: int32[3, 4], i: index, j: index)",
        "kernel PE_1(q_in: Stream[int32], A: int32[3, 4], q_out: Stream[int32], i: index, j: index)",
        "kernel PE_2(q_in: Stream[int32], A: int32[3, 4], B: int32[4], i: index, j: index)",
    ]


def test_conditions_in_loops_tell_processes_apart() -> None:
    """Boxes around all that a process uses overlap; iteration by iteration, nothing is shared."""

    @kernel
    def apart(A: int32[4], B: int32[4], C: int32[4]):
        q = ta.stream(int32, shape=(2, 2))
        T = ta.zeros((4,), int32)
        with ta.dataflow():
            for i, j in ta.processes(2, 2, name="P"):
                for k in ta.range(2):
                    if i == k:
                        q[k, j].put(A[i * 2 + j])
            for i in ta.processes(2, name="Q"):
                for k in ta.range(4):
                    if not (k % 2 != i or A[k] > 100):
                        T[k] = A[3 - k]
            for i, j in ta.processes(2, 2, name="R"):
                B[i * 2 + j] = q[i, j].get()
            for i in ta.range(4):
                C[i] = T[i]

    _, (_, B, C) = every_way(apart, A(4), zeros(4), zeros(4))
    assert (B.tolist(), C.tolist()) == ([3, 4, 5, 6], [6, 5, 4, 3])
