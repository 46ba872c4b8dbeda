"""A testbench's expected data: the traced kernel's where the schedule keeps every bit, else its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import float32, int32
from tracealloc.building import ScheduledDesign
from tracealloc.emit.common.parameters import parameters
from tracealloc.emit.vitis.project.testbench import data_text


@ta.kernel
def scaled(A: float32[8], T: float32[8]):
    for i in ta.range(8):
        T[i] = A[i] * 1000 + 0.3


@ta.kernel
def summed(A: float32[8], B: float32[8], C: int32[8]) -> float32:
    T = ta.zeros((8,), float32)
    scaled(A, T)
    total = ta.scalar(float32, 0)
    for i in ta.range(8):
        total += T[i] / 3
        B[i] = T[i] + 1
        large = T[i] > 200
        T[i] = 0
        if large:
            C[i] = i
    return total


CASTS = [("inlined", t) for t in (ta.int8, ta.float16, ta.Fixed(20, 3), ta.Int(70))]
CASTS += [("argument", ta.Fixed(20, 3)), ("condition", ta.float16)]


@pytest.mark.parametrize(("how", "dtype"), [*CASTS, ("float sum", None), ("exact", None)])
def test_expected_data_are_what_the_scheduled_kernel_computes(how: str, dtype: Any) -> None:
    """Bit for bit where the schedule changes bits; else what is made without the schedule."""
    s = ta.customize(summed)
    match how:
        case "inlined":
            s.inline("scaled")
            s.cast("T", dtype)
        case "argument":
            s.cast("B", dtype)
        case "condition":
            s.cast("large", dtype)
        case "float sum":
            s.reassociate()
            s.rfactor("total", "i", 4)
        case _:
            s.split("i", 3)
    assert (ScheduledDesign(s).reference() is not None) == (how == "exact")
    a, c = (np.arange(8) / 7).astype(np.float32), np.zeros(8, np.int32)
    module = s.build()
    b = np.zeros(8, module.signature.slots[1].container)
    project = s.build("vitis_hls", inputs={"A": a, "B": b.copy(), "C": c.copy()})
    total = module(a, b, c)
    for name, value in (("B", b), ("C", c), ("total", np.asarray(total))):
        array = next(p.array for p in parameters(project.program) if p.array.name == name)
        words = project.files[f"data/{name}_expected.txt"].split("\n", 1)[1]
        assert words == data_text(value, array, "").split("\n", 1)[1], name
    said = (
        "untransformed kernel (or the reference that was given)"
        if how == "exact"
        else "C build of the scheduled kernel"
    )
    assert f"data/*_expected.txt holds what the {said}" in project.files["summed_tb.cpp"]
