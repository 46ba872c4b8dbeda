"""compute_at: producers of every shape, wherever the loop and the array are."""

from __future__ import annotations

from common import check_round_trip, nest, refused

import tracealloc as ta
from tracealloc import float32, grid, int32, kernel

N = 10


@kernel
def batch(A: float32[4, N], C: float32[4, N - 2]):
    for b in grid(4):
        B = ta.zeros((N,), float32)
        for i in ta.range(N):
            B[i] = A[b, i] * 2
        for j in ta.range(N - 2):
            C[b, j] = B[j] + B[j + 1] + B[j + 2]


@kernel
def normalise(A: float32[3, N], C: float32[3, N]):
    for b in grid(3):
        total = ta.scalar(float32, 0)
        T = ta.zeros((N,), float32)
        for i in ta.range(N):
            total += A[b, i]
        for j in ta.range(N):
            T[j] = A[b, j] - total
        for k in ta.range(N):
            C[b, k] = T[k] * T[k]


@kernel
def sweeps(A: float32[N], C: float32[3, N]):
    B = ta.zeros((N,), float32)
    for t in grid(3):
        for i in ta.range(N):
            B[i] = A[i] * 2
        for j in ta.range(1, N):
            C[t, j] = B[j] + B[j - 1]


@kernel
def behind(A: float32[N], C: float32[3, N]):
    B = ta.zeros((N,), float32)
    for t in grid(3):
        for j in ta.range(1, N):
            C[t, j] = B[j] + B[j - 1]
        for i in ta.range(N):
            B[i] = A[i] * 2


@kernel
def growing(A: float32[N], C: float32[3, N]):
    B = ta.zeros((N,), float32)
    for t in grid(3):
        for i in ta.range(N):
            B[i] = B[i] + A[i]
        for j in ta.range(1, N):
            C[t, j] = B[j] + B[j - 1]


@kernel
def padded(A: float32[N], C: float32[N]):
    P = ta.empty((N + 2,), float32)
    P[0] = 0
    P[N + 1] = 0
    for i in grid(N):
        P[i + 1] = A[i]
    for j in grid(N):
        C[j] = P[j] + P[j + 1] + P[j + 2]


@kernel
def prefix(A: float32[N], C: float32[N]):
    P = ta.zeros((N,), float32)
    P[0] = A[0]
    for i in ta.range(1, N):
        P[i] = P[i - 1] + A[i]
    for j in grid(N):
        C[j] = P[j]


@kernel
def histogram(A: int32[3, N], C: int32[3, 16]):
    for b in grid(3, name="images"):
        H = ta.zeros((16,), int32)
        for i in ta.range(N):
            H[A[b, i] & 15] += 1
        for j in ta.range(16):
            C[b, j] = H[j] * 2


@kernel
def readers(A: float32[N], C: float32[N - 2], D: float32[N - 2]):
    B = ta.zeros((N,), float32)
    for i in grid(N):
        B[i] = A[i] * 2
    for j in grid(N - 2):
        C[j] = B[j] + B[j + 1]
    for k in grid(N - 2):
        D[k] = B[k + 1] * B[k + 2]


@kernel
def summed(A: float32[N, 4], C: float32[N]):
    S = ta.zeros((N,), float32)
    for i in grid(N):
        for k in ta.range(4):
            S[i] += A[i, k]
    for j in grid(N - 1):
        C[j] = S[j] + S[j + 1]
    C[N - 1] = S[0]


@kernel
def partly(A: float32[N], Q: float32[N], C: float32[N]):
    S = ta.zeros((N,), float32)
    for i in grid(N):
        S[i] = A[i] * 2
        Q[i] = S[i] + 1
    for j in grid(4):
        C[j] = Q[j] + Q[j + 1]


@kernel
def scratch(A: float32[N, 4], C: float32[N]):
    T = ta.zeros((4,), float32)
    B = ta.zeros((N,), float32)
    for i in grid(N):
        for k in ta.range(4):
            T[k] = A[i, k] * 2
        B[i] = T[0] + T[1] * T[2] - T[3]
    for j in grid(N):
        C[j] = B[j] + 1


@kernel
def double(X: float32[4], Y: float32[4]):
    for i in grid(4):
        Y[i] = X[i] * 2


@kernel
def calls(A: float32[3, 4], C: float32[3, 4]):
    B = ta.zeros((3, 4), float32)
    for r in grid(3, name="make"):
        double(A[r], B[r])
    for q in grid(3, name="use"):
        for x in ta.range(4):
            C[q, x] = B[q, x] + 1


