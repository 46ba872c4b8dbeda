"""Printed programs: the order of evaluation is kept, values keep names where they must."""

# The kernels are written as users write them, wrong ones included.
# ruff: noqa: B023, B905, F821, F841, B007, SIM105, SIM113, SIM201, UP028, RUF059, RUF100

import tracealloc as ta
from tests.trace.forms import prints
from tracealloc import float32, int32

N = 8


def test_scratch_ok():
    def scratch_ok(A: int32[N]):
        tmp = [None] * 2
        for i in ta.range(N):
            tmp[0] = A[i]
            tmp[1] = tmp[0] * 2
            A[i] = tmp[1] + tmp[0]

    prints(
        scratch_ok,
        """
        kernel scratch_ok(A: int32[8])
          L0: for i in 0:8
                A[i] += A[i] * 2
        """,
    )


def test_swap_vals():
    def swap_vals(A: int32[N]):
        for i in ta.range(N - 1):
            a, b = A[i], A[i + 1]
            a, b = b, a
            A[i] = a
            A[i + 1] = b

    prints(
        swap_vals,
        """
        kernel swap_vals(A: int32[8])
          L0: for i in 0:7
                t0 = A[i]
                A[i] = A[i + 1]
                A[i + 1] = t0
        """,
    )


def test_deleted():
    def deleted(A: int32[N]):
        for i in ta.range(N):
            t = A[i]
            A[i] = t + 1
            del t

    prints(
        deleted,
        """
        kernel deleted(A: int32[8])
          L0: for i in 0:8
                A[i] += 1
        """,
    )


def test_after_same():
    def after_same(A: int32[N]):
        for i in ta.range(N):
            n = 7
            A[i] = n
        A[0] = n

    prints(
        after_same,
        """
        kernel after_same(A: int32[8])
          L0: for i in 0:8
                A[i] = 7
          A[0] = 7
        """,
    )


def test_sq():
    def sq(A: float32[N]):
        for i in ta.range(N):
            x = A[i]
            for _ in range(20):
                x = x * x
            A[i] = x

    prints(
        sq,
        """
        kernel sq(A: float32[8])
          L0: for i in 0:8
                x = A[i] * A[i]
                x_1 = x * x
                x_2 = x_1 * x_1
                x_3 = x_2 * x_2
                x_4 = x_3 * x_3
                x_5 = x_4 * x_4
                x_6 = x_5 * x_5
                x_7 = x_6 * x_6
                x_8 = x_7 * x_7
                x_9 = x_8 * x_8
                x_10 = x_9 * x_9
                x_11 = x_10 * x_10
                x_12 = x_11 * x_11
                x_13 = x_12 * x_12
                x_14 = x_13 * x_13
                x_15 = x_14 * x_14
                x_16 = x_15 * x_15
                x_17 = x_16 * x_16
                x_18 = x_17 * x_17
                A[i] = x_18 * x_18
        """,
    )


def test_sq_index():
    def sq_index(A: int32[N]):
        for i in ta.range(N):
            x = i
            for _ in range(20):
                x = ta.minimum(x, 3 - x)
            A[i] = x

    prints(
        sq_index,
        """
        kernel sq_index(A: int32[8])
          L0: for i in 0:8
                x = min(i, 3 - i, 3 - min(i, 3 - i), 3 - min(i, 3 - i, 3 - min(i, 3 - i)))
                x_1 = min(x, 3 - x)
                x_2 = min(x_1, 3 - x_1)
                x_3 = min(x_2, 3 - x_2)
                x_4 = min(x_3, 3 - x_3)
                x_5 = min(x_4, 3 - x_4)
                x_6 = min(x_5, 3 - x_5)
                x_7 = min(x_6, 3 - x_6)
                x_8 = min(x_7, 3 - x_7)
                x_9 = min(x_8, 3 - x_8)
                x_10 = min(x_9, 3 - x_9)
                x_11 = min(x_10, 3 - x_10)
                x_12 = min(x_11, 3 - x_11)
                x_13 = min(x_12, 3 - x_12)
                x_14 = min(x_13, 3 - x_13)
                x_15 = min(x_14, 3 - x_14)
                x_16 = min(x_15, 3 - x_15)
                A[i] = min(x_16, 3 - x_16)
        """,
    )


