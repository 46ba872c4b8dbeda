"""Fixed point at the border to NumPy: one rule for all ways in, floats on all ways out."""

from __future__ import annotations

import math
import random
from collections import deque
from decimal import Decimal
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import tracealloc as ta
from tests.emit.expressions import any_fixed
from tests.emit.programs import array, at, iters, loop, put
from tracealloc import float32, grid, kernel
from tracealloc.check.interpret.interpret import interpret
from tracealloc.emit.run.runtime import build_c
from tracealloc.trace.diagnostics.errors import ArgumentError
from tracealloc.trace.ir.dtype import OVERFLOWS, ROUNDINGS, Fixed, Float, Integer, bfloat16, float16, float64
from tracealloc.trace.ir.program import Program
from tracealloc.trace.ir.quantise import fixed_text, nearest, quantised, ratio
from tracealloc.trace.proxies.tables import to_elements

MODES = [(rounding, overflow) for rounding in ROUNDINGS for overflow in OVERFLOWS]
SHAPES = [
    (6, 2, True),
    (6, 2, False),
    (8, 11, True),
    (7, -3, True),
    (1, 0, True),
    (60, 20, True),
    (70, 30, True),
]


def types(rng: random.Random) -> list[Fixed]:
    """Every pair of modes, each with some shape; and any others."""
    found = []
    for rounding, overflow in MODES:
        width, frac, signed = rng.choice(SHAPES)
        found.append(Fixed(width, frac, signed, rounding, overflow))
    return found + [any_fixed(rng, 80) for _ in range(10)]


