"""Records of every layout through the C build and the C simulation: arrays, scalars, queues, results."""

from __future__ import annotations

import shutil
from collections import deque
from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tests.emit.hls import csim
from tests.emit.programs import array, at, iters, loop, put
from tracealloc import bfloat16, boolean, float16, float32, float64, int8, int16, int32, int64
from tracealloc.emit.common.numpy_types import container, memory_type
from tracealloc.emit.common.parameters import element_bytes
from tracealloc.emit.run.runtime import build_c
from tracealloc.emit.vitis.csim.ap_headers import open_headers
from tracealloc.emit.vitis.text.host_memory import Part, on_card
from tracealloc.trace.ir.dtype import DType, Fixed, Integer, Struct
from tracealloc.trace.ir.expr import Load
from tracealloc.trace.ir.program import Alloc, Array, Program, Store

pytestmark = pytest.mark.skipif(
    open_headers() is None or shutil.which("g++") is None, reason="needs hls4ml's headers and g++"
)


def record(**fields: DType) -> Struct:
    return Struct(tuple(fields.items()))


PADDED = record(a=int32, i=int16)
LAYOUTS = (
    PADDED,
    record(i=int8, a=int64, b=boolean),
    record(x=Integer(5, True), y=Integer(33, False), z=Integer(1, False)),
    record(q=Fixed(12, 4), w=Integer(100, True), r=Fixed(70, 20)),
    record(h=float16, b=bfloat16, f=float32, d=float64, on=boolean),
    record(on=boolean, p=PADDED, w=Integer(129, False), n=record(p=PADDED, k=int8)),
    record(one=boolean),
)


def values(dtype: DType, seed: int) -> Any:
    """An element whose bits differ from field to field."""
    if isinstance(dtype, Struct):
        inner = (values(each, 7 * seed + number) for number, (_, each) in enumerate(dtype.fields))
        return np.array(tuple(inner), container(dtype))[()]
    if isinstance(dtype, Integer):
        return dtype.wrap(0x9E3779B97F4A7C15F39CC0605CEDC834 * (seed + 1))
    return seed % 2 == 0 if dtype == boolean else seed % 13


def moves() -> Program:
    """``y[i] = x[i]``, ``t.put(s.get())``, ``z = c`` and a returned record, for every layout."""
    args: list[Array] = []
    nodes: list[Any] = []
    results: list[Array] = []
    for n, dtype in enumerate(LAYOUTS):
        x, y = array(f"x{n}", dtype, 3), array(f"y{n}", dtype, 3)
        s, t = (Array(f"{c}{n}", f"{c}{n}", dtype, (), "stream") for c in "st")
        scalar, out = array(f"c{n}", dtype), array(f"z{n}", dtype, 1)
        value, result = (
            Array(f"v{n}", f"v{n}", dtype, (), "value"),
            Array(f"r{n}", f"r{n}", dtype, (), "result"),
        )
        (i,) = iters(f"i{n}")
        args += [x, y, s, t, scalar, out]
        results.append(result)
        body = (put(at(y, i), at(x, i)), Store(value, (), Load(s)), Store(t, (), Load(value)))
        nodes += [Alloc(result), loop(i, 3, *body)]
        nodes += [put(at(out, 0), Load(scalar)), Store(result, (), Load(scalar))]
    return Program("moves", tuple(args), tuple(nodes), tuple(results))


@pytest.mark.parametrize("build", [build_c, csim])
def test_records_arrive_as_they_left(build: Any) -> None:
    program = moves()
    given: list[Any] = []
    for dtype in LAYOUTS:
        elements = np.array([values(dtype, k) for k in range(3)], container(dtype))
        scalar = np.array(values(dtype, 9), container(dtype))[()]
        outputs = np.zeros(3, elements.dtype), np.zeros(1, elements.dtype)
        given += [elements, outputs[0], deque(elements), deque(), scalar, outputs[1]]
    results = build(program)(*given)
    for n, dtype in enumerate(LAYOUTS):
        x, y, s, t, scalar, out = given[6 * n : 6 * n + 6]
        assert (y == x).all() and not s and list(t) == list(x), dtype
        assert out[0] == scalar and results[n] == scalar, dtype


def test_one_layout() -> None:
    """C asserts it, the overloads of HLS C++ assert it, and the fields' offsets come from NumPy."""
    for dtype in LAYOUTS:
        assert element_bytes(dtype) == memory_type(dtype).itemsize
    source = build_c(moves()).source
    assert '_Static_assert(sizeof(ta_struct_0) == 6, "as in NumPy");' in source
    assert source.count("_Static_assert") == source.count("typedef struct __attribute__((packed))")


def test_a_card_has_the_padding_of_cpp() -> None:
    assert on_card(int32) == (4, (Part(0, 0, 4),))
    assert on_card(PADDED) == (8, (Part(0, 0, 4), Part(4, 4, 2)))
    assert on_card(record(i=int8, p=PADDED, d=float64)) == (
        24,
        (Part(0, 0, 1), Part(4, 1, 4), Part(8, 5, 2), Part(16, 7, 8)),
    )


def test_a_record_that_only_a_value_has() -> None:
    """No array or argument has its type: in loops, choices, nested, and in functions of their own."""

    @ta.kernel
    def inner(x: int32, y: float32) -> float32:
        p = ta.Struct(x=x, q=ta.Struct(y=y, z=x))
        return p.q.y + p.x + p.q.z

    @ta.kernel
    def f(x: int32[4], y: float32[4]) -> float32:
        total = ta.scalar(float32, 0)
        for i in ta.range(4):
            p, q = ta.Struct(x=x[i], y=y[i]), ta.Struct(x=x[3 - i], y=y[3 - i])
            r = ta.where(x[i] > 1, p, q)
            total += p.x
            total += r.y + r.x
            total += inner(x[i], y[i])
        return total

    args = np.arange(4, dtype=np.int32), np.arange(4, dtype=np.float32) / 2
    want = 0.0
    for i in range(4):
        chosen = i if i > 1 else 3 - i
        want += i + (chosen / 2 + chosen) + (i / 2 + i + i)
    assert f(*args) == want == f.build("vitis_hls", mode="csim")(*args)
