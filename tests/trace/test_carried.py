"""Plain Python variables that carry a value from one iteration to the next are refused, whatever they are."""

# The kernels are written as users write them, wrong ones included.
# ruff: noqa: B023, B905, F821, F841, B007, SIM105, SIM113, SIM201, UP028, RUF059, RUF100

import random

import tracealloc as ta
from tests.trace.forms import refused
from tracealloc import float32, int32, kernel

N = 8


@kernel
def rec(A: float32[N]):
    rec(A)


def test_counter():
    def counter(A: int32[N]):
        n = 0
        for i in ta.range(N):
            A[n] = 1
            n += 1

    refused(
        counter,
        """
        TraceError TA103 'n' carries a value from one iteration of a loop to the next
          at +3:13
            +3 |             A[n] = 1
               |             ^^^^
          because: the body of the loop at +2 is traced once, so a plain Python variable that it changes
              (assigned at line +4) cannot be followed through the iterations
          try: make it part of the kernel: n = ta.scalar(dtype, init) before the loop, then +=, or
              .set(v)
        """,
    )


def test_grow():
    def grow(A: int32[N]):
        l = []
        for i in ta.range(N):
            l.append(A[i])
        A[0] = len(l)

    refused(
        grow,
        """
        TraceError TA103 'l' is changed by the body of loop 'i', which is traced and not run
          at +2:9
            +2 |         for i in ta.range(N):
               |         ^
          because: its contents would depend on how often the body is run while tracing
          try: keep what the kernel computes in ta.zeros(...) or ta.scalar(...), not in an object
        """,
        newer=((3, 13), "ta.range(N)"),
    )


def test_dictput():
    def dictput(A: int32[N]):
        d = {}
        for i in ta.range(N):
            d["x"] = A[i]
            A[i] = d["x"] + 1

    refused(
        dictput,
        """
        TraceError TA103 'd' is changed by the body of loop 'i', which is traced and not run
          at +2:9
            +2 |         for i in ta.range(N):
               |         ^
          because: its contents would depend on how often the body is run while tracing
          try: keep what the kernel computes in ta.zeros(...) or ta.scalar(...), not in an object
        """,
        newer=((3, 13), "ta.range(N)"),
    )


def test_scratch_bad():
    def scratch_bad(A: int32[N]):
        tmp = [0] * 2
        for i in ta.range(N):
            A[i] = tmp[0]
            tmp[0] = A[i]

    refused(
        scratch_bad,
        """
        TraceError TA103 'tmp[0]' carries a value from one iteration of a loop to the next
          at +3:13
            +3 |             A[i] = tmp[0]
               |             ^^^^
          because: the body of the loop at +2 is traced once, so a plain Python variable that it changes
              cannot be followed through the iterations
          try: make it part of the kernel: tmp = ta.scalar(dtype, init) before the loop, then +=, or
              .set(v)
        """,
    )


def test_nonloc():
    def nonloc(A: int32[N]):
        n = 0

        def bump():
            nonlocal n
            n += 1

        for i in ta.range(N):
            bump()
            A[i] = n

    refused(
        nonloc,
        """
        TraceError TA103 'n' carries a value from one iteration of a loop to the next
          at +5:13
            +5 |             n += 1
               |             ^^^^^^
          because: the body of the loop at +7 is traced once, so a plain Python variable that it changes
              cannot be followed through the iterations
          try: make it part of the kernel: n = ta.scalar(dtype, init) before the loop, then +=, or
              .set(v)
        """,
    )


def test_swap():
    def swap(A: int32[N]):
        a, b = ta.scalar(int32, 0), ta.scalar(int32, 1)
        for i in ta.range(N):
            a, b = b, a
            A[i] = a

    refused(
        swap,
        """
        TraceError TA103 'b' carries a value from one iteration of a loop to the next
          at +4:13
            +4 |             A[i] = a
               |             ^^^^
          because: the body of the loop at +2 is traced once, so a plain Python variable that it changes
              (assigned at line +3) cannot be followed through the iterations
          try: make it part of the kernel: b = ta.scalar(dtype, init) before the loop, then +=, or
              .set(v)
        """,
    )


def test_rnd():
    def rnd(A: int32[N]):
        for i in ta.range(N):
            A[i] = random.randrange(1000000)

    refused(
        rnd,
        """
        TraceError TA123 running the body again recorded something else
          at +2:13
            +2 |             A[i] = random.randrange(1000000)
               |             ^^^^
          because: tracealloc runs a body once per control path and once more to compare, and Python
              must do the same each time
          try: take random numbers, next(), counters and input out of the body, or pass them as
              arguments
        """,
    )


