"""Lowering: the loops of the tree come back as they are, with the user's names."""

from __future__ import annotations

import textwrap

import numpy as np

import tracealloc as ta
from tracealloc import float32, grid, int32, kernel
from tracealloc.check.interpret.interpret import interpret
from tracealloc.trace.ir.program import Loop, walk_nodes

N = 9


def body(s: ta.Schedule) -> str:
    """The printed loops, without head, comments and history."""
    lines = [line.partition("#")[0].rstrip() for line in str(s.lowered).splitlines()[1:]]
    return textwrap.dedent("\n".join(lines))


def same(kernel_: ta.Kernel, s: ta.Schedule, *arrays: np.ndarray) -> bool:
    """Whether the lowered program computes what the traced one does, on copies."""
    mine, other = [a.copy() for a in arrays], [a.copy() for a in arrays]
    first, second = interpret(kernel_.trace(), *mine), interpret(s.lowered, *other)
    results = zip([*mine, np.asarray(first)], [*other, np.asarray(second)], strict=True)
    return all(np.array_equal(a, b) for a, b in results)


def test_a_nest_comes_back_unchanged() -> None:
    @kernel
    def stencil(A: float32[N, N], B: float32[N, N]):
        for t in ta.range(3):  # noqa: B007 (its name is the printed one)
            for i in ta.range(1, N - 1):
                for j in ta.range(i, N - 1, 2):
                    B[i, j] = A[i - 1, j] + A[i, j + 1]
            for i in ta.range(N - 2, 0, -1):
                A[i, i] = B[i, i]

    s = ta.customize(stencil)
    assert body(s) == textwrap.dedent("""\
        L0: for t in 0:3
              for i in 1:8
                for j in i:8:2
                  B[i, j] = A[i - 1, j] + A[i, j + 1]
              for i in 7:0:-1
                A[i, i] = B[i, i]""")
    a = np.arange(N * N, dtype=np.float32).reshape(N, N)
    assert same(stencil, s, a, a + 1)


def test_a_loop_stays_whole_where_a_statement_runs_rarely() -> None:
    @kernel
    def last(A: int32[2, N], B: int32[2, N]):
        for i in ta.range(2):
            for j in ta.range(N):
                A[i, j] = A[i, j] + 1
            if i > 0:
                B[i, 0] = A[i, 0]
            else:
                B[i, 1] = A[i, 1]

    s = ta.customize(last)
    loops = [node for node in walk_nodes(s.lowered.body) if isinstance(node, Loop)]
    assert [loop.iter.name for loop in loops] == ["i", "j"]
    a = np.arange(2 * N, dtype=np.int32).reshape(2, N)
    assert same(last, s, a, a * 0)


def test_guards_on_data_are_evaluated_once_and_merge() -> None:
    @kernel
    def clip(A: int32[N], B: int32[N]):
        for i in grid(N):
            if A[i] > 4:
                A[i] = 4
                B[i] = 1
            else:
                B[i] = 0

    s = ta.customize(clip)
    assert body(s) == textwrap.dedent("""\
        L0: for i in 0:9
              c0 = A[i] > 4
              if c0:
                A[i] = 4
                B[i] = 1
              else:
                B[i] = 0""")
    a = np.arange(N, dtype=np.int32)
    assert same(clip, s, a, a)


def test_scoped_arrays_are_contracted_or_expanded() -> None:
    @kernel
    def rows(A: float32[N, N], y: float32[N]):
        for i in grid(N):
            acc = ta.scalar(float32, 0)
            for k in grid(N):
                acc += A[i, k]
            y[i] = acc

    s = ta.customize(rows)
    assert "acc: float32\n" not in body(s)
    assert "acc: float32 = 0" in body(s)
    s.reorder("k", "i")
    assert "acc: float32[9]" in body(s)
    a = np.random.default_rng(0).random((N, N), dtype=np.float32)
    assert same(rows, s, a, a[0])
    s.undo()
    s.split("i", 4)
    assert "acc: float32[" not in body(s)
    assert same(rows, s, a, a[0])


def test_division_by_tile_sizes_vanishes() -> None:
    @kernel
    def copy(A: int32[N], B: int32[N]):
        for i in grid(N):
            B[i] = A[i]

    s = ta.customize(copy)
    s.split("i", 4)
    s.buffer_at("A", "i.outer")
    text = body(s)
    assert "//" not in text
    assert "%" not in text
    assert same(copy, s, np.arange(N, dtype=np.int32), np.zeros(N, np.int32))


def test_extents_do_not_cost_time() -> None:
    big = 10**9

    @kernel
    def sweep(A: float32[big]):
        for i in ta.range(1, big):
            A[i] = A[i - 1] * 0.5

    s = ta.customize(sweep)
    s.split("i", 1000)
    assert s.verify().operations == big - 1