@kernel
def carried(A: float32[N], C: float32[N]):
    B = ta.zeros((N,), float32)
    for i in grid(N):
        B[i] = A[i]
    for j in ta.range(1, N):
        B[j] = B[j] + B[j - 1]
        C[j] = B[j]


@kernel
def rows(lo: int32[6], val: float32[8], y: float32[5]):
    B = ta.zeros((8,), float32)
    for k in grid(8):
        B[k] = val[k] * 2
    for i in grid(5):
        for p in ta.range(lo[i] & 1, lo[i + 1] & 7):
            y[i] += B[p]


def test_arrays_of_a_common_loop() -> None:
    s = ta.customize(batch)
    made = s.compute_at("i", "j")
    assert nest(s) == [
        "L0: for b in 0:4",
        "      for j in 0:8",
        "        B_j: float32[3]",
        "        for i in j:j + 3",
        "          B_j[i - j] = A[b, i] * 2",
        "        C[b, j] = B_j[0] + B_j[1] + B_j[2]",
    ]
    assert made.name == "i"
    check_round_trip(s, batch)


def test_arrays_of_a_common_loop_that_is_split() -> None:
    s = ta.customize(batch)
    s.split("b", 3)
    s.split("j", 3)
    s.compute_at(s.B, "j.outer")
    check_round_trip(s, batch)


def test_scalars_and_arrays_of_a_common_loop() -> None:
    for steps in (("T", "k"), ("total", "j")), (("total", "j"), ("T", "k")):
        s = ta.customize(normalise)
        for array, loop in steps:
            s.compute_at(s[array], loop)
        check_round_trip(s, normalise)
    assert "total_j_1: float32" in "\n".join(nest(s))


def test_arrays_outside_a_common_loop() -> None:
    s = ta.customize(sweeps)
    s.compute_at("i", "j")
    assert nest(s)[3:5] == ["        for i in j - 1:j + 1", "          B_j[i - j + 1] = A[i] * 2"]
    check_round_trip(s, sweeps)


def test_values_of_an_earlier_iteration() -> None:
    s = ta.customize(behind)
    assert refused(lambda: s.compute_at("i", "j"), s, ta.ScheduleError) == "\n".join(
        [
            "TA257 compute_at(\"i\", \"j\") finds that 'j' uses nothing that 'i' makes",
            "  because: what it reads of 'B' is made in an earlier iteration of 't'",
            "  try: choose a loop around the statements that read it",
        ]
    )
    assert refused(lambda: s.compute_at("i", "t"), s, ta.ScheduleError) == "\n".join(
        [
            'TA256 compute_at("i", "t") needs a nest beside the loop, or beside one around it: '
            "'i' is inside 't'",
            "  try: s.loops() shows the nests; s.distribute sets the parts of a loop's body apart",
        ]
    )
    assert refused(lambda: s.compute_at("B", "j"), s, ta.ScheduleError) == "\n".join(
        [
            "TA256 compute_at(\"B\", \"j\") finds nothing that makes 'B' before 'j'",
            "  try: s.distribute sets the parts of a loop's body apart",
        ]
    )


def test_what_grows_is_made_once() -> None:
    s = ta.customize(growing)
    s.compute_at("i", "j")
    check_round_trip(s, growing)


def test_borders_that_others_make_are_copied() -> None:
    s = ta.customize(padded)
    s.compute_at("i", "j")
    check_round_trip(s, padded)
    t = ta.customize(padded)
    t.split("j", 4)
    t.compute_at("P", "j.outer")
    assert not any(line.startswith("P") for line in nest(t))  # the array moved with all that makes it
    check_round_trip(t, padded)


def test_iterations_that_build_on_one_another() -> None:
    s = ta.customize(prefix)
    s.compute_at("i", "j")
    check_round_trip(s, prefix)
    t = ta.customize(prefix)
    t.split("j", 5)
    t.compute_at("P", "j.outer")
    check_round_trip(t, prefix)


def test_elements_chosen_by_data() -> None:
    s = ta.customize(histogram)
    s.split("j", 8)
    s.compute_at("i", "j.outer")
    assert "H_j_outer: float32" not in "\n".join(nest(s))
    check_round_trip(s, histogram)


def test_several_readers() -> None:
    s = ta.customize(readers)
    assert refused(lambda: s.compute_at("i", "k"), s, ta.IllegalScheduleError) == "\n".join(
        [
            'TA210 compute_at("i", "k") would give a read another value',
            "  because: iteration (j=1) (test_compute_at.py:103) reads B[1]",
            "  because: that is outside 'k', and 'B' is made there only then",
            "  try: s.merge makes one loop of those that read it; choose a loop around all of them",
        ]
    )
    s.merge("j", "k")
    s.compute_at("i", "j")
    assert "B_j: float32[3]" in nest(s)[1]
    check_round_trip(s, readers)
    t = ta.customize(readers)
    t.compute_at("i", "j")
    check_round_trip(t, readers)


