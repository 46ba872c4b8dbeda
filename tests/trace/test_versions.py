"""What differs between versions of Python: frames, inlined comprehensions, pairs of instructions."""

# The kernels are written as users write them, wrong ones included.
# ruff: noqa: B023, B905, E702, E731, F821, F841, B007, C416, C419, C420, RUF059, RUF100

import sys

import pytest

import tracealloc as ta
from tests.trace.forms import message, printed, prints, program
from tracealloc import TraceError, int32
from tracealloc.trace.record import mutable_places as spaces
from tracealloc.trace.record import selfcheck

N = 8


def carries(function, name):
    assert message(function).startswith(f"TraceError TA103 {name!r} carries a value"), message(function)


def test_trial_finds_nothing():
    assert selfcheck._troubles() == []


def test_trial_under_a_trace_function():
    """A debugger's or a coverage tool's function sees every line; variables must be found all the same."""

    def follow(frame, event, argument):
        dict(frame.f_locals)
        return follow

    def counter(A: int32[N]):
        n = 0
        for i in ta.range(N):
            A[i] = n
            n = 1

    before = sys.gettrace()
    selfcheck._troubles.cache_clear()
    sys.settrace(follow)
    try:
        found = selfcheck._troubles()
        with pytest.raises(TraceError) as refused:
            program(counter)
    finally:
        sys.settrace(before)
    assert found == []
    assert refused.value.code == "TA103"


@pytest.fixture
def fresh_trial():
    selfcheck._troubles.cache_clear()
    yield
    selfcheck._troubles.cache_clear()


def test_blind_interpreter_is_refused(monkeypatch, fresh_trial):
    """Where writing a frame's variables does nothing, no kernel is traced."""

    def fine(A: int32[N]):
        A[0] = 1

    monkeypatch.setattr(spaces.Variables, "write", lambda self, key, value: None)
    with pytest.raises(TraceError) as refused:
        program(fine)
    assert refused.value.code == "TA129"
    assert refused.value.because == (
        "in a trial before the first trace, a variable that carries a value to the next iteration "
        "was not found",
        "in a trial before the first trace, a variable was not set back after a loop",
    )


def test_unreadable_instructions_are_refused(monkeypatch, fresh_trial):
    def fine(A: int32[N]):
        A[0] = 1

    monkeypatch.setattr(selfcheck, "target_names", lambda frame: [])
    with pytest.raises(TraceError) as refused:
        program(fine)
    assert refused.value.code == "TA129"
    assert "the variable that takes a result was not found" in refused.value.because[0]


# ------------------------------------------------------------------------------------ pairs of instructions


def test_named_value_in_one_line():
    def alias(A: int32[N], v: int32):
        x = A[1]; x[3] = v  # fmt: skip

    assert message(alias).startswith("TraceError TA112 the bits of a value cannot be changed")


def test_names_of_pairs():
    def pairs(A: int32[N, N]):
        for i, j in ta.grid(N, N):
            t = A[i, j] * 2; A[i, j] = t + t  # fmt: skip

    prints(
        pairs,
        """
        kernel pairs(A: int32[8, 8])
          L0: for i in 0:8
                for j in 0:8
                  t = A[i, j] * 2
                  A[i, j] = t + t
        """,
    )


# ------------------------------------------------------------------------------------------- comprehensions


def test_walrus_in_comprehension():
    def walrus(A: int32[N]):
        last = 0
        for i in ta.range(N):
            numbers = [last := last + k for k in range(2)]
            A[i] = last

    carries(walrus, "last")


def test_walrus_in_comprehension_in_the_iteration():
    def walrus(A: int32[N]):
        for i in ta.range(N):
            numbers = [(last := A[i] + k) * 2 for k in range(2)]
            A[i] = last

    assert "A[i] += 1" in printed(walrus)


def test_comprehension_hides_a_variable():
    def hides(A: int32[N]):
        x = 0
        for i in ta.range(N):
            numbers = [x for x in range(3)]
            A[i] = numbers[1] + x

    assert "A[i] = 1" in printed(hides)


