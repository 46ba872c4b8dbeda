"""Programs that the fuzzer found wrong, made small. Each names what was wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.fuzz.run import check_seed_scheduled, check_text
from tracealloc.emit.run.runtime import build_c

HEADER = """\
import tracealloc as ta
from tracealloc import bfloat16, float16, float32, float64, grid, int8, int16, int32, int64, kernel
from tracealloc import boolean, uint1, uint8, uint16, uint32, uint64

"""

CASES = {
    "a decision before ta.when tore ta.otherwise from it": """\
@kernel
def main(A: int32[3, 4], B: float64[3]):
    for i in ta.range(3):
        t = min(A[i, 0], i)
        with ta.when(A[i, 1] > 2):
            B[i] += t
        with ta.otherwise():
            B[i] = 1
""",
    "unsigned 128 bits to half precision were taken as signed in C": """\
@kernel
def main(A: ta.UInt(128)[4], B: float16[4], C: bfloat16[4]):
    for i in ta.range(4):
        B[i] = A[i]
        C[i] = A[i]
""",
    "C compared a negative number with a small one of type uint64 as unsigned": """\
@kernel
def main(A: int16[4], B: uint64[4], C: int8[4], D: int64[4]):
    for i in ta.range(4):
        if A[i] >= B[i] % 8:
            C[i] = 1
        if B[i] % 8 < A[i]:
            C[i] += 2
        D[i] = ta.minimum(B[i] % 8, A[i])
""",
    "a number that does not compare, in ta.minimum and ta.maximum": """\
@kernel
def main(A: float32[4], B: float32[4]):
    for i in ta.range(4):
        t = ta.sqrt(-abs(A[i]) - 1)
        A[i] = ta.minimum(t, B[i])
        B[i] = ta.maximum(B[i], t)
""",
    "a negative number that rounds to zero in half precision is minus zero": """\
@kernel
def main(A: ta.Fixed(40, 30)[4], B: float16[4]):
    for i in ta.range(4):
        B[i] = A[i] + A[i]
""",
}


@pytest.mark.parametrize("what", CASES)
def test_found_by_the_fuzzer(what: str) -> None:
    for seed in range(3):
        check_text(HEADER + CASES[what], seed)


def test_rounding_between_vector_operations() -> None:
    """gcc 12 kept the product in double precision once it had made vectors of the two rows."""
    text = """
import numpy as np
import tracealloc as ta
from tracealloc import float32, float64, grid, kernel

@kernel
def main(A: float32[2], B: float64[3]):
    for step in ta.range(1, 2, 2):
        for i, j in grid(2, 3):
            for k, l in grid(4, 4):
                A[i] *= B[j]
"""
    module: dict[str, Any] = {}
    exec(text, module)
    a, b = np.array([19.191813, 2.6232338], np.float32), np.array([-1.0, 1e-3, 3.0])
    build_c(module["main"].trace())(a, b)
    assert a.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("seed", [900039, 900686, 901469, 7001886, 7002065, 54012562])
def test_schedules_that_were_wrong(seed: int) -> None:
    """A read of an array in its old shape; values that a distributed loop stores, looked at as loops are.

    And the places of a read that never happens, beside a loop of data: they stood for one that does.
    """
    report = check_seed_scheduled(seed)
    assert report.failure is None, report.failure
