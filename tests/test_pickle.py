"""Kernels, schedules and builds pickle by value: into processes that cannot import where they were made."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest

import tracealloc as ta
from tracealloc import int32, kernel

_MAKE = """
from __future__ import annotations
import pickle, sys
import cloudpickle
import numpy as np
import tracealloc as ta
from tracealloc import int32, kernel

N = 4
FACTOR = 3

def helper(x):
    return x * FACTOR

@kernel
def double(A: int32[N], B: int32[N]):
    for i in ta.range(N):
        B[i] = 2 * A[i]

@kernel
def both(A: int32[N], B: int32[N]):
    double(A, B)
    for i in ta.range(N):
        B[i] += helper(A[i])

def factory(k, size=N):
    @kernel
    def plus(A: int32[size], B: int32[size]):
        for i in ta.range(size):
            B[i] = A[i] + k
    return plus

class Scale:
    def __init__(self, k):
        self.k = k

    @kernel
    def run(self, A: int32[N], B: int32[N]):
        for i in ta.range(N):
            B[i] = A[i] * self.k

@kernel
def staged(A: int32[N], B: int32[N], k=2):
    for i in ta.range(N):
        B[i] = A[i] * k

@kernel
def count() -> int32:
    n = ta.state((1,), int32)
    n[0] += 1
    return n[0]

def use(a):
    b = np.zeros(N, np.int32)
    both(a, b)
    return b

s = ta.customize(both)
s.inline("double")
plus, scale = factory(10), Scale(7)
count(), count()
things = {
    "kernel": double, "caller": both, "closure": plus, "method": scale.run, "staged": staged.specialise(k=5),
    "schedule": s, "build": s.build(), "local build": plus.build(),
    "csim": plus.build(target="vitis_hls", mode="csim"), "project": s.build(target="vitis_hls"),
    "loop": s.loops()[0], "count": count, "counted": count.build(), "twice": [plus, plus],
}
data = (cloudpickle if sys.argv[2] == "cloud" else pickle).dumps(things)
open(sys.argv[1], "wb").write(data)
open(sys.argv[1] + ".use", "wb").write(cloudpickle.dumps((use, scale)))
"""

_LOAD = """
import pickle, sys
import numpy as np
things = pickle.load(open(sys.argv[1], "rb"))
use, scale = pickle.load(open(sys.argv[1] + ".use", "rb"))

def run(what):
    a, b = np.arange(4, dtype=np.int32), np.zeros(4, np.int32)
    what(a, b)
    return b.tolist()

for name in ("kernel", "caller", "closure", "method", "staged", "build", "local build", "csim"):
    print(name, run(things[name]))
print("schedule", run(things["schedule"].build()), bool(things["schedule"].verify()))
print("kernel of the schedule", run(things["schedule"].kernel))
print("loop", things["loop"].name, "project", "void both(" in things["project"].source)
print("states", [int(things[n]()) for n in ("count", "count", "counted", "counted")])
print("one", things["twice"][0] is things["twice"][1])
print("use", use(np.arange(4, dtype=np.int32)).tolist(), run(scale.run))
"""

_EXPECTED = """\
kernel [0, 2, 4, 6]
caller [0, 5, 10, 15]
closure [10, 11, 12, 13]
method [0, 7, 14, 21]
staged [0, 5, 10, 15]
build [0, 5, 10, 15]
local build [10, 11, 12, 13]
csim [10, 11, 12, 13]
schedule [0, 5, 10, 15] True
kernel of the schedule [0, 5, 10, 15]
loop double_0_L0.i project True
states [1, 2, 1, 2]
one True
use [0, 5, 10, 15] [0, 7, 14, 21]
"""


@pytest.mark.parametrize("how", ["plain", "cloud"])
def test_into_a_process_without_the_script(how: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    for number, text in enumerate((_MAKE, _LOAD)):
        script = tmp_path / f"script{number}.py"
        script.write_text(text, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, str(script), str(data), how], capture_output=True, text=True, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
    assert done.stdout == _EXPECTED


@kernel
def double(A: int32[4]):
    for i in ta.range(4):
        A[i] = 2 * A[i]


class Scale:
    def __init__(self, k: int) -> None:
        self.k = k

    @kernel
    def run(self, A: int32[4]):
        for i in ta.range(4):
            A[i] = A[i] * self.k


def run(what: Any) -> list[int]:
    a = np.arange(4, dtype=np.int32)
    what(a)
    return [int(x) for x in a]


def test_what_an_import_finds_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    assert pickle.loads(pickle.dumps(double)) is double
    again = pickle.loads(pickle.dumps(Scale(3).run))
    assert run(again) == [0, 3, 6, 9] and len(pickle.dumps(Scale(3).run)) < 400


def test_a_kernel_that_nothing_finds() -> None:
    k = 5

    @kernel
    def plus(A: int32[4]):
        for i in ta.range(4):
            A[i] = A[i] + k

    again = pickle.loads(pickle.dumps(plus))
    assert again is not plus and run(again) == [5, 6, 7, 8]
    assert run(cloudpickle.loads(cloudpickle.dumps(plus))) == [5, 6, 7, 8]
    left, right = pickle.loads(pickle.dumps((plus, plus)))
    assert left is right


def test_a_kernel_that_names_itself_and_another() -> None:
    @kernel
    def first(A: int32[4]):
        assert callable(second) and callable(first)
        second(A)

    @kernel
    def second(A: int32[4]):
        for i in ta.range(4):
            A[i] = A[i] + 1

    assert run(pickle.loads(pickle.dumps(first))) == [1, 2, 3, 4]


def test_what_cannot_be_pickled_is_named() -> None:
    lock = threading.Lock()

    @kernel
    def locked(A: int32[4]):
        with lock:
            A[0] = 1

    with pytest.raises(pickle.PicklingError) as found:
        pickle.dumps(locked)
    expected = "<kernel locked> cannot be pickled by value: cannot pickle '_thread.lock' object"
    assert str(found.value) == expected
    again = pickle.loads(pickle.dumps(ta.customize(locked)))  # its program can
    assert run(again.build()) == [1, 1, 2, 3]


def test_copies_have_states_of_their_own() -> None:
    class Counter:
        @kernel
        def step(self) -> int32:
            n = ta.state((1,), int32)
            n[0] += 1
            return n[0]

    item = Counter()
    step, mod = item.step, item.step.build()
    assert [int(step()), int(step()), int(mod())] == [1, 2, 1]
    for other in (copy.deepcopy(step), copy.deepcopy(item).step, copy.copy(mod), copy.deepcopy(mod)):
        assert [int(other()), int(other())] == [1, 2]
    assert [int(step()), int(mod())] == [3, 2]
    assert run(copy.copy(double)) == [0, 2, 4, 6]