def numbers(rng: random.Random, count: int) -> np.ndarray:
    """Numbers with many ties, at all sizes."""
    ties = [rng.randint(-(1 << 12), 1 << 12) * 2.0 ** rng.randint(-16, 10) for _ in range(count // 2)]
    return np.array(
        [*ties, *(rng.uniform(-4, 4) * 2.0 ** rng.randint(-9, 60) for _ in range(count - len(ties)))]
    )


@pytest.mark.parametrize("seed", range(2))
def test_tables_arguments_and_stores_have_one_rule(seed: int) -> None:
    """What C, the interpreter (arithmetic of its own), tables and arguments make of the same numbers."""
    rng = random.Random(seed)
    found, count = types(rng), 80
    x = array("x", float64, count)
    ins = [array(f"a{n}", dtype, count) for n, dtype in enumerate(found)]
    outs = [array(f"y{n}", dtype, count) for n, dtype in enumerate(found)]
    copies = [array(f"z{n}", dtype, count) for n, dtype in enumerate(found)]
    (i,) = iters("i")
    body = [put(at(y, i), at(x, i)) for y in outs] + [
        put(at(z, i), at(a, i)) for z, a in zip(copies, ins, strict=True)
    ]
    program = Program("q", (x, *ins, *outs, *copies), (loop(i, count, *body),))
    data = numbers(rng, count)
    kinds = (np.float64, np.float64, object)  # a column of fractions is the same numbers
    columns = [data.astype(kinds[n % 3]) for n in range(len(found))]
    results = []
    for run in (build_c(program), lambda *args: interpret(program, *args)):
        got = [np.zeros(count, object) for _ in range(2 * len(found))]
        run(data, *columns, *got)
        results.append(got)
    for number, dtype in enumerate(found):
        expected = to_elements(data, dtype, "constant").tolist()
        for got in results:
            for column in (got[number], got[number + len(found)]):
                assert ta.raw(column, dtype).tolist() == expected, dtype


def test_every_kind_of_number_is_the_same_number() -> None:
    rng = random.Random(3)
    for dtype in types(rng):
        data = numbers(rng, 40).astype(np.float32)
        exact = np.array([Fraction(*ratio(x)) for x in data], object)
        wide = quantised(exact, dtype).tolist()
        assert quantised(data, dtype).tolist() == wide == quantised(data.astype(np.float64), dtype).tolist()
        whole = np.array([rng.randint(-200, 200) for _ in range(40)], np.int16)
        ways = (whole, whole.astype(np.int64), whole.astype(np.float32), whole.astype(object))
        assert len({tuple(quantised(way, dtype).tolist()) for way in ways}) == 1


def test_huge_and_tiny_numbers_are_exact() -> None:
    dtype = Fixed(40, 1000, rounding="RND", overflow="SAT")
    assert quantised(np.array([2.0**-1001, 2.0**-1002, 5e-324, 1e308, -1e308]), dtype).tolist() == [
        1, 0, 0, (1 << 39) - 1, -(1 << 39),
    ]  # fmt: skip
    dtype = Fixed(1024, -8, rounding="RND_ZERO")
    assert quantised(np.array([384.0, -384.0, 385.0]), dtype).tolist() == [1, -1, 2]


ODD = ta.Fixed(6, 2, rounding="RND_CONV", overflow="SAT_SYM")
GIVEN, HELD = [0.125, 0.375, -0.125, 100.0, -100.0, -8.0], [0.0, 0.5, 0.0, 7.75, -7.75, -7.75]
PAIR = ta.Struct(x=ODD, n=ta.int8)


@kernel
def tables(out: ODD[4, 6]):
    fixed, kept = ta.constant(np.array(GIVEN), ODD), ta.state(np.array(GIVEN), ODD)
    pairs = ta.constant(np.array([(x, 1) for x in GIVEN], [("x", "f8"), ("n", "i1")]), PAIR)
    for i in grid(6):
        out[0, i] = fixed[i]
        out[1, i] = kept[i]
        out[2, i] = pairs[i].x
        out[3, i] = 1.0


@kernel
def literals(out: ODD[3, 6]):
    for n, x in enumerate(GIVEN):
        out[0, n] = x
        start = ta.scalar(ODD, x)
        out[1, n] = start
        out[2, n] = np.float32(x)


@kernel
def scalar(x: ODD = 0.375) -> ODD:
    return x


@kernel
def elements(A: ODD[6], P: PAIR[6], q: ta.Stream[ODD, 8], r: ta.Stream[ODD, 8]) -> (ODD[6], PAIR[6]):
    C, D = ta.empty((6,), ODD), ta.empty((6,), PAIR)
    for i in grid(6):
        C[i] = A[i]
        D[i] = P[i]
        r.put(q.get())
    return C, D


def run_all(traced: Any, make: Any) -> list[Any]:
    """What `make` gives of every way to run a kernel."""
    s = ta.customize(traced)
    ways = (traced, s.build(), s.build("vitis_hls", mode="csim"), lambda *a: interpret(traced.trace(), *a))
    return [make(way) for way in ways]


def test_tables_and_literals_are_stored_as_stores_do() -> None:
    def into(run: Any) -> Any:
        out = np.full((4, 6), np.nan)
        run(out)
        return out.tolist()

    assert run_all(tables, into) == 4 * [[HELD, HELD, HELD, 6 * [1.0]]]

    def three(run: Any) -> Any:
        out = np.zeros((3, 6), np.float32)
        run(out)
        return out.tolist()

    assert run_all(literals, three) == 4 * [[HELD, HELD, HELD]]


@pytest.mark.parametrize(
    "held", [float, np.float32, np.float64, np.float16, ml_dtypes.bfloat16, Fraction, Decimal]
)
def test_scalars_are_numbers(held: Any) -> None:
    for given, expected in zip(GIVEN, HELD, strict=True):
        found = run_all(scalar, lambda run, given=given: run(held(given)))
        assert found == 4 * [expected] and all(isinstance(item, float) for item in found)
    assert scalar() == 0.5 and scalar(3) == scalar(np.int8(3)) == 3.0


def test_elements_fields_and_queues_are_floats() -> None:
    pairs = np.array([(x, 1) for x in GIVEN], [("x", "f4"), ("n", "i1")])

    def make(run: Any) -> Any:
        given, taken = deque(GIVEN), deque()
        c, d = run(np.array(GIVEN), pairs, given, taken)
        assert c.dtype == np.float64 and d.dtype == np.dtype([("x", "f8"), ("n", "i1")])
        assert all(type(item) is np.float64 for item in taken)
        return c.tolist(), d["x"].tolist(), list(given), list(taken)

    assert run_all(elements, make) == 4 * [(HELD, HELD, [], HELD)]


@kernel
def add_one(A: ta.Fixed(12, 4)[4]):
    for i in grid(2):
        A[i] = A[i] + 1


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64, object])
def test_arrays_that_are_written_get_the_values(dtype: Any) -> None:
    def make(run: Any) -> Any:
        a = np.array([1.5, -2.25, 3, 0.3]).astype(dtype)
        run(a)
        return a.tolist()

    assert run_all(add_one, make) == 4 * [[2.5, -1.25, 3.0, 0.25]]


