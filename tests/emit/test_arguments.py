"""Arguments of a call: what is taken, what is refused, and the words of each refusal."""

from __future__ import annotations

from collections import deque
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from tests.emit.programs import add_to, array, at, iters, loop, put
from tracealloc.emit.common.numpy_types import container
from tracealloc.emit.run.runtime import CModule, build_c
from tracealloc.trace.diagnostics.errors import ArgumentError, TraceallocError
from tracealloc.trace.ir.dtype import (
    DType,
    Fixed,
    Float,
    Integer,
    Struct,
    bfloat16,
    boolean,
    float32,
    float64,
)
from tracealloc.trace.ir.expr import Const, Load
from tracealloc.trace.ir.program import Alloc, Array, Program, Store
from tracealloc.trace.queries.typing_rules import binary, convert

int4, int8, int32 = (Integer(n, True) for n in (4, 8, 32))


@pytest.fixture(scope="module")
def axpy() -> CModule:
    """``Y[i, j] += a * X[i, j]``, X read, Y written."""
    x, y, a = array("X", float32, 3, 4), array("Y", float32, 3, 4), array("a", float32)
    i, j = iters("i", "j")
    body = loop(i, 3, loop(j, 4, add_to(at(y, i, j), binary("*", at(a), at(x, i, j)))))
    return build_c(Program("axpy", (x, y, a), (body,)))


def arrays() -> tuple[np.ndarray, np.ndarray]:
    return np.arange(12, dtype=np.float32).reshape(3, 4), np.ones((3, 4), np.float32)


def refused(module: CModule, *args: Any, **kwargs: Any) -> str:
    copies = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
    with pytest.raises(ArgumentError) as caught:
        module(*args, **kwargs)
    assert isinstance(caught.value, TypeError) and isinstance(caught.value, ValueError)
    for arg, copy in zip(args, copies, strict=True):
        if isinstance(arg, np.ndarray):
            np.testing.assert_array_equal(arg, copy)
    error = caught.value
    assert error.place is not None and error.place.file == __file__
    error.place = None
    return str(error)


def copy_program(dtype: DType, name: str = "copy") -> CModule:
    x, y = array("x", dtype, 3), array("y", dtype, 3)
    (i,) = iters("i")
    return build_c(Program(name, (x, y), (loop(i, 3, put(at(y, i), at(x, i))),)))


SIGNATURE = "axpy(X: float32[3, 4], Y: float32[3, 4], a: float32)"


def test_positions_and_keywords(axpy: CModule) -> None:
    x, y = arrays()
    want = y + 2 * x
    assert axpy(x, y, a=2) is None
    np.testing.assert_array_equal(y, want)
    axpy(a=np.float32(-2), Y=y, X=x)
    np.testing.assert_array_equal(y, np.ones((3, 4)))


def test_number_and_names(axpy: CModule) -> None:
    x, y = arrays()
    assert refused(axpy, x, y) == (
        f"TA701 axpy() takes 3 arguments, not 2: 'a' is missing\n  try: call {SIGNATURE}"
    )
    assert refused(axpy, x) == (
        f"TA701 axpy() takes 3 arguments, not 1: 'Y', 'a' are missing\n  try: call {SIGNATURE}"
    )
    assert refused(axpy, x, y, 1, 2) == f"TA701 axpy() takes 3 arguments, not 4\n  try: call {SIGNATURE}"
    assert refused(axpy, x, y, b=2) == (
        "TA701 axpy() has no argument 'b'\n  because: its arguments are 'X', 'Y', 'a'"
    )
    assert refused(axpy, x, y, X=2) == f"TA701 axpy() got argument 'X' twice\n  try: call {SIGNATURE}"


def test_what_is_no_array(axpy: CModule) -> None:
    _, y = arrays()
    assert refused(axpy, [[1.0]], y, 1) == (
        "TA702 axpy: argument 'X' is a list, expected a NumPy array of float32 of shape (3, 4)\n"
        "  try: pass np.asarray(X, np.float32)"
    )
    assert refused(axpy, 1.5, y, 1) == (
        "TA702 axpy: argument 'X' is a float, expected a NumPy array of float32 of shape (3, 4)"
    )
    assert refused(axpy, None, y, 1) == (
        "TA702 axpy: argument 'X' is None, expected a NumPy array of float32 of shape (3, 4)"
    )


