"""Carried variables that Python tells apart without asking them: ``is``, types, patterns, conditions."""

# The kernels are written as users write them, wrong ones included.
# ruff: noqa: B023, B007, F841, SIM211, RUF100

import pytest

import tracealloc as ta
from tests.trace.forms import message, printed, refused
from tracealloc import int32

N = 8


def differs(function, name):
    text = message(function)
    assert text.startswith("TraceError TA123 running the body again recorded something else"), text
    assert f"the body changes {name!r}" in text.replace("\n      ", " "), text


def test_is_not_none():
    def is_not_none(A: int32[N]):
        known = 1
        for i in ta.range(N):
            if known is not None:
                A[i] = 1
            known = None

    refused(
        is_not_none,
        """
        TraceError TA123 running the body again recorded something else
          at +2:9
            +2 |         for i in ta.range(N):
               |         ^
          because: tracealloc runs a body once per control path and once more to compare, and Python
              must do the same each time; the body changes 'known'
          try: take random numbers, next(), counters and input out of the body, or pass them as
              arguments
        """,
        newer=((3, 13), "ta.range(N)"),
    )


def test_is_true():
    def flag(A: int32[N]):
        done = False
        for i in ta.range(N):
            if done is True:
                A[i] = 5
            done = True

    differs(flag, "done")


def test_third_state():
    """Neither the first value nor the second says what the third does."""

    def states(A: int32[N]):
        state = None
        for i in ta.range(N):
            if state is False:
                A[i] = 5
            state = False if state is True else True

    differs(states, "state")


def test_isinstance():
    def typed(A: int32[N]):
        item = "x"
        for i in ta.range(N):
            if isinstance(item, int):
                A[i] = 5
            item = 1

    differs(typed, "item")


def test_which_array():
    def swapped(A: int32[N], B: int32[N]):
        now, then = A, B
        for i in ta.range(N):
            if now is B:
                A[i] = 5
            now, then = then, now

    differs(swapped, "now")


def test_cell():
    def cell(A: int32[N]):
        n = 1

        def missing():
            return n is None

        for i in ta.range(N):
            if missing():
                A[i] = 5
            n = None

    differs(cell, "n")


def test_element():
    def element(A: int32[N]):
        flags = [1, 2]
        for i in ta.range(N):
            if flags[0] is None:
                A[i] = 5
            flags[0] = None

    differs(element, "flags[0]")


def test_class_pattern():
    def pattern(A: int32[N]):
        mode = None
        for i in ta.range(N):
            match mode:
                case int():
                    A[i] = 1
                case _:
                    A[i] = 2
            mode = 1

    differs(pattern, "mode")


@pytest.mark.parametrize("left", [(1, 2), [1, 2]], ids=["tuple", "list"])
def test_sequence_pattern(left):
    def pattern(A: int32[N]):
        y = 0
        for i in ta.range(N):
            match y:
                case [_, _]:
                    A[i] = 1
                case _:
                    A[i] = 7
            y = left

    differs(pattern, "y")


def test_nested_pattern():
    def pattern(A: int32[N]):
        y = (1, 2)
        for i in ta.range(N):
            match y:
                case (None, _):
                    A[i] = 1
            y = (None, 2)

    differs(pattern, "y")


def test_one_path_leaves_it():
    def sometimes(A: int32[N]):
        seen = False
        for i in ta.range(N):
            if seen is True:
                A[i] = 5
            if A[i] > 0:
                seen = True

    differs(sometimes, "seen")


def test_inner_loop():
    def inner(A: int32[N]):
        for i in ta.range(N):
            seen = False
            for j in ta.range(N):
                if seen is True:
                    A[j] = 5
                seen = True

    differs(inner, "seen")


def test_while_body():
    def loop(A: int32[N]):
        n = 1

        def body():
            nonlocal n
            if n is None:
                A[1] = 5
            A[2] = 1
            n = None

        ta.while_loop(lambda: A[0] > 0, body)

    assert message(loop).startswith("TraceError TA123 ")


def test_condition_reads_what_the_body_changes():
    def loop(A: int32[N]):
        n = 0

        def body():
            nonlocal n
            A[2] = 1
            n = 1

        ta.while_loop(lambda: A[n] == 0, body)

    refused(
        loop,
        """
        TraceError TA103 'n' carries a value from one iteration of a loop to the next
          at +8:31
            +8 |         ta.while_loop(lambda: A[n] == 0, body)
               |                               ^^^^
          because: the functions of the ta.while_loop at +8 are traced once, so a plain Python variable
              that they change cannot be followed through the iterations
          try: make it part of the kernel: n = ta.scalar(dtype, init) before the loop, then +=, or
              .set(v)
        """,
    )


def test_condition_tells_what_the_body_changes():
    def loop(A: int32[N]):
        n = 0

        def body():
            nonlocal n
            A[2] = 1
            n = None

        ta.while_loop(lambda: A[0] == (5 if n is None else 0), body)

    assert message(loop).startswith("TraceError TA123 ")


def test_set_before_it_is_told_apart():
    """A value of the same iteration carries nothing."""

    def fine(A: int32[N]):
        best = None
        for i in ta.range(N):
            best = A[i]
            if best is not None:
                A[i] = best + 1

    assert "A[i] += 1" in printed(fine)


def test_constants_of_an_iteration():
    def fine(A: int32[N]):
        t, u = None, 3
        for i in ta.range(N):
            t, u = 5, (1, 2)
            if isinstance(t, int) and len(u) == 2:
                A[i] = t + u[0]

    assert "A[i] = 6" in printed(fine)


def test_condition_of_several_paths_with_a_body_that_sets():
    def fine(A: int32[N]):
        n = 0

        def body():
            nonlocal n
            n = 5
            if A[1] > 0:
                A[2] = n

        def cond():
            t = A[0] * 2
            if t > 5:
                return A[1] > 0
            return A[2] > 1

        for i in ta.range(N):
            ta.while_loop(cond, body)

    assert "A[2] = 5" in printed(fine)
