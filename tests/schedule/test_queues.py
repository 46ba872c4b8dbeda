"""A queue is one order of puts and gets, which no step may change: refusals, and what stays allowed."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from common import check_round_trip
from common import refused as refused_there

import tracealloc as ta
from tracealloc import float32, grid, int8, int32, kernel
from tracealloc.check.interpret.interpret import interpret
from tracealloc.check.verify import verify_module
from tracealloc.customize import Schedule
from tracealloc.kernel import Kernel
from tracealloc.poly.model.tree import loops_in, replace_loop

Record = ta.Struct(x=int32, y=int8)
Queue, Records = ta.Stream[int32], ta.Stream[Record]


@kernel
def send(A: int32[4, 3], q: Queue):
    for i, j in grid(4, 3):
        q.put(A[i, j])


@kernel
def receive(A: int32[4, 3], q: Queue):
    for i, j in grid(4, 3):
        A[i, j] = q.get()


@kernel
def total(C: int32[4], q: Queue):
    for i, j in grid(4, 3):  # noqa: B007
        C[i] += q.get()


@kernel
def passed_on(q: Queue, r: Queue):
    for i, j in grid(4, 3):  # noqa: B007
        r.put(q.get() * 2)


@kernel
def where_affine(A: int32[4, 3], q: Queue):
    for i, j in grid(4, 3):
        if j <= i:
            q.put(A[i, j])


@kernel
def where_data_say(A: int32[4, 3], q: Queue):
    for i, j in grid(4, 3):
        if A[i, j] > 2:
            q.put(A[i, j])
        elif i < j:
            q.put(7)


@kernel
def under_when(A: int32[4, 3], q: Queue):
    for i, j in grid(4, 3):
        with ta.when(A[i, j] > 2):
            q.put(A[i, j])


@kernel
def condition_taken(A: int32[4, 3], q: Queue):
    for i, j in grid(4, 3):
        if q.get() > 2:
            A[i, j] = q.get()


@kernel
def send_one(x: int32, q: Queue):
    q.put(x)


@kernel
def send_row(X: int32[3], q: Queue):
    for j in ta.range(3):
        send_one(X[j], q)


@kernel
def receive_row(X: int32[1], q: Queue):
    X[0] = q.get()


@kernel
def called(A: int32[4, 3], q: Queue):
    for i, j in grid(4, 3):
        send_one(A[i, j], q)


@kernel
def called_with_rows(A: int32[4, 3], q: Queue):
    for i, j in grid(4, 3):  # noqa: B007
        send_row(A[i], q)


@kernel
def called_to_take(A: int32[4, 3], q: Queue):
    for i, j in grid(4, 3):
        receive_row(A[i, j : j + 1], q)


@kernel
def as_often_as_data_say(A: int32[4, 3], q: Queue):
    for i, j in grid(4, 3):
        for k in ta.range(A[i, j]):
            q.put(k)


@kernel
def while_data_say(A: int32[4, 3], q: Queue):
    for i, j in grid(4, 3):
        left = ta.scalar(int32, A[i, j])

        def body(left=left):
            q.put(left)
            left.set(left - 1)

        ta.while_loop(lambda left=left: left > 0, body)


@kernel
def records(A: int32[4, 3], q: Records, r: Records):
    for i, j in grid(4, 3):
        p = q.get()
        A[i, j] += p.x
        r.put(p)


@kernel
def one_field(A: int32[4, 3], q: Records):
    for i, j in grid(4, 3):
        A[i, j] = q.get().y


ALL = [
    *(send, receive, total, passed_on, where_affine, where_data_say, under_when, condition_taken, called),
    *(called_with_rows, called_to_take, as_often_as_data_say, while_data_say, records, one_field),
]
STEPS: list[Callable[[Schedule], Any]] = [
    lambda s: s.reorder("j", "i"),
    lambda s: s.tile(["i", "j"], [2, 2]),
    lambda s: s.reverse("i"),
    lambda s: s.reverse("j"),
    lambda s: s.parallel("i"),
    lambda s: s.parallel("j"),
    lambda s: s.vectorize("j"),
]
KEEPING: list[Callable[[Schedule], Any]] = [
    lambda s: s.split("i", 3),
    lambda s: s.shift("j", 2),
    lambda s: s.skew("j", "i"),
    lambda s: s.peel("j", 1),
    lambda s: s.unroll("i", 3),
    lambda s: s.pipeline("j"),
    lambda s: s.outline("j", "part"),
]


def refused(action: Callable[[], Any], s: Schedule, error: type[ta.TraceallocError]) -> str:
    """The whole message of a refusal; the numbers of this file's lines are ``#``."""
    return _numbered(refused_there(action, s, error))