def test_order():
    def order(A: int32[N], B: int32[N]):
        for i in ta.range(N):
            c = A[i] > 0
            A[i] = 0
            if c:
                B[i] = 1

    prints(
        order,
        """
        kernel order(A: int32[8], B: int32[8])
          L0: for i in 0:8
                c = A[i] > 0
                A[i] = 0
                if c:
                  B[i] = 1
        """,
    )


def test_loop_out():
    def loop_out(A: int32[N], B: int32[N]):
        for i in ta.range(N):
            t = A[i]
            u = A[i] * 2
            for j in ta.range(N):
                B[j] += t + u

    prints(
        loop_out,
        """
        kernel loop_out(A: int32[8], B: int32[8])
          L0: for i in 0:8
                t = A[i]
                u = A[i] * 2
                for j in 0:8
                  B[j] += t + u
        """,
    )


def test_nested_def():
    def nested_def(A: int32[N]):
        for i in ta.range(N):

            def f(j):
                A[j] = i

            f(i)
            for k in ta.range(i):
                f(k)

    prints(
        nested_def,
        """
        kernel nested_def(A: int32[8])
          L0: for i in 0:8
                A[i] = i
                for k in 0:i
                  A[k] = i
        """,
    )


def test_nan():
    def nan(A: float32[N]):
        A[0] = float("nan")
        A[1] = float("inf")
        A[2] = -0.0
        A[3] = 0.1

    prints(
        nan,
        """
        kernel nan(A: float32[8])
          A[0] = nan
          A[1] = inf
          A[2] = -0.0
          A[3] = 0.1
        """,
    )


def test_tuple_names():
    def tuple_names(A: int32[N]):
        p, q = ta.scalar(int32, 1), ta.zeros((N,), int32)
        for i in ta.range(N):
            q[i] = p
            p += 1

    prints(
        tuple_names,
        """
        kernel tuple_names(A: int32[8])
          p: int32 = 1
          q: int32[8] = zeros
          L0: for i in 0:8
                q[i] = p
                p += 1
        """,
    )


def test_divmods():
    def divmods(A: int32[N]):
        for i in ta.range(N):
            q, r = divmod(A[i], 3)
            A[i] = q * 10 + r - (-A[i] // 2) + (i // 2) * (i % 3)

    prints(
        divmods,
        """
        kernel divmods(A: int32[8])
          L0: for i in 0:8
                A[i] = A[i] // 3 * 10 + A[i] % 3 - -A[i] // 2 + i // 2 * (i % 3)
        """,
    )


def test_lambda_in_loop():
    def lambda_in_loop(A: int32[N]):
        fs = [lambda v, k=k: v + k for k in range(3)]
        for i in ta.range(N):
            for f in fs:
                A[i] = f(A[i])

    prints(
        lambda_in_loop,
        """
        kernel lambda_in_loop(A: int32[8])
          L0: for i in 0:8
                A[i] += 0
                A[i] += 1
                A[i] += 2
        """,
    )


def test_try_finally():
    def try_finally(A: int32[N]):
        for i in ta.range(N):
            try:
                A[i] = 1
            finally:
                A[i] += 1

    prints(
        try_finally,
        """
        kernel try_finally(A: int32[8])
          L0: for i in 0:8
                A[i] = 1
                A[i] += 1
        """,
    )


def test_data_bound_write():
    def data_bound_write(A: int32[N], lo: int32[N]):
        r = ta.range(lo[0], lo[1])
        lo[0] = 5
        for i in r:
            A[i] = 1

    prints(
        data_bound_write,
        """
        kernel data_bound_write(A: int32[8], lo: int32[8])
          t0 = lo[0]
          t1 = lo[1]
          lo[0] = 5
          L0: for i in t0:t1
                A[i] = 1
        """,
    )
