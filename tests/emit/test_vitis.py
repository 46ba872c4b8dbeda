"""HLS C++ as text: golden files, compiled against AMD's open headers, and run against the interpreter."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
import pytest

from tests.conftest import Golden
from tests.emit.hls import csim, hls_text
from tests.emit.programs import I8, I16, I32, add_to, array, at, gemm, iters, ix, loop, matmul, put
from tracealloc.check.interpret.interpret import interpret
from tracealloc.emit.common.numpy_types import container
from tracealloc.emit.vitis.csim.ap_headers import open_headers
from tracealloc.emit.vitis.csim.csim import SimulationError
from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.dtype import Fixed, Integer, Struct, bfloat16, float16, float32, index
from tracealloc.trace.ir.expr import Binary, Expr, GetField, Iter, IterRef, Load, MakeStruct
from tracealloc.trace.ir.layout import Banks, Layout, Marks, Port, Storage
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Block,
    Call,
    If,
    Program,
    Region,
    Slice,
    Store,
    While,
)
from tracealloc.trace.queries.typing_rules import binary, compare, convert, intrinsic, lift, minmax

has_headers = open_headers() is not None and shutil.which("g++") is not None
needs_headers = pytest.mark.skipif(not has_headers, reason="needs hls4ml's headers and g++")


def sample(target: Array, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    held = container(target.dtype)
    if held.kind in "iu":
        return rng.integers(-9 if held.kind == "i" else 0, 10, target.shape).astype(held)
    return rng.random(target.shape).astype(held)


def agree(program: Program, *args: Any) -> Any:
    """Run the simulation and the interpreter on copies and compare bit for bit; the simulation's results."""
    mine, other = ([a.copy() if isinstance(a, np.ndarray) else a for a in args] for _ in range(2))
    got, want = csim(program)(*mine), interpret(program, *other)
    for one, two in zip(mine, other, strict=True):
        np.testing.assert_array_equal(one, two)
    pairs = zip(got, want, strict=True) if isinstance(got, tuple) else [(got, want)]
    for one, two in pairs:
        np.testing.assert_array_equal(one, two)
    return got


def test_gemm_is_what_a_user_would_write(golden: Golden) -> None:
    text = hls_text(gemm())
    golden("vitis/gemm.cpp", text.source)
    golden("vitis/gemm.h", text.header)


def test_gemm_runs() -> None:
    program = gemm(8, 16, 4)
    a, b = (sample(x) for x in program.args)
    agree(program, a, b)


def test_text_is_deterministic() -> None:
    first, again = hls_text(gemm()), hls_text(gemm())
    assert (again.source, again.header) == (first.source, first.header)


def range_of(target: Array) -> tuple[int, int]:
    assert isinstance(target.dtype, Integer)
    return target.dtype.low, target.dtype.high


@pytest.mark.parametrize(
    ("element", "total"),
    [(I8, I16), (I8, I32), (I32, I32), (Integer(64, True), Integer(64, True)), (Integer(32, False), I16)],
)
def test_accumulation_of_native_integers_is_plain(element: Integer, total: Integer) -> None:
    program = matmul(element, total)
    assert "C[i][j] += A[i][k] * B[k][j];  // gemm.py:8\n" in hls_text(program).source
    rng = np.random.default_rng(1)
    arrays = [
        rng.integers(range_of(a)[0], range_of(a)[1], a.shape, container(a.dtype), endpoint=True)
        for a in program.args
    ]
    agree(program, *arrays)


def after(it: Iter) -> Expr:
    """``it + 1``."""
    return Binary("+", IterRef(it), ix(1), index)


