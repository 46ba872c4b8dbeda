"""Fixed point and floating point in emitted C against the interpreter, bit for bit."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest

import tracealloc as ta
from tests.emit import expressions as ex
from tracealloc.check.interpret.interpret import interpret
from tracealloc.emit.common.numpy_types import container
from tracealloc.emit.run.runtime import build_c
from tracealloc.kernel import kernel
from tracealloc.trace.ir.dtype import (
    DType,
    Fixed,
    Float,
    Integer,
    bfloat16,
    boolean,
    float16,
    float32,
    float64,
)
from tracealloc.trace.ir.expr import Expr
from tracealloc.trace.proxies.functional import scalar
from tracealloc.trace.proxies.loops import grid
from tracealloc.trace.queries import typing_rules

ROWS = 40
FLOATS = (float16, bfloat16, float32, float64)
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 1e-45, 1e-8, -6e-8, 65504.0, 65520.0, 1e10, -3e38, 0.1]
SPECIAL += [3.4028235e38, 2.0**31, -(2.0**31), 2.0**63, 1.5 * 2.0**70, 1e300]
SPECIAL += [float("inf"), float("-inf"), float("nan")]


def values_of(rng: random.Random, dtype: DType) -> np.ndarray:
    """A column of values: corners and random ones."""
    if isinstance(dtype, Float):
        items = [rng.choice(SPECIAL) if rng.random() < 0.5 else rng.uniform(-9, 9) * 2.0 ** rng.randint(-8, 8)
                 for _ in range(ROWS)]  # fmt: skip
        with np.errstate(over="ignore"):
            return (
                np.array(items)
                .astype(np.float32 if dtype == bfloat16 else np.float64)
                .astype(container(dtype))
            )
    assert isinstance(dtype, Integer | Fixed)
    values = np.array(ex.corner_values(rng, dtype, ROWS), object)
    found: np.ndarray = (
        ta.from_raw(values, dtype) if isinstance(dtype, Fixed) else values.astype(container(dtype))
    )
    return found


def check(seed: int, types: Callable[[random.Random], DType], trees: int, make: Callable[..., Expr]) -> None:
    rng = random.Random(seed)
    inputs, leaves, columns = [], [], []
    for number in range(6):
        dtype = types(rng)
        array, leaf = ex.column(f"x{number}", dtype, ROWS)
        inputs.append(array)
        leaves.append(leaf)
        columns.append(values_of(rng, dtype))
    found: list[tuple[Expr, DType]] = []
    while len(found) < trees:
        tree = make(rng, leaves)
        if not ex.too_wide(tree, 700):
            found.append((tree, tree.dtype if rng.random() < 0.5 or tree.dtype == boolean else types(rng)))
    program = ex.batch(found, inputs, ROWS)
    outputs, wanted = ([np.zeros(ROWS, container(d, exact=True)) for _, d in found] for _ in range(2))
    module = build_c(program)
    module(*columns, *outputs)
    interpret(program, *columns, *wanted)
    for number, (got, want) in enumerate(zip(outputs, wanted, strict=True)):
        same = (got == want) | ((got != got) & (want != want))
        row = int(np.argmin(same))
        data = {array.name: column[row] for array, column in zip(inputs, columns, strict=True)}
        line = next(line for line in module.source.splitlines() if f"y{number}[row] =" in line)
        assert same.all(), (seed, number, found[number], data, got[row], want[row], line)


def fixed_tree(rng: random.Random, leaves: list[Expr]) -> Expr:
    a, b = rng.choice(leaves), rng.choice(leaves)
    match rng.choice(
        ["+", "-", "*", "/", "cast", "cast", "cast", "neg", "abs", "cmp", "&", "<<", ">>", "min", "sel"]
    ):
        case "+" | "-" | "*" | "/" | "&" as op:
            found = typing_rules.binary(op, a, b)
            return typing_rules.convert(found, ex.any_fixed(rng)) if rng.random() < 0.5 else found
        case "cast":
            to = rng.choice([ex.any_fixed(rng), ex.any_fixed(rng), ex.any_integer(rng), rng.choice(FLOATS)])
            return typing_rules.convert(a, to)
        case "neg":
            return typing_rules.unary("-", a)
        case "abs":
            return typing_rules.unary("abs", a)
        case "cmp":
            return typing_rules.compare(rng.choice(["<", "==", ">="]), a, b)
        case "<<" | ">>" as op:
            return typing_rules.binary(op, a, typing_rules.lift(rng.randint(0, 9)))
        case "min":
            return typing_rules.minmax(rng.choice(["min", "max"]), a, b)
        case _:
            return typing_rules.select(typing_rules.compare("<", a, b), b, a)


@pytest.mark.parametrize("seed", range(6))
def test_fixed_point(seed: int) -> None:
    check(seed, ex.any_fixed, 60, fixed_tree)


@pytest.mark.parametrize("seed", range(20, 22))
def test_wide_fixed_point(seed: int) -> None:
    check(seed, lambda rng: ex.any_fixed(rng, 150), 15, fixed_tree)


def float_tree(rng: random.Random, leaves: list[Expr]) -> Expr:
    a, b = rng.choice(leaves), rng.choice(leaves)
    match rng.choice(
        ["+", "-", "*", "/", "//", "%", "min", "max", "cast", "cast", "neg", "abs", "cmp", "fun", "bits"]
    ):
        case "+" | "-" | "*" | "/" | "//" | "%" as op:
            found = typing_rules.binary(op, a, b)
            return typing_rules.convert(found, rng.choice(FLOATS)) if rng.random() < 0.5 else found
        case "min" | "max" as op:
            return typing_rules.minmax(op, typing_rules.binary("+", a, b), b)
        case "cast":
            return typing_rules.convert(
                a, rng.choice([*FLOATS, ex.any_integer(rng), ex.any_fixed(rng), boolean])
            )
        case "neg":
            return typing_rules.unary("-", a)
        case "abs":
            return typing_rules.unary("abs", a)
        case "cmp":
            return typing_rules.compare(rng.choice(["<", "==", ">=", "!="]), a, b)
        case "fun":
            name = rng.choice(["exp", "sqrt", "sin", "floor", "ceil", "tanh", "rsqrt", "log", "erf"])
            return typing_rules.intrinsic(name, a)
        case _:
            return typing_rules.bitcast(a, Integer(a.dtype.bits, rng.random() < 0.5))


@pytest.mark.parametrize("seed", range(6))
def test_floating_point(seed: int) -> None:
    check(seed, lambda rng: rng.choice(FLOATS), 60, float_tree)


def integer_to_float(rng: random.Random, leaves: list[Expr]) -> Expr:
    return typing_rules.convert(rng.choice(leaves), rng.choice(FLOATS))


@pytest.mark.parametrize("seed", range(2))
def test_integers_to_floats_round_once(seed: int) -> None:
    check(seed, lambda rng: ex.any_integer(rng, 64 if seed else 200), 20, integer_to_float)


@pytest.mark.parametrize(("narrow", "wide"), [(float32, float64), (float16, float32), (float16, float64)])
def test_sums_in_a_narrow_type_are_rounded_at_every_step(narrow: Float, wide: Float) -> None:
    """gcc's vectors of unrolled sums kept the wide type from one step to the next."""

    @kernel
    def product(w: wide[5, 6], x: narrow[6], y: narrow[5]):
        for i in grid(5):
            acc = scalar(narrow, 0)
            for j in grid(6):
                acc += w[i, j] * x[j]
            y[i] = acc

    program = product.trace()
    rng = np.random.default_rng(0)
    w = rng.standard_normal((5, 6)).astype(container(wide))
    x = rng.standard_normal(6).astype(container(narrow))
    expected, found = (np.zeros(5, container(narrow)) for _ in range(2))
    interpret(program, w, x, expected)
    build_c(program)(w, x, found)
    assert np.array_equal(expected, found)
