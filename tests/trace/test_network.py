"""Networks: what `ta.dataflow` allows, who owns what, and the functions that a network is cut into."""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tests.trace.network_ways import every_way
from tracealloc import int32, kernel
from tracealloc.trace.network.cut import networked

# ------------------------------------------------------------------------------------------ what is refused


def refusal(body: Callable[..., None]) -> list[str]:
    """What a kernel is refused with: its message without the place, lines of this file as they are."""
    with pytest.raises(ta.TraceError) as found:
        kernel(body).trace()
    error = found.value
    assert error.place is not None
    assert error.hint is not None
    lines = [f"{error.code} {error.summary}", *error.because, error.hint]
    return [re.sub(r"test_network\.py:(\d+)", _line, line) for line in lines]


def _line(found: re.Match[str]) -> str:
    return f"<{linecache.getline(__file__, int(found[1])).partition('  #')[0].strip()}>"


def _fill(A: Any) -> None:
    for i in ta.range(4):
        A[i] = 1


def _never_entered(A: int32[4]):
    ta.dataflow()
    _fill(A)


def _condition(A: int32[4]):
    if ta.dataflow():
        _fill(A)


def _two(A: int32[4]):
    with ta.dataflow():
        _fill(A)
    with ta.dataflow():
        _fill(A)


def _nested(A: int32[4]):
    with ta.dataflow():  # noqa: SIM117
        with ta.dataflow():
            _fill(A)


def _in_a_loop(A: int32[4]):
    for _ in ta.range(3):
        with ta.dataflow():
            _fill(A)


def _under_a_guard(A: int32[4]):
    with ta.when(A[0] > 0):  # noqa: SIM117
        with ta.dataflow():
            _fill(A)


def _under_an_if(A: int32[4]):
    if A[0] > 0:
        with ta.dataflow():
            _fill(A)


def _before(A: int32[4]):
    A[0] = 1
    with ta.dataflow():
        _fill(A)


def _after(A: int32[4]):
    with ta.dataflow():
        _fill(A)
    _fill(A)


def _choice_between(A: int32[4], B: int32[4], n: int32):
    q = ta.stream(int32)
    with ta.dataflow():
        m = 1 if n > 2 else 2
        for i in ta.range(4):
            q.put(A[i])
        for i in ta.range(4):
            B[i] = q.get() + m


def _guard_around(A: int32[4], B: int32[4], n: int32):
    q = ta.stream(int32)
    with ta.dataflow():  # noqa: SIM117
        with ta.when(n > 2):
            for i in ta.range(4):
                q.put(A[i])
            for i in ta.range(4):
                B[i] = q.get()


def _extent(of: Callable[[Any], Any]) -> Callable[[Any], None]:
    def body(A: int32[4]):
        with ta.dataflow():
            for i in ta.processes(of(A)):
                A[i] = 1

    return body


_WHOLE = "put the processes into a kernel of their own, and call it here"
_IN = f"make it a process, inside the region; or {_WHOLE}"
_ALL = "the region at <with ta.dataflow():> is all that a network does, beside making arrays and queues"
_WITH = "with ta.dataflow(): ..."
_CHOICE = [
    "TA140 there are several processes under a condition",
    "each loop and call in ta.dataflow is a process, and data do not choose which there are",
    "choose values with ta.where, or put the condition into the processes",
]
_PLACE = [
    "TA140 ta.dataflow stands in a loop or under a condition",
    "a kernel is a network as a whole, or none",
    _WHOLE,
]
_UNUSED = ["TA140 this ta.dataflow() is entered by no with statement", "it says what is inside it", _WITH]
_TRUTH = ["TA140 ta.dataflow() is no condition", "it says that what is inside it are processes", _WITH]


def _beside(side: str) -> list[str]:
    return [f"TA140 the kernel does something {side} its ta.dataflow region", _ALL, _IN]


def _again(name: str, where: str) -> list[str]:
    why = f"one begins at <with ta.dataflow():>, {where}; a kernel is one network"
    return [f"TA140 kernel {name!r} has two ta.dataflow regions", why, _WHOLE]


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (_never_entered, _UNUSED),
        (_condition, _TRUTH),
        (_in_a_loop, _PLACE),
        (_under_a_guard, _PLACE),
        (_under_an_if, _beside("before")),
        (_before, _beside("before")),
        (_after, _beside("after")),
        (_two, _again("_two", "before it")),
        (_nested, _again("_nested", "around it")),
        (_choice_between, _CHOICE),
        (_guard_around, _CHOICE),
    ],
)
def test_where_a_region_stands(body: Callable[..., None], lines: list[str]) -> None:
    assert refusal(body) == lines


