"""Arrays that get another shape inside, where called kernels see views of them."""

from __future__ import annotations

from typing import Any

import pytest
from common import check_round_trip

import tracealloc as ta
from tracealloc import grid, int16, int32, kernel
from tracealloc.poly.isl.named import dim_bounds


def _caller() -> ta.Schedule:
    @ta.kernel
    def addrow(x: int32[5], y: int32[5]):  # type: ignore[no-untyped-def]
        for j in ta.range(5):
            y[j] += x[j]

    @ta.kernel
    def caller(A: int32[7, 5]):  # type: ignore[no-untyped-def]
        for i in ta.range(6):
            addrow(A[i], A[i + 1])

    return ta.customize(caller)


@pytest.mark.parametrize(
    ("name", "args"), [("permute", ([0, 1],)), ("permute", ([1, 0],)), ("reshape", (35,))]
)
def test_an_argument_whose_rows_are_passed_on_keeps_its_shape(name: str, args: tuple[object, ...]) -> None:
    s = _caller()
    before = s.module
    with pytest.raises(ta.ScheduleError, match="cannot change the subscripts of 'A', which test_relayout"):
        getattr(s, name)("A", *args)
    assert s.module is before


def test_what_the_first_value_of_a_scalar_reads_comes_from_the_copy() -> None:
    @ta.kernel
    def sums(A: int32[6]):  # type: ignore[no-untyped-def]
        for i in ta.range(1, 6):
            acc = ta.scalar(int32, A[i - 1])
            acc += i
            A[i] = acc

    s = ta.customize(sums)
    s.reshape("A", [2, 3])
    check_round_trip(s)


def test_an_argument_that_only_first_values_read() -> None:
    @ta.kernel
    def copies(A: int32[6], B: int32[6]):  # type: ignore[no-untyped-def]
        for i in ta.range(6):
            acc = ta.scalar(int32, A[i])
            B[i] = acc

    s = ta.customize(copies)
    s.reshape("A", [2, 3])
    check_round_trip(s)


def test_an_argument_that_no_iteration_uses_keeps_its_shape() -> None:
    @ta.kernel
    def never(A: int32[6], B: int32[6]):  # type: ignore[no-untyped-def]
        for i in ta.range(2):
            for j in ta.range(3, i + 2):
                A[i] = B[j]

    s = ta.customize(never)
    with pytest.raises(ta.ScheduleError, match=r"TA240 .* finds no use of 'A' in never"):
        s.reshape("A", [2, 3])


def test_loops_that_never_run() -> None:
    @ta.kernel
    def never(A: int32[6, 6], B: int32[6]):  # type: ignore[no-untyped-def]
        for i in ta.range(2):
            t = ta.scalar(int32, 1)
            for j in ta.range(3, i + 2):
                for k in ta.range(j):
                    t += A[i, k]
                    B[i] += t

    for name, args in [("outline", ("j", "part")), ("outline", ("k", "part")), ("buffer_at", ("A", "j")),
                       ("buffer_at", ("B", "i")), ("split", ("k", 2)), ("fuse", ("j", "k"))]:  # fmt: skip
        s = ta.customize(never)
        try:
            getattr(s, name)(*args)
        except ta.ScheduleError as error:
            assert error.code != "TA261"
        check_round_trip(s)


@kernel
def scattered(B: int32[5], C: int16[2, 4]):
    for i in ta.range(5):
        C[1, B[i] % 3] = 1


@kernel
def gathered(B: int32[5], C: int32[2, 4]):
    T = ta.zeros((5, 2), int32)
    for i in ta.range(5):
        T[B[i] % 5, i & 1] = B[i] & 3
    for i, j in grid(5, 2):
        if T[i, 0] > 1:
            C[j, T[i, j]] += T[i, 1]


@pytest.mark.parametrize(
    "steps",
    [
        [("reshape", "C", (8,))],
        [("reshape", "C", (8,)), ("reshape", "C_local", (4, 2)), ("buffer_at", "B", "i")],
        [("reshape", "C", (4, 2)), ("split", "i", 2), ("permute", "B", (0,))],
        [("pack", "C", 1, 2), ("partition", "B", 0), ("reshape", "B", (5, 1))],
    ],
    ids=str,
)
@pytest.mark.parametrize("top", [scattered, gathered], ids=lambda top: top.name)
def test_rows_that_data_do_not_leave_stay_known(top: Any, steps: list[tuple[Any, ...]]) -> None:
    s = ta.customize(top)
    for name, *args in steps:
        try:
            getattr(s, name)(*args)
        except (ta.ScheduleError, ta.LayoutError) as error:
            assert "bug" not in str(error), error
    check_round_trip(s, top)


@pytest.mark.parametrize("step", ['s.reshape("T", [1, 8])', 's.permute("T", [1, 0])', 's.pack("T", 1, 2)'])
@pytest.mark.parametrize("before", ["", 's.buffer_at("T", "j")'])
def test_an_array_that_is_made_under_a_condition_and_buffered(before: str, step: str) -> None:
    """What uses the buffer alone says no more where the array lives, nor in which shape."""

    @ta.kernel
    def made(A: int32[2, 2], B: int32[2]):  # type: ignore[no-untyped-def]
        for i, j in grid(2, 2):
            if A[i, j] > 0:
                T = ta.full((2, 4), 1, int32)
                B[i] += T[0, 1]

    s = ta.customize(made)
    exec(before, {"s": s})
    exec(step, {"s": s})
    check_round_trip(s)
    users = [st for st in s.module.state("made").model.statements if st.scopes]
    assert all({a.array for a in st.accesses} >= {array for array, _ in st.scopes} for st in users)


def test_what_data_choose_is_not_what_another_subscript_chose() -> None:
    """A new layout turns the order in which subscripts are evaluated."""

    @ta.kernel
    def chosen(A: ta.UInt(2)[2, 4], B: int32[2], v: ta.UInt(1)[4]):  # type: ignore[no-untyped-def]
        for i in ta.range(2):
            B[i] += A[v[i], v[v[2] + 2]]

    s = ta.customize(chosen)
    s.permute("A", [1, 0])
    statements = s.module.state("chosen").model.statements
    accesses = [a for statement in statements for a in statement.accesses if a.array.name == "v"]
    ranges = {a.text: dim_bounds(a.relation.range(), 0) for a in accesses}
    assert ranges == {"v[i]": (0, 1), "v[v[2] + 2]": (0, 3), "v[2]": (2, 2)}