def test_sums_that_others_read_are_made_once() -> None:
    s = ta.customize(summed)
    s.compute_at("S", "j")
    check_round_trip(s, summed)


def test_what_stays_keeps_what_it_needs() -> None:
    s = ta.customize(partly)
    s.compute_at("i", "j")
    check_round_trip(s, partly)


def test_scratch_of_the_producer() -> None:
    s = ta.customize(scratch)
    s.compute_at("B", "j")
    assert nest(s)[1:3] == ["      B_j: float32", "      T_j: float32[4]"]
    check_round_trip(s, scratch)


def test_calls() -> None:
    s = ta.customize(calls)
    s.compute_at("make", "q")
    assert "double(A[q, :], B_q)" in "\n".join(nest(s))
    check_round_trip(s, calls)


def test_loops_that_update_what_they_read() -> None:
    s = ta.customize(carried)
    s.compute_at("i", "j")
    check_round_trip(s, carried)


def test_data_dependent_loops_read_the_part() -> None:
    s = ta.customize(rows)
    s.compute_at("k", "i")
    assert "B_i: float32[8]" in "\n".join(nest(s))
    assert s.verify()


@kernel
def reset(A: float32[6], B: float32[6], C: float32[4], D: float32[6]):
    for i in grid(6):
        t = ta.scalar(float32, 1)
        B[i] = A[i] + t
        t[...] = A[i]
        D[i] = t * 2
    for j in grid(4):
        C[j] = B[j]


def test_scalars_whose_first_value_went_with_the_nest_are_declared() -> None:
    s = ta.customize(reset)
    s.compute_at("B", "j")
    check_round_trip(s, reset)
    t = ta.customize(reset)
    t.peel("i", 2)
    t.distribute("i")
    t.merge("i_1", "i_2")
    check_round_trip(t, reset)


@kernel
def smoothed(A: int32[8], C: int32[4, 8]):
    T = ta.zeros((10,), int32)
    for i in grid(8):
        T[i + 1] = A[i]
    for b in grid(4):
        for j in ta.range(8):
            C[b, j] = T[j] + T[j + 1] + T[j + 2]


def test_what_was_moved_moves_again() -> None:
    """The constants that an iteration begins with are of an array that is made outside of all loops."""
    s = ta.customize(smoothed)
    s.compute_at("L0", "b")
    s.compute_at(s["T_b"], "j")
    assert "T_b_j: int32[3]" in str(s)
    check_round_trip(s, smoothed)


@kernel
def in_turn(A: int32[8], C: int32[8]):
    T = ta.zeros((8,), int32)
    for i in grid(1):
        T[i] = A[i]
    for i in grid(4):
        T[i + 2] = max(T[i + 2], A[i])
    for j in grid(8):
        C[j] = T[j]


def test_constants_come_before_copies() -> None:
    s = ta.customize(in_turn)
    s.compute_at("L0", "j")
    lines = [line.strip() for line in str(s).splitlines()]
    assert lines.count("T_j = T[j]") == 1
    assert lines.index("T_j = 0") < lines.index("T_j = T[j]")
    check_round_trip(s, in_turn)


@kernel
def stencils(A: float32[12, 8]) -> float32[12, 8]:
    last = A
    for _ in range(5):
        made = ta.zeros((12, 8), float32)
        for i, j in grid(11, 8):
            made[i, j] = last[i, j] + last[i + 1, j] * 2.0
        last = made
    return last


@kernel
def triangles(A: float32[7, 7], x: float32[7], y: float32[7]):
    for _ in range(2):
        t = ta.zeros((7,), float32)
        for i in ta.range(7):
            for j in ta.range(i + 1):
                t[i] += A[i, j] * x[j]
        for i in ta.range(7):
            for j in ta.range(i, 7):
                y[i] += A[j, i] * t[j]


def test_chains_of_stages() -> None:
    """From the back every stage is needed in the loop of the last; from the front they nest."""
    back = ta.customize(stencils)
    for stage in reversed(range(4)):
        back.compute_at(f"L{stage}", "L4.i")
    check_round_trip(back, stencils)
    front = ta.customize(stencils)
    for stage in range(4):
        front.compute_at(f"L{stage}", f"L{stage + 1}.i")
    check_round_trip(front, stencils)


def test_chains_of_triangles() -> None:
    s = ta.customize(triangles)
    for stage in (0, 2):
        s.compute_at(f"L{stage}", f"L{stage + 1}.j")
        s.split(f"L{stage + 1}.i", 3)
    check_round_trip(s, triangles)
