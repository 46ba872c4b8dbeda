"""Values outside their scope, loops that are left early or run by something else, endless exploration."""

# The kernels are written as users write them, wrong ones included.
# ruff: noqa: B023, B905, F821, F841, B007, SIM105, SIM113, SIM201, UP028, RUF059, RUF100

import functools
from collections.abc import Callable
from typing import Any

import tracealloc as ta
from tests.trace.forms import refused
from tracealloc import float32, grid, int32, kernel

N = 8


def left_early(function: Callable[..., Any], line: int, column: int) -> None:
    """The kernel's loop over `i`, at a line and a column, is left before its end."""
    refused(
        function,
        f"""
        TraceError TA105 loop 'i' is left early
          at +{line}:{column}
            +{line} |{" " * column}for i in ta.range(N):
               |{" " * column}^
          because: the loop is traced once per control path, so 'break', 'return' or a caught exception
              would end the tracing, not the loop
          try: guard the rest of the body with a flag: go = ta.scalar(boolean, True) before the loop,
              'if go:' in it; or use ta.while_loop(cond, body)
        """,
        newer=((3, 13), "ta.range(N)"),
    )


def test_escaped():
    def escaped(A: int32[N]):
        for i in ta.range(N):
            t = A[i]
        A[0] = t

    refused(
        escaped,
        """
        TraceError TA104 (int32 of +2), made at +2, is used outside the iteration of loop 'i' that it
            belongs to
          at +3:9
            +3 |         A[0] = t
               |         ^^^^
          because: the loop at +1 runs many times; which iteration's value is meant is not known
          try: store it: acc = ta.scalar(dtype, init) before the loop, acc.set(value) in it, acc after
              it
        """,
    )


def test_escaped_iter():
    def escaped_iter(A: int32[N]):
        for i in ta.range(N):
            A[i] = 1
        A[0] = i

    refused(
        escaped_iter,
        """
        TraceError TA104 'i', made at +1, is used outside the iteration of loop 'i' that it belongs to
          at +3:9
            +3 |         A[0] = i
               |         ^^^^
          because: the loop at +1 runs many times; which iteration's value is meant is not known
          try: store it: acc = ta.scalar(dtype, init) before the loop, acc.set(value) in it, acc after
              it
        """,
    )


def test_brk():
    def brk(A: int32[N]):
        for i in ta.range(N):
            if A[i] > 0:
                break
            A[i] = 1

    left_early(brk, 1, 9)


def test_brk2():
    def brk2(A: int32[N]):
        for i in ta.range(N):
            A[i] = 1
            break
        A[0] = 3

    left_early(brk2, 1, 9)


def test_ret():
    def ret(A: int32[N]):
        for i in ta.range(N):
            if A[i] > 0:
                return
            A[i] = 2

    left_early(ret, 1, 9)


def test_exc_caught():
    def exc_caught(A: int32[N]):
        try:
            for i in ta.range(N):
                A[i] = 1
                raise KeyError("mine")
        except KeyError:
            pass
        A[1] = 2

    left_early(exc_caught, 2, 13)


def test_while_():
    def while_(A: int32[N]):
        i = ta.scalar(int32, 0)
        while A[i] > 0:
            i += 1

    refused(
        while_,
        """
        TraceError TA128 a Python loop goes on as long as a traced condition holds
          at +2:15
            +2 |         while A[i] > 0:
               |               ^^^^^^^^
          because: the condition has no value while tracing, so the loop would never end
          try: ta.while_loop(lambda: cond, body) with body a function without arguments; or for i in
              ta.range(n): if cond: ...
        """,
    )


def test_comp():
    def comp(A: int32[N]):
        l = [A[i] for i in ta.range(N)]
        A[0] = l[0]

    refused(
        comp,
        """
        TraceError TA114 ta.range can only be run by a for statement
          at +1:13
            +1 |         l = [A[i] for i in ta.range(N)]
               |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^
          because: list(), zip(), enumerate(), sum(), next(), functools.reduce() and unpacking run a
              loop while tracing, and a symbolic loop's body is traced once, not once per iteration
          try: for i in ta.range(...): with the body below it; a comprehension or zip() over a constant
              range can use the builtin range
        """,
        newer=((3, 13), "ta.range(N)"),
    )


