"""Parallel and vector loops in C: what OpenMP allows, what it loses, and what it does after a fork."""

from __future__ import annotations

import multiprocessing
import threading
from pathlib import Path

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import float32, grid, int16, int32, kernel

N = 64


@kernel
def scaled(A: float32[N, N], B: float32[N, N]):
    for i, j in grid(N, N):
        B[i, j] = A[i, j] * 3


@kernel
def gathered(A: int32[N, 8], at: int16[N], B: int32[N]):
    for i in ta.range(N):
        total = ta.scalar(int32, 1)
        for k in ta.range(8):
            total += A[at[i], k] * k
        B[i] = total


@kernel
def rows(A: float32[N, 30000]):
    for i in ta.range(N):
        row = ta.zeros((30000,), float32)
        for j in ta.range(30000):
            row[j] = A[i, j] + i
        for k in ta.range(30000):
            A[i, k] = row[29999 - k]


@kernel
def row(X: float32[N], f: int32):
    for j in ta.range(N):
        X[j] += f


@kernel
def of_rows(A: float32[N, N]):
    for i in ta.range(N):
        row(A[i], i)


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def check_scaled(s: ta.Schedule) -> str:
    """Run a schedule of `scaled`; its C text."""
    a, b = random(N, N), np.zeros((N, N), np.float32)
    module = s.build()
    module(a, b)
    np.testing.assert_array_equal(b, a * np.float32(3))
    return str(module.source)


def test_the_body_of_a_parallel_loop_keeps_restrict_and_ranges() -> None:
    s = ta.customize(scaled)
    s.parallel("i")
    text = check_scaled(s)
    body, _, rest = text.partition("void scaled(")
    assert "const int i) {" in body
    assert "restrict A" in body and "restrict B" in body and "ta_within" not in body
    assert "  scaled_i(A, B, i);" in rest
    s = ta.customize(scaled)
    i, _ = s.split("i", 7)
    s.parallel(i)
    assert "ta_within(i_outer, 0, 9);" in check_scaled(s)  # it bounds a loop of the body


def test_nested_parallel_loops_have_one_pragma() -> None:
    s = ta.customize(scaled)
    s.parallel("i")
    s.parallel("j")
    text = check_scaled(s)
    assert text.count("#pragma omp parallel for") == 1
    assert "// parallel: the threads work on a loop around this one" in text


def test_vector_lanes_do_not_start_threads() -> None:
    """OpenMP forbids it, and gcc refuses such a text."""
    s = ta.customize(scaled)
    s.vectorize("i")
    s.parallel("j")
    text = check_scaled(s)
    assert "simd" not in text and "// vectorize: a loop inside is parallel" in text
    s = ta.customize(of_rows)
    s.vectorize("i")
    s.parallel("row:j")
    a = random(N, N)
    b = a + np.arange(N, dtype=np.float32)[:, None]
    module = s.build()
    module(a)
    np.testing.assert_array_equal(a, b)
    assert "simd" not in module.source


def test_both_marks_on_one_loop() -> None:
    s = ta.customize(scaled)
    s.parallel("i")
    s.vectorize("i")
    assert "#pragma omp parallel for simd\n" in check_scaled(s)


def test_parallel_in_a_callee() -> None:
    s = ta.customize(of_rows)
    s.parallel("i")
    s.parallel("row:j")
    a = random(N, N)
    b = a + np.arange(N, dtype=np.float32)[:, None]
    s.build()(a)
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("inside", [False, True])
def test_large_buffers_of_parallel_loops_are_of_one_iteration(inside: bool) -> None:
    s = ta.customize(rows)
    s.parallel("i")
    if inside:
        s.buffer_at(s.A, "i")
    a = random(N, 30000)
    b = (a + np.arange(N, dtype=np.float32)[:, None])[:, ::-1]
    module = s.build()
    module(a)
    np.testing.assert_array_equal(a, b)
    assert module.source.index("aligned_alloc") < module.source.index("int rows(")


def test_an_access_outside_in_a_parallel_loop() -> None:
    for mark in ("parallel", "vectorize"):
        s = ta.customize(gathered)
        getattr(s, mark)("i")
        module = s.build()
        a = np.arange(N * 8, dtype=np.int32).reshape(N, 8)
        at = np.arange(N, dtype=np.int16)
        b = np.zeros(N, np.int32)
        module(a, at, b)
        want = (a * np.arange(8)).sum(1) + 1
        np.testing.assert_array_equal(b, want)
        at[[3, 50]] = 64, -1
        with pytest.raises(ta.BoundsError, match=r"^TA152 gathered: A\[at\[i\], k\] went outside A"):
            module(a, at, b)
        kept = np.arange(N) % 47 != 3
        np.testing.assert_array_equal(b[kept], want[kept])


