"""The normal form of index expressions keeps values; it knows quotients that differ by a linear form."""

from __future__ import annotations

import random

import pytest

from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Binary, Const, Expr, Iter, IterRef, Unary
from tracealloc.trace.ir.text import expr_text
from tracealloc.trace.queries.affine import constant, simplify

I, J = (IterRef(Iter(name, name)) for name in "ij")


def value(expr: Expr, at: dict[str, int]) -> int:
    """An index expression at a point."""
    match expr:
        case Const(value=number):
            return int(number)
        case IterRef(iter=it):
            return at[it.name]
        case Unary(operand=operand):
            return -value(operand, at)
        case Binary(op=op, left=left, right=right):
            a, b = value(left, at), value(right, at)
            return {"+": a + b, "-": a - b, "*": a * b, "//": a // (b or 1), "%": a % (b or 1)}[op]
    raise AssertionError(expr)


def times(factor: int, expr: Expr) -> Expr:
    return Binary("*", constant(factor), expr, index)


def random_sum(rng: random.Random) -> Expr:
    found: Expr = constant(rng.randrange(-5, 6))
    for it in (I, J):
        if rng.random() < 0.7:
            found = Binary("+", found, times(rng.randrange(-4, 5), it), index)
    return found


@pytest.mark.parametrize("seed", range(8))
def test_values_stay(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(200):
        expr = random_sum(rng)
        for _ in range(rng.choice([1, 2, 3])):
            part = Binary(rng.choice(["//", "%"]), random_sum(rng), constant(rng.choice([2, 2, 3])), index)
            expr = Binary(rng.choice("+-"), expr, times(rng.choice([1, 2, -1, 3]), part), index)
        simple = simplify(expr)
        for _ in range(5):
            at = {"i": rng.randrange(-9, 9), "j": rng.randrange(-9, 9)}
            assert value(simple, at) == value(expr, at), (expr_text(expr), expr_text(simple), at)


def test_quotients_that_differ_by_a_linear_form() -> None:
    half, up = (Binary("//", e, constant(2), index) for e in (I, Binary("+", I, constant(1), index)))
    both = Binary("+", half, up, index)
    assert expr_text(simplify(both)) == "i"
    assert expr_text(simplify(Binary("+", both, J, index))) == "i + j"
    assert expr_text(simplify(up)) == "(i + 1) // 2"
    third = Binary(
        "+", Binary("%", I, constant(3), index), times(3, Binary("//", I, constant(3), index)), index
    )
    assert expr_text(simplify(third)) == "i"
