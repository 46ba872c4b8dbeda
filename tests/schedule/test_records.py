"""Arrays of records: copies of whole records, of which a part may be stored or not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tests.fuzz.run import compare_scheduled
from tracealloc import float32, int8, int16, kernel

Pair = ta.Struct(a=int8, b=float32)
Nested = ta.Struct(p=Pair, c=int16)


@kernel
def whole(B: Pair[6], C: Pair[6]):
    for i in ta.range(6):
        B[i] = C[i]


@kernel
def by_fields(B: Pair[6]):
    for i in ta.range(6):
        B[i].a = i
        B[i].b = 2 * i


@kernel
def inner_fields(B: Nested[6]):
    for i in ta.range(6):
        B[i].c = i
        B[i].p.a = i
        B[i].p.b = 2 * i


@kernel
def inner_record(B: Nested[6], C: Pair[6]):
    for i in ta.range(6):
        B[i].p = C[i]
        B[i].c = 1


@kernel
def one_field(B: Pair[6]):
    for i in ta.range(6):
        B[i].a = i


@kernel
def one_field_of_some(B: Pair[6]):
    for i in ta.range(6):
        B[i].a = i
    for j in ta.range(2, 4):
        B[j].b = j


@kernel
def under_a_condition(B: Pair[6], C: Pair[6]):
    for i in ta.range(6):
        B[i].a = i
        if C[i].a > 0:
            B[i].b = i


@kernel
def updated(B: Pair[6]):
    for i in ta.range(6):
        B[i].a = i
        B[i].b += 1


def copied_in(s: Any) -> str:
    """The line of the loop that fills the copy of B, with its number of iterations."""
    lines = [line.strip() for line in str(s).splitlines()]
    return next((line.split(" in ")[1].split()[0] for line in lines if line.startswith("B_local_in")), "none")


@pytest.mark.parametrize(
    ("kernel", "needed"),
    [
        (whole, "none"),
        (by_fields, "none"),
        (inner_fields, "none"),
        (inner_record, "none"),
        (one_field, "0:6"),
        (one_field_of_some, "0:6"),
        (under_a_condition, "0:6"),
        (updated, "0:6"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_records_that_are_stored_whole_are_not_copied_in(kernel: Any, needed: str) -> None:
    s = ta.customize(kernel)
    s.reshape(s["B"], (2, 3))
    assert copied_in(s) == needed
    compare_scheduled(s, kernel.trace(), 1)


@kernel
def by_two_loops(X: float32[4]):
    L = ta.empty((4,), Nested)
    for i in ta.range(4):
        L[i].p.a = i
    for j in ta.range(4):
        L[j].p.b = j
        L[j].c = 2 * j
    for k in ta.range(4):
        X[k] = L[k].p.b + L[k].p.a + L[k].c


@pytest.mark.parametrize("array", ["L", "first:L", "second:L"])
@pytest.mark.parametrize("step", ["reshape", "buffer_at"])
def test_a_copy_takes_fields_along_that_are_not_stored_yet(step: str, array: str) -> None:
    s = ta.customize(by_two_loops)
    if ":" in array:
        s.outline("i", "first")
        s.outline("j", "second")
    prefix = array[:-1]
    if step == "reshape":
        s.reshape(s[array], (2, 2))
    else:
        s.buffer_at(s[array], prefix + ("j" if prefix == "second:" else "i"))
    assert s.verify()
    compare_scheduled(s, by_two_loops.trace(), 1)


def test_a_record_that_is_used_whole_must_be_stored_whole() -> None:
    @kernel
    def half(X: float32[1], n: int16[1]):
        L = ta.empty((1,), Nested)
        M = ta.empty((1,), Nested)
        for i in ta.range(n[0]):
            L[i].p.a = 1
            L[i].c = 1
        for i in ta.range(n[0]):
            M[i] = L[i]
        X[0] = 1

    with pytest.raises(ta.TraceallocError, match=r"TA602 L\[0\] is read before anything is stored to it"):
        ta.interpret(half, np.zeros(1, np.float32), np.ones(1, np.int16))
