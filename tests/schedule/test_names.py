"""Names, handles and what is refused of them."""

from __future__ import annotations

import pytest
from common import refused

import tracealloc as ta
from tracealloc import float32, grid, int32, kernel


@kernel
def scale(A: float32[4, 6]):
    for i, j in grid(4, 6):
        A[i, j] *= 2.0


@kernel
def other(B: float32[4, 6]):
    for i, j in grid(4, 6):
        B[i, j] *= 2.0


def test_none_is_no_loop() -> None:
    s = ta.customize(scale)
    with pytest.raises(ta.ScheduleError, match="loop must be the name or handle of a loop, not None"):
        s.split(None, 2)
    with pytest.raises(ta.ScheduleError, match="array must be the name or handle of an array, not None"):
        s.partition(None)


def test_handles_of_another_kernel_are_refused() -> None:
    s, foreign = ta.customize(scale), ta.customize(other)
    for bad in (foreign.loops()[0], foreign.bands()[0]):
        with pytest.raises(ta.ScheduleError, match="is a handle of another kernel's schedule"):
            s.compute_at(bad, "j")
    with pytest.raises(ta.ScheduleError, match="is a handle of another kernel's schedule"):
        s.partition(foreign.B)


def test_handles_work_on_copies() -> None:
    s = ta.customize(scale)
    outer, _ = s.split("j", 2)
    s.copy().unroll(outer)


def test_unknown_names_say_where() -> None:
    s = ta.customize(scale)
    with pytest.raises(ta.UnknownArrayError, match="TA204") as caught:
        s["AA"]
    assert caught.value.place is not None and caught.value.hint == "'A'"
    with pytest.raises(
        ta.UnknownArrayError, match="neither a method nor an array called 'partitionn'"
    ) as found:
        s.partitionn
    assert isinstance(found.value, AttributeError) and found.value.hint == "s.partition"
    assert not hasattr(s, "D")
    with pytest.raises(ta.ScheduleError, match="no function 'scal' is called in scale"):
        s.loops("scal")
    with pytest.raises(ta.VerifyError) as wrong:
        s.verify("polyhedrall")
    assert wrong.value.place is not None


@kernel
def two(A: float32[8], B: float32[8]):
    for i in grid(8, name="X"):
        A[i] += 1.0
    for i in grid(8, name="Y"):
        B[i] += A[i]


def test_parts_of_loops_are_named_within_their_band() -> None:
    s = ta.customize(two)
    s.split("X.i", 4)
    outer, inner = s.split("Y.i", 2)
    assert [str(h) for h in s.loops()] == ["X.i.outer", "X.i.inner", "Y.i.outer", "Y.i.inner"]
    assert (outer.name, inner.name) == ("i.outer", "i.inner")
    s.unroll("Y.i.inner")
    s.tile(["X.i.outer"], [2])
    with pytest.raises(ta.UnknownLoopError, match=r"TA203 .*2 loops are called"):
        s.unroll("i.inner")
    assert s.verify()
    space = {"ta": ta, "two": two}
    exec(s.script(), space)
    assert space["s"].module == s.module


def test_loops_that_depend_on_data_belong_to_a_band() -> None:
    @kernel
    def rows(n: int32[6], A: int32[6, 6]):
        for i in grid(6):
            for k in ta.range(n[i]):
                A[i, k] = 0
        for k in grid(6):
            A[0, k] += 1
        for k in ta.range(n[0]):
            A[1, k] = 2

    s = ta.customize(rows)
    assert [str(loop) for loop in s.loops()] == ["i", "L1.k", "L0.k", "L2.k"]
    s.unroll("L0.k", 2)
    s.pipeline("L2.k")
    assert "L0.k  0:n[i]  in L0  unroll 2" in repr(s.loops())


def test_bands_of_inlined_calls_are_told_apart() -> None:
    """Two calls of a function with a named band gave two bands of one name, and the last was taken."""

    @kernel
    def double(X: int32[4], Y: int32[4]):
        for i in grid(4, name="PE"):
            Y[i] = X[i] * 2

    @kernel
    def twice(A: int32[4], B: int32[4], C: int32[4]):
        double(A, B)
        double(B, C)
        for j in grid(4, name="sum"):
            A[j] = B[j] + C[j]

    s = ta.customize(twice)
    s.inline("double_1")
    assert [str(band) for band in s.bands()] == ["PE", "sum"]
    s.inline("double_0")
    assert [str(band) for band in s.bands()] == ["PE_1", "PE", "sum"]
    both = ta.customize(twice)
    both.inline("double")
    assert [str(band) for band in both.bands()] == ["PE", "PE_1", "sum"]
    assert [str(loop) for loop in both.loops()] == ["PE.i", "PE_1.i", "j"]
    both.reverse("PE_1.i")
    assert "PE_1: for i in 3:-1:-1" in str(both)
    assert both.verify()
    assert str(both.replay(twice)) == str(both)


def test_a_loop_that_a_step_replaced_is_followed_in_the_hint() -> None:
    def hint(s: ta.Schedule, name: str) -> str | None:
        with pytest.raises(ta.UnknownLoopError) as caught:
            s.reverse(name)
        return caught.value.hint

    s = ta.customize(scale)
    s.split("i", 2)
    assert hint(s, "i") == "'i.outer' or 'i.inner'"
    s.fuse("i.inner", "j")
    assert hint(s, "j") == "'i.inner_j'"
    assert hint(s, "L0") == "'i.outer' or 'i.inner_j'"
    assert hint(s, "i.inner_") == "'i.inner_j'"
    t = ta.customize(two)
    t.split("X.i", 4)
    assert hint(t, "X.i") == "'i.outer' or 'i.inner'"
    assert hint(t, "Y") == "'i'"
    assert hint(t, "z") is None


def test_a_buffer_that_is_inlined_says_what_it_holds_of_the_caller() -> None:
    @kernel
    def double(X: int32[4, 6], Y: int32[4, 6]):
        for i, j in grid(4, 6):
            Y[i, j] += X[i, j] * 2

    @kernel
    def twice(A: int32[4, 6], B: int32[3, 4, 6]):
        double(A, B[1])

    s = ta.customize(twice)
    s.buffer_at("double:X", "double:i")
    s.buffer_at("double:Y", "double:i")
    s.inline("double")
    assert "# buffer of A[i, :]\n" in str(s)
    assert "# buffer of Y[i, :], Y of double_0\n" in str(s)


def test_options_of_ports_are_those_of_the_pragma() -> None:
    s = ta.customize(scale)
    array = s.arrays()[0]
    message = refused(lambda: s.interface(array, "m_axi", bundl="x"), s, ta.ScheduleError)
    assert "got the unknown option 'bundl'" in message
    assert message.endswith("try: bundle='x'")
