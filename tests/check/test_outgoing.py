"""A fixed-point array that no iteration stores to stays as it was, whichever way the kernel runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import int32, kernel

T = ta.Fixed(12, 3)
R = ta.Struct(x=T, n=int32)


@kernel
def never(X: T[4]):
    for i in ta.range(0):
        X[i] = 1


@kernel
def callee(X: T[4]):
    for i in ta.range(3, 3):
        X[i] += 1


@kernel
def through(X: T[4]):
    callee(X)


@kernel
def guarded(X: T[4]):
    for i in ta.range(4):
        if i > 5:
            X[i] = 1


@kernel
def around(X: T[4]):
    for _ in ta.range(0):
        X[0] = 1
        callee(X)


@kernel
def perhaps(X: T[4], n: int32):
    for i in ta.range(n):
        X[i] = 1


@kernel
def on_data(X: T[4], n: int32):
    if n > 0:
        X[0] = 1


@kernel
def below_itself(X: T[4], n: ta.uint64):
    for i in ta.range(4):
        if n < n - i:  # of 64 bits, data and no size: the test stays in the text
            X[i] = 1


@kernel
def one(X: T[4]):
    X[0] = 1


GIVEN, ROUNDED = [275.0, 1.3, -3.0, 4.0], [-237.0, 1.25, -3.0, 4.0]


def ways(made: Any) -> list[Any]:
    """The ways to run a kernel."""
    simulated = ta.customize(made).build(target="vitis_hls", mode="csim")
    return [made, made.python, lambda *args: ta.interpret(made, *args), simulated]


@pytest.mark.parametrize(
    ("made", "more", "expected"),
    [
        (never, (), GIVEN),
        (through, (), GIVEN),
        (guarded, (), GIVEN),
        (around, (), GIVEN),
        (below_itself, (3,), GIVEN),
        # Where some iteration may store, all elements come back as numbers of the type.
        (perhaps, (0,), ROUNDED),
        (on_data, (0,), ROUNDED),
        (one, (), [1.0, *ROUNDED[1:]]),
    ],
    ids=lambda item: getattr(item, "name", None),
)
def test_all_ways_agree(made: Any, more: tuple[int, ...], expected: list[float]) -> None:
    for run in ways(made):
        given = np.array(GIVEN)
        run(given, *more)
        assert given.tolist() == expected


def test_a_part_that_data_choose_is_passed_to_what_stores_nothing() -> None:
    @kernel
    def chosen(X: T[2, 4], n: int32[1]):
        never(X[n[0] % 2])

    for run in ways(chosen):
        given = np.array([GIVEN, GIVEN])
        run(given, np.array([1], np.int32))
        assert given.tolist() == [GIVEN, GIVEN]


def test_records() -> None:
    @kernel
    def records(P: R[2]):
        for i in ta.range(0):
            P[i].x = 1

    dtype = np.dtype([("x", np.float64), ("n", np.int32)])
    for run in ways(records):
        given = np.array([(1.3, 2), (275.0, 3)], dtype)
        run(given)
        assert given["x"].tolist() == [1.3, 275.0]


def test_what_was_built_before_agrees(tmp_path: Path) -> None:
    program = [
        "import numpy as np, tracealloc as ta",
        "@ta.kernel",
        "def never(X: ta.Fixed(12, 3)[2]):",
        "    for i in ta.range(0):",
        "        X[i] = 1",
        "X = np.array([275.0, 1.3])",
        "never(X)",
        "print(X.tolist())",
    ]
    script = tmp_path / "never.py"
    script.write_text("\n".join(program))
    environment = {**os.environ, "TRACEALLOC_CACHE": str(tmp_path / "cache")}
    for _ in range(2):
        found = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment)
        assert found.stdout == "[275.0, 1.3]\n", found.stderr


def test_a_read_only_array_may_be_given_where_nothing_is_stored() -> None:
    given = np.array(GIVEN)
    given.flags.writeable = False
    never(given)
    never.python(given)
    assert given.tolist() == GIVEN
