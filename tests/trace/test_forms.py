"""Printed programs: calls, structs, tables, bits, types, results."""

# The kernels are written as users write them, wrong ones included.
# ruff: noqa: B023, B905, F821, F841, B007, SIM105, SIM113, SIM201, UP028, RUF059, RUF100

import numpy as np

import tracealloc as ta
from tests.trace.forms import prints
from tracealloc import float32, grid, int8, int32, kernel, uint8

N = 8
P = ta.Struct(x=int32, y=float32)


@kernel
def scale(X: float32[N], f: float32):
    for i in grid(N):
        X[i] *= f


@kernel
def dot(X: float32[N], Y: float32[N]) -> float32:
    acc = ta.scalar(float32, 0)
    for i in grid(N):
        acc += X[i] * Y[i]
    return acc


@kernel
def add(X: float32[N], Y: float32[N]) -> float32[N]:
    Z = ta.empty((N,), float32)
    for i in grid(N):
        Z[i] = X[i] + Y[i]
    return Z


@kernel
def staged(X: float32[N], n=3):
    for k in range(n):
        X[k] = k


@kernel
def add2(X: float32[N], Y: float32[N]):
    for i in grid(N):
        X[i] += Y[i]


def test_npexp():
    def npexp(A: float32[N]):
        for i in ta.range(N):
            A[i] = np.exp(A[i]) + np.float32(2) * A[i] + np.sqrt(np.abs(A[i]))

    prints(
        npexp,
        """
        kernel npexp(A: float32[8])
          L0: for i in 0:8
                A[i] = exp(A[i]) + 2 * A[i] + sqrt(abs(A[i]))
        """,
    )


def test_storeview():
    def storeview(A: int32[N, N]):
        r = A[2]
        for i in ta.range(N):
            r[i] = A[i][3]
            A[i, 2:6][1] = 5

    prints(
        storeview,
        """
        kernel storeview(A: int32[8, 8])
          L0: for i in 0:8
                A[2, i] = A[i, 3]
                A[i, 3] = 5
        """,
    )


def test_bits():
    def bits(A: int32[N], x: uint8):
        A[0] = x[3] + x[0:4]
        A[1][3] = 1
        A[1][4:8] = x[2:6]
        acc = ta.scalar(uint8, 0)
        acc[0:4] = x[4:8]
        acc[7] = 1
        A[2] = acc
        A[3] = acc[:4]

    prints(
        bits,
        """
        kernel bits(A: int32[8], x: uint8)
          A[0] = x[3] + x[0:4]
          A[1] = setbits(A[1], 3, 1)
          A[1] = setbits(A[1], 4:8, x[2:6])
          acc: uint8 = 0
          acc = setbits(acc, 0:4, x[4:8])
          acc = setbits(acc, 7, 1)
          A[2] = acc
          A[3] = acc[0:4]
        """,
    )


def test_retscalar():
    def retscalar(A: int32[N]):
        acc = ta.scalar(int32, 0)
        for i in ta.range(N):
            acc += A[i]
        return acc, A[0] + 1, A

    prints(
        retscalar,
        """
        kernel retscalar(A: int32[8]) -> (acc: int32, result1: int33, A)
          result1: int33
          acc = 0
          L0: for i in 0:8
                acc += A[i]
          result1 = A[0] + 1
          return acc, result1, A
        """,
    )


def test_retcond():
    def retcond(A: int32[N]) -> int32:
        if A[0] > 0:
            return 1
        return A[1]

    prints(
        retcond,
        """
        kernel retcond(A: int32[8]) -> result: int32
          result: int32
          if A[0] > 0:
            result = 1
          else:
            result = A[1]
          return result
        """,
    )


def test_consts():
    def consts(A: float32[N]):
        W = ta.constant(np.array([1.5, 2.5], np.float32))
        for i in ta.range(2):
            A[i] = W[i]

    prints(
        consts,
        """
        kernel consts(A: float32[8])
          L0: for i in 0:2
                A[i] = W[i]
        """,
    )


def test_powr():
    def powr(A: float32[N], B: int8[N]):
        A[0] = A[1] ** 2 + A[2] ** 0.5 + A[3] ** 3
        B[0] = B[1] ** 3
        A[4] = 2 ** A[1]

    prints(
        powr,
        """
        kernel powr(A: float32[8], B: int8[8])
          A[0] = A[1] * A[1] + pow(A[2], 0.5) + pow(A[3], 3)
          B[0] = B[1] * B[1] * B[1]
          A[4] = pow(2, A[1])
        """,
    )


