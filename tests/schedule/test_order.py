"""Primitives that change the order of iterations: reorder, tile, split, fuse, skew, shift, reverse."""

from __future__ import annotations

from common import check_round_trip, nest, refused

import tracealloc as ta
from tracealloc import float32, grid, int32, kernel


@kernel
def sweep(A: float32[8, 8]):
    for i, j in grid(6, 6):
        A[i + 1, j + 1] = A[i, j + 2] * 0.5


@kernel
def matmul(A: float32[4, 5], B: float32[5, 6], C: float32[4, 6]):
    for i, j, k in grid(4, 6, 5):
        C[i, j] += A[i, k] * B[k, j]


@kernel
def isum(A: int32[4, 6], C: int32[4]):
    for i, j in grid(4, 6):
        C[i] += A[i, j]


@kernel
def triangle(A: float32[8, 8]):
    for i in ta.range(8):
        for j in ta.range(i + 1):
            A[i, j] = A[i, j] * 2


@kernel
def chain(A: float32[6, 6], B: float32[7]):
    for i in grid(6):
        A[i, 0] = B[i] * 2
        for j in ta.range(1, 6):
            A[i, j] = A[i, j - 1] + B[i + 1]


@kernel
def between(A: float32[6, 6], B: float32[6]):
    for i in ta.range(1, 6):
        B[i] = A[i - 1, 0]
        for j in ta.range(6):
            A[i, j] = A[i, j] + B[i]


@kernel
def backwards(A: float32[9]):
    for i in ta.range(8, 0, -2):
        A[i] = A[i - 1]


def test_reorder_of_a_stencil_names_the_skew() -> None:
    s = ta.customize(sweep)
    assert refused(lambda: s.reorder("j", "i"), s, ta.IllegalScheduleError) == "\n".join(
        [
            'TA210 reorder("j", "i") would run a read before the write it needs',
            "  because: iteration (i=0, j=1) writes A[1, 2] (test_order.py:14), "
            "which iteration (i=1, j=0) reads as A[i, j + 2] (test_order.py:14)",
            "  because: in the order (j, i) the second of these would come before the first",
            '  try: s.skew("j", by="i") first',
        ]
    )
    s.skew("j", by="i")
    s.reorder("j", "i")
    assert nest(s) == [
        "L0: for j in 0:11",
        "      for i in max(0, j - 5):min(6, j + 1)",
        "        A[i + 1, j - i + 1] = A[i, j - i + 2] * 0.5",
    ]
    check_round_trip(s, sweep)


def test_skew_refusals() -> None:
    s = ta.customize(sweep)
    assert refused(lambda: s.skew("j", by="i", factor=0), s, ta.ScheduleError) == (
        'TA250 skew("j", by="i", factor=0) needs a whole factor other than 0, not 0'
    )
    assert refused(lambda: s.skew("j", by="j"), s, ta.ScheduleError) == (
        'TA224 skew("j", by="j") needs one loop around the other: '
        "'j' is neither around nor inside 'j'\n  try: s.loops() shows the nests"
    )
    t = ta.customize(chain)
    assert refused(lambda: t.skew("i", by="j"), t, ta.ScheduleError) == "\n".join(
        [
            "TA251 skew(\"i\", by=\"j\") needs 'j' around every statement of 'i'",
            "  because: some statements of 'i' are outside 'j' and have no value of it",
            '  try: s.distribute("i") sets them apart',
        ]
    )


def test_float_sums_keep_their_order_until_reassociate() -> None:
    s = ta.customize(matmul)
    message = refused(lambda: s.reverse("k"), s, ta.IllegalScheduleError)
    assert message.endswith("  try: s.reassociate() if the order of this floating-point sum does not matter")
    s.reorder("k", "i", "j")  # every element's sum still runs through k upwards
    s.reassociate()
    s.reverse("k")
    assert nest(s)[0] == "L0: for k in 4:-1:-1"
    proof = s.verify()
    assert proof
    assert proof.assumptions == ("float sums may be reordered",)
    assert s.script().splitlines()[1:] == ['s.reorder("k", "i", "j")', "s.reassociate()", 's.reverse("k")']


def test_integer_sums_are_free() -> None:
    s = ta.customize(isum)
    s.reverse("j")
    assert s.verify().assumptions == ("integer sums may be reordered",)
    check_round_trip(s, isum)


def test_reorder_sets_statements_apart() -> None:
    s = ta.customize(chain)
    s.reorder("j", "i")
    assert nest(s)[:3] == ["L0_1: for i_1 in 0:6", "        A[i_1, 0] = B[i_1] * 2", "L0: for j in 1:6"]
    check_round_trip(s, chain)


def test_reorder_sinks_where_setting_apart_is_illegal() -> None:
    s = ta.customize(between)
    s.reorder("j", "i")
    assert nest(s) == [
        "L0: for j in 0:6",
        "      for i in 1:6",
        "        if j == 0:",
        "          B[i] = A[i - 1, 0]",
        "        A[i, j] += B[i]",
    ]
    check_round_trip(s, between)


def test_tile_any_factor() -> None:
    s = ta.customize(matmul)
    outer, *_ = s.tile(["i", "j"], [3, 4])
    assert outer.name == "i.outer"
    assert nest(s) == [
        "L0: for i.outer in 0:2",
        "      for j.outer in 0:2",
        "        for i.inner in 0:min(3, 4 - 3 * i.outer)",
        "          for j.inner in 0:min(4, 6 - 4 * j.outer)",
        "            for k in 0:5",
        "              C[3 * i.outer + i.inner, 4 * j.outer + j.inner] += "
        "A[3 * i.outer + i.inner, k] * B[k, 4 * j.outer + j.inner]",
    ]
    check_round_trip(s, matmul)
    assert refused(lambda: s.tile(["k"], [2, 2]), s, ta.ScheduleError) == (
        'TA222 tile(["k"], [2, 2]) got 1 loops but 2 factors\n'
        "  try: a factor for each loop, or one number for all"
    )
    assert refused(lambda: s.tile(["k", "k"], 2), s, ta.ScheduleError) == (
        'TA223 tile(["k", "k"], 2) names a loop twice'
    )