def test_two_python_threads_run_one_module() -> None:
    s = ta.customize(rows)
    s.parallel("i")
    module = s.build()
    arrays = [random(N, 30000) + k for k in range(4)]
    wants = [(a + np.arange(N, dtype=np.float32)[:, None])[:, ::-1].copy() for a in arrays]
    threads = [threading.Thread(target=module, args=(a,)) for a in arrays]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for a, want in zip(arrays, wants, strict=True):
        np.testing.assert_array_equal(a, want)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
def test_parallel_loops_after_a_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    """libgomp waits for ever for the threads of before the fork, if the thread that forked calls it."""
    s = ta.customize(scaled)
    s.parallel("i")
    module = s.build()
    a, b = random(N, N), np.zeros((N, N), np.float32)
    module(a, b)
    context = multiprocessing.get_context("fork")
    answers = context.Queue()

    def child() -> None:
        b[:] = 0
        for _ in range(3):
            module(a, b)
        answers.put(bool((b == a * np.float32(3)).all()))

    process = context.Process(target=child)
    process.start()
    process.join(20)
    alive = process.is_alive()
    process.kill()
    assert not alive and answers.get(timeout=5)


def test_a_compiler_without_openmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = tmp_path / "cc"
    compiler.write_text(
        '#!/bin/sh\ncase "$*" in *-fopenmp*) echo "unsupported option" >&2; exit 1;; esac\nexec gcc "$@"\n'
    )
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    monkeypatch.setenv("TRACEALLOC_CACHE", str(tmp_path / "cache"))
    s = ta.customize(scaled)
    s.parallel("i")
    for _ in range(2):  # the second time from the cache
        with pytest.warns(ta.TraceallocWarning, match=r"^TA806 .*/cc has no OpenMP: parallel loops run on"):
            check_scaled(s)


@kernel
def product(A: float32[37, 29], B: float32[29, 41], C: float32[37, 41]):
    for i, j, k in grid(37, 41, 29):
        C[i, j] += A[i, k] * B[k, j]


def test_whole_tiles_have_constant_trip_counts() -> None:
    s = ta.customize(product)
    i, tile = s.split("i", 4)
    j, lane = s.split("j", 8)
    s.reorder(i, j, "k", lane, tile)
    s.unroll(tile)
    s.vectorize(lane)
    a, b, c = random(37, 29), random(29, 41), np.zeros((37, 41), np.float32)
    want = c.copy()
    product(a, b, want)
    module = s.build()
    module(a, b, c)
    np.testing.assert_array_equal(c, want)
    text = module.source
    assert "if (i_outer <= 8 && j_outer <= 4) {  // a whole tile" in text
    whole = text.split("// a whole tile")[1].split("} else {")[0]
    assert "j_inner < 8;" in whole and "i_inner < 4;" in whole


def test_tiles_cut_by_a_triangle() -> None:
    @kernel
    def triangle(A: int32[30, 30]):
        for i in ta.range(30):
            for j in ta.range(i + 1):
                A[i, j] += i * j

    want = np.ones((30, 30), np.int32)
    triangle(want)
    for factors in ([4, 4], [7, 3], [5, 16]):
        s = ta.customize(triangle)
        s.tile(["i", "j"], factors)
        found = np.ones((30, 30), np.int32)
        module = s.build()
        module(found)
        np.testing.assert_array_equal(found, want)


@kernel
def named(status: float32[N], fault: float32[N], ended: int32):
    for i in ta.range(N):
        fault[i] = status[i] * 2 + ended


@kernel
def named_and_checked(status: int16[N], fault: float32[N], ended: float32[N]):
    for i in ta.range(N):
        ended[i] = fault[status[i]]


def test_arrays_may_be_called_like_the_locals_of_a_function() -> None:
    s = ta.customize(named)
    s.parallel("i")
    built, a, b = s.build(), random(N), np.zeros(N, np.float32)
    assert "int status = 0;" not in built.source and "return" not in built.source
    built(a, b, 3)
    np.testing.assert_array_equal(b, a * 2 + 3)


def test_they_may_where_the_function_has_such_locals() -> None:
    s = ta.customize(named_and_checked)
    s.parallel("i")
    built, at, b = s.build(), np.arange(N, dtype=np.int16)[::-1].copy(), np.zeros(N, np.float32)
    assert "int status = 0;" not in built.source and built.source.count("int fault = 0;") == 2
    a = random(N)
    built(at, a, b)
    np.testing.assert_array_equal(b, a[::-1])
