"""reuse_at: windows of any stride and shape, chained; each element is read from the array once."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.schedule.memory import agree, arguments, schedule_of
from tracealloc.check.interpret.interpret import interpret
from tracealloc.customize import Schedule
from tracealloc.kernel import kernel
from tracealloc.trace.diagnostics.errors import ScheduleError
from tracealloc.trace.ir.dtype import Integer, float32
from tracealloc.trace.proxies.functional import scalar
from tracealloc.trace.proxies.loops import grid
from tracealloc.trace.proxies.loops import range as ta_range

int32 = Integer(32, True)


def conv(A: float32[10, 12], W: float32[3, 3], B: float32[8, 10]):
    for i, j in grid(8, 10):
        for r, q in grid(3, 3):
            B[i, j] += A[i + r, j + q] * W[r, q]


def reads_of(schedule: Schedule, name: str) -> Counter[tuple[int, ...]]:
    """How often a run of the schedule reads each element of an array."""
    found: Counter[tuple[int, ...]] = Counter()

    def note(event) -> None:  # type: ignore[no-untyped-def]
        for access in event.reads:
            if access.array.name == name:
                found[tuple(access.indices)] += 1

    interpret(schedule.lowered, *arguments(schedule.program), observe=note)
    return found


def test_lines_and_window_read_every_element_once() -> None:
    s = schedule_of(conv)
    lines = s.reuse_at(s.A, "i")
    window = s.reuse_at(lines, "j")
    assert (lines.shape, window.shape) == ((3, 12), (3, 3))
    agree(s, c=True)
    counts = reads_of(s, "A")
    assert len(counts) == 120
    assert set(counts.values()) == {1}
    s.pipeline("j")
    s.partition(s.W)
    s.partition(lines, dim=0)
    table = s.conflicts()
    assert not table, str(table)
    agree(s)


def test_one_dimension() -> None:
    def fir(A: float32[40], W: float32[5], B: float32[36]):
        for i in grid(36):
            for t in grid(5):
                B[i] += A[i + t] * W[t]

    s = schedule_of(fir)
    assert s.reuse_at("A", "i").shape == (5,)
    agree(s, c=True)
    assert set(reads_of(s, "A").values()) == {1}


@pytest.mark.parametrize(
    ("stride", "rows", "columns", "dilation"), [(1, 2, 5, 1), (2, 3, 3, 1), (1, 3, 2, 2)]
)
@pytest.mark.parametrize("low", [0, 2])
def test_strides_windows_and_dilation(stride: int, rows: int, columns: int, dilation: int, low: int) -> None:
    def stencil(A: float32[30, 34], B: float32[10, 10]):
        for i in ta_range(low, 9):
            for j in ta_range(low + 1, 10):
                for r, q in grid(rows, columns):
                    B[i, j] += A[stride * i + dilation * r, stride * j + dilation * q]

    s = schedule_of(stencil)
    s.reuse_at(s.reuse_at("A", "i"), "j")
    agree(s)
    assert set(reads_of(s, "A").values()) == {1}


def test_channels() -> None:
    def channels(A: float32[2, 8, 9], B: float32[3, 6, 7], W: float32[3, 2, 3, 3]):
        for i, j in grid(6, 7):
            for o, c, r, q in grid(3, 2, 3, 3):
                B[o, i, j] += A[c, i + r, j + q] * W[o, c, r, q]

    s = schedule_of(channels)
    lines = s.reuse_at("A", "i")
    assert lines.shape == (2, 3, 9)
    assert s.reuse_at(lines, "j").shape == (2, 3, 3)
    agree(s)
    assert set(reads_of(s, "A").values()) == {1}


def test_star_downwards_and_triangle() -> None:
    def star(A: float32[12, 12], B: float32[12, 12]):
        for t in grid(2):
            for i in ta_range(10, 0, -1):
                for j in ta_range(1, i + 1):
                    B[i, j] = A[i, j] + A[i, j - 1] + A[i, j + 1] + A[i + 1, j] + A[i - 1, j] + t

    s = schedule_of(star)
    s.reuse_at(s.reuse_at("A", "i"), "j")
    agree(s, c=True)


def test_window_that_moves_back() -> None:
    def back(A: float32[20], B: float32[12]):
        for i in grid(12):
            B[i] = A[15 - i] + A[16 - i] + A[18 - i]

    s = schedule_of(back)
    s.reuse_at("A", "i")
    agree(s, c=True)
    assert set(reads_of(s, "A").values()) == {1}


def test_what_does_not_move_is_loaded_once() -> None:
    s = schedule_of(conv)
    s.reuse_at("W", "i")
    agree(s)
    assert set(reads_of(s, "W").values()) == {1}


def test_no_reuse_is_refused() -> None:
    def scale(A: float32[8, 8]):
        for i, j in grid(8, 8):
            A[i, j] = A[i, j] * 2

    def copy(A: float32[8], B: float32[8]):
        for i in grid(8):
            B[i] = A[i]

    s = schedule_of(copy)
    with pytest.raises(ScheduleError) as caught:
        s.reuse_at("A", "i")
    assert (caught.value.code, caught.value.hint) == ("TA243", "s.buffer_at('A', ...) copies without reuse")
    assert caught.value.summary == (
        "reuse_at(\"A\", \"i\") finds no element of 'A' that two iterations of 'i' read"
    )
    s = schedule_of(scale)
    with pytest.raises(ScheduleError) as caught:
        s.reuse_at("A", "j")
    assert caught.value.code == "TA243"


def test_script_and_undo() -> None:
    s = schedule_of(conv)
    first = str(s)
    lines = s.reuse_at("A", "i")
    s.reuse_at(lines, "j")
    assert s.script().splitlines()[1:] == ['A_i = s.reuse_at("A", "i")', 's.reuse_at(A_i, "j")']
    s.undo(2)
    assert str(s) == first


def test_reads_of_what_was_there_before_the_loop() -> None:
    def steps(A: float32[6, 20]):
        for t in ta_range(5):
            for i in ta_range(1, 19):
                A[t + 1, i] = A[t, i - 1] + A[t, i] + A[t, i + 1]

    def forward(A: float32[12, 14], W: float32[3, 3]):
        for i, j in grid(10, 12):
            acc = scalar(float32, 0)
            for r, q in grid(3, 3):
                acc += A[i + r, j + q] * W[r, q]
            A[i, j] = acc

    s = schedule_of(steps)
    assert s.reuse_at("A", "i").shape == (3,)
    agree(s, c=True)
    s = schedule_of(forward)
    assert s.reuse_at(s.reuse_at("A", "i"), "j").shape == (3, 3)
    agree(s, c=True)
    assert set(reads_of(s, "A").values()) == {1}


def test_reads_of_what_the_loop_writes_are_refused() -> None:
    def backward(A: float32[20]):
        for i in ta_range(2, 20):
            A[i] = A[i] + A[i - 1] + A[i - 2]

    s = schedule_of(backward)
    with pytest.raises(ScheduleError) as caught:
        s.reuse_at("A", "i")
    assert caught.value.code == "TA245"
    assert caught.value.summary == "reuse_at(\"A\", \"i\") needs what is read of 'A' unchanged while 'i' runs"
    assert caught.value.hint == 's.buffer_at("A", "i"), which copies back'


def test_a_called_kernel_gets_the_window() -> None:
    @kernel
    def dot(x: float32[3, 3], w: float32[3, 3]) -> float32:
        acc = scalar(float32, 0)
        for r, q in grid(3, 3):
            acc += x[r, q] * w[r, q]
        return acc

    @kernel
    def row(x: float32[1, 3], y: float32[1]):
        y[0] += x[0, 0] - x[0, 1] + x[0, 2]

    def called(A: float32[10, 12, 2], W: float32[3, 3], B: float32[8, 10]):
        for i, j in grid(8, 10):
            B[i, j] = dot(A[i : i + 3, j : j + 3, 1], W)

    def rows(A: float32[10, 12], B: float32[10]):
        for i, j in grid(10, 10):
            row(A[i : i + 1, j : j + 3], B[i : i + 1])

    s = schedule_of(called)
    assert s.reuse_at(s.reuse_at("A", "i"), "j").shape == (3, 3)
    agree(s, c=True)
    assert set(reads_of(s, "A").values()) == {1}
    s = schedule_of(rows)
    assert s.reuse_at("A", "j").shape == (1, 3)
    agree(s, c=True)
    with pytest.raises(ScheduleError) as caught:
        s.reuse_at("B", "i")
    assert caught.value.code == "TA245"


def test_a_window_of_what_a_loop_with_bounds_on_data_reads() -> None:
    def rounds(A: float32[18, 16], L: int32[12], B: float32[12]):
        for i in grid(12):
            for r in ta_range(L[i] & 3):
                for p, j in grid(2, 4):
                    B[i] += A[i + 3 * p, 2 * j] * r

    s = schedule_of(rounds)
    assert s.reuse_at("A", "i").shape == (4, 7)
    agree(s, c=True)
    assert set(reads_of(s, "A").values()) == {1}


def test_a_window_around_an_outlined_function_holds_what_it_uses() -> None:
    s = schedule_of(conv)
    s.outline("j", "row")
    lines = s.reuse_at("A", "i")
    assert s.reuse_at("W", "i").shape == (3, 3)
    agree(s, c=True)
    s.reuse_at(lines, "row:j")
    agree(s, c=True)
    assert set(reads_of(s, "A").values()) == {1}


def loaded_in(schedule: Schedule, loop: str) -> tuple[int, int]:
    """How many elements of A a run reads from memory inside a loop at most per iteration, and outside it."""
    inside: Counter[tuple[int, ...]] = Counter()
    outside = 0

    def note(event) -> None:  # type: ignore[no-untyped-def]
        nonlocal outside
        names = [it.name for it in event.iterators]
        count = sum(access.array.name == "A" for access in event.reads)
        if loop in names:
            inside[tuple(event.iterators.values())[: names.index(loop) + 1]] += count
        else:
            outside += count

    interpret(schedule.lowered, *arguments(schedule.program), observe=note)
    return max(inside.values(), default=0), outside


def test_dilated_lines_are_loaded_in_the_loop_over_the_columns() -> None:
    def dilated(A: float32[14, 15], B: float32[8, 9]):
        for i, j in grid(8, 9):
            for r, q in grid(3, 3):
                B[i, j] += A[i + 3 * r, j + 3 * q]

    s = schedule_of(dilated)
    s.reuse_at(s.reuse_at("A", "i"), "j")
    agree(s, c=True)
    assert set(reads_of(s, "A").values()) == {1}
    assert loaded_in(s, "j") == (1, 6 * 15 + 8 * 6)  # the first six lines, and six columns of each line


def test_planes_lines_and_window() -> None:
    def cube(A: float32[6, 7, 9], B: float32[4, 5, 7]):
        for i, j, k in grid(4, 5, 7):
            for p, r, q in grid(3, 3, 3):
                B[i, j, k] += A[i + p, j + r, k + q]

    s = schedule_of(cube)
    planes = s.reuse_at("A", "i")
    lines = s.reuse_at(planes, "j")
    assert s.reuse_at(lines, "k").shape == (3, 3, 3)
    agree(s, c=True)
    assert set(reads_of(s, "A").values()) == {1}
    assert loaded_in(s, "k") == (1, 2 * 7 * 9 + 4 * (2 * 9 + 5 * 2))
