"""buffer_at: which part of an array a buffer holds, where its box is far from it."""

from __future__ import annotations

from tests.schedule.memory import agree, arguments, schedule_of
from tracealloc.check.interpret.interpret import interpret
from tracealloc.trace.ir.dtype import Integer, float32
from tracealloc.trace.proxies.loops import grid
from tracealloc.trace.proxies.loops import range as ta_range

int32 = Integer(32, True)


def test_diagonals_are_held_as_lines() -> None:
    """After a skew, an iteration of a wavefront uses diagonals: their box is nearly the whole array."""

    def diagonal(A: float32[20, 20], B: float32[8, 9]):
        for i, j in grid(8, 9):
            B[i, j] = A[i + j, j]

    s = schedule_of(diagonal)
    assert s.buffer_at("A", "i").shape == (9,)
    assert "A_i[A_1_init] = A[i + A_1_init, A_1_init]" in str(s)
    agree(s, c=True)

    def seidel(A: float32[9, 11]):
        for t in grid(3):  # noqa: B007
            for i in ta_range(1, 8):
                for j in ta_range(1, 10):
                    A[i, j] = (A[i - 1, j] + A[i + 1, j] + A[i, j - 1] + A[i, j + 1] + A[i, j]) * 0.25

    s = schedule_of(seidel)
    s.skew("j", "i")
    s.reorder("j", "i")
    lines = s.buffer_at("A", "j")
    assert lines.shape == (3, 9)
    agree(s, c=True)
    s.buffer_at(lines, "i")
    agree(s, c=True)

    def planes(A: int32[12, 6, 20], B: int32[6]):
        for i, j, k in grid(6, 6, 6):
            B[i] += A[i + j, j, 2 * k + j] + A[i + j + 1, j, 2 * k + j]
            A[i + j, j, 2 * k + j] = i

    s = schedule_of(planes)
    assert s.buffer_at("A", "i").shape == (2, 6, 16)
    agree(s, c=True)


def test_rows_far_apart_are_held_as_so_many_rows() -> None:
    def syrk(A: float32[9, 7], C: float32[9, 9]):
        for i in grid(9):
            for j in ta_range(i + 1):
                for k in grid(7):
                    C[i, j] += A[i, k] * A[j, k]

    def trmm(A: float32[8, 8], B: float32[8, 9]):
        for i in grid(8):
            for k in ta_range(i + 1, 8):
                for j in grid(9):
                    B[i, j] += A[k, i] * B[k, j]

    def mirrored(A: float32[8, 9]):
        for i, j in grid(4, 9):
            x = A[i, j] + 0
            A[i, j] = A[7 - i, j] + 1
            A[7 - i, j] = x

    def transposed(A: float32[8, 8], B: float32[8, 8]):
        for i, j, k in grid(8, 8, 3):
            B[i, j] += A[i, j] * A[j, i] * k

    cases = ((syrk, "A", "j", (2, 7)), (trmm, "B", "k", (2, 9)), (mirrored, "A", "i", (2, 9)))
    for function, array, loop, shape in (*cases, (transposed, "A", "j", (2,))):
        s = schedule_of(function)
        buffer = s.buffer_at(array, loop)
        assert buffer.shape == shape
        agree(s, c=True)
        text = str(s)
        s.partition(buffer, 0)
        s.buffer_at(buffer, "j" if function is not syrk else "k")
        agree(s)
    assert "# buffer of A[{i, j}, {j, i}]" in text


def test_rows_that_may_be_the_same_are_no_slots_where_one_is_written() -> None:
    """One element in two places of the buffer would be two values."""

    def crossed(A: float32[8, 9]):
        for i in grid(8):
            for j in grid(9):
                A[i, j] += A[7 - i, j]
        for i, k in grid(8, 8):
            for j in grid(9):
                A[i, j] += A[k, j]

    s = schedule_of(crossed)
    assert s.buffer_at("A", "L0.i").shape == (2, 9)  # never the same: 7 is odd
    assert s.buffer_at("A", "k").shape == (8, 9)
    agree(s, c=True)


def test_a_box_that_is_mostly_air_is_not_copied() -> None:
    def scattered(A: float32[40, 40], B: float32[40, 40]):
        for i in grid(5):
            for j in grid(6):
                B[i, j] = A[j + 2, i + 2] + A[18, i + j] + A[i, 2 * j + 1]

    s = schedule_of(scattered)
    s.buffer_at("A", "i")
    agree(s, c=True)
    copied = set()

    def note(event) -> None:  # type: ignore[no-untyped-def]
        if event.writes[0].array.name == "A_i":
            copied.update((*event.iterators.values(),) for _ in event.reads)

    interpret(s.lowered, *arguments(s.program), observe=note)
    assert len(copied) <= 5 * 18


def test_very_many_rows_are_held_as_the_box_around_them() -> None:
    def many(A: float32[64, 400], B: float32[64, 200]):
        for i in grid(64):
            for j in grid(2):
                for n in range(60):
                    B[i, n + j] = A[i, 2 * n + j + 1] * 3.0 + A[i, n]

    s = schedule_of(many)
    assert s.buffer_at("A", "j").shape == (121,)
    assert len(s.module.state("many").model.statements) == 61  # one copy, not one for each row
    agree(s)
