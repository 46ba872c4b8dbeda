"""The C back end on whole programs: text, and results against the interpreter."""

from __future__ import annotations

import numpy as np
import pytest

from tests.emit.programs import add_to, array, at, iters, ix, loop, put
from tracealloc.check.interpret.interpret import interpret
from tracealloc.emit.c.function import c_source
from tracealloc.emit.c.plan import storage as emit_c
from tracealloc.emit.common.numpy_types import container
from tracealloc.emit.run.runtime import build_c
from tracealloc.trace.diagnostics.errors import TraceallocError
from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.dtype import (
    Integer,
    Struct,
    bfloat16,
    float16,
    float32,
    float64,
    index,
)
from tracealloc.trace.ir.expr import Binary, Const, Expr, GetField, Iter, IterRef, Load, MakeStruct
from tracealloc.trace.ir.layout import Marks
from tracealloc.trace.ir.program import Alloc, Array, Block, Call, If, Program, Region, Slice, Store, While
from tracealloc.trace.queries import typing_rules
from tracealloc.trace.queries.typing_rules import binary, compare, convert, lift

int8, int16, int32, int64 = (Integer(n, True) for n in (8, 16, 32, 64))
uint8 = Integer(8, False)


def sample(dtype: object, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    held = container(dtype)  # type: ignore[arg-type]
    return rng.integers(-9, 9, shape).astype(held) if held.kind == "i" else rng.random(shape).astype(held)


def agree(program: Program, *args: object) -> str:
    """Run the C build and the interpreter on copies; assert equality; the C text."""
    module = build_c(program)
    mine, other = ([a.copy() if isinstance(a, np.ndarray) else a for a in args] for _ in range(2))
    got, want = module(*mine), interpret(program, *other)
    for one, two in zip(mine, other, strict=True):
        np.testing.assert_array_equal(one, two)
    pairs = zip(got, want, strict=True) if isinstance(got, tuple) else [(got, want)]
    for one, two in pairs:
        np.testing.assert_array_equal(one, two)
    return module.source


def body_of(source: str) -> str:
    return source[source.index("void ") if "void " in source else source.index("int ") :]


def test_sum_of_int32_is_computed_in_32_bits() -> None:
    a, b, c = (array(name, int32, 8) for name in "abc")
    (i,) = iters("i")
    program = Program("total", (a, b, c), (loop(i, 8, add_to(at(c, i), binary("*", at(a, i), at(b, i)))),))
    assert "c[i] += a[i] * b[i];" in agree(program, *(sample(int32, (8,), s) for s in range(3)))


def test_narrow_products_are_widened_only_as_far_as_needed() -> None:
    a, b, c = array("a", int8, 8), array("b", int8, 8), array("c", int16, 8)
    (i,) = iters("i")
    program = Program("dot", (a, b, c), (loop(i, 8, put(at(c, i), binary("*", at(a, i), at(b, i)))),))
    assert "c[i] = a[i] * b[i];" in agree(
        program, sample(int8, (8,)), sample(int8, (8,), 1), sample(int16, (8,))
    )


def test_triangular_and_negative_steps() -> None:
    a = array("A", int32, 12, 12)
    i, j, k = iters("i", "j", "k")
    nest = loop(i, 12, loop(j, IterRef(i), add_to(at(a, i, j), lift(1)), start=0))
    back = loop(k, -1, add_to(at(a, k, k), convert(IterRef(k), int32)), start=11, step=-2)
    text = agree(Program("tri", (a,), (nest, back)), sample(int32, (12, 12)))
    assert "for (int j = 0; j < i; ++j)" in text
    assert "for (int k = 11; k > -1; k -= 2)" in text


def test_floor_division_of_indices_uses_signs() -> None:
    a = array("A", int32, 64)
    (i,) = iters("i")
    position = Binary("//", IterRef(i), ix(4), index)
    rest = Binary("%", Binary("-", IterRef(i), ix(3), index), ix(3), index)
    body = loop(i, 64, add_to(at(a, position), convert(rest, int32)))
    text = agree(Program("floors", (a,), (body,)), sample(int32, (64,)))
    assert "A[i / 4] += ta_floormod_i32(i - 3, 3)" in text


def test_minimum_and_maximum_of_bounds() -> None:
    a = array("A", int32, 50)
    i, j = iters("i", "j")
    stop = Binary("min", Binary("+", IterRef(i), ix(8), index), ix(50), index)
    tile = loop(j, stop, add_to(at(a, j), lift(1)), start=IterRef(i))
    text = agree(Program("tiles", (a,), (loop(i, 50, tile, step=8),)), sample(int32, (50,)))
    assert "for (int i = 0; i < 50; i += 8) {" in text and "j < ta_min_i32(i + 8, 50); ++j" in text


def test_large_local_arrays_are_on_the_heap_and_small_ones_on_the_stack() -> None:
    a, out = array("A", float32, 200, 200), array("out", float32, 200, 200, kind="result")
    large = Array("tmp", "tmp", float32, (200, 200), "local")
    small = Array("row", "row", float32, (200,), "local")
    i, j, k, m = iters("i", "j", "k", "m")
    body: Block = (
        Alloc(out),
        Alloc(large, Const(0.0, float32)),
        loop(
            i,
            200,
            Alloc(small, Const(1.5, float32)),
            loop(j, 200, add_to(at(small, j), at(a, i, j))),
            loop(k, 200, add_to(at(large, i, k), at(small, k))),
            loop(m, 200, put(at(out, i, m), at(large, i, m))),
        ),
    )
    text = agree(Program("stage", (a,), body, (out,)), sample(float32, (200, 200)))
    assert "float (*restrict tmp)[200] = aligned_alloc(64, sizeof(float[200][200]));" in text
    assert "    float row[200];" in text and "free(tmp);" in text and text.startswith("// stage")
    assert "int stage(" in text and "return 0;" in text


def test_failing_allocation_is_a_memory_error() -> None:
    huge = Array("huge", "huge", int8, (1 << 40, 1 << 10), "local")
    a = array("a", int8, 4)
    program = Program(
        "huge_one", (a,), (Alloc(huge), put(at(huge, 0, 1), at(a, 0)), put(at(a, 0), at(huge, 0, 1)))
    )
    module = build_c(program)
    with pytest.raises(MemoryError, match=r"^huge_one: a local array could not be allocated$"):
        module(np.zeros(4, np.int8))


def test_parallel_threads_have_their_own_arrays() -> None:
    a = array("A", int64, 64, 20000)
    buffer = Array("b", "buf", int64, (20000,), "local")
    i, j, k = iters("i", "j", "k")
    body = loop(
        i,
        64,
        Alloc(buffer, Const(0, int64)),
        loop(j, 20000, add_to(at(buffer, j), binary("*", at(a, i, j), lift(3)))),
        loop(k, 20000, put(at(a, i, k), at(buffer, k)), marks=Marks(vectorize=True)),
        marks=Marks(parallel=True),
    )
    text = build_c(Program("threads", (a,), (body,)))
    data = sample(int64, (64, 20000))
    want = data * 3
    text(data)
    np.testing.assert_array_equal(data, want)
    source = text.source
    assert "#pragma omp simd" in source
    body_text, _, rest = source.partition("int threads(")
    assert "aligned_alloc" in body_text and "return 1;" in body_text and "free(buf);" in body_text
    assert "#pragma omp parallel for" in rest and "#pragma omp atomic\n    status |= threads_i(" in rest


def test_unroll_marks() -> None:
    a = array("A", int32, 16)
    i, j = iters("i", "j")
    body = (
        loop(i, 16, add_to(at(a, i), lift(1)), marks=Marks(unroll=4)),
        loop(j, 16, add_to(at(a, j), lift(1)), marks=Marks(unroll=0)),
    )
    text = agree(Program("un", (a,), body), sample(int32, (16,)))
    assert "#pragma GCC unroll 4\n" in text and "#pragma GCC unroll 16\n" in text


def test_values_conditions_and_while() -> None:
    a, n = array("A", int32, 20), array("n", int32)
    i, _ = iters("i", "_")
    t = Array("t", "t", Integer(33, True), (), "value")
    count = Array("count", "count", int32, (), "local")
    body: Block = (
        Alloc(count, Const(0, int32)),
        loop(
            i,
            20,
            Store(t, (), binary("+", at(a, i), at(n))),
            If(
                compare(">", Load(t), lift(3)),
                (put(at(a, i), Load(t)),),
                (If(compare("<", Load(t), lift(-3)), (put(at(a, i), typing_rules.unary("-", Load(t))),)),),
            ),
        ),
        While(Iter("w", "while"), (), compare("<", Load(count), lift(5)), (add_to(Load(count), lift(2)),)),
        put(at(a, 0), Load(count)),
    )
    text = agree(Program("conditions", (a, n), body), sample(int32, (20,)), 2)
    assert "const int64_t t = (int64_t)A[i] + n;" in text
    assert "} else if (t < -3) {" in text and "while (count < 5) {" in text


def test_value_used_outside_the_block_of_its_store() -> None:
    a = array("A", int32, 20)
    (i,) = iters("i")
    t = Array("t", "t", int32, (), "value")
    cond = compare("<", at(a, i), lift(0))
    body = loop(i, 20, If(cond, (Store(t, (), at(a, i)),)), If(cond, (put(at(a, i), Load(t)),)))
    text = agree(Program("late", (a,), (body,)), sample(int32, (20,)))
    assert "    int32_t t;\n    if" in text


def scale_program() -> Program:
    x, y, f = array("x", float32, 6), array("y", float32, 6), array("f", float32)
    (i,) = iters("i")
    return Program("scale", (x, y, f), (loop(i, 6, put(at(y, i), binary("*", at(x, i), at(f)))),))


@pytest.mark.parametrize("column", [False, True])
def test_calls_with_rows_and_columns(column: bool) -> None:
    a, b = array("A", float32, 6, 6), array("B", float32, 6, 6)
    (i,) = iters("i")
    whole = Slice(ix(0), 6)
    view = (whole, IterRef(i)) if column else (IterRef(i), whole)
    call = Call(scale_program(), (Region(a, view), Region(b, view), Const(2.5, float32)), site="scale_0")
    text = agree(
        Program("caller", (a, b), (loop(i, 6, call),)), sample(float32, (6, 6)), sample(float32, (6, 6), 1)
    )
    assert "__attribute__((noinline)) void scale(const float *restrict x, float *restrict y, " in text
    assert ("A_view" in text) == column
    if not column:
        assert "scale(A[i], B[i], 2.5f);" in text


def test_results_of_calls_and_scalar_results() -> None:
    x, total = array("x", float64, 5), array("total", float64, kind="result")
    copy = array("copy", float64, 5, kind="result")
    i, j = iters("i", "j")
    inner = Program(
        "summed",
        (x,),
        (
            Alloc(total, Const(0.0, float64)),
            Alloc(copy),
            loop(i, 5, add_to(Load(total), at(x, i)), put(at(copy, i), at(x, i))),
        ),
        (total, copy),
    )
    a, out = array("a", float64, 3, 5), array("out", float64, 3, kind="result")
    got = Array("got", "got", float64, (), "value")
    rows = Array("rows", "rows", float64, (3, 5), "local")
    call = Call(
        inner,
        (Region(a, (IterRef(j), Slice(ix(0), 5))),),
        (Region(got, ()), Region(rows, (IterRef(j), Slice(ix(0), 5)))),
        "summed_0",
    )
    body = (
        Alloc(out),
        Alloc(rows, Const(0.0, float64)),
        loop(j, 3, call, put(at(out, j), binary("*", Load(got), at(rows, j, 1)))),
    )
    agree(Program("sums", (a,), body, (out,)), sample(float64, (3, 5)))
    agree(inner, sample(float64, (5,)))


def test_scalars_of_every_kind_as_arguments() -> None:
    types = [int8, Integer(100, True), Integer(200, False), float16, bfloat16, float64, Integer(5, True)]
    args = [array(f"s{n}", dtype) for n, dtype in enumerate(types)]
    outs = [array(f"o{n}", dtype, 2) for n, dtype in enumerate(types)]
    body = tuple(put(at(o, 1), at(s)) for s, o in zip(args, outs, strict=True))
    values = [-7, -(1 << 90), (1 << 199) + 3, 1.5, -2.0, 0.1, -16]
    module = build_c(Program("scalars", (*args, *outs), body))
    arrays = [np.zeros(2, container(dtype)) for dtype in types]
    module(*values, *arrays)
    assert [float(a[1]) if a.dtype.kind != "O" else a[1] for a in arrays] == values


def test_structs_and_constants_and_state() -> None:
    pair = Struct((("re", float32), ("int", Integer(5, True))))
    p = array("p", pair, 4)
    table = Array("table", "table", int16, (4,), "constant", data=np.array([1, -2, 3, 4], np.int16))
    seen = Array("seen", "seen", int32, (), "state", data=np.array(7, np.int32))
    (i,) = iters("i")
    element = at(p, i)
    value = MakeStruct(
        (
            binary("*", GetField(element, "re", float32), convert(at(table, i), float32)),
            convert(Load(p, (IterRef(i),), ("int",)), Integer(5, True)),
        ),
        pair,
    )
    body = (loop(i, 4, put(element, value), add_to(Load(seen), lift(1)), Store(
        p, (IterRef(i),), convert(Load(seen), Integer(5, True)), ("int",))),)  # fmt: skip
    program = Program("records", (p,), body)
    data = np.zeros(4, container(pair))
    data["re"] = [1, 2, 3, 4]
    module, again = build_c(program), build_c(program)
    module(data)
    assert data["re"].tolist() == [1, -4, 9, 16] and data["int"].tolist() == [8, 9, 10, 11]
    module(data)
    assert data["int"].tolist() == [12, 13, 14, 15]
    again(data)  # each build has its own state
    assert data["int"].tolist() == [8, 9, 10, 11]
    assert "static const int16_t table[4] = {1, -2, 3, 4};" in module.source


def test_state_of_a_callee_and_large_constants_are_handed_over() -> None:
    weights = np.arange(5000, dtype=np.float64)
    w = Array("w", "w", float64, (5000,), "constant", data=weights)
    count = Array("count", "count", int64, (1,), "state", data=np.zeros(1, np.int64))
    x = array("x", float64, 5000)
    (i,) = iters("i")
    inner = Program("inner", (x,), (loop(i, 5000, add_to(at(x, i), at(w, i))), add_to(at(count, 0), lift(1)),
                                    put(at(x, 0), convert(at(count, 0), float64))))  # fmt: skip
    y = array("y", float64, 5000)
    call = Call(inner, (Region(y, (Slice(ix(0), 5000),)),), site="inner_0")
    module = build_c(Program("outer", (y,), (call, call)))
    data = np.zeros(5000)
    module(data)
    assert data[0] == 2 and (data[1:] == 2 * weights[1:]).all()
    module(data)
    assert data[0] == 4


def test_names_are_kept_where_c_allows_and_distinct_where_it_must() -> None:
    names = ["int", "for", "expf", "i", "A", "naïve", "index", "uint8_t", "restrict"]
    args = [Array(f"k{n}", name, int32, (4,), "argument") for n, name in enumerate(names)]
    i, j = iters("i", "i")
    body = tuple(loop(i, 4, add_to(at(a, i), lift(n + 1))) for n, a in enumerate(args))
    nested = loop(i, 4, loop(j, 4, add_to(at(args[0], j), convert(IterRef(i), int32))))
    text = agree(Program("malloc", tuple(args), (*body, nested)), *(sample(int32, (4,), n) for n in range(9)))
    assert "void malloc_kernel(\n    int32_t *restrict int_,\n    int32_t *restrict for_,\n" in text
    assert "int32_t *restrict index" in text and "for (int i_2 = 0" in text and "na_uef_ve" in text


def test_places_are_comments_and_cannot_break_out() -> None:
    a = array("A", int32, 4)
    program = Program(
        "p", (a,), (put(at(a, 0), lift(1), Place("/x/we\\ird\n.py", 8)),), place=Place("/y/k.py", 3)
    )
    text = c_source(program)
    assert "A[0] = 1;  // we?ird?.py:8" in text and "from k.py:3" in text


def test_text_is_deterministic() -> None:
    def make() -> Program:
        x, y = array("x", Integer(100, True), 4), array("y", bfloat16, 4)
        (i,) = iters("i")
        value: Expr = binary("%", at(x, i), lift(7))
        return Program(
            "d", (x, y), (loop(i, 4, put(at(x, i), value), put(at(y, i), convert(at(x, i), bfloat16))),)
        )

    assert c_source(make()) == c_source(make())


def test_data_dependent_bounds_are_read_once() -> None:
    lo, hi, out = array("lo", int32, 4), array("hi", int32, 4), array("out", int32, 8)
    i, j = iters("i", "j")
    inner = loop(j, convert(at(hi, i), index), add_to(at(out, j), lift(1)), put(at(hi, i), lift(0)),
                 start=convert(at(lo, i), index))  # fmt: skip
    program = Program("rows", (lo, hi, out), (loop(i, 4, inner),))
    text = agree(
        program, np.array([0, 1, 2, 3], np.int32), np.array([2, 5, 8, 3], np.int32), sample(int32, (8,))
    )
    assert "const int j_stop = hi[i];" in text


def test_call_with_two_views_of_one_array_has_no_restrict() -> None:
    a = array("A", float32, 2, 6)
    views = [Region(a, (ix(n), Slice(ix(0), 6))) for n in (0, 1)]
    program = Program("twice", (a,), (Call(scale_program(), (*views, Const(0.5, float32)), site="scale_0"),))
    text = agree(program, sample(float32, (2, 6)))
    assert "static void scale(const float *x, float *y, const float f) {" in text


def test_rank_zero_results_of_arguments() -> None:
    x = array("x", int32)
    program = Program("same", (x,), (), (x,))
    assert build_c(program)(5) == 5


def test_limits_of_the_stack_are_named() -> None:
    assert emit_c.STACK_ARRAY <= emit_c.STACK_FUNCTION


def pass_on(written: int, read: int) -> Program:
    """Writes to a local stream, then reads it through a callee that doubles."""
    fifos = Array("f", "fifo", int32, (2,), "stream")
    x, y = array("x", int32, 100), array("y", int32, 100)
    source, out, value = (
        Array("s", "s", int32, (), "stream"),
        array("out", int32, 100),
        Array("v", "v", int32, (), "value"),
    )
    i, j = iters("i", "j")
    reader = Program(
        "reader",
        (source, out),
        (loop(j, read, Store(value, (), Load(source)), put(at(out, j), binary("*", Load(value), lift(2)))),),
    )
    call = Call(reader, (Region(fifos, (ix(1),)), Region(y, (Slice(ix(0), 100),))), site="reader_0")
    push = Store(fifos, (ix(1),), at(x, i))
    return Program("pass_on", (x, y), (Alloc(fifos), loop(i, written, push), call))


def test_streams_are_queues_that_grow() -> None:
    text = agree(pass_on(100, 100), sample(int32, (100,)), sample(int32, (100,)))
    assert (
        "ta_fifo_int32_t fifo[2] = {0};" in text
        and "const int32_t v = ta_fifo_int32_t_get(s, &status);" in text
    )
    module = build_c(pass_on(4, 5))
    with pytest.raises(TraceallocError, match=r"^TA804 pass_on: a stream was read while it was empty\n"):
        module(np.zeros(100, np.int32), np.zeros(100, np.int32))
