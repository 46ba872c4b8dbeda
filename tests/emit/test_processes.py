"""Networks in C: stacks, what is stuck, nested networks, and what a failed call leaves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import float32, int32, kernel
from tracealloc.emit.run.runtime import build_c
from tracealloc.trace.network.cut import networked

LEVEL = """
@kernel
def level{n}(x: float32[16000]):
    t = ta.empty((15000,), float32)
    u = ta.empty((15000,), float32)
    v = ta.empty((15000,), float32)
    for i in ta.range(15000):
        t[i] = x[i] + 1
        u[i] = x[i] * 2
        v[i] = x[i] - 1
    {call}
    for i in ta.range(15000):
        x[i] = (t[14999 - i] + u[i] + v[i]) * 0.25
"""


def test_a_process_has_the_stack_that_its_calls_need() -> None:
    """Six functions in one another, each with 180 kB of arrays."""
    scope: dict[str, Any] = {"ta": ta, "float32": float32, "kernel": kernel}
    for n in range(6):
        exec(LEVEL.format(n=n, call=f"level{n - 1}(x)" if n else "pass"), scope)
    deep = scope["level5"]

    @kernel
    def both(x: float32[16000], y: float32[16000]):
        with ta.dataflow():
            deep(x)
            deep(y)

    x, y, z = (np.ones(16000, np.float32) for _ in range(3))
    both(x, y)
    deep(z)
    np.testing.assert_array_equal(x, z)
    np.testing.assert_array_equal(y, z)


@kernel
def relay(given: ta.Stream[int32], taken: ta.Stream[int32]):
    between = ta.stream(int32, depth=1)
    with ta.dataflow():
        for _ in ta.range(5):
            between.put(given.get() * 2)
        for _ in ta.range(5):
            taken.put(between.get() + 1)


@kernel
def around(x: int32[5], y: int32[5]):
    first = ta.stream(int32)
    last = ta.stream(int32)
    with ta.dataflow():
        for i in ta.range(5):
            first.put(x[i])
        relay(first, last)
        for i in ta.range(5):
            y[i] = last.get()


def test_a_network_in_a_network() -> None:
    y = np.zeros(5, np.int32)
    around(np.arange(5, dtype=np.int32), y)
    np.testing.assert_array_equal(y, np.arange(5) * 2 + 1)


def test_a_network_in_a_loop() -> None:
    @kernel
    def again(x: int32[5], y: int32[5]):
        for _ in ta.range(300):
            around(x, y)

    y = np.zeros(5, np.int32)
    again(np.arange(5, dtype=np.int32), y)
    np.testing.assert_array_equal(y, np.arange(5) * 2 + 1)


def test_a_failed_call_changes_nothing() -> None:
    @kernel
    def starves(x: int32[4]):
        q = ta.stream(int32)
        with ta.dataflow():
            for i in ta.range(4):
                x[i] = 7
                q.put(i)
            for _ in ta.range(5):
                q.get()

    x = np.arange(4, dtype=np.int32)
    with pytest.raises(ta.TraceallocError, match="TA808") as caught:
        starves(x)
    np.testing.assert_array_equal(x, np.arange(4))
    assert "L1 waits for an element of q at test_processes.py:" in str(caught.value)
    with pytest.raises(ta.TraceallocError, match="TA808"):
        starves(x)  # it can be called again


def test_places_as_numbers() -> None:
    weights = [3, 1, 4, 1]

    @kernel
    def fir(x: int32[8], y: int32[8]):
        values = ta.stream(int32, shape=(5,))
        sums = ta.stream(int32, shape=(5,))
        with ta.dataflow():
            for n in ta.range(8):
                values[0].put(x[n])
                sums[0].put(0)
            for k in ta.processes(4, name="tap"):
                for _ in ta.range(8):
                    v = values[k].get()
                    sums[k + 1].put(sums[k].get() + v * weights[k])
                    values[k + 1].put(v)
            for n in ta.range(8):
                values[4].get()
                y[n] = sums[4].get()

    y = np.zeros(8, np.int32)
    x = np.arange(8, dtype=np.int32)
    fir(x, y)
    np.testing.assert_array_equal(y, x * 9)
    np.testing.assert_array_equal(np.sort(weights), [1, 1, 3, 4])  # they are Python's own


def test_many_queues_are_on_the_heap() -> None:
    """An array of 300 x 300 queues has no room on a stack."""

    @kernel
    def wide(x: int32[300], y: int32[300]):
        q = ta.stream(int32, shape=(300, 300))
        with ta.dataflow():
            for i in ta.range(300):
                q[i, i].put(x[i])
            for i in ta.range(300):
                y[i] = q[i, i].get()

    x = np.arange(300, dtype=np.int32)
    y = np.zeros_like(x)
    wide(x, y)
    np.testing.assert_array_equal(x, y)


@kernel
def waits(x: int32[4], y: int32[4], z: int32[1]):
    q = ta.stream(int32, shape=(4,))
    with ta.dataflow():
        for i in ta.processes(4, name="P"):
            v = q[i].get()
            if i == 1:
                y[i] = v * 2
            else:
                y[i] = v + 1
        for t in ta.range(1):
            z[t] = y[0]
        for i in ta.range(4):
            q[i].put(x[i])


@pytest.mark.parametrize("times", [0, 1, 2])
def test_one_waits_for_a_part_of_a_family(times: int) -> None:
    """The family of P[0], P[2] and P[3] is two nests: who reads what the first stores waits for that one."""
    program = waits.trace()
    for _ in range(times):
        program = networked(program)
    x = np.arange(10, 14, dtype=np.int32)
    y, z = np.zeros(4, np.int32), np.zeros(1, np.int32)
    build_c(program)(x, y, z)
    np.testing.assert_array_equal(y, [11, 22, 13, 14])
    np.testing.assert_array_equal(z, [11])


def test_it_is_cut_once() -> None:
    program = waits.trace()
    assert networked(program) is networked(program)
    assert networked(networked(program)) is networked(program)


def test_a_name_is_no_text_of_c() -> None:
    @kernel
    def named(x: int32[1]):
        q = ta.stream(int32)

        def body() -> None:
            x[0] = q.get()

        with ta.dataflow():
            ta.while_loop(lambda: x[0] < 3, body, name='a"; abort(); "%s')
            for i in ta.range(4):
                q.put(i)

    x = np.zeros(1, np.int32)
    named(x)
    np.testing.assert_array_equal(x, [3])