def mixed_program() -> Program:
    """Structs, a table, a named index, conditions, triangular and falling loops, while, a scalar result."""
    pair = Struct((("re", float32), ("count", Integer(5, True))))
    p, x, n = array("p", pair, 6), array("x", I16, 6), array("n", I16)
    data = np.array([1, -2, 3, 4, 5, -6], np.int16)
    table = Array("table", "table", I16, (6,), "constant", data=data)
    total = array("total", I32, kind="result")
    at_ = array("at", index, kind="value")
    i, j, k = iters("i", "j", "j")
    here = at(p, i)
    record = MakeStruct(
        (
            binary("*", GetField(here, "re", float32), convert(at(table, i), float32)),
            convert(binary("+", GetField(here, "count", Integer(5, True)), at(x, i)), Integer(5, True)),
        ),
        pair,
    )
    chain = If(
        compare("<", at(x, i), lift(0)),
        (put(Load(total), binary("-", Load(total), at(x, i))),),
        (If(compare("==", at(x, i), Load(n)), (put(Load(total), 7),), (add_to(Load(total), lift(1)),)),),
    )
    body: Block = (
        Alloc(total, lift(0, I32)),
        loop(
            i,
            6,
            Store(at_, (), Binary("-", ix(5), IterRef(i), index)),
            put(here, record, Place("mixed.py", 3)),
            chain,
            loop(
                j,
                Binary("+", IterRef(i), ix(1), index),
                add_to(at(x, Load(at_)), binary("//", at(x, j), Load(n))),
            ),
            loop(k, -1, add_to(Load(total), at(table, k)), start=5, step=-2),
        ),
        While(Iter("w", "while"), (), compare("<", Load(total), lift(100)), (add_to(Load(total), lift(17)),)),
    )
    return Program("mixed", (p, x, n), body, (total,), place=Place("mixed.py", 1))


@needs_headers
def test_statements_of_every_kind(golden: Golden) -> None:
    program = mixed_program()
    text = hls_text(program)
    golden("vitis/mixed.cpp", text.source)
    golden("vitis/mixed.h", text.header)
    p, x, _ = program.args
    records = np.zeros(6, container(p.dtype))
    records["re"], records["count"] = np.arange(6), np.arange(6) - 3
    for value in (-3, 0, 2):
        agree(program, records, sample(x, value + 3), value)


def calls_program() -> Program:
    """A callee with a row, a column and a whole array; a layout in each."""
    v, w, f = array("v", float32, 4), array("w", float32, 4), array("f", float32)
    (i,) = iters("i")
    scale = Program(
        "scale",
        (v, w, f),
        (loop(i, 4, put(at(w, i), binary("*", at(v, i), Load(f))), marks=Marks(unroll=0)),),
        layouts=((v, Layout((Banks("complete"),))), (w, Layout((Banks("cyclic", 4),)))),
    )
    a, b = array("A", float32, 4, 4), array("B", float32, 4, 4)
    whole = array("tmp", float32, 4, kind="local")
    (j,) = iters("j")
    at_j, all_ = IterRef(j), Slice(ix(0), 4)
    body: Block = (
        Alloc(whole),
        loop(
            j,
            4,
            Call(scale, (Region(a, (at_j, all_)), Region(whole, (all_,)), lift(2.0, float32)), (), "scale_0"),
            Call(scale, (Region(whole, (all_,)), Region(b, (all_, at_j)), lift(0.5, float32)), (), "scale_1",
                 Place("calls.py", 9)),
            marks=Marks(dataflow=True),
        ),
    )  # fmt: skip
    layouts = (
        (a, Layout((Banks(), Banks("complete")), port=Port("m_axi"))),
        (b, Layout((Banks("block", 2), Banks("complete")), storage=Storage("uram"))),
        (whole, Layout((Banks(),), storage=Storage("lutram", 1))),
    )
    return Program("caller", (a, b), body, layouts=layouts)


def test_calls_views_and_layouts(golden: Golden) -> None:
    program = calls_program()
    golden("vitis/calls.cpp", hls_text(program).source)
    agree(program, *(sample(x, n) for n, x in enumerate(program.args)))


def stream_program(written: int, read: int) -> Program:
    """`written` elements into a FIFO, then `read` out of it."""
    x, y = array("x", float32, 8), array("y", float32, 8)
    fifo = Array("fifo", "fifo", float32, (), "stream")
    i, j = iters("i", "j")
    body: Block = (
        Alloc(fifo),
        loop(i, written, Store(fifo, (), at(x, i)), marks=Marks(pipeline=1)),
        loop(j, read, put(at(y, j), Load(fifo)), marks=Marks(pipeline=1, rewind=True)),
    )
    layouts = ((fifo, Layout(port=Port("fifo", (("depth", 4),)))),)
    return Program("pass_on", (x, y), body, layouts=layouts)


def test_streams(golden: Golden) -> None:
    program = stream_program(8, 8)
    golden("vitis/streams.cpp", hls_text(program).source)
    agree(program, *(sample(x) for x in program.args))


def test_stream_faults_are_errors() -> None:
    x, y = np.ones(8, np.float32), np.zeros(8, np.float32)
    empty, left = csim(stream_program(3, 4)), csim(stream_program(4, 2))
    for _ in range(2):  # and the next call starts afresh
        with pytest.raises(SimulationError, match="C simulation of pass_on: stream 'fifo' is read while"):
            empty(x, y)
        with pytest.raises(SimulationError, match="stream 'fifo' still holds 2 elements that nothing read"):
            left(x, y)


