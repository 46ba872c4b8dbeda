"""The interpreter on programs made by hand: every node and expression class, errors, events."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from tracealloc.check.interpret.interpret import Event, Interpreter, interpret
from tracealloc.trace.diagnostics.errors import ArgumentError, InterpretError
from tracealloc.trace.ir.dtype import (
    DType,
    Fixed,
    Integer,
    Struct,
    bfloat16,
    boolean,
    float32,
    float64,
    index,
    result_type,
)
from tracealloc.trace.ir.expr import (
    Binary,
    Bitcast,
    Bits,
    Cast,
    Compare,
    Const,
    Expr,
    GetField,
    Intrinsic,
    Iter,
    IterRef,
    Load,
    Logical,
    MakeStruct,
    Select,
    SetBits,
    Unary,
)
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Call,
    If,
    Loop,
    Node,
    Program,
    Region,
    Slice,
    Store,
    While,
)

I8, I16, I32 = Integer(8, True), Integer(16, True), Integer(32, True)


def ix(value: int) -> Const:
    return Const(value, index)


def op(sign: str, a: Expr, b: Expr) -> Expr:
    dtype = result_type(sign, a.dtype, b.dtype)
    assert dtype is not None
    return Binary(sign, a, b, dtype)


def loop(iter_: Iter, extent: int | Expr, *body: Node, start: int | Expr = 0, step: int = 1) -> Loop:
    first, stop = (ix(e) if isinstance(e, int) else e for e in (start, extent))
    return Loop(iter_, first, stop, step, tuple(body))


def arg(name: str, dtype: DType, *shape: int) -> Array:
    return Array(name, name, dtype, shape, "argument")


def local(name: str, dtype: DType, *shape: int) -> Array:
    return Array(name, name, dtype, shape, "local")


i, j, k = Iter("i", "i"), Iter("j", "j"), Iter("k", "k")
I, J, K = IterRef(i), IterRef(j), IterRef(k)


def matmul(m: int, n: int, kk: int, dtype: DType, out: DType) -> Program:
    a, b, c = arg("A", dtype, m, kk), arg("B", dtype, kk, n), arg("C", out, m, n)
    total = op("+", Load(c, (I, J)), op("*", Load(a, (I, K)), Load(b, (K, J))))
    store = Store(c, (I, J), total if total.dtype == out else Cast(total, out))
    return Program("matmul", (a, b, c), (loop(i, m, loop(j, n, loop(k, kk, store))),))


def test_integer_matmul_wraps() -> None:
    rng = np.random.default_rng(1)
    a, b = (rng.integers(-128, 128, s, dtype=np.int8) for s in ((4, 9), (9, 5)))
    c = np.zeros((4, 5), np.int8)
    assert interpret(matmul(4, 5, 9, I8, I8), a, b, c) is None
    assert np.array_equal(c, (a.astype(np.int64) @ b.astype(np.int64)).astype(np.int8))


def test_float_matmul_rounds_each_operation() -> None:
    rng = np.random.default_rng(2)
    a, b = (rng.standard_normal(s).astype(np.float32) for s in ((3, 40), (40, 3)))
    c, expected = np.zeros((3, 3), np.float32), np.zeros((3, 3), np.float32)
    interpret(matmul(3, 3, 40, float32, float32), a, b, c)
    for step in range(40):
        expected += a[:, step : step + 1] * b[step : step + 1]
    assert np.array_equal(c, expected)


def test_bfloat16_matmul() -> None:
    rng = np.random.default_rng(3)
    a, b = (rng.standard_normal(s).astype(ml_dtypes.bfloat16) for s in ((3, 8), (8, 3)))
    c, expected = (np.zeros((3, 3), ml_dtypes.bfloat16) for _ in range(2))
    interpret(matmul(3, 3, 8, bfloat16, bfloat16), a, b, c)
    for step in range(8):
        expected += a[:, step : step + 1] * b[step : step + 1]
    assert np.array_equal(c.view(np.uint16), expected.view(np.uint16))


def test_triangular_and_negative_steps() -> None:
    out = arg("out", I32, 6)
    count = Cast(op("+", Load(out, (I,)), Const(1, Integer(1, False))), I32)
    upward = loop(i, 6, loop(j, op("+", I, ix(1)), Store(out, (I,), count)))
    down = loop(i, -1, Store(out, (I,), Cast(op("*", Load(out, (I,)), I), I32)), start=5, step=-2)
    cells = np.zeros(6, np.int32)
    interpret(Program("p", (out,), (upward, down)), cells)
    assert cells.tolist() == [1, 2 * 1, 3, 4 * 3, 5, 6 * 5]


def test_while_if_value_local_and_results() -> None:
    """Greatest common divisor by a loop, in a local scalar, with a named value."""
    a, b = arg("a", I32), arg("b", I32)
    x, y, t = local("x", I32), local("y", I32), Array("t", "t", I32, (), "value")
    result = Array("r", "r", I32, (), "result")
    program = Program(
        "gcd",
        (a, b),
        (
            Alloc(x, Load(a)),
            Alloc(y, Load(b)),
            Alloc(result, Const(0, I32)),
            While(
                Iter("w", "while"),
                (),
                Compare("!=", Load(y), Const(0, Integer(1, False))),
                (
                    Store(t, (), Cast(op("%", Load(x), Load(y)), I32)),
                    Store(x, (), Load(y)),
                    Store(y, (), Load(t)),
                ),
            ),
            If(
                Compare("<", Load(x), Const(0, Integer(1, False))),
                (Store(result, (), Const(-1, I32)),),
                (Store(result, (), Load(x)),),
            ),
        ),
        (result,),
    )
    found = interpret(program, np.int32(84), 36)
    assert found == 12
    assert isinstance(found, np.int32)


def scaled_row() -> Program:
    row, by = arg("row", I16, 4), arg("by", I16)
    total = Array("total", "total", I16, (4,), "result")
    twice = Cast(op("*", Load(row, (I,)), Load(by)), I16)
    body = (
        Alloc(total),
        loop(i, 4, Store(row, (I,), twice)),
        loop(i, 4, Store(total, (I,), Cast(op("+", Load(row, (I,)), Const(1, I16)), I16))),
    )
    return Program("scaled_row", (row, by), body, (total,))


def test_call_with_view_and_result() -> None:
    grid, out = arg("G", I16, 3, 4, 2), arg("out", I16, 3, 4)
    factor = Cast(op("+", I, Const(1, I16)), I16)
    region = Region(grid, (I, Slice(ix(0), 4), ix(1)))
    call = Call(scaled_row(), (region, factor), (Region(out, (I, Slice(ix(0), 4))),), "scaled_row_0")
    program = Program("top", (grid, out), (loop(i, 3, call),))
    data = np.arange(24, dtype=np.int16).reshape(3, 4, 2)
    expected = data.copy()
    expected[:, :, 1] *= np.arange(1, 4, dtype=np.int16)[:, None]
    rows = np.zeros((3, 4), np.int16)
    interpret(program, data, rows)
    assert np.array_equal(data, expected)
    assert np.array_equal(rows, expected[:, :, 1] + 1)


def test_views_of_views() -> None:
    inner_row = arg("row", I16, 2)
    inner = Program("inner", (inner_row,), (loop(i, 2, Store(inner_row, (I,), Const(7, I16))),))
    plane = arg("plane", I16, 3, 4)
    call = Call(inner, (Region(plane, (ix(1), Slice(ix(2), 2))),), site="inner_0")
    middle = Program("middle", (plane,), (call,))
    cube = arg("cube", I16, 2, 3, 4)
    whole = (Slice(ix(0), 3), Slice(ix(0), 4))
    top = Program("top", (cube,), (Call(middle, (Region(cube, (ix(1), *whole)),), site="middle_0"),))
    data = np.zeros((2, 3, 4), np.int16)
    interpret(top, data)
    expected = np.zeros_like(data)
    expected[1, 1, 2:] = 7
    assert np.array_equal(data, expected)


POINT = Struct((("x", I8), ("pair", Struct((("u", float32), ("v", boolean))))))


def test_structs() -> None:
    points, out = arg("P", POINT, 3), arg("out", float32, 3)
    whole = MakeStruct(
        (Const(5, I8), MakeStruct((Const(1.5, float32), Const(True, boolean)), POINT.fields[1][1])), POINT
    )
    first = GetField(Load(points, (ix(0),)), "x", I8)
    body = (
        Store(points, (ix(0),), whole),
        Store(points, (ix(1),), Const(2.5, float32), ("pair", "u")),
        loop(i, 3, Store(out, (I,), Load(points, (I,), ("pair", "u")))),
        Store(points, (ix(2),), Cast(Unary("-", first, Integer(9, True)), I8), ("x",)),
    )
    data = np.zeros(3, [("x", np.int8), ("pair", [("u", np.float32), ("v", np.bool_)])])
    values = np.zeros(3, np.float32)
    interpret(Program("p", (points, out), body), data, values)
    assert data["x"].tolist() == [5, 0, -5]
    assert data["pair"]["v"].tolist() == [True, False, False]
    assert values.tolist() == [1.5, 2.5, 0.0]


def value_of(expression: Expr) -> Any:
    out = Array("out", "out", expression.dtype, (), "result")
    body = (Alloc(out), Store(out, (), expression))
    return interpret(Program("p", (), body, (out,)))


def test_bits_and_bitcasts() -> None:
    word = Const(-86, I8)  # 0b10101010
    assert value_of(Bits(word, ix(1), Integer(3, False))) == 0b101
    assert value_of(Bits(word, ix(7), boolean)) == 1
    assert value_of(SetBits(word, ix(0), Const(5, Integer(3, False)))) == Integer(8, True).wrap(0b10101101)
    assert value_of(SetBits(word, ix(7), Const(0, Integer(1, False)))) == 0b00101010
    assert value_of(Bitcast(Const(1.0, float32), Integer(32, False))) == 0x3F800000
    assert value_of(Bitcast(Const(0x3F80, Integer(16, False)), bfloat16)) == 1.0
    assert value_of(Bitcast(Const(0xBFF8 << 48, Integer(64, False)), float64)) == -1.5
    assert value_of(Bitcast(word, Fixed(8, 4))) == -86 / 16


def test_select_and_logical_evaluate_what_they_need() -> None:
    a = local("a", I8, 2)
    outside = Load(a, (ix(5),))
    condition = Compare("==", outside, Const(0, I8))
    yes, no = Const(True, boolean), Const(False, boolean)
    for expression in (
        Select(yes, Const(3, I8), outside),
        Cast(Logical("and", (no, condition)), I8),
        Cast(Logical("or", (no, yes, condition)), I8),
    ):
        out = Array("out", "out", I8, (), "result")
        interpret(Program("p", (), (Alloc(a), Alloc(out), Store(out, (), expression)), (out,)))


def test_intrinsics_are_those_of_the_c_library() -> None:
    import math

    for name in ("exp", "log", "sin", "tanh", "erf", "sqrt", "floor", "ceil"):
        exact = getattr(math, name)(0.7)
        assert value_of(Intrinsic(name, (Const(0.7, float64),), float64)) == exact
        single = value_of(Intrinsic(name, (Const(0.7, float32),), float32))
        assert single.dtype == np.float32
        assert abs(float(single) - exact) < 1e-6
    assert value_of(Intrinsic("pow", (Const(2.0, float32), Const(10.0, float32)), float32)) == 1024
    assert value_of(Intrinsic("rsqrt", (Const(4.0, bfloat16),), bfloat16)) == 0.5
    assert value_of(Intrinsic("rsqrt", (Const(0.0, float64),), float64)) == np.inf


def test_constants_and_state() -> None:
    table = Array("T", "T", I16, (3,), "constant", data=np.array([10, 20, 30], np.int16))
    state = Array("S", "S", I16, (), "state", data=np.array(5, np.int16))
    out = Array("out", "out", I16, (), "result")
    more = Cast(op("+", Load(state), Load(table, (ix(1),))), I16)
    body = (Store(state, (), more), Alloc(out, Load(state)))
    program = Program("p", (), body, (out,))
    machine = Interpreter(program)
    assert [machine(), machine(), machine()] == [25, 45, 65]
    assert interpret(program) == 25


def test_streams_are_fifos() -> None:
    fifo = Array("fifo", "fifo", I16, (), "stream")
    out = arg("out", I16, 4)
    fill = loop(i, 4, Store(fifo, (), Cast(op("*", I, I), I16)))
    drain = loop(i, -1, Store(out, (I,), Load(fifo)), start=3, step=-1)
    cells = np.zeros(4, np.int16)
    interpret(Program("p", (out,), (Alloc(fifo), fill, drain)), cells)
    assert cells.tolist() == [9, 4, 1, 0]
    with pytest.raises(InterpretError, match="the stream fifo is read while it is empty"):
        interpret(Program("p", (out,), (Alloc(fifo), drain)), cells)


def test_access_outside_is_named() -> None:
    a = arg("A", I8, 4, 4)
    store = Store(a, (I, op("+", J, I)), Const(1, I8))
    with pytest.raises(InterpretError) as info:
        interpret(Program("p", (a,), (loop(i, 4, loop(j, 4, store)),)), np.zeros((4, 4), np.int8))
    assert str(info.value) == (
        "TA601 A[1, 4] is outside the array A of shape [4, 4]\n"
        "  because: this is iteration (i=1, j=3)"
    )  # fmt: skip


def test_read_before_store_is_named() -> None:
    a, out = local("T", I8, 4), arg("out", I8, 4)
    body = (
        Alloc(a),
        loop(i, 3, Store(a, (I,), Const(1, I8))),
        loop(i, 4, Store(out, (I,), Cast(Load(a, (I,)), I8))),  # a copy would take it along
    )
    program = Program("p", (out,), body)
    cells = np.zeros(4, np.int8)
    with pytest.raises(InterpretError) as info:
        interpret(program, cells)
    assert str(info.value) == (
        "TA602 T[3] is read before anything is stored to it\n"
        "  because: this is iteration (i=3)\n"
        "  try: fill T where it is made (ta.zeros), or store to it first"
    )
    assert cells.tolist() == [1, 1, 1, 0]  # what ran before the error shows
    interpret(program, cells, check=False)


def test_partly_stored_record() -> None:
    record, out = local("R", POINT), arg("out", I8, 1)
    body = (
        Alloc(record),
        Store(record, (), Const(3, I8), ("x",)),
        Store(out, (ix(0),), Load(record, (), ("x",))),
        Store(out, (ix(0),), Cast(Load(record, (), ("pair", "u")), I8)),
    )
    cells = np.zeros(1, np.int8)
    with pytest.raises(InterpretError, match=r"R\.pair\.u is read before"):
        interpret(Program("p", (out,), body), cells)
    assert cells.tolist() == [3]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((np.zeros((4, 9), np.int8),), "TA603 matmul takes 3 arguments, not 1"),
        ((np.zeros((9, 4), np.int8),) * 3, "TA603 argument 'A' has shape (9, 4), not (4, 9)"),
        ((np.zeros((4, 9)),) * 3, "TA603 argument 'A' takes elements of int8, not an array of float64"),
        ((np.full((4, 9), 300),) * 3, "TA603 argument 'A' takes elements of int8, not 300"),
        ((3,) * 3, "TA603 argument 'A' takes an array, not int"),
    ],
)
def test_arguments_that_do_not_fit(args: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ArgumentError) as info:
        interpret(matmul(4, 5, 9, I8, I8), *args)
    assert str(info.value) == message


def test_events_show_what_is_read_and_written() -> None:
    events: list[Event] = []
    program = matmul(1, 2, 2, I8, I32)
    interpret(program, *(np.ones(s, t) for s, t in (((1, 2), "i1"), ((2, 2), "i1"), ((1, 2), "i4"))),
              observe=events.append)  # fmt: skip
    assert len(events) == 4
    first = events[1]
    assert first.iterators == {i: 0, j: 0, k: 1}
    assert [(a.array.name, a.indices) for a in first.reads] == [("C", (0, 0)), ("A", (0, 1)), ("B", (1, 0))]
    assert [(a.array.name, a.indices) for a in first.writes] == [("C", (0, 0))]
    assert first.reads[0].cell == first.writes[0].cell == events[0].writes[0].cell
    assert events[2].writes[0].cell != events[1].writes[0].cell


def test_events_inside_calls_share_cells() -> None:
    events: list[Event] = []
    grid, out = arg("G", I16, 2, 4), arg("out", I16, 2, 4)
    region = Region(grid, (I, Slice(ix(0), 4)))
    call = Call(scaled_row(), (region, Const(2, I16)), (Region(out, (I, Slice(ix(0), 4))),), "scaled_row_0")
    after = loop(i, 2, Store(grid, (I, ix(3)), Load(grid, (I, ix(3)))))
    program = Program("top", (grid, out), (loop(i, 2, call), after))
    interpret(program, np.ones((2, 4), np.int16), np.ones((2, 4), np.int16), observe=events.append)
    inner = [event for event in events if event.sites == ("scaled_row_0",) and event.writes]
    assert len(inner) == 16
    assert inner[3].writes[0].cell == events[-2].reads[0].cell
    assert inner[11].writes[0].cell == events[-1].reads[0].cell
