"""Whatever a primitive is given, it refuses with a message or applies; a refusal leaves no trace.

Every parameter of every primitive gets every kind of junk; and steps are interrupted at random points.
"""

from __future__ import annotations

import inspect
import pickle
import sys
import warnings
from collections.abc import Iterator
from random import Random
from types import FrameType
from typing import Any

import islpy as isl
import numpy as np
import pytest

import tracealloc as ta
from tracealloc import float32, grid, int8, int16, int32, kernel
from tracealloc.customize import Schedule
from tracealloc.schedule.core.primitive import REGISTRY
from tracealloc.schedule.core.proof import Proof

M, N = 4, 6


@kernel
def matmul(A: int8[M, N], B: int8[N, N], C: int16[M, N]):
    for i, j in grid(M, N, name="PE"):
        for k in ta.range(N):
            C[i, j] += A[i, k] * B[k, j]


@kernel
def top(X: int8[M, N], W: int8[N, N], Y: int16[M, N], Z: int16[M, N], low: int32[M + 1]):
    matmul(X, W, Y)
    T = ta.zeros((M, N), int16)
    for i, j in grid(M, N, name="first"):
        T[i, j] = Y[i, j] + 1
    for p, q in grid(M, N, name="second"):
        Z[p, q] = T[p, q] + 1
        for r in ta.range(low[p], low[p] + 2):
            Z[p, q] += r
    for i, j in grid(M, N - 1, name="third"):
        Z[i, j] += X[i, j] + X[i, j + 1]


@kernel
def other(A: int8[M], D: int16[M]):
    for a in grid(M):
        D[a] += A[a]


GOOD: dict[str, dict[str, Any]] = {
    "allocation": {"loop": "p", "op": "add", "limit": 2},
    "bind": {"array": "T", "resource": "bram", "ports": 2},
    "buffer_at": {"array": "Y", "loop": "first.i"},
    "bind_op": {"array": "T", "op": "add", "impl": "fabric", "latency": 0},
    "cast": {"array": "T", "dtype": ta.int32},
    "compute_at": {"producer": "first", "loop": "p"},
    "dataflow": {"target": "matmul"},
    "dependence": {"array": "T", "loop": "p", "distance": None},
    "distribute": {"loop": "q"},
    "flatten": {"loop": "q", "off": True},
    "fuse": {"loops": ("p", "q")},
    "inline": {"callee": "matmul"},
    "interface": {"argument": "X", "kind": "m_axi"},
    "latency": {"loop": "p", "min": 2, "max": 9},
    "merge": {"loop": "first.i", "with_loop": "p"},
    "outline": {"loop": "p", "name": "piece"},
    "pack": {"array": "T", "dim": 1, "factor": 2},
    "pack_products": {"loop": "p"},
    "parallel": {"loop": "p"},
    "partition": {"array": "T", "dim": 1, "kind": "cyclic", "factor": 2},
    "peel": {"loop": "p", "n": 2},
    "permute": {"array": "T", "order": (1, 0)},
    "pipeline": {"loop": "q", "ii": 2, "rewind": False, "initiation_interval": None},
    "reassociate": {},
    "relay": {"buffer": "T", "pe": ["p", "q"], "axis": 0, "depth": 2, "along": None},
    "reorder": {"loops": ("q", "p")},
    "reshape": {"array": "T", "shape": (N, M)},
    "reuse_at": {"array": "X", "loop": "i_j"},
    "reverse": {"loop": "p"},
    "rfactor": {"array": "Z", "loop": "i_j", "factor": 2, "over": None},
    "shift": {"loop": "p", "by": 2},
    "skew": {"loop": "q", "by": "p", "factor": 2},
    "split": {"loop": "p", "factor": 3},
    "stream": {"array": "T", "depth": 4},
    "tile": {"loops": ["p", "q"], "factors": [2, 3]},
    "unfold": {"band": "second", "axis": 0, "factor": M},
    "unroll": {"loop": "q", "factor": 3},
    "vectorize": {"loop": "q"},
}


