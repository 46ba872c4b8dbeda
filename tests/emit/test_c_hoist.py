"""Checks of accesses that are made once before a loop: loops bounded by scalars run as if written by hand."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import float32, grid, index, int8, int16, int32, int64, kernel
from tracealloc.check.interpret.interpret import interpret
from tracealloc.emit.run.runtime import build_c

N = 40


@kernel
def saxpy(n: index, a: float32, x: float32[N], y: float32[N]):
    for i in ta.range(n):
        y[i] += a * x[i]


@kernel
def image(h: int32, w: int16, src: int32[N, N], dst: int32[N, N]):
    for y in ta.range(1, h - 1):
        for x in ta.range(1, w - 1):
            dst[y, x] = src[y - 1, x + 1] - 2 * src[y, x] + src[y + 1, x - 1]


@kernel
def triangle(n: index, A: int32[N, N]):
    for i in ta.range(n):
        for j in ta.range(i, -1, -1):
            A[i, i - j] += i * j


@kernel
def strided(n: int64, k: int64, x: int32[N]):
    for i in ta.range(n):
        x[2 * i + k] += i


@kernel
def rows(lo: int32[N], x: int32[N], at: int8[N], y: int32[N]):
    for i in ta.range(N - 1):
        for k in ta.range(lo[i], lo[i + 1]):
            y[i] += x[k] * x[at[k]]


@kernel
def moving(n: int32, x: int32[N]):
    for i in ta.range(n):
        for j in ta.range(x[0]):
            x[j] += i + 1


@kernel
def counted(n: int32, x: int32[N]):
    count = ta.scalar(int32, 0)
    for i in ta.range(n):
        if x[i] > 0:
            x[count] = x[i]
            count += 1


def agree(used: Any, *args: Any) -> str | None:
    """Interpreter and C: equal results, or both find an access outside the same array; its name."""
    program = used.trace()
    mine, theirs = ([a.copy() if isinstance(a, np.ndarray) else a for a in args] for _ in range(2))
    try:
        interpret(program, *theirs)
    except ta.BoundsError as error:  # of the sizes, before anything is written
        with pytest.raises(ta.BoundsError) as found:
            build_c(program)(*mine)
        assert str(found.value) == str(error)
        assert all(np.array_equal(a, b) for a, b in zip(mine, args, strict=True))
        return str(error.because[0]).split(" would go outside ")[-1].split(",")[0]
    except ta.TraceallocError as error:
        expected = re.match(r"TA601 (\w+)\[.* is outside", str(error))
        assert expected, str(error)
        with pytest.raises(ta.BoundsError, match=f"TA152 .* outside {expected.group(1)}, whose"):
            build_c(program)(*mine)
        return expected.group(1)
    build_c(program)(*mine)
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_array_equal(a, b)
    return None


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).integers(-9, 10, shape).astype(np.int32)


@pytest.mark.parametrize("n", [-3, 0, 1, N - 1, N, N + 1, 1 << 62])
def test_bounds_by_scalars(n: int) -> None:
    x = random(N).astype(np.float32)
    wrong = "y" if n < 100 else "no array is that large"
    assert agree(saxpy, n, 2.0, x, x + 1) == (None if n <= N else wrong)
    if -100 < n < 100:
        assert (agree(image, n, 17, random(N, N), random(N, N)) is None) == (n <= N)
        assert (agree(image, 17, n, random(N, N), random(N, N)) is None) == (n <= N)
        assert (agree(triangle, n, random(N, N)) is None) == (n <= N)


_PAIRS = [(20, 0), (20, 1), (20, 2), (21, 0), (1, 39), (0, 1 << 62), (3, -1), (1 << 62, 1)]


@pytest.mark.parametrize(("n", "k"), [*_PAIRS, (2, (1 << 63) - 1)])
def test_strides_and_offsets_do_not_overflow(n: int, k: int) -> None:
    inside = (n <= 0 or (k >= 0 and 2 * (n - 1) + k < N)) and k < 1 << 56
    assert (agree(strided, n, k, random(N)) is None) == inside


def test_bounds_in_memory() -> None:
    lo = np.sort(np.random.default_rng(2).integers(0, N + 1, N)).astype(np.int32)
    at = np.random.default_rng(3).integers(0, N, N).astype(np.int8)
    assert agree(rows, lo, random(N), at, random(N)) is None
    lo[-1] = N + 1
    at = np.append(at[:-1], 0).astype(np.int8)
    assert agree(rows, lo, random(N), at, random(N)) == "x"
    lo[-1], at[lo[0]] = N, -1
    assert agree(rows, lo, random(N), at, random(N)) == "x"


def test_what_the_loop_changes_is_not_looked_at_before() -> None:
    x = random(N)
    for first in (0, 1, 2, 5):
        x[0] = first
        agree(moving, 3, x)
    agree(counted, N, x)
    agree(counted, N + 1, x)


def test_the_fast_loops_are_plain() -> None:
    text = build_c(saxpy.trace()).source
    assert "  if (n > 40) return" in text and "in every iteration" not in text
    assert "  for (int64_t i = 0; i < n; ++i) {\n    y[i] += a * x[i];" in text
    text = build_c(image.trace()).source
    assert "  if (h > 40) return" in text and "  if (w > 40) return" in text and "ta_at" not in text
    text = build_c(rows.trace()).source
    assert "if (lo[i + 1] <= 40 && lo[i] >= 0) {" in text
    assert "y[i] += x[k] * x[ta_at(at[k], 40, " in text


def test_marked_loops_and_guards() -> None:
    @kernel
    def some(n: index, x: int32[N], y: int32[N, N]):
        for i, j in grid(N, N):
            if x[j] > 2:
                y[i, j] += x[i]
        for i in ta.range(n):
            if x[i] > 2:
                y[i, 3] = x[i] + 1

    for n in (0, 5, N, N + 1):
        agree(some, n, random(N), random(N, N))


def test_a_scalar_made_in_the_nest_is_not_known_before_it() -> None:
    """The check before the nest read it there, where it was not declared."""

    @kernel
    def gathered(at: int32[N], x: int32[N], y: int32[N, 3]):
        for i in grid(N):
            first = ta.scalar(int32, at[i])
            for j in grid(3):
                y[i, j] = x[first + j]

    at = np.random.default_rng(4).integers(0, N - 2, N).astype(np.int32)
    assert agree(gathered, at, random(N), random(N, 3)) is None
    at[5] = N - 2
    assert agree(gathered, at, random(N), random(N, 3)) == "x"
