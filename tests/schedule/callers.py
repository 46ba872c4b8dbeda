"""Random kernels that call kernels: with rows, columns, nested views, in loops, on both sides of an `if`.

What is called fills all of its result, or a part of it, once or in turns; the callers' arrays begin empty.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
from boundaries import random_step

import tracealloc as ta
from tracealloc import grid, int32, kernel
from tracealloc.check.interpret.interpret import interpret
from tracealloc.trace.diagnostics.errors import InterpretError

N = 4

_Body = Callable[[Any, Any], None]


def _scaled(a: int, b: int) -> _Body:
    def body(X: Any, Y: Any) -> None:
        for i in grid(N):
            Y[i] = X[i] * a + b

    return body


def _chosen(a: int, b: int) -> _Body:
    def body(X: Any, Y: Any) -> None:
        for i in grid(N):
            if X[i] > a:
                Y[i] = a
            elif X[b % N] < b:
                Y[i] = X[b % N]
            else:
                Y[i] = b

    return body


def _running(a: int, b: int) -> _Body:
    def body(X: Any, Y: Any) -> None:
        t = ta.scalar(int32, a)
        for i in grid(N):
            t += X[i] * b
            Y[i] = t

    return body


def _added(a: int, b: int) -> _Body:
    def body(X: Any, Y: Any) -> None:
        for i in grid(N):
            Y[i] += X[i]

    return body


def _mirrored(a: int, b: int) -> _Body:
    def body(X: Any, Y: Any) -> None:
        if X[0] > a:
            for i in grid(N):
                Y[i] = X[i]
        else:
            for i in grid(N):
                Y[N - 1 - i] = b

    return body


def _joined(a: int, b: int) -> _Body:
    def body(X: Any, Y: Any) -> None:
        for i in grid(N - 1):
            Y[i] = X[i + 1]
        Y[N - 1] = a

    return body


def _some(a: int, b: int) -> _Body:
    def body(X: Any, Y: Any) -> None:
        for i in grid(N):
            if X[i] > a:
                Y[i] = X[(i + b) % N]

    return body


def _summed(a: int, b: int) -> _Body:
    def body(X: Any, Y: Any) -> None:
        for i in grid(N):
            Y[i] = 0
            for j in ta.range(i + 1):
                Y[i] += X[j]

    return body


_BODIES = (_scaled, _chosen, _running, _added, _mirrored, _joined, _some, _summed)


def _callee(rng: Random, name: str, inner: Any = None) -> Any:
    body = rng.choice(_BODIES)(rng.randrange(-2, 5), rng.randrange(-2, 5))

    def called(X: int32[N], Y: int32[N]) -> None:
        body(X, Y)
        if inner is not None:
            T = ta.empty((N,), int32)
            inner(Y, T)
            for i in grid(N):
                Y[i] = T[i] - Y[i]

    called.__name__ = name
    called.__code__ = called.__code__.replace(co_name=name)  # else the inner one is the same kernel
    return kernel(called)


def _rows(f: Any, g: Any, A: Any, B: Any, C: Any) -> None:
    for i in ta.range(N):
        f(A[i], B[i])


def _columns(f: Any, g: Any, A: Any, B: Any, C: Any) -> None:
    for i in ta.range(N):
        f(A[i], B[:, i])


def _either(f: Any, g: Any, A: Any, B: Any, C: Any) -> None:
    for i in ta.range(N):
        if A[i, 0] > 1:
            f(A[i], B[i])
        else:
            g(A[i], B[i])


def _through(f: Any, g: Any, A: Any, B: Any, C: Any) -> None:
    buf = ta.empty((N,), int32)
    for i in ta.range(N):
        T = ta.empty((N,), int32)
        f(A[:, i], buf)
        g(buf, T)
        f(T, C[N - 1 - i])


def _onward(f: Any, g: Any, A: Any, B: Any, C: Any) -> None:
    for i in ta.range(N - 1):
        f(C[i], C[i + 1])
    g(C[0], A[1])


def _counted(f: Any, g: Any, A: Any, B: Any, C: Any) -> None:
    s = ta.scalar(int32, 1)
    for i in ta.range(N):
        if A[i, i] > s:
            f(A[i], C[i])
        s += C[i, 0]
    A[0, 0] = s


_USES = (_rows, _columns, _either, _through, _onward, _counted)


def caller(rng: Random) -> Any:
    """A random kernel over two arrays (N, N)."""
    inner = _callee(rng, "inner")
    f, g = _callee(rng, "f", inner if rng.random() < 0.5 else None), _callee(rng, "g")
    uses = [rng.choice(_USES) for _ in range(rng.randint(1, 3))]

    @kernel
    def top(A: int32[N, N], C: int32[N, N]):
        B = ta.empty((N, N), int32)
        for use in uses:
            use(f, g, A, B, C)
        if uses[0] in (_rows, _columns, _either):
            for i, j in grid(N, N):
                C[i, j] += B[i, j]

    return top


def check_caller(seed: int) -> str:
    """A random schedule of a random caller: proved after each step, and right in the interpreter and in C.

    Says ``refused`` where the kernel reads what may not be stored.
    """
    rng = Random(seed)
    top = caller(rng)
    try:
        s = ta.customize(top)
    except ta.TraceError as error:
        assert error.code == "TA151", error
        return "refused"
    arrays = [np.random.default_rng(seed).integers(-3, 6, (N, N)).astype(np.int32) for _ in range(2)]
    expected, found = ([a.copy() for a in arrays] for _ in range(2))
    try:
        interpret(s.program, *expected)
    except InterpretError as error:  # under a condition it is found when it happens
        assert error.code == "TA602", error
        return "refused"
    for _ in range(rng.randint(1, 5)):
        before = s.module
        name, args = random_step(rng, s)
        try:
            getattr(s, name)(*args)
        except ta.ScheduleError as error:
            assert s.module is before and "bug" not in str(error), error
        else:
            assert s.verify(), s.script()
    interpret(s.lowered, *found)
    s.build()(*arrays)
    for each in (found, arrays):
        assert all(np.array_equal(a, b) for a, b in zip(each, expected, strict=True)), s.script()
    return "right"
