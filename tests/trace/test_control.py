"""Printed programs: control flow."""

# The kernels are written as users write them, wrong ones included.
# ruff: noqa: B023, B905, F821, F841, B007, SIM105, SIM113, SIM201, UP028, RUF059, RUF100

import tracealloc as ta
from tests.trace.forms import prints
from tracealloc import boolean, float32, grid, int32

N = 8


def test_walrus():
    def walrus(A: int32[N]):
        for i in ta.range(N):
            if (t := A[i] * 2) > 3:
                A[i] = t

    prints(
        walrus,
        """
        kernel walrus(A: int32[8])
          L0: for i in 0:8
                t = A[i] * 2
                if t > 3:
                  A[i] = t
        """,
    )


def test_matching():
    def matching(A: int32[N]):
        for i in ta.range(N):
            match A[i]:
                case 0:
                    A[i] = 10
                case 1 | 2:
                    A[i] = 20
                case _:
                    A[i] = 30

    prints(
        matching,
        """
        kernel matching(A: int32[8])
          L0: for i in 0:8
                if A[i] == 0:
                  A[i] = 10
                elif A[i] == 1 or A[i] == 2:
                  A[i] = 20
                else:
                  A[i] = 30
        """,
    )


def test_contains():
    def contains(A: int32[N]):
        for i in ta.range(N):
            if A[i] in (1, 2, 3):
                A[i] = 0

    prints(
        contains,
        """
        kernel contains(A: int32[8])
          L0: for i in 0:8
                if A[i] == 1 or A[i] == 2 or A[i] == 3:
                  A[i] = 0
        """,
    )


def test_path_ok():
    def path_ok(A: int32[N]):
        n = 0
        for i in ta.range(N):
            if A[i] > 0:
                n = 1
            else:
                n = 2
            A[i] = n

    prints(
        path_ok,
        """
        kernel path_ok(A: int32[8])
          L0: for i in 0:8
                if A[i] > 0:
                  A[i] = 1
                else:
                  A[i] = 2
        """,
    )


def test_whenned():
    def whenned(A: int32[N], B: int32[N]):
        for i in ta.range(N):
            with ta.when(A[i] > 0):
                B[i] = A[i]
            with ta.otherwise():
                B[i] = 0

    prints(
        whenned,
        """
        kernel whenned(A: int32[8], B: int32[8])
          L0: for i in 0:8
                if A[i] > 0:
                  B[i] = A[i]
                else:
                  B[i] = 0
        """,
    )


def test_minmax():
    def minmax(A: int32[N]):
        for i in ta.range(N):
            A[i] = min(max(A[i], 0), 255) + abs(A[i])

    prints(
        minmax,
        """
        kernel minmax(A: int32[8])
          L0: for i in 0:8
                if A[i] < 0:
                  A[i] = 0 + abs(A[i])
                elif A[i] > 255:
                  A[i] = 255 + abs(A[i])
                else:
                  A[i] += abs(A[i])
        """,
    )


def test_chained():
    def chained(A: int32[N]):
        for i in ta.range(N):
            if 0 < i <= 3 < A[i] and not i == 2:
                A[i] = 1

    prints(
        chained,
        """
        kernel chained(A: int32[8])
          L0: for i in 0:8
                if i > 0 and i <= 3:
                  if A[i] > 3 and i != 2:
                    A[i] = 1
        """,
    )


def test_sub_if():
    def sub_if(A: int32[N]):
        for i in ta.range(N):
            A[i if A[i] > 0 else 0] = 1

    prints(
        sub_if,
        """
        kernel sub_if(A: int32[8])
          L0: for i in 0:8
                if A[i] > 0:
                  A[i] = 1
                else:
                  A[0] = 1
        """,
    )


def test_whl():
    def whl(A: int32[N]):
        n = ta.scalar(int32, 0)

        def body():
            nonlocal n
            A[n] = 1
            n += 1

        ta.while_loop(lambda: (n < N) and (A[n] == 0), body)

    prints(
        whl,
        """
        kernel whl(A: int32[8])
          n: int32 = 0
          a0: boolean
          while True:
            t0 = n < 8
            if t0:
              a0 = A[n] == 0
            else:
              a0 = t0
            if not a0: break
            A[n] = 1
            n += 1
        """,
    )


def test_indirect():
    def indirect(A: int32[N], lo: int32[N]):
        for i in ta.range(N - 1):
            for k in ta.range(lo[i], lo[i + 1]):
                A[lo[k]] += 1

    prints(
        indirect,
        """
        kernel indirect(A: int32[8], lo: int32[8])
          L0: for i in 0:7
                for k in lo[i]:lo[i + 1]
                  A[lo[k]] += 1
        """,
    )


def test_emptyloop():
    def emptyloop(A: int32[N]):
        for i in ta.range(0):
            A[-1] = 0
        for i in ta.range(3, 1):
            A[-1] = 0
        for i in ta.range(5, 0, -1):
            A[i] = 0
        for i in ta.range(N):
            pass

    prints(
        emptyloop,
        """
        kernel emptyloop(A: int32[8])
          L0: for i in 0:0
                A[-1] = 0
          L1: for i in 3:1
                A[-1] = 0
          L2: for i in 5:0:-1
                A[i] = 0
        """,
    )