@needs_headers
def test_fixed_point_and_small_floats(golden: Golden) -> None:
    q = Fixed(12, 8, True, "RND", "SAT")
    x, y, z = array("x", q, 8), array("y", float16, 8), array("z", bfloat16, 8)
    (i,) = iters("i")
    body = loop(
        i,
        8,
        add_to(at(x, i), binary("*", at(x, i), at(x, i))),
        add_to(at(y, i), intrinsic("exp", at(y, i))),
        put(at(z, i), minmax("max", binary("*", at(z, i), at(z, i)), convert(lift(0.25), bfloat16))),
    )
    program = Program("small", (x, y, z), (body,))
    text = hls_text(program)
    golden("vitis/small.cpp", text.source)
    golden("vitis/small.h", text.header)
    assert list(text.others) == ["tracealloc_bfloat16.h"]
    agree(program, np.arange(-4, 4) * 300 / 256, sample(y), sample(z))


def test_names_are_legal_and_labels_distinct() -> None:
    odd = [array(name, I32, 4) for name in ("hls", "int", "A.outer", "maximum")]
    i, j = iters("i", "i")
    statements = [loop(it, 4, *(add_to(at(a, it), lift(1)) for a in odd)) for it in (i, j)]
    source = hls_text(Program("double", tuple(odd), tuple(statements))).source
    head = "void double_kernel(int32_t hls_[4], int32_t int_[4], int32_t A_outer[4], int32_t maximum_[4]) {"
    assert head in source
    assert "  i: for (int i = 0;" in source and "  i_1: for (int i = 0;" in source


def test_the_top_function_can_be_named() -> None:
    text = hls_text(gemm(), top="accelerator")
    assert (text.top, text.base) == ("accelerator", "accelerator")
    assert 'extern "C" void accelerator(' in text.header and '#include "accelerator.h"' in text.source


def test_marks_become_pragmas() -> None:
    x = array("x", I32, 4, 6)
    i, j = iters("i", "j")
    cases = [
        (Marks(pipeline=2, rewind=True), ["#pragma HLS pipeline II=2 rewind"]),
        (Marks(unroll=0), ["#pragma HLS unroll"]),
        (Marks(unroll=3), ["#pragma HLS unroll factor=3"]),
        (Marks(vectorize=True), ["#pragma HLS unroll"]),
        (Marks(parallel=True, unroll=2), ["#pragma HLS unroll factor=2"]),
        (Marks(dataflow=True), ["#pragma HLS dataflow"]),
    ]
    for marks, expected in cases:
        nest = loop(
            i, 4, loop(j, Binary("+", IterRef(i), ix(1), index), add_to(at(x, i, j), lift(1))), marks=marks
        )
        lines = hls_text(Program("k", (x,), (nest,))).source.splitlines()
        # Inside a pipelined loop the inner one is unrolled: its bounds are constant then.
        trips = [] if marks.pipeline else ["#pragma HLS loop_tripcount min=1 max=4"]
        assert [line for line in lines if "#pragma" in line] == [*expected, *trips]


def test_ports_are_said_where_the_resource_is_left_open() -> None:
    x, y = array("x", I32, 4), array("y", I32, 4, kind="local")
    (i,) = iters("i")
    nest = loop(i, 4, put(at(y, i), at(x, i)), add_to(at(x, i), at(y, i)))
    for ports, kind in ((1, "ram_1p"), (2, "ram_t2p")):
        layout = Layout(storage=Storage(ports=ports))
        program = Program("k", (x,), (Alloc(y), nest), layouts=((x, layout), (y, layout)))
        lines = [line.strip() for line in hls_text(program).source.splitlines() if "#pragma" in line]
        assert f"#pragma HLS interface mode=ap_memory port=x storage_type={kind}" in lines
        assert f"#pragma HLS bind_storage variable=y type={kind}" in lines


def test_wide_integers_raise_the_limit_of_the_headers() -> None:
    wide = Integer(600, True)
    x: Expr
    a, b = array("a", wide, 2), array("b", wide, 2)
    (i,) = iters("i")
    x = binary("*", at(a, i), at(a, i))
    header = hls_text(Program("wide", (a, b), (loop(i, 2, put(at(b, i), x)),))).header
    assert header.index("#define AP_INT_MAX_W 3072") < header.index('#include "ap_int.h"')
