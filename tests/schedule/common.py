"""What the tests of schedules share: schedules of hand-made programs, and the round trips."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tracealloc.check.interpret.interpret import interpret
from tracealloc.customize import Schedule
from tracealloc.emit.common.numpy_types import container
from tracealloc.emit.vitis.hardware import HARDWARE
from tracealloc.kernel import Kernel
from tracealloc.trace.ir.dtype import Float, Integer
from tracealloc.trace.ir.program import Array, Program


def schedule_of(program: Program) -> Schedule:
    """An unscheduled schedule of a program that no kernel was traced for."""
    kernel: Any = SimpleNamespace(name=program.name, trace=lambda: program)
    return Schedule(kernel, program, HARDWARE)


_TOKENS = 4000  # that a queue begins with: more than any random nest takes


def values_for(array: Array, rng: np.random.Generator) -> Any:
    """A random content of an argument; floats are such that every order of a sum rounds differently.

    A queue is a deque, many of them are a list.
    """
    if array.kind == "stream":
        queues = [
            deque(values_for(replace(array, kind="argument", shape=(_TOKENS,)), rng).tolist())
            for _ in range(array.size)
        ]
        return queues if array.rank else queues[0]
    if isinstance(array.dtype, Integer):
        least, most = (-9, 10) if array.dtype.signed else (0, 13)
        bits = array.dtype.bits - array.dtype.signed
        return rng.integers(max(least, -(2**bits)), min(most, 2**bits), array.shape).astype(
            container(array.dtype)
        )
    assert isinstance(array.dtype, Float)
    return (rng.standard_normal(array.shape) * 10.0 ** rng.integers(-3, 4, array.shape)).astype(np.float32)


def run(program: Program, seed: int = 0) -> list[np.ndarray]:
    """All arguments (and results) after the interpreter has run a program on random arrays and queues."""
    rng = np.random.default_rng(seed)
    arrays = [values_for(array, rng) for array in program.args]
    result = interpret(program, *arrays)
    results = list(result) if isinstance(result, tuple) else [] if result is None else [result]
    left = [
        np.asarray([*map(list, a)] if isinstance(a, list) else a, object)
        if isinstance(a, list | deque)
        else a
        for a in arrays
    ]
    return [*left, *(np.asarray(r) for r in results)]


def assert_same_results(s: Schedule, seed: int = 0) -> None:
    """The lowered loops compute bit for bit what the traced program does."""
    for expected, found in zip(run(s.program, seed), run(s.lowered, seed), strict=True):
        np.testing.assert_array_equal(found, expected, strict=True)


def check_round_trip(s: Schedule, kernel: Any = None) -> None:
    """``script()`` rebuilds the module, every step can be undone, and the first module is the very same."""
    proof = s.verify()
    assert proof, str(proof)
    if not any(note.startswith("float") for note in proof.assumptions):
        assert_same_results(s)
    target = kernel if kernel is not None else s.kernel
    script = s.script()
    head, *steps = script.splitlines()
    assert head == f"s = ta.customize({s.program.name})"
    again = ta.customize(target) if isinstance(target, Kernel) else schedule_of(s.program)
    namespace = {"s": again, "ta": ta}
    for line in steps:
        exec(line, namespace)
    assert again.module == s.module
    assert again.lowered == s.lowered
    assert again.script() == script
    assert pickle.loads(pickle.dumps(s)).module == s.module
    undone = s.copy()
    for (step, before), _ in zip(reversed(s._past), s.history, strict=True):
        assert step is undone.history[-1]
        undone.undo()
        assert undone.module is before
    assert undone.history == ()


def refused(action: Callable[[], Any], s: Schedule, error: type[ta.TraceallocError]) -> str:
    """The whole message of a refusal without its place, after checking that nothing changed."""
    module, history = s.module, s.history
    with pytest.raises(error) as caught:
        action()
    assert s.module is module
    assert s.history == history
    lines = str(caught.value).splitlines()
    return "\n".join(line for line in lines if not line.startswith("  at ") and " | " not in line[:9])


def nest(s: Schedule) -> list[str]:
    """The printed loops as they stand, without the head and the places."""
    lines = [line.partition("#")[0].rstrip() for line in str(s.lowered).splitlines()[1:]]
    return [line[2:] for line in lines]