def _numbered(text: str | None) -> str:
    return re.sub(r"(?<=test_queues\.py:)\d+", "#", text or "")


def given(s: Schedule) -> list[Any]:
    """An argument for each of the kernel's: queues hold more than is taken."""
    rng = np.random.default_rng(0)
    made: list[Any] = []
    for array in s.program.args:
        numbers = rng.integers(0, 5, array.shape or (40, 2))
        if array.kind != "stream":
            made.append(numbers.astype(np.int32))
        else:
            records = array.dtype == Record
            made.append(deque([tuple(map(int, row)) if records else int(row[0]) for row in numbers]))
    return made


def left_behind(run: Callable[..., Any], args: list[Any]) -> list[Any]:
    """What arrays and queues hold after a run."""
    run(*args)
    return [[_plain(e) for e in a] if isinstance(a, deque) else a.tolist() for a in args]


def _plain(element: Any) -> Any:
    return tuple(map(int, element)) if isinstance(element, tuple | np.void) else int(element)


def check(s: Schedule) -> None:
    """The proof, the interpreter and the compiled C agree with the traced kernel."""
    want = left_behind(lambda *args: interpret(s.program, *args), given(s))
    assert left_behind(lambda *args: interpret(s.lowered, *args), given(s)) == want
    assert left_behind(s.build(), given(s)) == want
    proof = s.verify()
    assert proof, proof


@pytest.mark.parametrize("each", ALL, ids=lambda k: k.name)
def test_no_step_changes_the_order(each: Kernel) -> None:
    for step in STEPS:
        s = ta.customize(each)
        refused(lambda step=step, s=s: step(s), s, ta.IllegalScheduleError)


@pytest.mark.parametrize("each", ALL, ids=lambda k: k.name)
def test_steps_that_keep_the_order(each: Kernel) -> None:
    s = ta.customize(each)
    for step in KEEPING:
        try:
            step(s)
        except ta.ScheduleError as error:
            assert not isinstance(error, ta.IllegalScheduleError)
    assert len(s.history) > 4
    check(s)


def test_refusal_of_puts_names_elements_and_places() -> None:
    s = ta.customize(send)
    assert refused(lambda: s.reorder("j", "i"), s, ta.IllegalScheduleError) == "\n".join(
        [
            'TA210 reorder("j", "i") would change the order of the queue \'q\'',
            "  because: iteration (i=0, j=1) puts A[0, 1] into q (test_queues.py:#), and after it iteration "
            "(i=1, j=0) puts A[1, 0] into q (test_queues.py:#)",
            "  because: in the order (j, i) the second of these would come before the first",
            "  because: A[0, 1] would be at place 4 instead of 1 and A[1, 0] would be at place 1 instead of "
            "3, counted from 0",
            '  try: keep "i" as it is: it carries the dependence',
        ]
    )


def test_refusal_of_gets_names_places() -> None:
    s = ta.customize(receive)
    assert refused(lambda: s.reverse("j"), s, ta.IllegalScheduleError) == "\n".join(
        [
            "TA210 reverse(\"j\") would change the order of the queue 'q'",
            "  because: iteration (i=0, j=0) takes from q (test_queues.py:#), and after it iteration "
            "(i=0, j=1) takes from q (test_queues.py:#)",
            "  because: with 'j' reversed the second of these would come first",
            "  because: what iteration (i=0, j=0) takes would be at place 2 instead of 0, counted from 0",
            '  try: keep "j" as it is: it carries the dependence',
        ]
    )