def test_integers_are_numbers_and_cannot_take_fractions() -> None:
    pairs = np.zeros(6, [("x", "i4"), ("n", "i1")])
    whole = np.array([1, 2, 3, -1, 7, 9], np.int8)
    found = run_all(elements, lambda run: run(whole, pairs, deque(range(6)), deque())[0].tolist())
    assert found == 4 * [[1, 2, 3, -1, 7, 7.75]]
    with pytest.raises(ArgumentError) as caught:
        add_one(np.zeros(4, np.int16))
    assert str(caught.value).splitlines()[0] == (
        "TA703 add_one: argument 'A' has dtype int16, expected float64 (for Fixed(12, 4))"
    )
    assert caught.value.because == (
        "integers are numbers, not bits, and cannot hold the fractions that come out",
    )
    assert caught.value.hint == "make it with dtype np.float64: the kernel writes to it"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf"), ("a", "'a'"), (1j, "1j"), (None, "None")],
)
def test_what_is_no_number_is_named(value: Any, shown: str) -> None:
    data = np.array([[1.0, 2.0, 3.0, 4.0]], object)[0]
    data[2] = value
    given = data.astype(float) if isinstance(value, float) else data
    with pytest.raises(ArgumentError) as caught:
        add_one(given)
    assert caught.value.summary == (
        f"add_one: argument 'A' holds {shown} at index [2], which Fixed(12, 4) does not: "
        "expected a finite number"
    )
    with pytest.raises(ArgumentError):
        scalar(value)
    with pytest.raises(ArgumentError):
        interpret(add_one.trace(), given)


@kernel
def make_wide(A: ta.Fixed(100, 40)[2]) -> ta.Fixed(100, 40)[2]:
    C = ta.empty((2,), ta.Fixed(100, 40))
    for i in grid(2):
        C[i] = A[i] + A[i]
    return C


def test_wide_types_are_rounded_once_and_exact_in_object_arrays() -> None:
    T = ta.Fixed(100, 40)
    bits = [(1 << 90) + 1, -(1 << 70) - 3]
    given = ta.from_raw(bits, T)
    assert ta.raw(given, T).tolist() == bits and all(isinstance(item, Fraction) for item in given)
    for found in run_all(make_wide, lambda run: run(given)):
        assert found.dtype == np.float64
        assert found.tolist() == [float(2 * item) for item in given]
    module = build_c(make_wide.trace())
    assert ta.raw(module.exact(given), T).tolist() == [2 * item for item in bits]


@kernel
def store_wide(A: ta.Fixed(100, 40)[2], C: ta.Fixed(100, 40)[2]):
    for i in grid(2):
        C[i] = A[i]


def test_floats_that_are_written_are_rounded_once() -> None:
    """The nearest float32 of a wide number is not the nearest of its nearest float64."""
    T = ta.Fixed(100, 40)
    number = Fraction((1 << 24) + 1) + Fraction(1, 1 << 40)
    given, out = np.array([number, -number], object), np.zeros(2, np.float32)
    store_wide(given, out)
    assert out.tolist() == [2.0**24 + 2, -(2.0**24) - 2]
    exact = np.zeros(2, object)
    store_wide(given, exact)
    assert exact.tolist() == [number, -number]
    assert ta.raw(given, T).tolist() == [int(number * 2**40), -int(number * 2**40)]


