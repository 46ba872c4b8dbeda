"""What no printed form shows: notes of exceptions, warnings, threads, dead proxies, cost, determinism."""

from __future__ import annotations

import contextlib
import sys
import threading
import warnings

import numpy as np
import pytest

import tracealloc as ta
from tests.trace.forms import prints, program, refused
from tracealloc import float32, grid, int32, kernel
from tracealloc.trace.functions import trace
from tracealloc.trace.ir.program import Loop, Store, reduction_of, walk_nodes

N = 8


def test_users_exception_keeps_its_class_and_gets_a_note():
    def wrong(A: int32[N]):
        for _ in ta.range(N):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine") as found:
        trace(wrong)
    assert found.value.__notes__[0].startswith("while tracing kernel 'wrong' (test_recorder.py:")


def test_recorder_is_free_after_a_failure():
    def wrong(A: int32[N]):
        for _ in ta.range(N):
            A[-1] = 0

    for _ in (1, 2):
        with pytest.raises(ta.BoundsError):
            trace(wrong)
    with pytest.raises(ta.TraceError, match="TA116"):
        ta.zeros((2,), int32)


def test_refused_recursion():
    @kernel
    def inner(A: int32[N]):
        A[0] = 1
        inner(A)

    def outer(A: int32[N]):
        inner(A)

    with pytest.raises(ta.TraceError, match="TA113 kernel 'inner' calls itself"):
        trace(outer)


def test_swallowed_error_comes_back():
    def swallows(A: int32[N]):
        with contextlib.suppress(ta.TraceError):
            A[0] = int(A[1])

    with pytest.raises(ta.TraceError, match="TA106"):
        trace(swallows)


def test_other_thread():
    errors: list[Exception] = []

    def work(A):
        try:
            A[0] = 1
        except ta.TraceError as error:
            errors.append(error)

    def outer(A: int32[N]):
        thread = threading.Thread(target=work, args=(A,))
        thread.start()
        thread.join()
        A[1] = 1

    trace(outer)
    assert "TA118 'A' belongs to kernel 'outer', which another thread traces" in str(errors[0])