def test_calls():
    def calls(A: float32[N, N], B: float32[N]):
        for i in grid(N):
            scale(A[i], 2.0)
            B[i] = dot(A[i], B)
        C = add(B, A[0])
        scale(C, B[0])
        staged(C)
        staged(C, 2)
        staged(C, n=2)
        return C

    prints(
        calls,
        """
        kernel calls(A: float32[8, 8], B: float32[8]) -> C: float32[8]
          L0: for i in 0:8
                scale(A[i, :], 2)
                a0: float32
                a0 = dot(A[i, :], B)
                B[i] = a0
          C = empty
          C = add(B, A[0, :])
          scale(C, B[0])
          staged(C)
          staged_1(C)
          staged_1(C)
          return C

        kernel scale(X: float32[8], f: float32)
          L0: for i in 0:8
                X[i] *= f

        kernel dot(X: float32[8], Y: float32[8]) -> acc: float32
          acc = 0
          L0: for i in 0:8
                acc += X[i] * Y[i]
          return acc

        kernel add(X: float32[8], Y: float32[8]) -> Z: float32[8]
          Z = empty
          L0: for i in 0:8
                Z[i] = X[i] + Y[i]
          return Z

        kernel staged(X: float32[8])
          X[0] = 0
          X[1] = 1
          X[2] = 2

        kernel staged_1(X: float32[8])
          X[0] = 0
          X[1] = 1
        """,
    )


def test_overlap_ok():
    def overlap_ok(A: float32[N, N]):
        add2(A[0], A[1])
        for i in ta.range(N - 1):
            add2(A[i], A[i + 1])

    prints(
        overlap_ok,
        """
        kernel overlap_ok(A: float32[8, 8])
          add2(A[0, :], A[1, :])
          L0: for i in 0:7
                add2(A[i, :], A[i + 1, :])

        kernel add2(X: float32[8], Y: float32[8])
          L0: for i in 0:8
                X[i] += Y[i]
        """,
    )


def test_callif():
    def callif(A: float32[N], B: float32[N]):
        for i in grid(N):
            if A[i] > 0:
                scale(B, A[i])

    prints(
        callif,
        """
        kernel callif(A: float32[8], B: float32[8])
          L0: for i in 0:8
                if A[i] > 0:
                  scale(B, A[i])

        kernel scale(X: float32[8], f: float32)
          L0: for i in 0:8
                X[i] *= f
        """,
    )


def test_structs():
    def structs(A: P[N], B: P[N], q: P):
        for i in grid(N):
            p = A[i]
            p.x += 1
            B[i].y = p.y * 2 + q.y
            B[i] = A[i]
            A[i] = ta.Struct(x=i, y=2.5)
        A[0] = q

    prints(
        structs,
        """
        kernel structs(A: Struct(x=int32, y=float32)[8], B: Struct(x=int32, y=float32)[8], q:
            Struct(x=int32, y=float32))
          L0: for i in 0:8
                A[i].x += 1
                B[i].y = A[i].y * 2 + q.y
                B[i] = A[i]
                A[i] = Struct(x=int32(i), y=2.5)
          A[0] = q
        """,
    )


def test_cond_alloc():
    def cond_alloc(A: int32[N]):
        if A[0] > 0:
            A[1] = 1
        C = ta.zeros((N,), int32)
        if A[1] > 0:
            C[0] = 1
        return C

    prints(
        cond_alloc,
        """
        kernel cond_alloc(A: int32[8]) -> C: int32[8]
          if A[0] > 0:
            A[1] = 1
          C = zeros
          if A[1] > 0:
            C[0] = 1
          return C
        """,
    )


def test_state_k():
    def state_k(A: int32[N]):
        s = ta.state((N,), int32)
        h = ta.state(np.arange(N), int32)
        for i in ta.range(N):
            s[i] += A[i] + h[i]

    prints(
        state_k,
        """
        kernel state_k(A: int32[8])
          L0: for i in 0:8
                s[i] += A[i] + h[i]
        """,
    )


def test_stream_k():
    def stream_k(a: ta.Stream[int32, 4], b: ta.Stream[int32]):
        for i in ta.range(N):
            x = a.get()
            b.put(x + a.get())

    prints(
        stream_k,
        """
        kernel stream_k(a: Stream[int32], b: Stream[int32])
          L0: for i in 0:8
                x = a.get()
                t0 = a.get()
                b.put(x + t0)
        """,
    )


def test_kwonly():
    def kwonly(A: int32[N], *, B: int32[N], k=2):
        B[k] = A[0]

    prints(
        kwonly,
        """
        kernel kwonly(A: int32[8], B: int32[8])
          B[2] = A[0]
        """,
    )


def test_typed_lits():
    def typed_lits(A: int8[N], F: ta.Fixed(8, 4)[N]):
        A[0] = A[1] + np.int8(3)
        F[0] = F[1] * 0.5
        F[1] = 0.75
        F[2] = 0.25
        A[2] = A[3].astype(float32).bitcast(int32)
        A[3] = 300
        A[4] = True

    prints(
        typed_lits,
        """
        kernel typed_lits(A: int8[8], F: Fixed(8, 4)[8])
          A[0] = A[1] + 3
          F[0] = float64(F[1]) * 0.5
          F[1] = 0.75
          F[2] = 0.25
          A[2] = bitcast(float32(A[3]), int32)
          A[3] = 44
          A[4] = 1
        """,
    )
