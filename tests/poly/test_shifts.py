"""Shifts and masks of iterators by constants, and complements, are affine: isl holds them exactly."""

from __future__ import annotations

import random
from collections.abc import Callable

import islpy as isl
import pytest
from common import check_round_trip

import tracealloc as ta
from tracealloc import grid, int32, kernel
from tracealloc.poly.isl.texts import aff_text, cond_text
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Binary, Compare, Const, Expr, Iter, IterRef, Unary
from tracealloc.trace.queries.affine import constant, is_affine, linear, simplify

I = Iter("i", "i")
OPS = ("+", "-", "*", "//", "%", "<<", ">>", "&", "min", "max")


def some(rng: random.Random, depth: int) -> Expr:
    """A random affine expression of one iterator."""
    if depth == 0:
        return IterRef(I) if rng.random() < 0.7 else constant(rng.randint(-9, 9))
    op = rng.choice((*OPS, "~"))
    left = some(rng, depth - 1)
    match op:
        case "~":
            return Unary("~", left, index)
        case "+" | "-" | "min" | "max":
            return Binary(op, left, some(rng, depth - 1), index)
        case "&":
            mask = constant((1 << rng.randint(0, 4)) - 1)
            return Binary(op, left, mask, index) if rng.random() < 0.5 else Binary(op, mask, left, index)
        case "*":
            return Binary(op, left, constant(rng.randint(-3, 3)), index)
        case "//" | "%":
            return Binary(op, left, constant(rng.randint(1, 5)), index)
        case _:
            return Binary(op, left, constant(rng.randint(0, 3)), index)


def value(expr: Expr, i: int) -> int:
    """What Python makes of it."""
    match expr:
        case Const(value=number):
            return int(number)
        case IterRef():
            return i
        case Unary(op="~", operand=operand):
            return ~value(operand, i)
        case Unary(op="-", operand=operand):
            return -value(operand, i)
        case Binary(op=op, left=left, right=right):
            a, b = value(left, i), value(right, i)
            known: dict[str, Callable[[int, int], int]] = {
                "+": int.__add__, "-": int.__sub__, "*": int.__mul__, "//": int.__floordiv__,
                "%": int.__mod__,
                "<<": int.__lshift__, ">>": int.__rshift__, "&": int.__and__, "min": min, "max": max,
            }  # fmt: skip
            return known[op](a, b)
    raise AssertionError(expr)


@pytest.mark.parametrize("seed", range(60))
def test_isl_holds_what_python_computes(seed: int) -> None:
    rng = random.Random(seed)
    expr = some(rng, 3)
    assert is_affine(expr) and linear(expr) is not None
    condition = Compare(rng.choice(("<", ">=", "==")), expr, constant(rng.randint(-5, 5)))
    for form in (expr, simplify(expr)):
        assert [value(form, i) for i in range(-20, 21)] == [value(expr, i) for i in range(-20, 21)]
        pairs = isl.Map(f"{{ [i] -> [{aff_text(form, {I: 'i'})}] : -20 <= i <= 20 }}")
        expected = isl.Map("{ " + "; ".join(f"[{i}] -> [{value(expr, i)}]" for i in range(-20, 21)) + " }")
        assert pairs.is_equal(expected)
    compare = {"<": int.__lt__, ">=": int.__ge__, "==": int.__eq__}[condition.op]
    level = value(condition.right, 0)
    for cond in (condition, simplify(condition)):
        true = isl.Set(f"{{ [i] : -20 <= i <= 20 and {cond_text(cond, {I: 'i'})} }}")
        for i in range(-20, 21):
            assert isl.Set(f"{{ [{i}] }}").is_subset(true) == compare(value(expr, i), level)


@kernel
def butterflies(A: int32[16], B: int32[16], C: int32[16]):
    for g in grid(8):
        low = ((g >> 2) << 3) + (g & 3)
        B[low] = A[low] + A[low + 4]
        B[low + 4] = A[low] - A[low + 4]
    for i in grid(16):
        if (i & 1) == 0:
            C[i] = B[~i + 16]
        if i >> 3 == 1:
            C[i] += B[7 & i]


def test_shifts_and_masks_are_moved_like_quotients() -> None:
    """They counted as accesses to every element: each of these steps was refused."""
    s = ta.customize(butterflies)
    s.reverse("g")
    s.parallel("g")
    s.split("g", 4)
    s.buffer_at(s.A, "g.outer")
    s.parallel("i")
    s.reverse("i")
    check_round_trip(s, butterflies)
