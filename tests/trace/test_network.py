"""Networks: what `ta.dataflow` allows, and who owns what."""

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
