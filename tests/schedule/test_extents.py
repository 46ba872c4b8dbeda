"""Names, ranks, handles and marks do not depend on sizes: loops of no, one, two and many iterations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import float32, grid, int32, kernel
from tracealloc.check.interpret.interpret import interpret

MANY = 6
SIZES = (0, 1, 2, 3)


def gemm(n: int) -> Any:
    @kernel
    def gemm(A: int32[8, 8], B: int32[8, 8], C: int32[8, 8]):
        for i, j in grid(n, n):
            acc = ta.scalar(int32, 0)
            for k in ta.range(n):
                acc += A[i, k] * B[k, j]
            C[i, j] = acc

    return gemm


def rows(n: int) -> Any:
    @kernel
    def rows(A: int32[8, 8], B: int32[8, 8], C: int32[8, 8]):
        for i in ta.range(n):
            T = ta.zeros((8,), int32)
            for j in ta.range(n - 1, -1, -1):
                T[j] = A[i, j] + A[i, j + 1]
            for j in ta.range(1, n + 1):
                C[i, j] += T[j - 1] * B[0, j]

    return rows


def triangle(n: int) -> Any:
    @kernel
    def triangle(A: int32[8, 8], B: int32[8, 8], C: int32[8, 8]):
        for i in ta.range(n):
            B[i, 0] = 0
            for j in ta.range(i + 1, n):
                B[i, 0] += A[i, j]
                C[j, i] = A[i, j]
            for k in ta.range(n):
                if k <= i:
                    C[i, k] = B[i, 0] + A[k, 0]

    return triangle


def _steps(*calls: Callable[[ta.Schedule], Any]) -> tuple[Callable[[ta.Schedule], Any], ...]:
    return calls


CASES: dict[str, tuple[Callable[[int], Any], tuple[Callable[[ta.Schedule], Any], ...]]] = {
    "split": (gemm, _steps(lambda s: s.split("i", 4), lambda s: s.pipeline("i.outer"))),
    "split twice": (gemm, _steps(lambda s: s.split("k", 2), lambda s: s.split("k.inner", 2))),
    "tile": (gemm, _steps(lambda s: s.tile(["i", "j"], [3, 2]), lambda s: s.unroll("j.inner"))),
    "fuse": (gemm, _steps(lambda s: s.fuse("i", "j"), lambda s: s.parallel("i_j"))),
    "distribute": (gemm, _steps(lambda s: s.distribute("j"), lambda s: s.distribute("i"))),
    "scalar of a row": (
        gemm,
        _steps(
            lambda s: s.distribute("j"),
            lambda s: s.reorder("k", "j_2"),
            lambda s: s.partition("acc", dim=0),
        ),
    ),
    "buffers": (gemm, _steps(lambda s: s.buffer_at("A", "i"), lambda s: s.buffer_at("C", "i"))),
    "a buffer of a tile": (
        gemm,
        _steps(lambda s: s.tile(["i", "j"], [2, 2]), lambda s: s.buffer_at("B", "j.outer")),
    ),
    "a buffer around a buffer": (
        gemm,
        _steps(lambda s: s.buffer_at("A", "j"), lambda s: s.buffer_at("A", "i")),
    ),
    "sums in parts": (
        rows,
        _steps(lambda s: s.reverse("j#0"), lambda s: s.rfactor("C", "j#1"), lambda s: s.skew("j#1", "i")),
    ),
    "merge": (rows, _steps(lambda s: s.reverse("j#0"), lambda s: s.merge("j#0", "j#1"))),
    "line": (rows, _steps(lambda s: s.reuse_at("A", "j#0"), lambda s: s.partition("A_j", dim=0))),
    "a row of its own": (rows, _steps(lambda s: s.compute_at("T", "j#1"), lambda s: s.peel("i", 1))),
    "triangle": (triangle, _steps(lambda s: s.split("j", 2), lambda s: s.buffer_at("A", "i"))),
    "guarded": (triangle, _steps(lambda s: s.distribute("i"), lambda s: s.fuse("i_3", "k"))),
}


def scheduled(name: str, size: int) -> tuple[ta.Schedule, list[str]]:
    """A schedule, and what its steps gave or why they were refused."""
    make, steps = CASES[name]
    s = ta.customize(make(size))
    found: list[str] = []
    for step in steps:
        try:
            found.append(str(step(s)))
        except ta.ScheduleError as error:
            found.append(str(error.code))
    return s, found


def described(s: ta.Schedule) -> dict[str, Any]:
    """What a schedule is in the user's terms, without extents."""
    state = s.module.state(s.name)
    return {
        "loops": [str(loop) for loop in s.loops()],
        "bands": [str(band) for band in s.bands()],
        "marks": [loop.marks for loop in state.loops() if hasattr(loop, "marks")],
        "ranks": {name: len(banks) for name, banks in s.layouts().items()},
    }