class Stubborn:
    """Neither compares nor prints."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        raise RuntimeError("no text")


def scheduled() -> tuple[Schedule, dict[str, Any]]:
    """A schedule some steps in, and handles of it that are good, stale and foreign."""
    s = ta.customize(top)
    gone = next(loop for loop in s.loops() if str(loop) == "third.j")
    fused = s.fuse("third.i", gone)
    undone = s.split("first.j", 5)[0]
    s.undo()
    outer, _ = s.split("first.j", 4)
    foreign = ta.customize(other)
    handles = {
        "loop": outer,
        "array": s.T,
        "band": s.bands()[0],
        "fused": fused,
        "gone": gone,
        "undone": undone,
        "foreign loop": foreign.loops()[0],
        "foreign array": foreign.A,
        "callee's own": ta.customize(matmul).loops()[0],
        "schedule": s,
    }
    return s, handles


def junk() -> dict[str, Any]:
    """Every kind of thing that a user's slip can pass."""
    numbers = [0, -3, 1, 2, 10**30, 2**40, True, 4.0, float("nan"), np.int64(2), np.float32(2), np.array(2)]
    words = [
        "",
        "zzz",
        "pp",
        "i",
        "third.i",
        ":",
        "matmul:k",
        "zip:k",
        "p#0",
        "p#9",
        "p#x",
        "..",
        "ï",
        "p\nq",
    ]
    lists = [[], (), ["p", ["q"]], ["p", "q", "p"], [-1], [1.0], [True], [0, 0], [1] * 50, [None], range(2)]
    others = [None, np.zeros((M, N), np.int8), matmul, object(), Stubborn(), {"p": 1}, {1, 2}, b"p", slice(1)]
    types = [int, ta.int8, (n for n in [1]), lambda: 1, inspect]
    return {f"{type(x).__name__} {n}": x for n, x in enumerate([*numbers, *words, *lists, *others, *types])}


def calls(name: str, given: dict[str, Any]) -> Iterator[tuple[str, list[Any], dict[str, Any]]]:
    """Calls of a primitive with one thing wrong each."""
    good = GOOD[name]
    parameters = REGISTRY[name].signature.parameters
    listed = next((p.name for p in parameters.values() if p.kind is p.VAR_POSITIONAL), None)

    def call(values: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        rest = dict(values)
        many = rest.pop(listed) if listed else []
        return list(many) if isinstance(many, list | tuple) else [many], rest

    for parameter in good:
        for label, value in given.items():
            yield f"{parameter} = {label}", *call({**good, parameter: value})
        rest = {key: value for key, value in good.items() if key != parameter}
        if parameter != listed:
            yield f"{parameter} spelled wrong", *call({**rest, f"{parameter}s": 1})
            if parameters[parameter].default is inspect.Parameter.empty:
                yield f"no {parameter}", *call(rest)
    if listed:
        yield "a list", [list(good[listed])], {}
        yield "one loop", [good[listed][0]], {}
    else:
        yield "too many", [*good.values(), 1, 1], {}
    if name != "interface":
        yield "another keyword", *call({**good, "zzz": 1})


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_junk(name: str) -> None:
    s, handles = scheduled()
    module, past, text = s.module, s._past, str(s)
    before = pickle.dumps(s)
    for label, args, kwargs in calls(name, {**junk(), **handles}):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                getattr(s, name)(*args, **kwargs)
            except ta.ScheduleError as error:
                message = str(error)
                assert message.splitlines()[0].startswith(f"{error.code} {name}("), (label, message)
                assert "test_refusals.py" in message, (label, message)
                assert "internal" not in message
            else:
                again: dict[str, Any] = {"ta": ta, "top": top}
                exec(s.script(), again)
                assert again["s"].module == s.module, label
                s.undo()
        assert s.module is module, label
        assert s._past == past, label
    assert str(s) == text
    assert pickle.dumps(s) == before


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda s: s.split("kk", 2), ta.UnknownLoopError),
        (lambda s: s.split("i", 2), ta.UnknownLoopError),
        (lambda s: s.split("zip:k", 2), ta.UnknownLoopError),
        (lambda s: s.partition("Q"), ta.UnknownArrayError),
        (lambda s: s.partition("zip:A"), ta.UnknownArrayError),
        (lambda s: s.parallel("matmul:k"), ta.IllegalScheduleError),
        (lambda s: s.reshape("T", (5, 5)), ta.LayoutError),
        (lambda s: s.pack("T", 1, 4), ta.LayoutError),
    ],
)
def test_classes(call: Any, error: type[ta.ScheduleError]) -> None:
    s = ta.customize(top)
    with pytest.raises(error) as caught:
        call(s)
    assert type(caught.value) is error
    if isinstance(caught.value, ta.IllegalScheduleError):
        assert caught.value.source is not None
        assert caught.value.sink is not None


