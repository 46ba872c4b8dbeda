"""Where buffers are declared and how large: found by listing who uses them as by isl."""

from __future__ import annotations

from random import Random

import pytest

import tracealloc as ta
from tracealloc import float32, grid, int32, kernel
from tracealloc.poly.codegen import lives
from tracealloc.poly.codegen.contraction import Declaration, storages
from tracealloc.poly.isl import remembered


@kernel
def row(A: float32[24], B: float32[24, 24]):
    for i in ta.range(1, 20):
        for j in ta.range(20):
            with ta.when(j <= i + 2):
                A[j] = A[j + 2] * 0.5 + B[i, j]


@kernel
def blurred(A: int32[14, 18]) -> int32[12, 16]:
    x = ta.zeros((14, 16), int32)
    for i, j in grid(14, 16):
        x[i, j] = A[i, j] + A[i, j + 1] + A[i, j + 2]
    y = ta.zeros((12, 16), int32)
    for i, j in grid(12, 16):
        y[i, j] = x[i, j] + x[i + 1, j] + x[i + 2, j]
    return y


def scheduled(seed: int) -> ta.Schedule:
    rng = Random(seed)
    s = ta.customize(rng.choice([row, blurred]))
    for _ in range(8):
        loops = s.loops()
        loop, other = rng.choice(loops), rng.choice(loops)
        arrays = [array for array in s.arrays() if array.name[0] in "ABx"]
        step = rng.choice(
            ["split", "buffer_at", "buffer_at", "skew", "fuse", "peel", "reorder", "compute_at"]
        )
        try:
            match step:
                case "split":
                    s.split(loop, rng.choice([1, 3, 4]))
                case "peel":
                    s.peel(loop, 1)
                case "buffer_at":
                    s.buffer_at(rng.choice(arrays), loop)
                case _:
                    getattr(s, step)(loop, other)
        except ta.TraceallocError:
            continue
    return s


def declared(s: ta.Schedule, floors: int, monkeypatch: pytest.MonkeyPatch) -> list[Declaration]:
    monkeypatch.setattr(lives, "_FLOORS", floors)
    for forget in remembered._forget:
        forget()
    state = s.module.state(s.name)
    state.model.memo.pop("storage", None)
    return list(storages(state.model, state.tree).values())


@pytest.mark.parametrize("seed", range(24))
def test_listing_finds_what_isl_finds(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    s = scheduled(seed)
    listed, by_isl = (declared(s, floors, monkeypatch) for floors in (-1, 1000))
    assert listed == by_isl


def test_some_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    usual = lives._determine
    monkeypatch.setattr(lives, "_determine", lambda *columns: asked.append(0) or usual(*columns))
    found = [declared(scheduled(seed), -1, monkeypatch) for seed in range(12)]
    assert len(asked) > 20 and sum(map(len, found)) > 8