def test_genexp():
    def genexp(A: int32[N]):
        A[0] = sum(A[i] for i in ta.range(N))

    refused(
        genexp,
        """
        TraceError TA114 ta.range can only be run by a for statement
          at +1:19
            +1 |         A[0] = sum(A[i] for i in ta.range(N))
               |                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^
          because: list(), zip(), enumerate(), sum(), next(), functools.reduce() and unpacking run a
              loop while tracing, and a symbolic loop's body is traced once, not once per iteration
          try: for i in ta.range(...): with the body below it; a comprehension or zip() over a constant
              range can use the builtin range
        """,
        newer=((3, 13), "ta.range(N)"),
    )


def test_zipped():
    def zipped(A: int32[N]):
        for i, j in zip(ta.range(N), [1, 2]):
            A[i] = j

    refused(
        zipped,
        """
        TraceError TA114 ta.range can only be run by a for statement
          at +1:21
            +1 |         for i, j in zip(ta.range(N), [1, 2]):
               |                     ^^^^^^^^^^^^^^^^^^^^^^^^
          because: list(), zip(), enumerate(), sum(), next(), functools.reduce() and unpacking run a
              loop while tracing, and a symbolic loop's body is traced once, not once per iteration
          try: for i in ta.range(...): with the body below it; a comprehension or zip() over a constant
              range can use the builtin range
        """,
    )


def test_enum():
    def enum(A: int32[N]):
        for n, i in enumerate(grid(N)):
            A[i] = n

    refused(
        enum,
        """
        TraceError TA114 grid can only be run by a for statement
          at +1:21
            +1 |         for n, i in enumerate(grid(N)):
               |                     ^^^^^^^^^^^^^^^^^^
          because: list(), zip(), enumerate(), sum(), next(), functools.reduce() and unpacking run a
              loop while tracing, and a symbolic loop's body is traced once, not once per iteration
          try: for i in grid(...): with the body below it; a comprehension or zip() over a constant
              range can use the builtin range
        """,
    )


def test_red():
    def red(A: int32[N]):
        A[0] = functools.reduce(lambda a, b: a + b, ta.range(N))

    refused(
        red,
        """
        TraceError TA114 ta.range can only be run by a for statement
          at +1:16
            +1 |         A[0] = functools.reduce(lambda a, b: a + b, ta.range(N))
               |                ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
          because: list(), zip(), enumerate(), sum(), next(), functools.reduce() and unpacking run a
              loop while tracing, and a symbolic loop's body is traced once, not once per iteration
          try: for i in ta.range(...): with the body below it; a comprehension or zip() over a constant
              range can use the builtin range
        """,
    )


def test_gen():
    def gen(A: int32[N]):
        def rows():
            for i in ta.range(N):
                yield i

        for i in rows():
            A[i] = 1

    refused(
        gen,
        """
        TraceError TA114 ta.range cannot run in a generator
          at +2:13
            +2 |             for i in ta.range(N):
               |             ^
          because: a generator's caller would be the loop's body, and cannot be run again
          try: put the for statement into the kernel itself
        """,
        newer=((3, 13), "ta.range(N)"),
    )


def test_after_path():
    def after_path(A: int32[N]):
        n = 0
        for i in ta.range(N):
            if A[i] > 0:
                n = 1
            else:
                n = 2
            A[i] = n
        A[0] = n

    refused(
        after_path,
        """
        TraceError TA104 'n' is used after the loop whose body sets it
          at +8:9
            +8 |         A[0] = n
               |         ^^^^
          because: the loop at +2 is traced once per control path, and the paths, or a loop that never
              runs, leave different values
          try: make it part of the kernel: n = ta.scalar(dtype, init) before the loop, then +=, or
              .set(v)
        """,
    )


def test_many():
    def many(A: int32[N]):
        for i in ta.range(N):
            for k in range(11):
                if A[i] > k:
                    A[i] = k

    refused(
        many,
        """
        TraceError TA115 this body has more than 1024 control paths
          at +1:9
            +1 |         for i in ta.range(N):
               |         ^
          because: every combination of outcomes is traced; conditions are decided at +3
          try: guard with 'with ta.when(c):' or choose with ta.where(c, a, b), which record a condition
              without exploring it
        """,
        newer=((3, 13), "ta.range(N)"),
    )