def test_a_handle_of_an_undone_step_is_no_other_loop() -> None:
    s = ta.customize(matmul)
    outer, inner = s.split("k", 2)
    s.undo()
    s.split("k", 3)
    with pytest.raises(ta.UnknownLoopError) as caught:
        s.pipeline(inner)
    assert caught.value.because == ('split("k", 2) made it, which was undone or taken in a copy only',)
    s.undo()
    s.split("k", 2)  # the very same step: its loops are these
    s.pipeline(inner)
    assert "k.inner" in repr(inner)
    s.undo(2)
    assert repr(outer) == "<loop that is no longer in matmul>"


def test_arrays_that_are_gone() -> None:
    s = ta.customize(matmul)
    buffer = s.buffer_at(s.C, "i")
    assert buffer.shape == (N,)
    s.undo()
    assert repr(buffer) == "<array C_i, which is no longer in matmul>"
    with pytest.raises(ta.UnknownArrayError, match="TA204 array 'C_i' is no longer in the schedule"):
        buffer.shape
    with pytest.raises(ta.UnknownArrayError, match=r"TA204 partition.*is not in this schedule"):
        s.partition(buffer)


def test_warnings_as_errors_leave_the_schedule_as_it_was() -> None:
    @kernel
    def total(x: float32[64], y: float32[1]):
        for i in grid(64):
            y[0] += x[i]

    s = ta.customize(total)
    module = s.module
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ta.TraceallocWarning, match="dependences allow"):
            s.pipeline("i")
    assert s.module is module
    assert s.history == ()
    with pytest.warns(ta.TraceallocWarning, match="dependences allow") as caught:
        s.pipeline("i")
    assert caught[0].filename == __file__


class Interrupt:
    """Raises an error at the n-th call of a function of tracealloc; never inside a callback of isl."""

    def __init__(self, at: int, error: type[BaseException]) -> None:
        self.left, self.error = at, error

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        name = frame.f_code.co_filename
        if event != "call" or "tracealloc" not in name or name.endswith("named.py"):
            return
        back = frame.f_back
        while back is not None and "tracealloc" in back.f_code.co_filename:
            if back.f_code.co_filename.endswith("named.py"):
                return
            back = back.f_back
        self.left -= 1
        if self.left == 0:
            raise self.error("here")


STEPS: list[Any] = [
    lambda s: s.split("p", 3),
    lambda s: s.reorder("q", "p"),
    lambda s: s.buffer_at("Y", "first.i"),
    lambda s: s.compute_at("first", "p"),
    lambda s: s.partition("T", dim=1, kind="cyclic", factor=2),
    lambda s: s.reuse_at("X", "third.j"),
    lambda s: s.cast("T", ta.int32),
    lambda s: s.peel("p", 2),
    lambda s: s.parallel("p"),
    lambda s: s.permute("T", (1, 0)),
    lambda s: s.inline("matmul"),
]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("number", range(len(STEPS)))
def test_interrupted_anywhere(number: int, long_mode: bool) -> None:
    step, rng = STEPS[number], Random(number)
    clean = ta.customize(top)
    count = Interrupt(10**9, RuntimeError)
    sys.setprofile(count)
    try:
        step(clean)
    finally:
        sys.setprofile(None)
    calls = 10**9 - count.left
    for at in sorted(rng.sample(range(2, calls), min(calls - 2, 60 if long_mode else 6))):
        s = ta.customize(top)
        before, module = pickle.dumps(s), s.module
        error = rng.choice([KeyboardInterrupt, RuntimeError, MemoryError])
        sys.setprofile(Interrupt(at, error))
        try:
            step(s)
        except error:
            pass
        else:
            continue  # it came while Python closed a generator, where errors are ignored
        finally:
            sys.setprofile(None)
        assert s.module is module, at
        assert pickle.dumps(s) == before, at
        step(s)  # nothing half done was remembered
        assert s.module == clean.module, at
        assert s.script() == clean.script()


def test_a_failure_of_isl_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    @kernel
    def plain(A: int32[8], B: int32[8]):
        for i in grid(8):
            B[i] = A[i]

    def fails(*_: object, **__: object) -> None:
        isl.Set("{ [i] : ")

    s = ta.customize(plain)
    monkeypatch.setattr(Proof, "difference", fails)
    monkeypatch.setattr("tracealloc.schedule.session.apply.check_marked", fails)
    with pytest.raises(ta.ScheduleError) as raised:
        s.split("i", 4)
    assert raised.value.code == "TA260" and s.history == ()
    with pytest.raises(ta.VerifyError) as unproved:
        s.verify()
    assert unproved.value.code == "TA514"
