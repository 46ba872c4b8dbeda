"""What refusals tell: the least pair of iterations, and steps that are accepted when taken literally."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product
from random import Random
from typing import Any

import pytest

import tracealloc as ta
from tracealloc import float32, grid, int32, kernel
from tracealloc.customize import Schedule

T = 10


@kernel
def sweep(A: float32[T, T]):
    for i, j in grid(T - 2, T - 2):
        A[i + 1, j + 1] = A[i, j + 2] * 0.5


@kernel
def knight(A: float32[T, T]):
    for i, j in grid(T - 3, T - 3):
        A[i + 1, j] = A[i, j + 3] * 0.5


@kernel
def two_nests(A: float32[T, T], B: float32[T, T]):
    for i, j in grid(T, T, name="first"):
        B[i, j] = A[i, j] * 2
    for i, j in grid(T - 2, T - 2, name="second"):
        A[i + 1, j + 1] = A[i, j + 2] * 0.5


@kernel
def seidel(A: float32[T, T]):
    for _t in grid(4):
        for i, j in grid(T - 2, T - 2):
            A[i + 1, j + 1] = (A[i, j + 1] + A[i + 1, j] + A[i + 1, j + 2] + A[i + 2, j + 1]) * 0.25


@kernel
def stages(A: float32[T], B: float32[T], C: float32[T]):
    for i in grid(T):
        B[i] = A[i] * 2
    for j in grid(T - 7):
        C[j] = B[j] + B[j + 7]


@kernel
def rows(A: float32[T, T], B: float32[T, T]):
    for i in grid(T):
        for j in grid(T):
            B[i, j] = A[i, j] * 2
    for p in grid(T - 3):
        for q in grid(T):
            A[p, q] = B[p + 3, q]


@kernel
def turns(A: float32[T], B: float32[T]):
    for j in grid(T):
        B[j] = A[j] * 2
    for k in grid(T - 2):
        A[k] = B[T - 1 - k] + B[0]


@kernel
def gemm(A: float32[T, T], B: float32[T, T], C: float32[T, T]):
    for i, j, k in grid(T, T, T):
        C[i, j] += A[i, k] * B[k, j]


STEPS: list[tuple[ta.Kernel, Callable[[Schedule], Any], str]] = [
    (sweep, lambda s: s.reorder("j", "i"), 's.skew("j", by="i") first'),
    (sweep, lambda s: s.tile(["i", "j"], [2, 3]), 's.skew("j", by="i") first'),
    (sweep, lambda s: s.skew("i", by="j"), 's.skew("i", by="j", factor=-1)'),
    (sweep, lambda s: s.parallel("i"), 's.parallel("j"), which carries none'),
    (sweep, lambda s: s.reverse("i"), 'keep "i" as it is: it carries the dependence'),
    (knight, lambda s: s.reorder("j", "i"), 's.skew("j", by="i", factor=3) first'),
    (knight, lambda s: s.tile(["i", "j"], 2), 's.skew("j", by="i", factor=3) first'),
    (knight, lambda s: s.skew("i", by="j", factor=2), 's.skew("i", by="j", factor=-1)'),
    (two_nests, lambda s: s.reorder("second.j", "second.i"), 's.skew("second.j", by="second.i") first'),
    (two_nests, lambda s: s.parallel("second.i"), 's.parallel("second.j"), which carries none'),
    (seidel, lambda s: s.reorder("i", "_t"), 's.skew("i", by="_t") first'),
    (
        seidel,
        lambda s: s.tile(["_t", "i", "j"], [2, 2, 2]),
        's.skew("i", by="_t") and s.skew("j", by="_t") first',
    ),
    (
        seidel,
        lambda s: s.parallel("j"),
        's.skew("j", by="i"), s.reorder("j", "i"), then s.parallel("i"): a wavefront',
    ),
    (stages, lambda s: s.merge("i", "j"), 's.shift("j", 7) first'),
    (turns, lambda s: s.merge("j", "k"), None),
    (rows, lambda s: s.merge("i", "p"), 's.shift("p", 3) first'),
    (gemm, lambda s: s.vectorize("k"), 's.vectorize("j"), which carries none'),
    (
        gemm,
        lambda s: s.reverse("k"),
        "s.reassociate() if the order of this floating-point sum does not matter",
    ),
]


@pytest.mark.parametrize("number", range(len(STEPS)))
def test_suggestions_can_be_taken(number: int) -> None:
    kernel_, step, hint = STEPS[number]
    s = ta.customize(kernel_)
    with pytest.raises(ta.IllegalScheduleError) as caught:
        step(s)
    assert caught.value.hint == hint
    hint = hint or ""
    calls = re.findall(r"s\.\w+\([^()]*\)", hint)
    for call in calls:
        exec(call, {"s": s})
    if hint.endswith("first") or "reassociate" in hint:
        step(s)
    assert s.verify()
    smaller = re.search(r"first$|factor=(\d+)", hint)
    if smaller and "factor=3" in hint:
        t = ta.customize(kernel_)
        exec(calls[0].replace("factor=3", "factor=2"), {"s": t})
        with pytest.raises(ta.IllegalScheduleError):
            step(t)


def stencil(offsets: tuple[int, int]) -> ta.Kernel:
    a, b = offsets

    @kernel
    def moved(A: float32[12, 12]):
        for i, j in grid(4, 5):
            A[i + 4, j + 4] = A[i + 4 - a, j + 4 - b] * 0.5

    return moved


@pytest.mark.parametrize("offsets", list(product(range(-3, 4), range(-3, 4))))
def test_the_pair_is_the_least(offsets: tuple[int, int]) -> None:
    """Brute force over all pairs of iterations that touch one element and would change places."""
    name, order = Random(repr(offsets)).choice(
        [
            ("reorder", lambda i, j: (j, i)),
            ("reverse", lambda i, j: (-i, j)),
        ]
    )
    iterations = list(product(range(4), range(5)))

    def touched(i: int, j: int) -> tuple[tuple[int, int], tuple[int, int]]:
        return (i, j), (i - offsets[0], j - offsets[1])

    pairs = [
        (first, second)
        for first in iterations
        for second in iterations
        if first < second
        and order(*second) < order(*first)
        and {touched(*first)[0]} & set(touched(*second)) | ({touched(*second)[0]} & set(touched(*first)))
    ]
    s = ta.customize(stencil(offsets))
    args = ("j", "i") if name == "reorder" else ("i",)
    if not pairs:
        getattr(s, name)(*args)
        return
    with pytest.raises(ta.IllegalScheduleError) as caught:
        getattr(s, name)(*args)
    first, second = min(pairs)
    assert str(caught.value.source).endswith(f"(i={first[0]}, j={first[1]})")
    assert str(caught.value.sink).endswith(f"(i={second[0]}, j={second[1]})")


@kernel
def solve(L: float32[T, T], x: float32[T], A: float32[T, T]):
    for i in grid(T):
        for j in ta.range(i):
            x[i] -= L[i, j] * x[j]
        for j in ta.range(i, T):
            A[i, j] = A[i - 1, j] if i > 0 else A[i, j]


@kernel
def caller(A: float32[T, T], B: float32[T, T], C: float32[T], D: float32[T], x: float32[T]):
    for _ in grid(T):
        seidel(A)
    two_nests(A, B)
    gemm(A, A, B)
    stages(x, C, D)
    solve(A, x, B)


IN_CALLEES: list[tuple[str, str | None]] = [
    ('s.reorder("seidel:i", "seidel:_t")', 's.skew("seidel:i", by="seidel:_t") first'),
    (
        's.tile(["seidel:_t", "seidel:i", "seidel:j"], 2)',
        's.skew("seidel:i", by="seidel:_t") and s.skew("seidel:j", by="seidel:_t") first',
    ),
    (
        's.parallel("seidel:j")',
        's.skew("seidel:j", by="seidel:i"), s.reorder("seidel:j", "seidel:i"), '
        'then s.parallel("seidel:i"): a wavefront',
    ),
    ('s.parallel("two_nests:second.i")', 's.parallel("two_nests:second.j"), which carries none'),
    ('s.skew("two_nests:second.i", by="two_nests:second.j")', None),
    ('s.vectorize("gemm:k")', 's.vectorize("gemm:j"), which carries none'),
    ('s.merge("stages:i", "stages:j")', 's.shift("stages:j", 7) first'),
    ('s.peel("gemm:k", 10)', 's.unroll("gemm:k") replicates the whole loop'),
    ('s.reuse_at("gemm:C", "gemm:i")', 's.buffer_at("gemm:C", "gemm:i"), which copies back'),
    ('s.pipeline("two_nests:i")', "name the band, as in 'two_nests:first.i', or use the loop's handle"),
    ('s.pipeline("gemm:kk")', "'gemm:k'"),
    ('s.fuse("gemm:k", "gemm:j", "gemm:i")', 's.fuse("gemm:i", "gemm:j", "gemm:k"): the outermost first'),
    ('s.fuse("gemm:k", "gemm:k")', "give each loop once, the outermost first"),
    ('s.skew("solve:i", by="solve:j#0")', 's.distribute("solve:i") sets them apart'),
]


@pytest.mark.parametrize(("step", "hint"), IN_CALLEES)
def test_suggestions_name_what_is_in_callees(step: str, hint: str | None) -> None:
    s = ta.customize(caller)
    with pytest.raises(ta.ScheduleError) as caught:
        exec(step, {"s": s})
    assert hint is None or hint in str(caught.value.hint)
    for call in re.findall(r"s\.\w+\([^()]*\)", str(caught.value.hint).replace("s.loops()", "")):
        exec(call, {"s": s})
    if str(caught.value.hint).endswith(") first"):
        exec(step, {"s": s})
    assert s.verify()


@kernel
def trellis(A: float32[T, T], C: float32[T, T]):
    for t in ta.range(1, T):
        for j in grid(T):
            A[t, j] = A[t - 1, (T - 1) - j] + 1
    for i in grid(T - 1):
        for p in grid(T - 1):
            C[i + 1, p + 1] = C[i, p] * 2


@kernel
def checksum(d: int32[T], out: int32[T]):
    c = ta.scalar(int32, 0)
    for i in grid(T):
        c.set(c + d[i])
        out[i] = c


@kernel
def mixed(A: float32[T, T], V: float32[T]):
    for i in grid(T):
        V[0] = A[i, 0]
        for k in grid(T):
            A[i, k] += V[0]


def test_no_suggestion_breaks_the_mark_of_a_loop() -> None:
    """A skew would make the order legal, but the parallel loop would carry a dependence then."""
    s = ta.customize(trellis)
    s.parallel("j")
    with pytest.raises(ta.IllegalScheduleError) as caught:
        s.reorder("j", "t")
    assert caught.value.hint == 'keep "t" as it is: it carries the dependence'
    s.undo()
    with pytest.raises(ta.IllegalScheduleError) as caught:
        s.reorder("j", "t")
    assert caught.value.hint is not None and caught.value.hint.startswith('s.skew("j", by="t"')


def test_a_loop_that_carries_more_than_a_sum() -> None:
    s = ta.customize(checksum)
    with pytest.raises(ta.IllegalScheduleError) as caught:
        s.parallel("i")
    assert not any("carries a sum" in reason for reason in caught.value.because)
    assert caught.value.hint is None
    assert caught.value.because[-1] == "no loop around these two is free of dependences"


def test_skew_by_a_loop_that_is_not_around_everything() -> None:
    s = ta.customize(mixed)
    with pytest.raises(ta.ScheduleError) as caught:
        s.skew("i", by="k")
    assert caught.value.hint == 's.skew("k", by="i"), which keeps the order'
    s.skew("k", by="i")
    assert s.verify()