def test_data_files_have_the_bits(tmp_path: Any) -> None:
    files = ta.customize(store_wide).build("vitis_hls").files
    given, expected = (files[f"data/{name}.txt"].splitlines()[1:] for name in ("A", "C_expected"))
    assert given == expected and "000000" not in given[0][:200].replace(" ", "")[26:32]
    narrow = ta.customize(add_one).build("vitis_hls", inputs={"A": np.array([1.5, -0.25, 2, 3])}).files
    assert narrow["data/A.txt"].splitlines()[1:] == ["0018 fffc 0020 0030"]
    assert narrow["data/A_expected.txt"].splitlines()[1:] == ["0028 000c 0020 0030"]


def test_raw_and_from_raw() -> None:
    T, U = ta.Fixed(8, 3), ta.UFixed(5, -2)
    assert ta.raw([1.5, -2, 300], T).tolist() == [12, -16, 96]
    assert ta.raw(1.5, T) == 12 and ta.from_raw(12, T) == 1.5
    assert ta.from_raw(np.array([[200, 12]], np.uint8), T).tolist() == [[-7.0, 1.5]]
    assert ta.raw([8, 9.5], U).dtype == np.uint8 and ta.from_raw([31], U).tolist() == [124.0]
    pair = np.array([(1.5, 2)], [("x", float), ("n", "i1")])
    bits = ta.raw(pair, ta.Struct(x=T, n=ta.int8))
    assert bits.tolist() == [(12, 2)] and ta.from_raw(bits, ta.Struct(x=T, n=ta.int8)).tolist() == [(1.5, 2)]
    rng = random.Random(1)
    for dtype in types(rng):
        box = Integer(dtype.width, dtype.signed)
        numbers = [box.low, box.high, *(rng.randint(box.low, box.high) for _ in range(9))]
        least = box.low + (dtype.overflow == "SAT_SYM" and dtype.signed and dtype.width > 1)
        back = ta.raw(ta.from_raw(numbers, dtype), dtype).tolist()
        assert back == [max(number, least) for number in numbers], dtype


T83 = ta.Fixed(8, 3)
REFUSED = [
    (
        lambda: ta.raw([1, math.nan], T83),
        "ta.raw: nan at index [1] is no finite number, and Fixed(8, 3) holds nothing else",
    ),
    (lambda: ta.raw("a", T83), "ta.raw: 'a' is no finite number, and Fixed(8, 3) holds nothing else"),
    (lambda: ta.raw([1], ta.int8), "ta.raw takes a fixed-point type, not int8"),
    (
        lambda: ta.raw(np.array([1j]), T83),
        "ta.raw takes real numbers for Fixed(8, 3), not an array of complex128",
    ),
    (lambda: ta.from_raw([1.5], T83), "ta.from_raw: 1.5 at index [0] is no integer of 8 bits"),
    (lambda: ta.from_raw(300, T83), "ta.from_raw: 300 is no integer of 8 bits"),
]


@pytest.mark.parametrize(("call", "said"), REFUSED)
def test_refusals_of_raw(call: Any, said: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        call()
    assert caught.value.summary == said and caught.value.place is not None


@pytest.mark.parametrize("dtype", [float16, bfloat16, float32])
def test_floats_are_rounded_once(dtype: Float) -> None:
    """As a literal, in a table, as an argument: not by way of a type in between."""
    step = 2.0**-dtype.mantissa
    value = 1 + step / 2 + 2.0**-40  # a tie once something between has cut the last bit
    assert nearest(value, dtype) == 1 + step
    assert float(to_elements(np.array([value]), dtype, "constant")[0]) == 1 + step

    @kernel
    def literal(out: dtype[2], x: dtype):
        out[0] = value
        out[1] = x

    out = np.zeros(2, to_elements(np.array([1.0]), dtype, "constant").dtype)
    literal(out, value)
    assert [float(item) for item in out] == [1 + step, 1 + step]


def test_text_of_fixed_point_shows_all_digits() -> None:
    assert fixed_text(3, ta.Fixed(8, 1)) == "1.5" and fixed_text(-3, ta.Fixed(8, -2)) == "-12.0"
    assert fixed_text((1 << 70) + 1, ta.Fixed(90, 4)) == "73786976294838206464.0625"
    assert fixed_text((1 << 1020) + 1, ta.Fixed(1024, -9)) == str(((1 << 1020) + 1) << 9)