def test_carried_in_comprehension():
    def carried(A: int32[N]):
        x = 0
        for i in ta.range(N):
            A[i] = sum([x + k for k in range(2)])
            x = 5

    carries(carried, "x")


def test_carried_in_nested_comprehensions():
    def carried(A: int32[N]):
        s = 0
        for i in ta.range(N):
            numbers = [{a: s + b for a in range(2)} for b in range(2)]
            A[i] = numbers[1][1]
            s = 2

    carries(carried, "s")


def test_comprehension_left_by_an_exception():
    """The variable that the comprehension hides comes back."""

    def left(A: int32[N]):
        for i in ta.range(N):
            k = 1
            try:
                numbers = [1 // k for k in range(3)]
            except ZeroDivisionError:
                A[i] = k

    assert "A[i] = 1" in printed(left)


def test_carried_parameter_in_a_cell():
    def carried(A: int32[N], n=3):
        get = lambda: n
        for i in ta.range(N):
            A[i] = get()
            n = 4

    carries(carried, "n")


def test_carried_default_of_a_function():
    def carried(A: int32[N]):
        n = 0
        for i in ta.range(N):

            def get(m=n):
                return m

            A[i] = get()
            n = 1

    carries(carried, "n")


def test_carried_in_generator_expression():
    def carried(A: int32[N]):
        n = 0
        for i in ta.range(N):
            A[i] = sum(n for k in range(2))
            n = 1

    carries(carried, "n")


def test_carried_cell_in_comprehension():
    def carried(A: int32[N]):
        n = 0

        def get():
            return n

        for i in ta.range(N):
            A[i] = sum([get() for k in range(2)])
            n = 3

    carries(carried, "n")


def test_carried_cell_of_a_comprehensions_functions():
    def carried(A: int32[N]):
        n = 0
        for i in ta.range(N):
            functions = [lambda: k + n for k in range(2)]
            A[i] = functions[0]()
            n = 1

    carries(carried, "n")


def test_carried_in_locals():
    def carried(A: int32[N]):
        n = 0
        for i in ta.range(N):
            A[i] = locals()["n"]
            n = 1

    carries(carried, "n")


def test_inner_loop_of_a_list():
    def inner(A: int32[N]):
        A[0] = len([1 for k in range(1) for i in ta.range(N)])

    assert message(inner).startswith("TraceError TA114 ta.range can only be run by a for statement")


def test_inner_loop_of_a_set_and_a_dict():
    def sets(A: int32[N]):
        A[0] = len({k for k in range(1) for m in range(2) for i in ta.range(N)})

    def dicts(A: int32[N]):
        for k in range(1):
            A[0] = len({k: 1 for k in range(1) for i in ta.range(N)})

    assert message(sets).startswith("TraceError TA114 ta.range can only be run by a for statement")
    assert message(dicts).startswith("TraceError TA114 ta.range can only be run by a for statement")


def test_comprehensions_in_a_body():
    def inside(A: int32[N]):
        for i in ta.range(N):
            numbers = [j for k in range(1) for j in range(2)]
            A[i] = len([*numbers, 1, *numbers])

    assert "A[i] = 5" in printed(inside)


# --------------------------------------------------------------------------------------------------- match


def test_match_value():
    def matched(A: int32[N]):
        mode = 0
        for i in ta.range(N):
            match mode:
                case 0:
                    A[i] = 1
                case _:
                    A[i] = 2
            mode = 1

    carries(matched, "mode")


def test_match_capture():
    def matched(A: int32[N]):
        y = 0
        for i in ta.range(N):
            match (y, 1):
                case (a, 1):
                    A[i] = a
            y = 2

    carries(matched, "y")


# ------------------------------------------------------------------------------------------ while statements


def test_while_on_a_python_number():
    def counted(A: int32[N]):
        n = 0
        while n < 2:
            n += 1
            if A[0] > 0:
                continue
            A[n] = 1

    assert printed(counted).count("if A[0] <= 0:") == 2


def test_while_not():
    def endless(A: int32[N]):
        while not A[0]:
            A[0] = 1

    assert message(endless).startswith("TraceError TA128 a Python loop goes on")