def test_tile_of_no_loops() -> None:
    s = ta.customize(matmul)
    message = refused(lambda: s.tile([], []), s, ta.ScheduleError)
    assert message == "TA222 tile([], []) needs at least one loop"


def test_split_downwards_and_by_steps() -> None:
    s = ta.customize(backwards)
    s.split("i", 3)
    check_round_trip(s, backwards)
    assert refused(lambda: s.split("i.inner", 0), s, ta.ScheduleError) == (
        'TA221 split("i.inner", 0) needs a factor of at least 1, not 0'
    )


def test_fuse_rectangles_only() -> None:
    s = ta.customize(matmul)
    handle = s.fuse("i", "j")
    assert handle.name == "i_j"
    check_round_trip(s, matmul)
    t = ta.customize(triangle)
    assert refused(lambda: t.fuse("i", "j"), t, ta.ScheduleError) == "\n".join(
        [
            'TA226 fuse("i", "j") needs rectangular loops: '
            "the extent of 'j' depends on the loops outside it",
            "  try: fuse only loops whose bounds are constant",
        ]
    )


def test_shift_and_reverse() -> None:
    s = ta.customize(triangle)
    s.shift("j", -2)
    s.reverse("i")
    s.reorder("j", "i")
    check_round_trip(s, triangle)
    assert refused(lambda: s.shift("j", 1.5), s, ta.ScheduleError) == (
        'TA252 shift("j", 1.5) needs a whole number to shift by, not 1.5'
    )
    t = ta.customize(sweep)
    assert refused(lambda: t.reverse("i"), t, ta.IllegalScheduleError) == "\n".join(
        [
            'TA210 reverse("i") would run a read before the write it needs',
            "  because: iteration (i=0, j=1) writes A[1, 2] (test_order.py:14), "
            "which iteration (i=1, j=0) reads as A[i, j + 2] (test_order.py:14)",
            "  because: with 'i' reversed the second of these would come first",
            '  try: keep "i" as it is: it carries the dependence',
        ]
    )


@kernel
def jacobi(A: float32[10], B: float32[10]):
    for _t in grid(3):
        for i in ta.range(1, 9):
            B[i] = A[i - 1] + A[i + 1]
        for i in ta.range(1, 9):
            A[i] = B[i]


def test_loops_of_one_name_in_a_band_are_numbered() -> None:
    s = ta.customize(jacobi)
    assert [handle.name for handle in s.loops()][1:] == ["L0.i#0", "L0.i#1"]
    s.split(s.loops()[2], 3)
    s.reverse("i")
    assert s.script().splitlines()[1:] == ['s.split("L0.i#1", 3)', 's.reverse("i")']
    check_round_trip(s, jacobi)


@kernel
def solve(L: int32[8, 8], x: int32[8]):
    for i in grid(8):
        for j in ta.range(i):
            x[i] -= L[i, j] * x[j]


@kernel
def spread(x: int32[8]):
    for i, j in grid(8, 8):
        x[i] += x[j]


def test_a_sum_of_other_elements_of_its_array_is_free() -> None:
    s = ta.customize(solve)
    s.reverse("j")
    assert s.verify().assumptions == ("integer sums may be reordered",)
    check_round_trip(s)
    refused(lambda: s.reverse("i"), s, ta.IllegalScheduleError)
    refused(lambda: s.reorder("j", "i"), s, ta.IllegalScheduleError)  # j runs downwards
    s.undo()
    s.reorder("j", "i")
    check_round_trip(s)


def test_what_is_added_may_be_the_sum_itself() -> None:
    s = ta.customize(spread)
    refused(lambda: s.reverse("j"), s, ta.IllegalScheduleError)
    refused(lambda: s.reorder("j", "i"), s, ta.IllegalScheduleError)


def test_lu_by_columns_or_rows() -> None:
    @kernel
    def lu(A: float32[9, 9]):
        for k in ta.range(9):
            for i in ta.range(k + 1, 9):
                A[i, k] /= A[k, k]
                for j in ta.range(k + 1, 9):
                    A[i, j] -= A[i, k] * A[k, j]

    s = ta.customize(lu)
    s.reorder("j", "i")
    check_round_trip(s)
    t = ta.customize(lu, reassociate=True)
    refused(lambda: t.reverse("k"), t, ta.IllegalScheduleError)


def test_histograms_are_sums() -> None:
    @kernel
    def histogram(image: ta.UInt(4)[6, 7], H: int32[16], G: ta.UInt(4)[16]):
        for i, j in grid(6, 7):
            H[image[i, j]] += 1
        for j in grid(16):
            G[G[j]] += 1

    s = ta.customize(histogram)
    s.tile(["L0.j", "L0.i"], [2, 5])
    s.reverse("L0.j.outer")
    check_round_trip(s)
    refused(lambda: s.reverse("L1.j"), s, ta.IllegalScheduleError)


def test_histograms_that_are_looked_at_keep_their_order() -> None:
    @kernel
    def ranks(image: ta.UInt(4)[6, 7], H: int32[16], R: int32[6, 7]):
        for i, j in grid(6, 7):
            H[image[i, j]] += 1
            R[i, j] = H[image[i, j]]

    s = ta.customize(ranks)
    refused(lambda: s.reorder("j", "i"), s, ta.IllegalScheduleError)
    refused(lambda: s.reverse("i"), s, ta.IllegalScheduleError)
