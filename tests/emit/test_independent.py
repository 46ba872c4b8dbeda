"""``#pragma HLS dependence``: where HLS would assume one and there is none, and nowhere else."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest

import tracealloc as ta
from tracealloc import float32, int32, kernel


def pragmas(s: ta.Schedule) -> list[str]:
    source = s.build("vitis_hls").source
    return [line.partition("dependence ")[2] for line in source.splitlines() if "HLS dependence" in line]


def test_iterators_that_are_never_equal() -> None:
    @kernel
    def solve(A: float32[8, 8], B: float32[8]):
        for k in ta.range(1, 8):
            for i in ta.range(k):
                B[i] += A[k, i] * B[k]

    s = ta.customize(solve)
    s.pipeline("i")
    assert pragmas(s) == ["variable=B type=inter false"]


def test_a_needed_value_is_no_false_dependence() -> None:
    @kernel
    def chain(A: float32[8, 8], B: float32[8]):
        for k in ta.range(1, 8):
            for i in ta.range(k + 1):
                B[i] += A[k, i] * B[k]

    s = ta.customize(chain)
    s.pipeline("i")  # the last iteration reads and writes B[k]
    assert pragmas(s) == []


def test_loops_that_hls_flattens_are_looked_at_together() -> None:
    @kernel
    def sums(A: int32[6, 8], B: int32[16]):
        for k in ta.range(6):
            for i in ta.range(8):
                B[i] = B[8 + k] + A[k, i]

    s = ta.customize(sums)
    s.pipeline("i")
    assert pragmas(s) == ["variable=B type=inter distance=8 true"]  # B[i] of two k, in the flattened loop

    @kernel
    def apart(A: int32[6, 8], B: int32[6, 16]):
        for k in ta.range(6):
            for i in ta.range(8):
                B[k, i] = B[k, 15 - k] + A[k, i]

    s = ta.customize(apart)
    s.pipeline("i")
    assert pragmas(s) == ["variable=B type=inter false"]


def test_fused_loops_and_transposed_copies() -> None:
    @kernel
    def both(A: int32[6, 8], C: int32[6, 6]):
        for i in ta.range(6):
            for j in ta.range(8):
                A[i, j] += 1
        for m in ta.range(5):
            for n in ta.range(m + 1, 6):
                C[n, m] = C[m, n]

    s = ta.customize(both)
    s.pipeline(s.fuse("i", "j"))
    s.pipeline("n")
    assert pragmas(s) == ["variable=A type=inter false", "variable=C type=inter false"]


def test_what_hls_sees_by_itself_needs_no_pragma() -> None:
    @kernel
    def plain(A: int32[8, 8], B: int32[8, 8], x: int32[8]):
        for i in ta.range(1, 8):
            for j in ta.range(1, 8):
                A[i, j] = A[i, j - 1] + A[i - 1, j] + B[j, i]
                x[i] += B[i, j]

    s = ta.customize(plain)
    s.pipeline("j")
    assert pragmas(s) == []


def test_subscripts_that_depend_on_data_are_not_independent() -> None:
    @kernel
    def histogram(A: int32[8], B: int32[16]):
        for i in ta.range(8):
            B[A[i]] += 1

    s = ta.customize(histogram)
    s.pipeline("i")
    assert pragmas(s) == []


def test_parts_that_take_turns() -> None:
    @kernel
    def dot(a: float32[64], b: float32[64], out: float32[1]):
        for k in ta.range(64):
            out[0] += a[k] * b[k]

    s = ta.customize(dot, reassociate=True)
    s.rfactor(s.out, "k", factor=8)
    s.pipeline("k")
    assert pragmas(s) == ["variable=out_parts type=inter distance=8 true"]
    s.pipeline("k", rewind=True)
    assert pragmas(s) == [], "the last iterations of a run and the first of the next one meet"


@pytest.mark.parametrize("seed", range(25))
def test_distances_against_running_the_loops(seed: int) -> None:
    random = Random(seed)
    rows, columns = random.randint(1, 5), random.randint(2, 9)
    step = random.choice([1, 1, 2])
    write, read = (
        (random.choice([0, 1, 2]), random.randint(0, 3), random.randint(1, 6), random.randint(0, 4))
        for _ in range(2)
    )

    declared = random.random() < 0.5  # between the loops, where nothing runs

    @kernel
    def places(A: int32[64]):
        for i in ta.range(rows):
            if declared:
                T = ta.empty((2,), int32)
            for j in ta.range(0, columns, step):
                if declared:
                    T[0] = j
                A[write[0] * i + j * write[1] % write[2] + write[3]] = (
                    A[read[0] * i + j * read[1] % read[2] + read[3]] + 1
                )

    def place(form: tuple[int, ...], i: int, j: int) -> int:
        return form[0] * i + j * form[1] % form[2] + form[3]

    turns = list(product(range(rows), range(0, columns, step)))
    writes = {n: place(write, *at) for n, at in enumerate(turns)}
    reads = {n: place(read, *at) for n, at in enumerate(turns)}
    apart = [
        abs(n - m)
        for n, m in product(range(len(turns)), repeat=2)
        if n != m and writes[n] in (writes[m], reads[m])
    ]
    s = ta.customize(places)
    s.pipeline("j")
    expected = {None: "false", 1: ""}.get(min(apart, default=None), f"distance={min(apart, default=0)} true")
    found = pragmas(s)
    if expected and "%" in str(s.lowered):
        assert found == [f"variable=A type=inter {expected}"]
    else:  # what is written without a remainder HLS may see by itself
        assert found in ([], [f"variable=A type=inter {expected}"])


@pytest.mark.parametrize(
    ("copies", "said"), [(2, "distance=4 true"), (3, "distance=2 true"), (8, None), (None, None)]
)
def test_of_a_loop_that_is_copied_rounds_of_copies_count(copies: int | None, said: str | None) -> None:
    @kernel
    def dot(a: int32[64], s: int32[8]):
        for k in ta.range(64):
            s[k % 8] += a[k]

    s = ta.customize(dot)
    s.pipeline("k")
    s.unroll("k", factor=copies)
    assert pragmas(s) == ([] if said is None else [f"variable=s type=inter {said}"])


def test_what_takes_isl_too_long_is_not_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def schedule() -> ta.Schedule:
        @kernel
        def dot(a: int32[64], s: int32[8]):
            for k in ta.range(64):
                s[k % 8] += a[k]

        s = ta.customize(dot)
        s.pipeline("k")
        return s

    assert pragmas(schedule()) == ["variable=s type=inter distance=8 true"]
    monkeypatch.setattr("tracealloc.poly.isl.budget.STEP", 1)
    assert pragmas(schedule()) == []


LOCAL = "T = ta.empty((4,), int32)"
SCALAR = "acc = ta.scalar(int32, 0)"
VALUE = "v = A[i] * 2"
FILLED = "T = ta.zeros((4,), int32)"
STORED = "C[i] = A[i]"


@pytest.mark.parametrize(
    ("between", "use"),
    [(LOCAL, "T[j]"), (SCALAR, "acc"), (VALUE, "v"), (FILLED, "T[j]"), (STORED, "C[i]")],
)
def test_what_runs_between_two_loops_does_not_keep_them_apart(between: str, use: str) -> None:
    """``(i, 3)`` and ``(i + 1, 0)`` use one element of B, and are neighbours where HLS flattens the loops."""
    update = {"T[j]": "T[j] = j", "acc": "acc += A[j]"}.get(use, "pass")
    text = (
        "def f(A: int32[8], B: int32[8], C: int32[8]):\n"
        "    for i in ta.range(8):\n"
        f"        {between}\n"
        "        for j in ta.range(4):\n"
        f"            {update}\n"
        f"            B[(i * 3 + j) % 8] += {use}\n"
    )
    names = {"ta": ta, "int32": int32}
    exec(text, names)
    s = ta.customize(kernel(names["f"]))  # type: ignore[arg-type]
    s.pipeline("j")
    assert pragmas(s) == []


def test_in_a_function_that_a_pipelined_loop_calls_nothing_is_said() -> None:
    @kernel
    def turns(A: int32[8], B: int32[16], by: int32):
        for j in ta.range(16):
            A[j % 8] += B[j] * by

    @kernel
    def both(A: int32[8], B: int32[16]):
        for i in ta.range(4):
            turns(A, B, i)

    s = ta.customize(both)
    s.pipeline("turns:j")
    assert pragmas(s) == ["variable=A type=inter distance=8 true"]
    s.pipeline("i")
    assert pragmas(s) == [], "neighbours of i use the same elements"


def test_of_elements_that_share_a_word_nothing_is_said() -> None:
    pair = ta.Struct(x=int32, y=int32)

    @kernel
    def words(A: int32[8], P: pair[8], Q: pair[8]):
        for j in ta.range(1, 8):
            A[3 * j % 8] = j
            P[3 * j % 8].x = P[7 - j].y
            Q[3 * j % 8].x = j

    s = ta.customize(words)
    s.pipeline("j")
    assert pragmas(s) == ["variable=A type=inter false", "variable=Q type=inter false"]
    s.pack(s.A, 0, 2)
    assert pragmas(s) == ["variable=Q type=inter false"]
