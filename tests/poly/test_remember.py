"""What analyses remember is forgotten with the programs that it is of."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import tracealloc as ta
from tracealloc import int32, kernel
from tracealloc.poly.isl import remembered as remember
from tracealloc.poly.isl.remembered import count_program, remembered


def test_answers_are_kept_for_so_many_programs() -> None:
    asked: list[int] = []

    @remembered(8)
    def twice(number: int) -> int:
        asked.append(number)
        return 2 * number

    while next(remember._numbers) % remember.PROGRAMS:  # to the start of a row
        pass
    assert [twice(3), twice(3)] == [6, 6]
    assert asked == [3]
    for _ in range(remember.PROGRAMS - 1):
        count_program()
        assert twice(3) == 6
    count_program()
    assert twice(3) == 6
    assert asked == [3, 3]


def test_a_schedule_that_is_dropped_is_gone() -> None:
    @kernel
    def add(A: int32[8], B: int32[8]):
        for i in ta.range(8):
            B[i] = A[i] + 1

    s = ta.customize(add)
    s.split("i", 4)
    str(s.lowered)
    model = weakref.ref(s.module.state("add").model)
    del s, add
    for forget in remember._forget:
        forget()
    gc.collect()
    assert model() is None


def test_nothing_is_remembered_beside() -> None:
    root = Path(remember.__file__).parents[1]
    beside = [
        path.name
        for folder in ("poly", "schedule", "emit", "check")
        for path in (root / folder).rglob("*.py")
        if "lru_cache" in path.read_text() and path.name != "remember.py"
    ]
    assert not beside