def test_types_of_elements(axpy: CModule) -> None:
    x, y = arrays()
    assert refused(axpy, x.astype(np.float64), y, 1) == (
        "TA703 axpy: argument 'X' has dtype float64, expected float32\n  try: pass X.astype(np.float32)"
    )
    assert refused(axpy, x, y.astype(np.int32), 1) == (
        "TA703 axpy: argument 'Y' has dtype int32, expected float32\n"
        "  try: make it with dtype np.float32: the kernel writes to it"
    )
    assert refused(axpy, x.astype(">f4"), y, 1) == (
        "TA703 axpy: argument 'X' has dtype >f4, expected float32\n"
        "  because: its bytes are in the other order than this machine's\n"
        "  try: pass X.astype(np.float32)"
    )


def test_shapes_and_ranks(axpy: CModule) -> None:
    x, y = arrays()
    assert refused(axpy, x.T, y, 1) == "TA704 axpy: argument 'X' has shape (4, 3), expected (3, 4)"
    assert refused(axpy, x.ravel(), y, 1) == (
        "TA704 axpy: argument 'X' has 1 dimension (shape (12,)), expected 2 (shape (3, 4))"
    )
    assert refused(axpy, np.float32(3), y, 1) == (
        "TA702 axpy: argument 'X' is a float32, expected a NumPy array of float32 of shape (3, 4)"
    )
    assert refused(axpy, np.ones((), np.float32), y, 1) == (
        "TA704 axpy: argument 'X' has 0 dimensions (shape ()), expected 2 (shape (3, 4))"
    )


def test_memory_order_where_it_is_read(axpy: CModule) -> None:
    x, _ = arrays()
    wide = np.zeros((3, 8), np.float32)
    wide[:, ::2] = x
    read_only = x.copy()
    read_only.flags.writeable = False
    raw = np.zeros(49, np.uint8)
    unaligned = raw[1:].view(np.float32).reshape(3, 4)
    unaligned[...] = x
    for form in (np.asfortranarray(x), wide[:, ::2], read_only, x[::-1][::-1], unaligned):
        y = np.zeros((3, 4), np.float32)
        axpy(form, y, 1)
        np.testing.assert_array_equal(y, x)


def test_memory_order_where_it_is_written(axpy: CModule) -> None:
    x, y = arrays()
    hint = "\n  try: pass np.array(Y, order='C') and use that array afterwards"
    because = ", and the kernel writes to it: expected a writable array in C order"
    assert refused(axpy, x, np.asfortranarray(y), 1) == (
        f"TA705 axpy: argument 'Y' is in Fortran order{because}{hint}"
    )
    assert refused(axpy, x, np.ones((3, 8), np.float32)[:, ::2], 1) == (
        f"TA705 axpy: argument 'Y' is not contiguous{because}{hint}"
    )
    y.flags.writeable = False
    assert refused(axpy, x, y, 1) == f"TA705 axpy: argument 'Y' is read-only{because}{hint}"
    assert refused(axpy, x, np.zeros(49, np.uint8)[1:].view(np.float32).reshape(3, 4), 1) == (
        f"TA705 axpy: argument 'Y' is not aligned{because}{hint}"
    )


def test_overlap(axpy: CModule) -> None:
    memory = np.zeros((5, 4), np.float32)
    assert refused(axpy, memory[:3], memory[2:], 1) == (
        "TA706 axpy: arguments 'X' and 'Y' overlap in memory, and the kernel writes to 'Y'\n"
        "  try: pass X.copy()"
    )
    assert refused(axpy, memory[:3], memory[:3], 1).startswith("TA706")
    memory = np.zeros((6, 4), np.float32)
    axpy(memory[:3], memory[3:], 1)
    assert refused(axpy, memory[::-2], memory[:3], 1).startswith("TA706")