def test_when_escape():
    def when_escape(A: int32[N], B: int32[N]):
        for i in ta.range(N):
            with ta.when(i > 0):
                t = A[i - 1]
            B[i] = t

    refused(
        when_escape,
        """
        TraceError TA104 (int32 of +3), made at +3, is used after the ta.when block that it belongs to
          at +4:13
            +4 |             B[i] = t
               |             ^^^^
          because: the block may not run, and then the value does not exist
          try: store it: acc = ta.scalar(dtype, init) before the block, acc.set(value) in it
        """,
    )


def test_otherwise_alone():
    def otherwise_alone(A: int32[N]):
        A[0] = 1
        with ta.otherwise():
            A[1] = 1

    refused(
        otherwise_alone,
        """
        TraceError TA124 ta.otherwise() does not follow a ta.when block
          at +2:9
            +2 |         with ta.otherwise():
               |         ^
          because: something else was recorded in between, or nothing was guarded
          try: with ta.when(c): ... and directly after it: with ta.otherwise(): ...
        """,
        newer=((3, 13), "ta.otherwise()"),
    )


def test_unpack():
    def unpack(A: int32[N]):
        a, b = ta.range(2)

    refused(
        unpack,
        """
        TraceError TA114 ta.range can only be run by a for statement
          at +1:9
            +1 |         a, b = ta.range(2)
               |         ^^^^
          because: list(), zip(), enumerate(), sum(), next(), functools.reduce() and unpacking run a
              loop while tracing, and a symbolic loop's body is traced once, not once per iteration
          try: for i in ta.range(...): with the body below it; a comprehension or zip() over a constant
              range can use the builtin range
        """,
    )


def test_outer_vals():
    def outer_vals(A: int32[N], B: int32[N]):
        a, b = A[0], A[1]
        x = a
        for i in ta.range(N):
            if A[i] > 0:
                x = a
            else:
                x = b
            B[i] = x
        B[0] = x

    refused(
        outer_vals,
        """
        TraceError TA104 'x' is used after the loop whose body sets it
          at +9:9
            +9 |         B[0] = x
               |         ^^^^
          because: the loop at +3 is traced once per control path, and the paths, or a loop that never
              runs, leave different values
          try: make it part of the kernel: x = ta.scalar(dtype, init) before the loop, then +=, or
              .set(v)
        """,
    )


def test_escape_array():
    def escape_array(A: int32[N]):
        for i in ta.range(N):
            buf = ta.zeros((2,), int32)
            buf[0] = A[i]
        A[0] = buf[0]

    refused(
        escape_array,
        """
        TraceError TA104 'buf', made at +2, is used outside the iteration of loop 'i' that it belongs to
          at +4:16
            +4 |         A[0] = buf[0]
               |                ^^^^^^
          because: the loop at +1 runs many times; which iteration's value is meant is not known
          try: store it: acc = ta.scalar(dtype, init) before the loop, acc.set(value) in it, acc after
              it
        """,
    )


def test_when_dec():
    def when_dec(A: int32[N]):
        for i in ta.range(N):
            with ta.when(i < 4):
                k = 1 if A[i] > 0 else 2
            A[i] = k

    refused(
        when_dec,
        """
        TraceError TA104 'k' is used after the ta.when block that sets it
          at +4:13
            +4 |             A[i] = k
               |             ^^^^
          because: the block at +2 is traced once: Python changes 'k' whatever the condition will be
          try: k = ta.scalar(dtype, init) before the block, k.set(value) in it; or a plain 'if', of
              which both outcomes are traced
        """,
    )


def test_capture():
    def capture(A: float32[N]):
        for i in ta.range(N):

            @kernel
            def inner(X: float32[N]):
                X[i] = 1

            inner(A)

    refused(
        capture,
        """
        TraceError TA118 'i', made at +1, belongs to kernel 'capture' and is used while 'inner' is
            traced
          at +5:17
            +5 |                 X[i] = 1
               |                 ^^^^
          try: pass it to the kernel as an argument
        """,
    )