@pytest.mark.parametrize(
    ("each", "text"),
    [
        (where_data_say, "puts A[0, 0] into q where its condition holds (test_queues.py:#)"),
        (called, "calls send_one, which puts into q (test_queues.py:#)"),
        (called_to_take, "calls receive_row, which takes from q (test_queues.py:#)"),
        (as_often_as_data_say, "puts into q (test_queues.py:#)"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_refusals_without_places(each: Kernel, text: str) -> None:
    s = ta.customize(each)
    found = refused(lambda: s.reverse("i"), s, ta.IllegalScheduleError).splitlines()
    assert found[0] == "TA210 reverse(\"i\") would change the order of the queue 'q'"
    assert found[1] == (
        f"  because: iteration (i=0, j=0) {text}, and after it iteration (i=1, j=0) "
        f"{text.replace('[0, 0]', '[1, 0]')}"
    )
    assert found[2] == "  because: with 'i' reversed the second of these would come first"
    assert not any("place" in line for line in found)


def test_parallel_loops_neither_put_nor_take() -> None:
    s = ta.customize(send)
    assert refused(lambda: s.parallel("i"), s, ta.IllegalScheduleError) == "\n".join(
        [
            'TA211 parallel("i") would run iterations at the same time that depend on one another',
            "  because: iteration (i=0, j=0) puts A[0, 0] into q (test_queues.py:#), and after it iteration "
            "(i=1, j=0) puts A[1, 0] into q (test_queues.py:#), at distance 1 in 'i'",
            "  because: no loop around these two is free of dependences",
        ]
    )


@kernel
def twice(A: int32[4], q: Queue, r: Queue):
    for i in ta.range(4):
        q.put(A[i])
        r.put(A[i] + 1)
    for j in ta.range(4):
        r.put(A[j] + 2)


def test_queues_are_independent_of_each_other() -> None:
    s = ta.customize(twice)
    first, second = s.distribute("i")
    check(s)
    s.merge(first, second)
    check(s)


def test_neighbouring_nests_that_use_one_queue() -> None:
    s = ta.customize(twice)
    text = refused(lambda: s.merge("i", "j"), s, ta.IllegalScheduleError)
    assert text.splitlines()[:4] == [
        'TA210 merge("i", "j") would change the order of the queue \'r\'',
        "  because: iteration (i=1) puts A[1] + 1 into r (test_queues.py:#), and after it iteration (j=0) "
        "puts A[0] + 2 into r (test_queues.py:#)",
        "  because: in one loop 'i' the second of these would come first",
        "  because: A[1] + 1 would be at place 2 instead of 1 and A[0] + 2 would be at place 1 instead of 4, "
        "counted from 0",
    ]


@kernel
def one_queue(A: int32[4], q: Queue):
    for i in ta.range(4):
        q.put(A[i])
        q.put(A[i] + 1)


@kernel
def both_ways(A: int32[4], q: Queue):
    for i in ta.range(4):
        q.put(A[i])
    for j in ta.range(4):
        A[j] = q.get()


def test_distribute_and_merge_of_one_queue() -> None:
    s = ta.customize(one_queue)
    refused(lambda: s.distribute("i"), s, ta.IllegalScheduleError)
    s = ta.customize(both_ways)
    refused(lambda: s.merge("i", "j"), s, ta.IllegalScheduleError)


@kernel
def taken_backwards(q: Queue, C: int32[4]):
    T = ta.zeros((4,), int32)
    for i in ta.range(4):
        T[i] = q.get()
    for j in ta.range(4):
        C[j] = T[3 - j]


@kernel
def taken_ahead(q: Queue, C: int32[4]):
    T = ta.zeros((6,), int32)
    for i in ta.range(6):
        T[i] = q.get()
    for j in ta.range(4):
        C[j] = T[j]


@kernel
def put_beside(A: int32[4], q: Queue, C: int32[4]):
    T = ta.zeros((4,), int32)
    for i in ta.range(4):
        T[i] = A[i] * 2
        q.put(A[i])
    for j in ta.range(4):
        C[j] = T[j]


def test_compute_at_leaves_no_element_behind() -> None:
    for each in (taken_backwards, taken_ahead):
        s = ta.customize(each)
        refused(lambda s=s: s.compute_at("i", "j"), s, ta.IllegalScheduleError)
    assert refused(lambda: s.compute_at("i", "j"), s, ta.IllegalScheduleError).splitlines()[:2] == [
        'TA210 compute_at("i", "j") would change the order of the queue \'q\'',
        "  because: iteration (i=0) (test_queues.py:#) takes from q at place 2 instead of 0, counted from 0",
    ]
    s = ta.customize(put_beside)
    s.compute_at("i", "j")
    check(s)


def test_free_sums_do_not_move_what_they_take() -> None:
    s = ta.customize(total)
    s.reassociate()
    refused(lambda: s.reorder("j", "i"), s, ta.IllegalScheduleError)
    s.rfactor(s.C, "j")
    check(s)


@kernel
def running(q: ta.Stream[float32], r: ta.Stream[float32]):
    for i in ta.range(4):  # noqa: B007
        r.put(r.get() + q.get())


def test_what_is_put_is_no_sum() -> None:
    s = ta.customize(running)
    s.reassociate()
    refused(lambda: s.reverse("i"), s, ta.IllegalScheduleError)
    refused(lambda: s.parallel("i"), s, ta.IllegalScheduleError)


def test_inside_callees_and_after_inline() -> None:
    s = ta.customize(called_with_rows)
    refused(lambda: s.reverse("send_row:j"), s, ta.IllegalScheduleError)
    refused(lambda: s.parallel("send_row:j"), s, ta.IllegalScheduleError)
    s.inline("send_row")
    s.inline("send_one")
    refused(lambda: s.reverse("i"), s, ta.IllegalScheduleError)
    check(s)
    check_outlined = ta.customize(send)
    check_outlined.outline("j", "row")
    refused(lambda: check_outlined.reverse("row:j"), check_outlined, ta.IllegalScheduleError)
    refused(lambda: check_outlined.reverse("i"), check_outlined, ta.IllegalScheduleError)
    check(check_outlined)


def test_a_queue_is_no_array() -> None:
    s = ta.customize(send)
    for step in (
        lambda: s.buffer_at(s.q, "i"),
        lambda: s.reuse_at(s.q, "i"),
        lambda: s.rfactor(s.q, "i"),
        lambda: s.partition(s.q),
        lambda: s.reshape(s.q, (1,)),
        lambda: s.permute(s.q, ()),
        lambda: s.pack(s.q, 0, 2),
        lambda: s.cast(s.q, float32),
    ):
        refused(step, s, ta.ScheduleError)
    assert refused(lambda: s.buffer_at("q", "i"), s, ta.ScheduleError) == "\n".join(
        [
            'TA237 buffer_at("q", "i"): \'q\' is a queue, not an array',
            "  because: its elements are put and taken one after another; none can be chosen",
            "  try: s.bind and s.interface work on queues",
        ]
    )
    s.interface(s.q, "axis")
    s.bind("q", "lutram")
    check_round_trip(s)


def test_verify_sees_the_order_of_a_queue() -> None:
    for each in ALL:
        s = ta.customize(each)
        state = s.module.state(s.name)
        for loop in loops_in(state.tree):
            tree = replace_loop(state.tree, loop.key, lambda x: replace(x, descending=not x.descending))
            proof = verify_module(s.module.with_state(s.name, state.with_tree(tree)))
            assert not proof, (each, loop.name)
            assert str(proof.counterexample).startswith("the order of "), proof
    state = ta.customize(send).module.state("send")
    outer, inner = loops_in(state.tree)
    tree = replace(inner, band=outer.band, body=replace(outer, band=None, body=inner.body))
    proof = verify_module(ta.customize(send).module.with_state("send", state.with_tree(tree)))
    assert _numbered(proof.counterexample) == (
        "the order of q: iteration (i=0, j=1) (test_queues.py:#) puts A[0, 1] into q "
        "at place 4 instead of 1, counted from 0"
    )


def test_verify_of_two_kernels_sees_the_order() -> None:
    @kernel
    def send(A: int32[4, 3], q: Queue):
        for j in ta.range(3):
            for i in ta.range(4):
                q.put(A[i, j])

    assert not ta.verify(globals()["send"], send)
    assert ta.verify(send, send)