def test_arrays_that_are_only_read_may_overlap() -> None:
    x, y, z = (array(name, float32, 3) for name in "xyz")
    (i,) = iters("i")
    module = build_c(
        Program("both", (x, y, z), (loop(i, 3, put(at(z, i), binary("+", at(x, i), at(y, i)))),))
    )
    data, out = np.ones(3, np.float32), np.zeros(3, np.float32)
    module(data, data, out)
    assert out.tolist() == [2, 2, 2]


def test_scalars(axpy: CModule) -> None:
    x, y = arrays()
    for value in (2, 2.0, np.float32(2), np.float64(2), np.int8(2), np.array(2.0), ml_dtypes.bfloat16(2)):
        axpy(x, y, value)
    np.testing.assert_array_equal(y, 1 + 14 * x)
    assert refused(axpy, x, y, "2") == "TA702 axpy: argument 'a' is '2' (str), expected a number for float32"
    assert refused(axpy, x, y, np.ones(3)) == (
        "TA702 axpy: argument 'a' is ndarray, expected a number for float32"
    )


def test_scalars_that_are_too_large(axpy: CModule) -> None:
    x, y = arrays()
    assert refused(axpy, x, y, 10**400) == (
        "TA707 axpy: argument 'a' is an integer of 1329 bits, too large for float32"
    )
    zeros = np.zeros_like(x)
    axpy(zeros, y, 2**60)
    axpy(x, y, 1e300)  # rounds to infinity, as a conversion to float32 does
    assert y[2, 3] == np.inf


def test_integer_and_boolean_scalars() -> None:
    n, b, y = array("n", int8), array("b", boolean), array("y", int32, 2)
    body = (put(at(y, 0), convert(at(n), int32)), put(at(y, 1), convert(at(b), int32)))
    module = build_c(Program("pick", (n, b, y), body))
    out = np.zeros(2, np.int32)
    module(-128, np.True_, out)
    assert out.tolist() == [-128, 1]
    assert refused(module, 128, True, out) == (
        "TA707 pick: argument 'n' is 128, which int8 does not hold: expected a value from -128 to 127"
    )
    assert refused(module, 1.0, True, out) == (
        "TA702 pick: argument 'n' is 1.0 (float), expected an integer for int8"
    )
    assert refused(module, True, True, out) == (
        "TA702 pick: argument 'n' is True (bool), expected an integer for int8"
    )
    assert refused(module, 1, 1, out) == (
        "TA702 pick: argument 'b' is 1 (int), expected True or False for boolean"
    )


def test_odd_widths_are_checked_for_range() -> None:
    module = copy_program(Integer(5, True))
    out = np.full(3, 99, np.int8)  # only written: its content does not matter
    module(np.array([-16, 0, 15], np.int8), out)
    assert out.tolist() == [-16, 0, 15]
    assert refused(module, np.array([1, 16, -17], np.int8), out) == (
        "TA707 copy: argument 'x' holds 16 at index [1], which int5 does not: expected values from -16 to 15"
    )
    assert refused(module, np.array([1, 1, 1], np.int16), out) == (
        "TA703 copy: argument 'x' has dtype int16, expected int8 (for int5)\n  try: pass x.astype(np.int8)"
    )


def test_four_bits_of_ml_dtypes() -> None:
    module = copy_program(int4)
    out = np.zeros(3, ml_dtypes.int4)
    module(np.array([-8, 7, 1], ml_dtypes.int4), out)
    assert out.astype(int).tolist() == [-8, 7, 1]
    plain = np.zeros(3, np.int8)
    module(np.array([-8, 7, 1], ml_dtypes.int4), plain)
    assert plain.tolist() == [-8, 7, 1]
    with pytest.raises(ArgumentError):
        module(np.array([1, 2, 3], ml_dtypes.uint4), plain)


@pytest.mark.parametrize("bits", [65, 100, 128, 129, 1024])
@pytest.mark.parametrize("signed", [False, True])
def test_wide_integers_are_python_objects(bits: int, signed: bool) -> None:
    dtype = Integer(bits, signed)
    module = copy_program(dtype)
    out = np.zeros(3, object)
    module(np.array([dtype.low, dtype.high, 7], object), out)
    assert out.tolist() == [dtype.low, dtype.high, 7]
    assert "holds" in refused(module, np.array([0, dtype.high + 1, 0], object), out)
    assert refused(module, np.array([0, 1.5, 0], object), out) == (
        f"TA703 copy: argument 'x' holds 1.5 at index [1], expected Python integers (for {dtype})"
    )
    module(np.array([1, 2, 3], object), np.empty(3, object))