def run(program: Any) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    arrays = [rng.integers(-9, 9, array.shape).astype(np.int32) for array in program.args]
    interpret(program, *arrays)
    return arrays


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", CASES)
def test_sizes_change_nothing_but_extents(name: str, size: int) -> None:
    s, found = scheduled(name, size)
    many, usual = scheduled(name, MANY)
    refused = [(a, b) for a, b in zip(found, usual, strict=True) if a.startswith("TA") and a != b]
    if size > 1:
        assert not refused
    if not refused:
        assert described(s) == described(many)
    assert s.verify()
    for expected, got in zip(run(s.program), run(s.lowered), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_a_loop_of_one_iteration_is_a_loop() -> None:
    s = ta.customize(gemm(1))
    s.pipeline("j")
    assert [repr(s.loops())] == ["i  0:1  in L0\nj  0:1  in L0  pipeline ii=1\nk  0:1  in L0"]
    text = s.build(target="vitis_hls").source
    assert text.count("for (int") == 3
    assert text.count("#pragma HLS pipeline II=1") == 1
    assert "acc += A[i][k] * B[k][j];" in text


@kernel
def square(A: float32[8, 8], B: float32[8, 8]):
    for i, j in grid(8, 8):
        B[i, j] = A[i, j] * 2


@pytest.mark.parametrize("factor", [1, 4, 8, 9])
@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize("mark", ["pipeline", "unroll", "parallel", "vectorize"])
def test_marks_stay_whatever_the_factor(factor: int, part: int, mark: str) -> None:
    s = ta.customize(square)
    loop = s.split("i", factor)[part]
    getattr(s, mark)(loop)
    words = {"pipeline": "pipeline ii=1"}.get(mark, mark)
    assert f"[{words}]" in str(s)
    pragma = "pipeline II=1" if mark == "pipeline" else "unroll"
    assert s.build(target="vitis_hls").source.count(f"#pragma HLS {pragma}\n") == 1


def test_a_loop_that_never_runs_is_there() -> None:
    s = ta.customize(gemm(0))
    s.unroll("k")
    assert repr(s.loops()) == "\n".join(["i  never  in L0", "j  never  in L0", "k  never  in L0  unroll"])
    s.split("i", 4)
    assert s.verify()


def test_variables_that_a_loop_that_never_runs_sets_are_as_before() -> None:
    @kernel
    def never(A: int32[4]):
        x = 3
        for i in ta.range(0):
            x = 5
            A[-1] = i
        A[0] = x

    A = np.zeros(4, np.int32)
    never(A)
    assert A.tolist() == [3, 0, 0, 0]


def test_a_variable_first_set_in_a_loop_that_never_runs_is_not_there() -> None:
    @kernel
    def unset(A: int32[4]):
        for _ in ta.range(0):
            y = 5
        A[0] = y

    with pytest.raises(ta.TraceError, match="'y' is used after the loop whose body sets it"):
        unset.trace()
