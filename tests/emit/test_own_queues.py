"""Queues that a kernel makes (`ta.stream`), run in order: each way gives the same, or says what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import boolean, float32, grid, int16, int32, kernel
from tracealloc.check.interpret.interpret import interpret

Pair = ta.Struct(x=int16, y=float32)


@kernel
def doubled(A: int32[8], B: int32[8]):
    q = ta.stream(int32, depth=4)
    for i in ta.range(8):
        q.put(A[i] * 2)
    for i in ta.range(8):
        B[i] = q.get() + 1


@kernel
def scale(q: ta.Stream[int32], r: ta.Stream[int32], n: int32):
    for _ in ta.range(8):
        r.put(q.get() * n)


@kernel
def many(A: int32[8], B: int32[8]):
    q = ta.stream(int32, shape=(3, 2))
    for i in ta.range(8):
        q[0, i % 2].put(A[i])
    for _ in ta.range(4):
        q[1, 0].put(q[0, 0].get() + q[0, 1].get())
        q[1, 0].put(q[1, 0].get())
    for i in ta.range(4):
        q[2, 1].put(i)
        q[2, 1].put(q[1, 0].get())
    scale(q[2, 1], q[2, 0], 3)
    for i in ta.range(8):
        B[i] = q[2, 0].get()


@kernel
def of_each_iteration(A: int32[8], B: int32[8]):
    for j in ta.range(2):
        q = ta.stream(int32)
        for i in ta.range(4):
            q.put(A[4 * j + i])
        for i in ta.range(4):
            B[4 * j + i] = q.get() + j


@kernel
def records(A: int32[8], B: int32[8]):
    q = ta.stream(Pair, shape=2)
    for i in ta.range(8):
        if A[i] > 0:
            q[i % 2].put(Pair(x=A[i].astype(int16), y=0.5))
        else:
            q[i % 2].put(Pair(x=0, y=1.5))
    for i in ta.range(8):
        p = q[i % 2].get()
        B[i] = p.x
        if p.y > 1.0:
            B[i] += 1


WAYS: dict[str, Callable[[Any], Callable[..., Any]]] = {
    "C": lambda k: k,
    "Python": lambda k: k.python,
    "interpreter": lambda k: lambda *args: interpret(k.trace(), *args),
    "csim": lambda k: ta.customize(k).build(target="vitis_hls", mode="csim"),
}
A = np.array([3, -1, 4, 1, -5, 9, 2, 6], np.int32)
EXPECTED: dict[Any, list[int]] = {
    doubled: [7, -1, 9, 3, -9, 19, 5, 13],
    many: [0, 12, 3, 15, 6, 24, 9, 6],
    of_each_iteration: [3, -1, 4, 1, -4, 10, 3, 7],
    records: [3, 1, 4, 1, 1, 9, 2, 6],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("made", EXPECTED)
def test_in_order(made: Any, way: str) -> None:
    B = np.zeros(8, np.int32)
    WAYS[way](made)(A.copy(), B)
    assert B.tolist() == EXPECTED[made]


@kernel
def takes(A: int32[8], B: int32[8], n: int32):
    q = ta.stream(int32, shape=(2,))
    for i in ta.range(8):
        q[i % 2].put(A[i])
    for i in ta.range(n):
        B[i] = q[0].get() + q[1].get()


LEFT = {
    "C": "TA809 takes: a stream ended with elements that nothing took",
    "Python": "TA605 the stream q[0] ends with an element that nothing took",
    "interpreter": "TA605 the stream q[0] ends with an element that nothing took",
    "csim": "TA805 C simulation of takes: stream 'q[1]' still holds 1 elements that nothing read",
}
EMPTY = {
    "C": "TA804 takes: a stream was read while it was empty",
    "Python": "TA604 the stream q[0] is read while it is empty",
    "interpreter": "TA604 the stream q[0] is read while it is empty",
    "csim": "TA805 C simulation of takes: stream 'q[0]' is read while it is empty",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("count", "said"), [(3, LEFT), (5, EMPTY)])
def test_as_many_are_taken_as_are_put(way: str, count: int, said: dict[str, str]) -> None:
    with pytest.raises(ta.TraceallocError) as caught:
        WAYS[way](takes)(A.copy(), np.zeros(8, np.int32), count)
    assert str(caught.value).splitlines()[0] == said[way]


@kernel
def leaves_in_some_iteration(A: int32[8], B: int32[8]):
    for j in ta.range(2):
        q = ta.stream(int32)
        for i in ta.range(4):
            q.put(A[4 * j + i])
        for i in ta.range(3 + j):
            B[4 * j + i] = q.get()


@pytest.mark.parametrize("way", WAYS)
def test_each_iteration_has_to_take_its_own(way: str) -> None:
    with pytest.raises(ta.TraceallocError, match=r"^TA(809|605|805) "):
        WAYS[way](leaves_in_some_iteration)(A.copy(), np.zeros(8, np.int32))


@kernel
def as_often_as_data_say(A: int32[8], B: int32[8]):
    q = ta.stream(int32)
    for i in ta.range(8):
        for _ in ta.range(A[i]):
            q.put(i)
    go = ta.scalar(boolean, True)
    for i in ta.range(8):
        for _ in ta.range(A[i]):
            B[i] += q.get()
            go.set(False)


def test_hardware_that_runs_in_order_gets_room_for_all_that_is_put() -> None:
    def text(made: Any) -> list[str]:
        lines: list[str] = ta.customize(made).build(target="vitis_hls").source.splitlines()
        at = next(n for n, line in enumerate(lines) if "hls::stream" in line and "&" not in line)
        return lines[at : at + 2]

    assert text(doubled) == ['  hls::stream<int32_t> q("q");', "#pragma HLS stream variable=q depth=8"]
    assert text(of_each_iteration)[1] == "#pragma HLS stream variable=q depth=4"
    # All that is put, 8 + 4 * 2 + 4 * 2 + 8: no queue has more than a part of it.
    assert text(many) == ["  hls::stream<int32_t> q[3][2];", "#pragma HLS stream variable=q depth=32"]
    assert text(as_often_as_data_say)[1].strip() == (
        "// q waits for ever when it is full: data say how much it must hold."
    )


STEPS: list[tuple[Any, Callable[[ta.Schedule], object]]] = [
    (doubled, lambda s: s.split("L0.i", 3)),
    (doubled, lambda s: s.pipeline("L1.i")),
    (of_each_iteration, lambda s: s.parallel("j")),
    (of_each_iteration, lambda s: s.reverse("j")),
    (of_each_iteration, lambda s: s.unroll("j")),
    (of_each_iteration, lambda s: s.outline("j", "part")),
    (many, lambda s: s.inline("scale")),
    (many, lambda s: s.buffer_at(s.A, s.loops()[0])),
    (records, lambda s: s.peel(s.loops()[0], 1)),
]


@pytest.mark.parametrize(("made", "step"), STEPS)
def test_steps_that_keep_the_order(made: Any, step: Callable[[ta.Schedule], object]) -> None:
    s = ta.customize(made)
    step(s)
    assert s.verify(), s.verify()
    expected, found, simulated = (np.zeros(8, np.int32) for _ in range(3))
    interpret(made.trace(), A.copy(), expected)
    s.build()(A.copy(), found)
    s.build(target="vitis_hls", mode="csim")(A.copy(), simulated)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(simulated, expected)


@kernel
def by_columns(A: int32[4, 6], B: int32[4, 6]):
    q = ta.stream(int32, shape=(4,))
    for i, j in grid(4, 6):
        q[i].put(A[i, j])
    for j, i in grid(6, 4):
        B[i, j] = q[i].get()


def test_each_queue_of_an_array_has_an_order_of_its_own() -> None:
    s = ta.customize(by_columns)
    s.reorder("L0.j", "L0.i")
    s.reverse("L0.i")
    assert s.verify(), s.verify()
    with pytest.raises(ta.IllegalScheduleError, match=r"^TA210 reverse\(\"L0.j\"\) would change the order"):
        s.reverse("L0.j")
    with pytest.raises(ta.IllegalScheduleError, match=r"^TA211 parallel\(\"L0.j\"\)"):
        s.parallel("L0.j")


@kernel
def in_a_loop_of_data(A: int32[8], B: int32[8]):
    for j in ta.range(A[0] % 5):
        q = ta.stream(int32)
        for _ in ta.range(2):
            q.put(A[(j + 1) % 2 + 1])
        for _ in ta.range(2):
            B[(2 * j + 1) % 4] += q.get()


@kernel
def large_in_a_loop(A: int32[8], B: int32[8]):
    for j in ta.range(8):
        kept = ta.zeros((30_000,), int32)
        for i in ta.range(3):
            kept[i * 100 + j] = A[j] + i
        B[j] = kept[200 + j]


COPIED: dict[Any, list[Callable[[ta.Schedule], object]]] = {
    in_a_loop_of_data: [lambda s: s],
    of_each_iteration: [lambda s: s.peel("j", 1), lambda s: s.unroll("j")],
    large_in_a_loop: [lambda s: s.peel("j", 1), lambda s: s.unroll("j", 3), lambda s: s.parallel("j")],
}


@pytest.mark.parametrize(("made", "step"), [(made, step) for made, steps in COPIED.items() for step in steps])
def test_what_is_made_in_several_places_is_given_back_once(
    made: Any, step: Callable[[ta.Schedule], object]
) -> None:
    s = ta.customize(made)
    step(s)
    expected, found = np.zeros(8, np.int32), np.zeros(8, np.int32)
    interpret(made.trace(), A.copy(), expected)
    build = s.build()
    for _ in range(3):
        found[:] = 0
        build(A.copy(), found)
    np.testing.assert_array_equal(found, expected)


@kernel
def taken_by_halves(A: int32[8], B: int32[8]):
    for j in ta.range(4):
        q = ta.stream(int32)
        for e in ta.range(2):
            q.put(A[j] + e)
        for e in ta.range(2):
            B[j] = q.get() - e


def test_what_takes_is_not_computed_once_more() -> None:
    s = ta.customize(taken_by_halves)
    inner = s.split("L0.e#1", 1)[0]
    s.peel(inner, 1)
    with pytest.raises(ta.IllegalScheduleError, match=r"^TA2\d\d compute_at"):
        s.compute_at(s.B, inner)
    assert s.verify()