@pytest.mark.parametrize("dtype", [bfloat16, Float("float16", 5, 10), float64, boolean, Fixed(9, 4)])
def test_containers_round_trip(dtype: DType) -> None:
    data = np.array([1, 0, 1]).astype(container(dtype))
    out = np.zeros(3, container(dtype))
    copy_program(dtype)(data, out)
    np.testing.assert_array_equal(out, data)


def test_fields_of_structs_are_checked() -> None:
    pair = Struct((("x", float32), ("y", Integer(5, False)), ("z", Integer(70, True))))
    module = copy_program(pair)
    kind = np.dtype([("x", np.float32), ("y", np.uint8), ("z", object)])
    data = np.array([(1.5, 31, -(1 << 69)), (2.5, 0, 1), (0, 1, 2)], kind)
    out = np.zeros(3, kind)
    module(data, out)
    assert out.tolist() == data.tolist()
    data["y"][2] = 32
    assert refused(module, data, out) == (
        "TA707 copy: argument 'x' holds 32 at index [2].y, which uint5 does not: expected values from 0 to 31"
    )


def test_results_are_new_arrays_arguments_are_themselves() -> None:
    x, r, s = array("x", float32, 3), array("r", float32, 3, kind="result"), array("s", int32, kind="result")
    (i,) = iters("i")
    body = (Alloc(r, Const(1.0, float32)), Alloc(s, Const(5, int32)), loop(i, 3, add_to(at(r, i), at(x, i))))
    module = build_c(Program("several", (x,), body, (r, s, x)))
    data = np.ones(3, np.float32)
    one, two, three = module(data)
    assert one.tolist() == [2, 2, 2] and two == 5 and isinstance(two, np.int32) and three is data
    assert module(data)[0] is not one
    fortran = np.ones((6,), np.float32)[::2]
    assert module(fortran)[2] is fortran


def test_empty_arrays() -> None:
    x, y = array("x", float32, 0), array("y", float32, 0)
    (i,) = iters("i")
    module = build_c(Program("nothing", (x, y), (loop(i, 0, put(at(y, i), at(x, i))),)))
    data = np.zeros(0, np.float32)
    module(data, data)


@pytest.mark.parametrize("dtype", [int32, Integer(100, True), bfloat16, Fixed(12, 4)])
def test_stream_arguments_are_queues(dtype: DType) -> None:
    source, target = Array("s", "s", dtype, (), "stream"), Array("t", "t", dtype, (), "stream")
    value = Array("v", "v", dtype, (), "value")
    (i,) = iters("i")
    body = loop(i, 70, Store(value, (), Load(source)), Store(target, (), Load(value)))
    module = build_c(Program("forward", (source, target), (body,)))
    given, taken = deque(range(100)), [-1]
    module(given, taken)
    assert [int(item) for item in given] == list(range(70, 100))
    assert [int(item) for item in taken] == [-1, *range(70)]
    with pytest.raises(TraceallocError, match="read while it was empty"):
        module(given, taken)
    assert len(given) == 30 and len(taken) == 1 + 70  # as they were
    with pytest.raises(ArgumentError, match="forward: arguments 's' and 't' are one queue"):
        module(given, given)


def test_what_is_no_queue() -> None:
    source, y = Array("s", "s", int32, (), "stream"), array("y", int32, 1)
    module = build_c(Program("first", (source, y), (put(at(y, 0), Load(source)),)))
    out = np.zeros(1, np.int32)
    assert refused(module, np.zeros(3, np.int32), out) == (
        "TA702 first: argument 's' is a ndarray, expected a collections.deque (or a list) of int32"
    )
    assert (
        refused(module, ["x"], out) == "TA702 first: argument 's' is 'x' (str), expected an integer for int32"
    )
