"""Division of more than 64 bits, where AMD's open headers lose carries: HLS C++, C and interpreter agree."""

from __future__ import annotations

import random
import shutil

import numpy as np
import pytest

from tests.emit.hls import csim
from tests.emit.programs import array, at, iters, loop, put
from tracealloc.check.interpret.interpret import interpret
from tracealloc.emit.common.numpy_types import container, numbers_of
from tracealloc.emit.run.runtime import build_c
from tracealloc.emit.vitis.csim.ap_headers import open_headers
from tracealloc.trace.ir.dtype import DType, Fixed, Integer, result_type
from tracealloc.trace.ir.expr import Binary
from tracealloc.trace.ir.program import Array, Node, Program
from tracealloc.trace.ir.stored import stored_type

ROWS = 1500
# The 32-bit digits at which Knuth's algorithm has to correct its guesses.
DIGITS = (0, 0, 1, 2, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFF0000)
CASES: list[tuple[str, DType, DType]] = [
    ("//", Integer(128, True), Integer(70, True)),
    ("%", Integer(128, True), Integer(70, True)),
    ("//", Integer(200, False), Integer(100, False)),
    ("%", Integer(200, False), Integer(100, False)),
    ("%", Integer(200, True), Integer(130, True)),
    ("/", Fixed(67, 3), Fixed(40, 7)),
    ("/", Fixed(150, 20), Fixed(90, 30)),
    ("/", Fixed(60, -3, False), Fixed(66, -5)),
    ("//", Integer(64, False), Integer(64, True)),
    ("%", Integer(64, True), Integer(64, False)),
]


def value(rng: random.Random, dtype: DType) -> int:
    assert isinstance(dtype, Integer | Fixed)
    found = 0
    for _ in range(dtype.bits // 32 + 1):
        found = found << 32 | (rng.choice(DIGITS) if rng.random() < 0.75 else rng.getrandbits(32))
    found = Integer(dtype.bits, dtype.signed).wrap(found & ((1 << rng.randint(1, dtype.bits)) - 1))
    return -found if dtype.signed and rng.random() < 0.4 and found > -(1 << (dtype.bits - 1)) else found


def column(bits: list[int], dtype: DType) -> np.ndarray:
    """The numbers of these bits, exact."""
    held = np.array(bits, stored_type(dtype))
    return numbers_of(held, dtype, container(dtype, exact=True)) if isinstance(dtype, Fixed) else held


def test_division_of_many_bits() -> None:
    if open_headers() is None or shutil.which("g++") is None:
        pytest.skip("needs hls4ml's headers and g++")
    rng = random.Random(3)
    (i,) = iters("i")
    arguments: list[Array] = []
    body: list[Node] = []
    data: list[np.ndarray] = []
    for number, (op, left, right) in enumerate(CASES):
        result = result_type(op, left, right)
        assert result is not None
        a, b, c = (array(f"{n}{number}", t, ROWS) for n, t in zip("abc", (left, right, result), strict=True))
        arguments += [a, b, c]
        body.append(put(at(c, i), Binary(op, at(a, i), at(b, i), result)))
        data += [column([value(rng, t) for _ in range(ROWS)], t) for t in (left, right)]
        data.append(column([0] * ROWS, result))
    program = Program("divide", tuple(arguments), (loop(i, ROWS, *body),))
    found = []
    for run in (csim(program), build_c(program), lambda *given: interpret(program, *given)):
        given = [one.copy() for one in data]
        run(*given)
        found.append(given)
    for number, case in enumerate(CASES):
        simulated, compiled, expected = (arrays[3 * number + 2] for arrays in found)
        assert (simulated == expected).all(), case
        assert (compiled == expected).all(), case
