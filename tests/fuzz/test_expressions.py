"""Random typed expressions, made without the tracer: the C build against the interpreter, bit for bit."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from tests.fuzz.run import Mismatch, compare, copies, sample
from tracealloc.check.interpret.interpret import interpret
from tracealloc.emit.run.runtime import build_c
from tracealloc.trace.ir.dtype import (
    OVERFLOWS,
    ROUNDINGS,
    DType,
    Fixed,
    Float,
    Integer,
    as_integer,
    bfloat16,
    boolean,
    float16,
    float32,
    float64,
    index,
    result_type,
    union_type,
)
from tracealloc.trace.ir.expr import (
    Binary,
    Bitcast,
    Bits,
    Cast,
    Compare,
    Const,
    Expr,
    Intrinsic,
    Iter,
    IterRef,
    Load,
    Logical,
    Select,
    SetBits,
    Unary,
)
from tracealloc.trace.ir.program import Array, Loop, Program, Store

FLOATS = [float16, bfloat16, float32, float64]
FUNCTIONS = [
    "exp",
    "log",
    "log2",
    "log10",
    "sqrt",
    "rsqrt",
    "sin",
    "cos",
    "tan",
    "tanh",
    "floor",
    "ceil",
    "erf",
]
WIDTHS = [1, 2, 3, 5, 7, 8, 9, 13, 16, 17, 24, 31, 32, 33, 48, 63, 64, 65, 80, 127, 128, 129, 200]
VECTOR = 24  # elements of each input


class ExpressionGenerator:
    """Random expressions over random arrays."""

    def __init__(self, seed: int, widest: int = 200) -> None:
        self.rng = random.Random(seed)
        self.widest = widest
        self.iter = Iter("i", "i")
        self.inputs = [
            Array(f"x{n}", f"x{n}", self.dtype(), (VECTOR,), "argument")
            for n in range(self.rng.randint(2, 4))
        ]

    def dtype(self) -> DType:
        roll = self.rng.random()
        if roll < 0.5:
            width = self.rng.choice([w for w in WIDTHS if w <= self.widest])
            return Integer(width, self.rng.random() < 0.5)
        if roll < 0.55:
            return boolean
        if roll < 0.8:
            return self.rng.choice(FLOATS)
        width = self.rng.choice([2, 4, 8, 12, 16, 20, 32, 40])
        signed = self.rng.random() < 0.6
        overflow = self.rng.choice([mode for mode in OVERFLOWS if signed or mode != "WRAP_SM"])
        frac = self.rng.randint(0, width)
        return Fixed(width, frac, signed, self.rng.choice(ROUNDINGS), overflow)

    def cast(self, expr: Expr, dtype: DType) -> Expr:
        return expr if expr.dtype == dtype else Cast(expr, dtype)

    def integer(self, depth: int) -> Expr:
        """An expression that counts as an integer."""
        found = self.expr(depth)
        if as_integer(found.dtype) is not None:
            return found
        return Cast(found, Integer(self.rng.choice(WIDTHS[:17]), self.rng.random() < 0.5))

    def atom(self) -> Expr:
        roll = self.rng.random()
        if roll < 0.08:
            return IterRef(self.iter)
        if roll < 0.2:
            value = self.rng.choice([0, 1, 3, 7, 100, -1, -9])
            return Const(value, Integer(8, True))
        return Load(self.rng.choice(self.inputs), (IterRef(self.iter),))

    def expr(self, depth: int) -> Expr:
        if depth == 0:
            return self.atom()
        roll = self.rng.random()
        if roll < 0.5:
            return self.binary(depth)
        if roll < 0.62:
            return self.cast(self.expr(depth - 1), self.dtype())
        if roll < 0.7:
            return self.unary(depth)
        if roll < 0.78:
            a, b = self.expr(depth - 1), self.expr(depth - 1)
            dtype = union_type(a.dtype, b.dtype)
            assert dtype is not None
            return Select(self.condition(depth - 1), self.cast(a, dtype), self.cast(b, dtype))
        if roll < 0.84:
            return self.cast(self.condition(depth - 1), Integer(3, True))
        if roll < 0.94:
            return self.bits(depth)
        name, dtype = self.rng.choice(FUNCTIONS), self.rng.choice(FLOATS)
        return Intrinsic(name, (self.cast(self.expr(depth - 1), dtype),), dtype)

    def condition(self, depth: int) -> Expr:
        a, b = self.expr(max(depth, 0)), self.expr(0)
        dtype = union_type(a.dtype, b.dtype)
        if isinstance(dtype, Float):
            a, b = self.cast(a, dtype), self.cast(b, dtype)
        found: Expr = Compare(self.rng.choice(["==", "!=", "<", "<=", ">", ">="]), a, b)
        if depth > 0 and self.rng.random() < 0.3:
            found = Logical(self.rng.choice(["and", "or"]), (found, self.condition(0)))
        return Unary("not", found, boolean) if self.rng.random() < 0.15 else found

    def binary(self, depth: int) -> Expr:
        op = self.rng.choice(
            ["+", "-", "*", "+", "-", "*", "/", "//", "%", "&", "|", "^", "<<", ">>", "min", "max"]
        )
        a, b = self.expr(depth - 1), self.expr(depth - 1)
        if op in ("min", "max"):
            dtype = union_type(a.dtype, b.dtype)
            assert dtype is not None
            return Binary(op, self.cast(a, dtype), self.cast(b, dtype), dtype)
        if op in ("<<", ">>"):
            b = self.cast(b, Integer(5, True)) if self.rng.random() < 0.9 else b
            if as_integer(b.dtype) is None:
                return a
        dtype = result_type(op, a.dtype, b.dtype)
        if dtype is None or dtype.bits > 700:
            return a
        if isinstance(dtype, Float):
            a, b = self.cast(a, dtype), self.cast(b, dtype)
        return Binary(op, a, b, dtype)

    def unary(self, depth: int) -> Expr:
        operand = self.expr(depth - 1)
        op = self.rng.choice(["-", "abs", "~"])
        dtype = operand.dtype
        if isinstance(dtype, Float):
            return operand if op == "~" else Unary(op, operand, dtype)
        if isinstance(dtype, Fixed):
            return operand if op == "~" else Unary(op, operand, Fixed(dtype.width + 1, dtype.frac))
        integer = as_integer(dtype)
        assert integer is not None
        if dtype == index:
            return operand if op == "~" else Unary(op, operand, index)
        if op == "~":
            return Unary(op, operand, dtype)
        return Unary(op, operand, Integer(integer.width + 1, True))

    def bits(self, depth: int) -> Expr:
        word = self.integer(depth - 1)
        width = word.dtype.bits
        if word.dtype == boolean or width > 300:
            return word
        taken = self.rng.randint(1, width)
        low: Expr = Const(self.rng.randint(0, width - taken), index)
        roll = self.rng.random()
        if roll < 0.5:
            return Bits(word, low, Integer(taken, False))
        if roll < 0.8:
            return SetBits(word, low, self.cast(self.integer(0), Integer(taken, False)))
        # A bitcast to a float would let NaN payloads in, which the hardware need not keep.
        return Bitcast(word, Integer(width, self.rng.random() < 0.5))

    def program(self, statements: int) -> Program:
        """A loop over the inputs with one store for each expression."""
        stores, outputs = [], []
        for number in range(statements):
            value = self.expr(self.rng.randint(1, 4))
            dtype = self.dtype() if self.rng.random() < 0.4 or value.dtype.bits > 900 else value.dtype
            out = Array(f"y{number}", f"y{number}", dtype, (VECTOR,), "argument")
            outputs.append(out)
            stores.append(Store(out, (IterRef(self.iter),), self.cast(value, dtype)))
        zero, stop = Const(0, index), Const(VECTOR, index)
        body = (Loop(self.iter, zero, stop, 1, tuple(stores)),)
        return Program("expressions", (*self.inputs, *outputs), body)


def check(seed: int, statements: int = 12) -> None:
    program = ExpressionGenerator(seed).program(statements)
    rng = random.Random(seed)
    args: list[Any] = [sample(array.dtype, array.shape, rng) for array in program.args]
    mine, theirs = copies(args), copies(args)
    interpret(program, *mine)
    build_c(program)(*theirs)
    compare(("interpreter", mine), ("C", theirs), [a.name for a in program.args])


@pytest.mark.parametrize("batch", range(5))
def test_expressions(batch: int, long_mode: bool) -> None:
    with np.errstate(all="ignore"):
        count = 60 if long_mode else 4
        for seed in range(batch * count, (batch + 1) * count):
            try:
                check(seed)
            except Mismatch as error:
                raise AssertionError(f"seed {seed}: {error}") from error