def test_same_name():
    def same_name(A: int32[N]):
        for i in ta.range(N):
            for i in ta.range(N):
                A[i] = 1

    prints(
        same_name,
        """
        kernel same_name(A: int32[8])
          L0: for i in 0:8
                for i_1 in 0:8
                  A[i_1] = 1
        """,
    )


def test_underscore():
    def underscore(A: int32[N]):
        for _ in ta.range(N):
            for _ in ta.range(N):
                A[0] += 1

    prints(
        underscore,
        """
        kernel underscore(A: int32[8])
          L0: for i0 in 0:8
                for i1 in 0:8
                  A[0] += 1
        """,
    )


def test_bands():
    def bands(A: int32[N]):
        for i in ta.range(N):
            A[i] = 0
        for i in ta.range(N, name="PE"):
            A[i] = 0
        if A[0] > 0:
            for i in ta.range(N):
                A[i] = 0
        with ta.when(A[0] > 0):
            for i in ta.range(N):
                for j in grid(N, name="in"):
                    A[i] = 0

    prints(
        bands,
        """
        kernel bands(A: int32[8])
          L0: for i in 0:8
                A[i] = 0
          PE: for i in 0:8
                A[i] = 0
          if A[0] > 0:
            L1: for i in 0:8
                  A[i] = 0
          if A[0] > 0:
            L2: for i in 0:8
                  in: for j in 0:8
                        A[i] = 0
        """,
    )


def test_helper_branch():
    def helper_branch(A: int32[N]):
        def act(u):
            t = A[u] * 3
            A[u] = t * t

        for u in range(5):
            if A[u] > 0:
                act(u)
            act(u + 1 if u < 7 else 0)

    prints(
        helper_branch,
        """
        kernel helper_branch(A: int32[8])
          if A[0] > 0:
            t = A[0] * 3
            A[0] = t * t
          t_1 = A[1] * 3
          A[1] = t_1 * t_1
          if A[1] > 0:
            t_2 = A[1] * 3
            A[1] = t_2 * t_2
          t_3 = A[2] * 3
          A[2] = t_3 * t_3
          if A[2] > 0:
            t_4 = A[2] * 3
            A[2] = t_4 * t_4
          t_5 = A[3] * 3
          A[3] = t_5 * t_5
          if A[3] > 0:
            t_6 = A[3] * 3
            A[3] = t_6 * t_6
          t_7 = A[4] * 3
          A[4] = t_7 * t_7
          if A[4] > 0:
            t_8 = A[4] * 3
            A[4] = t_8 * t_8
          t_9 = A[5] * 3
          A[5] = t_9 * t_9
        """,
    )


def test_cond_types():
    def cond_types(A: float32[N], b: boolean, k: int32):
        if b and not k:
            A[0] = 1
        A[1] = ta.where(b, A[2], 0) + ta.maximum(A[1], 1)
        if (A[0] > 1) & (k == 3) | ~b:
            A[3] = 1

    prints(
        cond_types,
        """
        kernel cond_types(A: float32[8], b: boolean, k: int32)
          if b and k == 0:
            A[0] = 1
          A[1] = where(b, A[2], 0) + max(A[1], 1)
          if A[0] > 1 and k == 3 or not b:
            A[3] = 1
        """,
    )


def test_otherwise_two():
    def otherwise_two(A: int32[N]):
        for i in ta.range(N):
            with ta.when(i < 4):
                with ta.when(A[i] > 0):
                    A[i] = 1
                with ta.otherwise():
                    A[i] = 2
            with ta.otherwise():
                if A[i] > 3:
                    A[i] = 9

    prints(
        otherwise_two,
        """
        kernel otherwise_two(A: int32[8])
          L0: for i in 0:8
                if i < 4:
                  if A[i] > 0:
                    A[i] = 1
                  else:
                    A[i] = 2
                elif A[i] > 3:
                  A[i] = 9
        """,
    )


def test_loopvar_rebind():
    def loopvar_rebind(A: int32[N]):
        for i in ta.range(N):
            j = i
            for k in ta.range(3):
                A[j] = k
            j = j + 1
            A[j - 1] = 2

    prints(
        loopvar_rebind,
        """
        kernel loopvar_rebind(A: int32[8])
          L0: for i in 0:8
                for k in 0:3
                  A[i] = k
                A[i] = 2
        """,
    )


def test_break_inner():
    def break_inner(A: int32[N]):
        for i in ta.range(N):
            for k in range(10):
                if k == 3:
                    break
                A[k] = i

    prints(
        break_inner,
        """
        kernel break_inner(A: int32[8])
          L0: for i in 0:8
                A[0] = i
                A[1] = i
                A[2] = i
        """,
    )


def test_neg_step():
    def neg_step(A: int32[N]):
        for i in ta.range(N - 1, -1, -2):
            A[i] = 1

    prints(
        neg_step,
        """
        kernel neg_step(A: int32[8])
          L0: for i in 7:-1:-2
                A[i] = 1
        """,
    )


def test_long_common_rest_reads_a_variable():
    def rest(A: int32[N], B: int32[N]):
        if A[0] > 0:
            first = A[1]
            A[1] = 0
        else:
            first = B[1]
        for i in ta.range(N):
            B[i] += first

    prints(
        rest,
        """
        kernel rest(A: int32[8], B: int32[8])
          first: int32
          if A[0] > 0:
            first_1 = A[1]
            A[1] = 0
            first = first_1
          else:
            first = B[1]
          L0: for i in 0:8
                B[i] += first
        """,
    )