def test_nexted():
    def nexted(A: int32[N]):
        it = iter([1, 2, 3, 4])
        for i in ta.range(N):
            A[i] = next(it)

    refused(
        nexted,
        """
        TraceError TA123 running the body again recorded something else
          at +3:13
            +3 |             A[i] = next(it)
               |             ^^^^
          because: tracealloc runs a body once per control path and once more to compare, and Python
              must do the same each time
          try: take random numbers, next(), counters and input out of the body, or pass them as
              arguments
        """,
    )


def test_first_flag():
    def first_flag(A: int32[N]):
        first = True
        for i in ta.range(N):
            if first:
                A[0] = 1
            first = False
            A[i] = 2

    refused(
        first_flag,
        """
        TraceError TA103 'first' carries a value from one iteration of a loop to the next
          at +3:13
            +3 |             if first:
               |             ^
          because: the body of the loop at +2 is traced once, so a plain Python variable that it changes
              (assigned at line +5) cannot be followed through the iterations
          try: make it part of the kernel: first = ta.scalar(dtype, init) before the loop, then +=, or
              .set(v)
        """,
        newer=((3, 12), "first"),
    )


def test_is_none():
    def is_none(A: int32[N]):
        prev = None
        for i in ta.range(N):
            if prev is not None:
                A[i] = 1
            prev = 1

    refused(
        is_none,
        """
        TraceError TA123 running the body again recorded something else
          at +2:9
            +2 |         for i in ta.range(N):
               |         ^
          because: tracealloc runs a body once per control path and once more to compare, and Python
              must do the same each time; the body changes 'prev'
          try: take random numbers, next(), counters and input out of the body, or pass them as
              arguments
        """,
        newer=((3, 13), "ta.range(N)"),
    )


def test_path_n():
    def path_n(A: int32[N]):
        n = 0
        for i in ta.range(N):
            if A[i] > 0:
                n = 1
            A[i] = n

    refused(
        path_n,
        """
        TraceError TA103 'n' carries a value from one iteration of a loop to the next
          at +5:13
            +5 |             A[i] = n
               |             ^^^^
          because: the body of the loop at +2 is traced once, so a plain Python variable that it changes
              (assigned at line +4) cannot be followed through the iterations
          try: make it part of the kernel: n = ta.scalar(dtype, init) before the loop, then +=, or
              .set(v)
        """,
    )


def test_whl_carried():
    def whl_carried(A: int32[N]):
        n = 0

        def body():
            nonlocal n
            A[n] = 1
            n += 1

        ta.while_loop(lambda: A[n] == 0, body)

    refused(
        whl_carried,
        """
        TraceError TA103 'n' carries a value from one iteration of a loop to the next
          at +5:13
            +5 |             A[n] = 1
               |             ^^^^
          because: the functions of the ta.while_loop at +8 are traced once, so a plain Python variable
              that they change cannot be followed through the iterations
          try: make it part of the kernel: n = ta.scalar(dtype, init) before the loop, then +=, or
              .set(v)
        """,
    )


def test_uninit_rec():
    def uninit_rec(A: int32[N]):
        for i in ta.range(N):
            if i > 0:
                x = A[i]
            A[i] = x

    refused(
        uninit_rec,
        """
        TraceError TA103 'x' carries a value from one iteration of a loop to the next
          at +4:13
            +4 |             A[i] = x
               |             ^^^^
          because: the body of the loop at +1 is traced once, so a plain Python variable that it changes
              (assigned at line +3) cannot be followed through the iterations
          try: make it part of the kernel: x = ta.scalar(dtype, init) before the loop, then +=, or
              .set(v)
        """,
    )


def test_closure_counter():
    def closure_counter(A: int32[N]):
        def make():
            n = 0

            def f():
                nonlocal n
                n += 1
                return n

            return f

        f = make()
        for i in ta.range(N):
            A[i] = f()

    refused(
        closure_counter,
        """
        TraceError TA103 'n' carries a value from one iteration of a loop to the next
          at +6:17
            +6 |                 n += 1
               |                 ^^^^^^
          because: the body of the loop at +12 is traced once, so a plain Python variable that it
              changes cannot be followed through the iterations
          try: make it part of the kernel: n = ta.scalar(dtype, init) before the loop, then +=, or
              .set(v)
        """,
    )
