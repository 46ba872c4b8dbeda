"""Random typed expressions, and an evaluation of integer ones that shares nothing with the package."""

from __future__ import annotations

import random

from tracealloc.trace.ir.dtype import (
    OVERFLOWS,
    ROUNDINGS,
    Boolean,
    DType,
    Fixed,
    Float,
    Integer,
    boolean,
    index,
)
from tracealloc.trace.ir.expr import (
    Binary,
    Bits,
    Cast,
    Compare,
    Const,
    Expr,
    Iter,
    IterRef,
    Load,
    Logical,
    Select,
    SetBits,
    Unary,
    walk,
)
from tracealloc.trace.ir.program import Array, Loop, Program, Store
from tracealloc.trace.queries import typing_rules

ROW = Iter("row", "row")
OPERATIONS = ["+", "-", "*", "//", "%", "&", "|", "^", "<<", ">>", "min", "max", "neg", "inv", "abs", "cast"]
OPERATIONS += ["cast", "select", "compare", "bits", "set"]


def any_integer(rng: random.Random, wide: int = 70) -> Integer:
    """An integer type, native widths more often than others."""
    width = rng.choice([rng.randint(1, wide), rng.choice([1, 7, 8, 16, 31, 32, 33, 63, 64])])
    return Integer(min(width, wide), rng.random() < 0.6)


def any_fixed(rng: random.Random, widest: int = 40) -> Fixed:
    """A fixed-point type with random modes."""
    width = rng.randint(2, widest)
    frac = rng.randint(-3, width + 3)
    return Fixed(width, frac, rng.random() < 0.6, rng.choice(ROUNDINGS), rng.choice(OVERFLOWS))


def corner_values(rng: random.Random, dtype: Integer | Fixed, count: int) -> list[int]:
    """Values at the ends, around zero, powers of two and random ones."""
    box = Integer(dtype.width, dtype.signed)
    found = []
    for _ in range(count):
        power = 1 << rng.randint(0, dtype.width)
        base = rng.choice([0, box.low, box.high, power, rng.getrandbits(dtype.width)])
        found.append(box.wrap(base * rng.choice([1, -1]) + rng.randint(-1, 1)))
    return found


def integer_tree(rng: random.Random, leaves: list[Expr], depth: int) -> Expr:
    """A random integer expression over `leaves`, no wider than some thousand bits."""
    if depth == 0 or rng.random() < 0.1:
        if rng.random() < 0.2:
            return typing_rules.lift(
                rng.choice([0, 1, 2, 3, 4, 7, 8, -1, -5, 255, 1 << 31, -(1 << 31), 1 << 40])
            )
        return rng.choice(leaves)
    a = integer_tree(rng, leaves, depth - 1)
    b = integer_tree(rng, leaves, depth - 1)
    kind = rng.choice(OPERATIONS)
    if kind in {"+", "-", "*", "//", "%", "&", "|", "^", "<<", ">>"}:
        if a.dtype == b.dtype == boolean:
            a = typing_rules.convert(a, Integer(1, False))
        return typing_rules.binary(kind, a, b)
    if kind in {"min", "max"}:
        return typing_rules.minmax(kind, a, b)
    if kind == "select":
        return typing_rules.select(typing_rules.compare(rng.choice(["<", "==", ">="]), a, b), a, b)
    if kind == "compare":
        return typing_rules.compare(rng.choice(["==", "!=", "<", "<=", ">", ">="]), a, b)
    if a.dtype == boolean:
        return typing_rules.convert(a, any_integer(rng))
    if kind == "cast":
        return typing_rules.convert(a, any_integer(rng))
    if kind in {"bits", "set"}:
        width = rng.randint(1, a.dtype.bits)
        low: Expr = Const(rng.randint(0, a.dtype.bits - width), index)
        if rng.random() < 0.3 and b.dtype != boolean and not isinstance(b, Const):
            low = typing_rules.convert(typing_rules.convert(b, Integer(3, False)), index)
        if kind == "bits":
            return typing_rules.get_bits(a, low, width)
        return typing_rules.set_bits(a, low, width, typing_rules.convert(b, Integer(width, False)))
    return typing_rules.unary({"neg": "-", "inv": "~", "abs": "abs"}[kind], a)


