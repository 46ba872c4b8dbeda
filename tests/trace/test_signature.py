"""Annotations, results, calls between kernels: what is refused."""

# The kernels are written as users write them, wrong ones included.
# ruff: noqa: B023, B905, F821, F841, B007, SIM105, SIM113, SIM201, UP028, RUF059, RUF100

from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tests.trace.forms import refused
from tracealloc import float32, grid, int32, kernel

N = 8


@kernel
def scale(X: float32[N], f: float32):
    for i in grid(N):
        X[i] *= f


@kernel
def add2(X: float32[N], Y: float32[N]):
    for i in grid(N):
        X[i] += Y[i]


def test_retview():
    def retview(A: int32[N, N]):
        return A[0]

    refused(
        retview,
        """
        TraceError TA102 kernel 'retview' returns a view of 'A'
          at +0
            +0 |     def retview(A: int32[N, N]):
          because: a result is a whole array that the kernel made, or an argument
          try: copy it in a loop to an array made with ta.empty
        """,
    )


def test_retwrong():
    def retwrong(A: int32[N]) -> int32[N]:
        return ta.zeros((4,), int32)

    refused(
        retwrong,
        """
        TraceError TA102 kernel 'retwrong' returns int32[4], not int32[8]
          at +0
            +0 |     def retwrong(A: int32[N]) -> int32[N]:
          because: the annotation behind '->' says so
        """,
    )


def test_noannot():
    def noannot(A):
        pass

    refused(
        noannot,
        """
        TraceError TA101 parameter 'A' of kernel 'noannot' has neither a type nor a value
          at +0
            +0 |     def noannot(A):
          because: an argument has a type, and all else is known while tracing
          try: write A: float32[M, N] (an argument) or A=value (known while tracing)
        """,
    )


def test_badannot():
    def badannot(A: "int32[Q]"):
        pass

    refused(
        badannot,
        """
        TraceError TA101 the annotation 'int32[Q]' of parameter 'A' cannot be evaluated: NameError: name
            'Q' is not defined
          at +0
            +0 |     def badannot(A: "int32[Q]"):
          because: annotations see the function's globals, its closure and the variables around @kernel
          try: float32[M, N] is an array, of tracealloc's float32; NumPy's types have no shapes
        """,
    )


def test_badannot2():
    def badannot2(A: int):
        pass

    refused(
        badannot2,
        """
        TraceError TA101 the annotation of parameter 'A' is <class 'int'>, which is not a type of a
            kernel
          at +0
            +0 |     def badannot2(A: int):
          because: every argument has an element type and, as an array, a constant shape
          try: write float32[M, N] for an array, float32 for a scalar
        """,
    )


def test_varargs():
    def varargs(*A):
        pass

    refused(
        varargs,
        """
        TraceError TA101 parameter 'A' takes any number of arguments; a kernel's arguments are fixed
          at +0
            +0 |     def varargs(*A):
          because: a program's arguments are those of the hardware
          try: name them, each with its type
        """,
    )


def test_overlap():
    def overlap(A: float32[N]):
        add2(A, A)

    refused(
        overlap,
        """
        TraceError TA119 arguments 'X' and 'Y' of kernel 'add2' overlap in 'A', and the kernel writes
            'X'
          at +1:9
            +1 |         add2(A, A)
               |         ^^^^^^^^^^
          because: a kernel may read and write its arguments in any order, as separate arrays
          try: copy one of them first
        """,
    )


def test_overlap_bad():
    def overlap_bad(A: float32[N, N]):
        for i, j in grid(N, N):
            add2(A[i], A[j])

    refused(
        overlap_bad,
        """
        TraceError TA119 arguments 'X' and 'Y' of kernel 'add2' overlap in 'A', and the kernel writes
            'X'
          at +2:13
            +2 |             add2(A[i], A[j])
               |             ^^^^^^^^^^^^^^^^
          because: a kernel may read and write its arguments in any order, as separate arrays
          try: copy one of them first
        """,
    )


def test_wrongarg():
    def wrongarg(A: float32[4], B: int32[N]):
        scale(A, 1.0)

    refused(
        wrongarg,
        """
        TraceError TA120 argument 'X' of kernel 'scale' is float32[8], not A: float32[4]
          at +1:9
            +1 |         scale(A, 1.0)
               |         ^^^^^^^^^^^^^
        """,
    )


def test_wrongarg2():
    def wrongarg2(B: int32[N]):
        scale(B, 1.0)

    refused(
        wrongarg2,
        """
        TraceError TA120 argument 'X' of kernel 'scale' is float32[8], not B: int32[8]
          at +1:9
            +1 |         scale(B, 1.0)
               |         ^^^^^^^^^^^^^
        """,
    )


def test_wrongarg3():
    def wrongarg3(B: float32[N]):
        scale(B)

    refused(
        wrongarg3,
        """
        TraceError TA120 kernel 'scale' is called with the wrong arguments: missing a required argument:
            'f'
          at +1:9
            +1 |         scale(B)
               |         ^^^^^^^^
          because: its parameters are X, f
        """,
    )


def test_wrongarg4():
    def wrongarg4(B: float32[N]):
        scale(np.zeros(8, np.float32), 1.0)

    refused(
        wrongarg4,
        """
        TraceError TA120 argument 'X' of kernel 'scale' is float32[8], not an object of type ndarray
          at +1:9
            +1 |         scale(np.zeros(8, np.float32), 1.0)
               |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
          try: wrap data known while tracing: ta.constant(array)
        """,
    )


def test_cond_ret():
    def cond_ret(A: int32[N], B: int32[N]):
        if A[0] > 0:
            return A
        return B

    refused(
        cond_ret,
        """
        TraceError TA102 kernel 'cond_ret' returns different things on different paths
          at +0
            +0 |     def cond_ret(A: int32[N], B: int32[N]):
          because: what is returned cannot depend on a traced condition
          try: store to one array under the condition, and return that array
        """,
    )


@pytest.mark.parametrize(
    "stream", [ta.Stream[3], ta.Stream[int32, 0], ta.Stream[int32, -1], ta.Stream[int32, 2.5]]
)
def test_a_queue_has_a_type_and_a_depth(stream: Any) -> None:
    def takes(q: stream):
        q.get()

    refused(
        takes,
        f"""
        TraceError TA101 the annotation of parameter 'q' is {stream!r}
          at +0
            +0 |     def takes(q: stream):
          because: a queue has elements of one type, and its depth is a positive int
          try: ta.Stream[float32, 2]
        """,
    )
