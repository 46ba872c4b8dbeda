"""Elements that are stored sometimes or never, beside a loop of data: `verify` says what brute force says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import grid, int32, kernel
from tracealloc.check.interpret.interpret import interpret
from tracealloc.poly.model.tree import Sequence
from tracealloc.poly.proof.equivalence import difference
from tracealloc.schedule.core.state import lowered


@kernel
def never(p: int32[4], n: int32[4]):
    for _k in grid(0):
        p[0] = n[1]


@kernel
def sometimes(p: int32[4], n: int32[4]):
    if n[1] > 2:
        p[1] = n[1]


@kernel
def halves(p: int32[4], q: int32[4], n: int32[4]):
    for k in grid(4):
        if k >= 2:
            p[k] = q[k] + n[0]
        else:
            p[k] = q[3 - k]


@kernel
def chosen(p: int32[4], k: int32):
    if k >= 4:
        p[0] = 7
    if k < 2:
        p[1] += 1


@kernel
def empty_branch(A: int32[4], N: int32[4], M: int32[4], B: int32[3, 4]):
    for i, x in grid(3, 4):
        B[i, x] += A[x]
    for i in grid(3):
        for _d in ta.range(N[0] % 5):
            for x in grid(4):
                if x >= 0:
                    pass
                else:
                    A[x] = B[i, x]
                A[(x + 1) % 4] += B[i, 1]


@kernel
def no_trips(A: int32[4], N: int32[4], M: int32[4], B: int32[3, 4]):
    for i, x in grid(3, 4):
        B[i, x] += A[x]
    for i in grid(3):
        for _d in ta.range(N[0] % 5):
            for x in grid(4):
                for _y in ta.range(1, 1):
                    A[x] = B[i, x]
                A[x] = A[x] + B[i, (x + 1) % 4]


@kernel
def both_sides(A: int32[4], N: int32[4], M: int32[4], B: int32[3, 4]):
    for i, x in grid(3, 4):
        B[i, x] += A[x]
    for i in grid(3):
        for _d in ta.range(N[0] % 5):
            for x in grid(4):
                with ta.when(x + i >= 5):
                    A[x] = B[i, x % 2] + B[1, 0]
                with ta.otherwise():
                    A[x] = B[i, x % 2] + 1


@kernel
def calls_that_never_store(A: int32[4], N: int32[4], M: int32[4], B: int32[3, 4]):
    for i, x in grid(3, 4):
        B[i, x] += A[x]
    for i in grid(3):
        for _d in ta.range(N[0] % 5):
            for x in grid(3):
                never(B[x, :], M)
                A[x] += B[i, x]


@kernel
def calls_that_store_sometimes(A: int32[4], N: int32[4], M: int32[4], B: int32[3, 4]):
    for i, x in grid(3, 4):
        B[i, x] += A[x]
    for i in grid(3):
        for _d in ta.range(N[0] % 5):
            for x in grid(3):
                with ta.when(x < 0):
                    sometimes(B[x, :], M)
                sometimes(B[i, :], M)
                halves(A, B[x, :], M)


@kernel
def calls_that_store_what_they_are_told(A: int32[4], N: int32[4], M: int32[4], B: int32[3, 4]):
    for i, x in grid(3, 4):
        B[i, x] += A[x]
    for i in grid(3):
        for _d in ta.range(N[0] % 5):
            for x in grid(3):
                chosen(B[i, :], x)
                A[x] += B[x, 1]


CALLING = [calls_that_never_store, calls_that_store_sometimes, calls_that_store_what_they_are_told]
KERNELS = [empty_branch, no_trips, both_sides, *CALLING]
kernels = pytest.mark.parametrize("made", KERNELS, ids=lambda made: made.name)

STEPS: dict[str, Callable[[ta.Schedule], object]] = {
    "split the loop of data": lambda s: s.split("_d", 4),
    "split it and copy its body": lambda s: (s.split("_d", 2), s.unroll("_d.inner")),
    "split inside": lambda s: s.split("L1.x", 2),
    "split all": lambda s: (s.split("_d", 3), s.split("L1.x", 2), s.split("L1.i", 2)),
    "peel around": lambda s: s.peel("L1.i", 1),
    "copy around": lambda s: (s.split("L1.i", 2), s.unroll("L1.i.inner")),
    "move into a function": lambda s: s.outline("_d", "part"),
    "move to a buffer": lambda s: s.buffer_at("B", "L1.i"),
    "buffer, then split": lambda s: (s.buffer_at("B", "L1.i"), s.split("_d", 4)),
}
SHAPES: dict[str, Callable[[ta.Schedule], object]] = {  # which calls that are handed a part of it refuse
    "other shape": lambda s: s.reshape("B", (12,)),
    "other order of dimensions": lambda s: s.permute("B", (1, 0)),
}


def results(program: object) -> list[list[np.ndarray]]:
    """What a program leaves in its arguments, for some with each number of rounds."""
    found = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        args = [rng.integers(0, 9, shape, np.int32) for shape in ((4,), (4,), (4,), (3, 4))]
        args[1][0], args[2][1] = seed, 2 + seed % 3
        interpret(program, *args)
        found.append(args)
    return found


def same(one: list[list[np.ndarray]], other: list[list[np.ndarray]]) -> bool:
    pairs = zip(one, other, strict=True)
    return all(np.array_equal(x, y) for a, b in pairs for x, y in zip(a, b, strict=True))


@kernels
@pytest.mark.parametrize("step", STEPS)
def test_steps_that_copy_or_move(made: ta.Kernel, step: str) -> None:
    s = ta.customize(made)
    STEPS[step](s)
    assert same(results(made.trace()), results(s.lowered))
    assert s.verify()


@kernels
@pytest.mark.parametrize("step", SHAPES)
def test_steps_that_store_elsewhere(made: ta.Kernel, step: str) -> None:
    s = ta.customize(made)
    if made in CALLING:
        with pytest.raises(ta.ScheduleError, match="passes to a kernel"):
            SHAPES[step](s)
        return
    SHAPES[step](s)
    s.split("_d", 4)
    assert same(results(made.trace()), results(s.lowered))
    assert s.verify()


@kernels
@pytest.mark.parametrize("step", [None, "split the loop of data", "split inside", "split all"])
def test_nests_in_the_wrong_order_are_found(made: ta.Kernel, step: str | None) -> None:
    s = ta.customize(made)
    if step is not None:
        STEPS[step](s)
    state = s.module.state(s.name)
    assert isinstance(state.tree, Sequence)
    wrong = replace(state, tree=Sequence(tuple(reversed(state.tree.children))))
    assert not same(results(made.trace()), results(lowered(s.module.with_state(s.name, wrong))))
    base = state.proof.base
    assert difference(base, base.reference, state.model, state.tree) is None
    assert difference(base, base.reference, wrong.model, wrong.tree) is not None