def batch(trees: list[tuple[Expr, DType]], inputs: list[Array], rows: int) -> Program:
    """A program that evaluates every tree for each row of the inputs, converted to the type given."""
    outputs, stores = [], []
    for number, (tree, dtype) in enumerate(trees):
        array = Array(f"y{number}", f"y{number}", dtype, (rows,), "argument")
        outputs.append(array)
        stores.append(Store(array, (IterRef(ROW),), typing_rules.convert(tree, dtype)))
    body = Loop(ROW, Const(0, index), Const(rows, index), 1, tuple(stores))
    return Program("batch", (*inputs, *outputs), (body,))


def column(name: str, dtype: DType, rows: int) -> tuple[Array, Expr]:
    """An input and its element of the row at hand."""
    array = Array(name, name, dtype, (rows,), "argument")
    return array, Load(array, (IterRef(ROW),))


def too_wide(tree: Expr, most: int) -> bool:
    """Whether a subexpression is wider than `most` bits."""
    return any(node.dtype.bits > most for node in walk(tree))


def evaluate(expr: Expr, row: dict[str, int]) -> int:
    """An integer or boolean expression on Python integers, by the definitions in `dtype`'s docstring."""
    dtype = expr.dtype
    box = Integer(1, False) if isinstance(dtype, Boolean) else dtype
    if not isinstance(box, Integer):
        box = Integer(64, True)
    match expr:
        case Const(value=value):
            return int(value)
        case Load(array=array):
            return row[array.key]
        case Unary(op=op, operand=operand):
            x = evaluate(operand, row)
            return box.wrap({"-": -x, "~": ~x, "abs": abs(x), "not": int(not x)}[op])
        case Binary(op=op, left=left, right=right):
            return box.wrap(_apply(op, evaluate(left, row), evaluate(right, row)))
        case Compare(op=op, left=left, right=right):
            x, y = evaluate(left, row), evaluate(right, row)
            tests = {"==": x == y, "!=": x != y, "<": x < y, "<=": x <= y, ">": x > y, ">=": x >= y}
            return int(tests[op])
        case Logical(op=op, operands=operands):
            values = [evaluate(part, row) for part in operands]
            return int(all(values) if op == "and" else any(values))
        case Select(cond=cond, then=then, orelse=orelse):
            return evaluate(then if evaluate(cond, row) else orelse, row)
        case Cast(operand=operand):
            x = evaluate(operand, row)
            return int(x != 0) if isinstance(dtype, Boolean) else box.wrap(x)
        case Bits(operand=operand, low=low):
            width = operand.dtype.bits
            return box.wrap((evaluate(operand, row) & ((1 << width) - 1)) >> evaluate(low, row))
        case SetBits(operand=operand, low=low, value=value):
            at, width = evaluate(low, row), value.dtype.bits
            mask = ((1 << width) - 1) << at
            new = (evaluate(value, row) & ((1 << width) - 1)) << at
            return box.wrap((evaluate(operand, row) & ~mask) | new)
        case _:
            raise AssertionError(type(expr))


def _apply(op: str, x: int, y: int) -> int:
    match op:
        case "//":
            return x // y if y else 0
        case "%":
            return x % y if y else x
        case "<<" | ">>":
            left = (op == "<<") == (y >= 0)
            count = min(abs(y), 5000)
            return x << count if left else x >> count
        case "min":
            return min(x, y)
        case "max":
            return max(x, y)
        case _:
            return {"+": x + y, "-": x - y, "*": x * y, "&": x & y, "|": x | y, "^": x ^ y}[op]


def is_float(dtype: DType) -> bool:
    """Whether a type is floating point."""
    return isinstance(dtype, Float)