@pytest.mark.parametrize(
    ("of", "line", "why"),
    [
        (
            lambda A: A[0],
            "is an int known while tracing, not <%1: int32>",
            "each process is a piece of hardware",
        ),
        (lambda A: 2.5, "is an int known while tracing, not 2.5", "each process is a piece of hardware"),
        (lambda A: True, "is an int known while tracing, not True", "each process is a piece of hardware"),
        (lambda A: 0, "is positive, not 0", "there would be no process"),
        (lambda A: -1, "is positive, not -1", "there would be no process"),
    ],
)
def test_extents(of: Callable[[Any], Any], line: str, why: str) -> None:
    hint = 'ta.processes(4, 4, name="PE")'
    assert refusal(_extent(of)) == [f"TA143 an extent of ta.processes {line}", why, hint]


def test_two_consumers_of_a_queue() -> None:
    def body(A: int32[8], B: int32[8]):
        q = ta.stream(int32, shape=(2,))
        with ta.dataflow():
            for i in ta.range(8):
                q[1].put(A[i])
            for i in ta.processes(2, name="P"):
                B[i] = q[1].get()

    assert refusal(body) == [
        "TA141 the queue 'q' has two consumers, P[0] and P[1]",
        "P[0] takes from it at <B[i] = q[1].get()>; which comes first would depend on time",
        "a queue of its own for each: ta.stream(T, shape=(n,)), and q[i] for process i",
    ]


def test_two_producers_of_a_queue() -> None:
    @kernel
    def give(q: ta.Stream[int32], n: int32):
        q.put(n)

    def body(B: int32[8]):
        q = ta.stream(int32)
        with ta.dataflow():
            give(q, 1)
            give(q, 2)
            for i in ta.range(2):
                B[i] = q.get()

    assert refusal(body)[0] == "TA141 the queue 'q' has two producers, give_0 and give_1"


def test_two_that_store() -> None:
    def body(A: int32[8], B: int32[8]):
        with ta.dataflow():
            for i in ta.range(5):
                B[i] = A[i]
            for i in ta.range(4, 8):
                B[i] = A[i] + 1

    assert refusal(body) == [
        "TA142 'B' is stored to by two processes, L0 and L1",
        "L0 stores to the same element at <B[i] = A[i]>, at any time",
        "let one of them store it, and send it what the other knows through a ta.stream",
    ]


def test_reads_of_what_a_later_one_stores() -> None:
    def body(A: int32[8]):
        with ta.dataflow():
            for i in ta.range(4):
                A[i] = A[i + 1]
            for i in ta.range(4, 8):
                A[i] = 0

    assert refusal(body) == [
        "TA142 L0 reads 'A', to which L1 stores",
        "L1 stores to it at <A[i] = 0>, and runs later in the kernel: what is read would depend on time",
        "pass the values through a ta.stream, or put the part that stores first",
    ]


def test_reads_of_what_one_beside_it_stores() -> None:
    def body(A: int32[8]):
        with ta.dataflow():
            for i in ta.processes(7, name="P"):
                A[i + 1] = A[i]

    assert refusal(body)[:2] == [
        "TA142 P[1] reads 'A', to which P[0] stores",
        "P[0] stores to it at <A[i + 1] = A[i]>, and runs beside it: what is read would depend on time",
    ]


def test_what_kernels_keep_is_shared() -> None:
    @kernel
    def count(A: int32[1]):
        s = ta.state((1,), int32)
        s[0] += 1
        A[0] = s[0]

    def body(A: int32[1], B: int32[1]):
        with ta.dataflow():
            count(A)
            count(B)

    assert refusal(body)[0] == "TA142 'count:s' is stored to by two processes, count_0 and count_1"


def test_what_a_fill_reads() -> None:
    """An array that is filled with what a process stored has that process before it."""

    def body(A: int32[4], B: int32[4]):
        with ta.dataflow():
            T = ta.empty((4,), int32)
            for i in ta.range(4):
                T[i] = A[i]
            acc = ta.scalar(int32, T[1])
            for i in ta.range(4):
                acc += A[i]
            B[0] = acc

    assert refusal(body)[0] == "TA142 'acc' is stored to by two processes, P1 and L1"


def test_strides_tell_processes_apart() -> None:
    """Also where a stride begins outside the array."""

    @kernel
    def evens(A: int32[8], B: int32[8]):
        with ta.dataflow():
            for i in ta.range(5):
                if i > 0:
                    B[2 * i - 2] = A[i]
            for i in ta.range(5):
                if i > 0:
                    B[2 * i - 1] = -A[i]

    every_way(evens, np.arange(8, dtype=np.int32), np.zeros(8, np.int32))

    def odds(A: int32[8], B: int32[8]):
        with ta.dataflow():
            for i in ta.range(5):
                if i > 0:
                    B[2 * i - 1] = A[i]
            for i in ta.range(4):
                B[2 * i + 1] = A[i]

    assert refusal(odds)[0] == "TA142 'B' is stored to by two processes, L0 and L1"


# ------------------------------------------------------------------------------------- what networks compute


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