def test_threads_trace_side_by_side():
    def body(A: int32[N, N]):
        for i in ta.range(N):
            for j in ta.range(N):
                if A[i, j] > 0:
                    A[i, j] = i

    texts: list[str] = []
    threads = [threading.Thread(target=lambda: texts.append(str(trace(body)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(texts) == 8
    assert len(set(texts)) == 1


def test_dead_proxy():
    kept = {}

    def keeps(A: int32[N]):
        t = A[0] + 1
        kept["get"] = lambda: t + 1
        A[0] = t

    trace(keeps)
    with pytest.raises(ta.TraceError, match=r"TA117 .* belongs to a trace of 'keeps' that has ended"):
        kept["get"]()


def test_staged_loop_warns_once_a_line():
    def unrolled(A: int32[1000]):
        for k in range(600):
            A[k] = A[k] + 1

    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        trace(unrolled)
    assert [str(w.message).partition(" was")[0].split()[0] for w in found] == ["TA190"]
    assert found[0].category is ta.TraceallocWarning
    assert "ta.range(...) records its body once" in str(found[0].message)


def test_cost_does_not_depend_on_extents():
    def make(n):
        def gemm(A: float32[n, n], B: float32[n, n], C: float32[n, n]):
            for i, j, k in grid(n, n, n):
                C[i, j] += A[i, k] * B[k, j]

        return gemm

    def cost(n):
        function, calls = make(n), []
        trace(function)
        before = sys.getprofile()
        sys.setprofile(lambda frame, event, what: calls.append(event))
        try:
            trace(function)
        finally:
            sys.setprofile(before)
        return len(calls)

    assert abs(cost(100_000) - cost(4)) < 100  # of thousands; what Python has warmed up differs a little


def test_doubled_values_stay_small():
    def squares(A: float32[N]):
        for i in ta.range(N):
            x = A[i]
            for _ in range(200):
                x = x * x
            A[i] = x

    text = str(program(squares))
    assert len(text.splitlines()) < 210


def test_long_chains_are_cut():
    def total(A: float32[1000], B: float32[1]):
        s = A[0]
        for k in range(1, 1000):
            s = s + A[k]
        B[0] = s

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = program(total)
    assert max(len(line) for line in str(found).splitlines()) < 500


def test_in_place_operators_are_reductions():
    def updates(C: int32[N], A: int32[N]):
        acc = ta.scalar(int32, 1)
        for i in ta.range(N):
            C[i] += A[i] * A[i]
            C[A[i]] -= 1
            acc *= A[i]

    stores = [node for node in walk_nodes(program(updates).body) if isinstance(node, Store)]
    assert [reduction_of(store)[0] for store in stores] == ["+", "-", "*"]


def test_tracing_twice_gives_equal_programs():
    def body(A: int32[N], B: int32[N]):
        for i in ta.range(N):
            t = A[i]
            if t > 0:
                A[i] = 0
            B[i] = t

    first, second = program(body), program(body)
    assert first.body == second.body
    assert str(first) == str(second)


def test_keys_are_unique():
    def body(A: int32[N], B: int32[N]):
        for i in ta.range(N):
            if A[i] > 0:
                t = ta.scalar(int32, 1)
                for j in ta.range(N):
                    t += A[j]
                B[i] = t
            else:
                u = ta.scalar(int32, 2)
                for k in ta.range(i):
                    u += A[k]
                B[i] = u + 1

    found = program(body)
    keys = [array.key for array in found.arrays()]
    iters = [node.iter.key for node in walk_nodes(found.body) if isinstance(node, Loop)]
    assert len(set(keys)) == len(keys)
    assert len(set(iters)) == len(iters) == 3


def test_closures_methods_defaults_and_keywords():
    class Layer:
        def __init__(self, factor: int) -> None:
            self.factor = factor

        @kernel
        def run(self, A: int32[N], *, offset=3):
            for i in ta.range(N):
                A[i] = A[i] * self.factor + offset

    prints(
        Layer(5).run,
        """
        kernel run(A: int32[8])
          L0: for i in 0:8
                A[i] = A[i] * 5 + 3
        """,
    )


def test_types_from_the_call():
    def fill(A, n=2):
        for i in ta.range(n):
            A[i] = i

    found = trace(fill, "fill3", arguments={"A": float32[4]}, staged={"n": 3})
    assert str(found).splitlines()[:2] == ["kernel fill3(A: float32[4])", "  L0: for i in 0:3"]


def test_numpy_scalars_carry_their_type():
    def mixed(A: float32[N], x: float32):
        A[0] = x * 0.1 + np.float32(0.1)
        A[1] = x * np.float64(0.1)

    prints(
        mixed,
        """
        kernel mixed(A: float32[8], x: float32)
          A[0] = x * 0.1 + 0.1
          A[1] = float64(x) * 0.1
        """,
    )


def test_refused_numpy_reduction():
    def total(A: float32[N]):
        A[0] = np.sum(A)

    with pytest.raises(
        ta.TraceError, match=r"TA121 the traced array 'A' has no elements that np\.sum could use"
    ):
        trace(total)


def test_record_after_a_loop():
    def after(A: int32[N]):
        n = 0
        for _ in ta.range(A[0]):
            n = 1
        A[0] = n

    refused(
        after,
        """
        TraceError TA104 'n' is used after the loop whose body sets it
          at +4:9
            +4 |         A[0] = n
               |         ^^^^
          because: the loop at +2 is traced once per control path, and the paths, or a loop that never
              runs, leave different values
          try: make it part of the kernel: n = ta.scalar(dtype, init) before the loop, then +=, or
              .set(v)
        """,
    )


def test_function_that_differs_from_path_to_path():
    numbers = iter(range(100))

    def differs(A: int32[N]):
        A[0] = next(numbers)
        if A[1] > 0:
            A[2] = 1

    with pytest.raises(ta.TraceError, match="TA123 running the body again recorded something else"):
        trace(differs)
