"""Typed expression builders: literals, arithmetic by the width rules, conversions, folding.

A builder takes expressions that already have types and returns the typed node, with the conversions
that `trace.ir.expr` asks for. What has no type is a `Mistyped` with the reason; whoever knows the user's
place turns it into a `TraceError`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from tracealloc.trace.ir.dtype import (
    DType,
    Fixed,
    Float,
    Index,
    Integer,
    Struct,
    as_integer,
    boolean,
    float16,
    float64,
    index,
    literal_type,
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
    Logical,
    MakeStruct,
    Select,
    SetBits,
    Unary,
    children,
)
from tracealloc.trace.ir.quantise import nearest, quantised_one
from tracealloc.trace.queries.affine import expression, is_affine, linear

__all__ = [
    "Mistyped",
    "as_condition",
    "as_index",
    "binary",
    "bitcast",
    "cast",
    "compare",
    "convert",
    "get_bits",
    "intrinsic",
    "is_short_affine",
    "lift",
    "logical",
    "minmax",
    "minmax_of_numbers",
    "negate",
    "power",
    "round_float",
    "select",
    "set_bits",
    "unary",
]


class Mistyped(Exception):
    """An operation that the types do not allow: a code, the sentence, reasons and a cure."""

    def __init__(self, code: str, summary: str, *because: str, hint: str | None = None) -> None:
        super().__init__(summary)
        self.code, self.summary, self.because, self.hint = code, summary, because, hint


# ----------------------------------------------------------------------------------------------- literals


_RECORD = "a record has fields and no value of its own"


def round_float(value: int | float, dtype: Float) -> float:
    """`value` rounded once to `dtype`, as a Python float."""
    return value if isinstance(value, float) and dtype == float64 else nearest(value, dtype)


def lift(value: bool | int | float, partner: DType | None = None) -> Const:
    """A Python literal as a constant; `partner` is the type of the other operand.

    Float literals are weak: they take the partner's floating-point type. Integers take the least width,
    beside an `index` that type.
    """
    if isinstance(value, bool):
        return Const(value, boolean)
    if isinstance(value, int):
        if isinstance(partner, Index) and -(1 << 63) <= value < 1 << 63:
            return Const(value, index)
        if isinstance(partner, Float):
            try:
                return Const(round_float(value, partner), partner)
            except OverflowError:
                raise Mistyped("TA109", f"an integer of {value.bit_length()} bits is no {partner}",
                               "beside a float a literal is one", hint="float('inf')") from None  # fmt: skip
        return Const(value, literal_type(value))
    dtype = partner if isinstance(partner, Float) else float64
    return Const(round_float(value, dtype), dtype)


# -------------------------------------------------------------------------------------------- conversions


def convert(expr: Expr, dtype: DType) -> Expr:
    """`expr` converted to `dtype` as a store does; the same object when it has that type."""
    source = expr.dtype
    if source == dtype:
        return expr
    if isinstance(expr, MakeStruct) and isinstance(dtype, Struct) and _same_fields(source, dtype):
        parts = (convert(v, t) for v, (_, t) in zip(expr.values, dtype.fields, strict=True))
        return MakeStruct(tuple(parts), dtype)
    if isinstance(source, Struct) or isinstance(dtype, Struct):
        raise Mistyped(
            "TA109",
            f"there is no conversion from {source} to {dtype}",
            "a record has fields and no value of its own",
            hint="convert a field: p.x",
        )
    folded = _fold_conversion(expr, dtype)
    return Cast(expr, dtype) if folded is None else folded


cast = convert


def _same_fields(a: DType, b: Struct) -> bool:
    return isinstance(a, Struct) and [name for name, _ in a.fields] == [name for name, _ in b.fields]


def _fold_conversion(expr: Expr, dtype: DType) -> Const | None:
    if not isinstance(expr, Const) or isinstance(expr.type, Fixed):
        return None
    value = expr.value
    match dtype:
        case Float():
            return Const(round_float(value, dtype), dtype)
        case Integer() if isinstance(value, int):
            return Const(dtype.wrap(int(value)), dtype)
        case Index() if isinstance(value, int) and abs(value) < 1 << 63:
            return Const(int(value), dtype)
        case Fixed():
            return Const(quantised_one(value, dtype) if math.isfinite(value) else 0, dtype)
        case _ if dtype == boolean:
            return Const(bool(value), boolean)
        case _:
            return None


def as_condition(expr: Expr) -> Expr:
    """`expr` as a boolean: a number counts as true where it is not zero."""
    if expr.dtype == boolean:
        return expr
    if isinstance(expr.dtype, Struct):
        raise Mistyped(
            "TA109",
            f"a value of type {expr.dtype} is neither true nor false",
            "a record has fields and no value of its own",
            hint="test a field: p.x > 0",
        )
    return compare("!=", expr, lift(0, expr.dtype))


def as_index(expr: Expr) -> Expr:
    """An integer expression as a subscript or a loop bound, in normal form."""
    dtype = expr.dtype
    if isinstance(dtype, Index):
        return expr
    if as_integer(dtype) is None:
        raise Mistyped(
            "TA110",
            f"a subscript or a loop bound is an integer, not {dtype}",
            "rounding it would be a guess",
            hint="convert it first: x.astype(int32)",
        )
    return Const(int(expr.value), index) if isinstance(expr, Const) else Cast(expr, index)


# --------------------------------------------------------------------------------------------- arithmetic


def binary(op: str, left: Expr, right: Expr) -> Expr:
    """``left op right`` with the result type of the width rules."""
    a, b = left.dtype, right.dtype
    if op in _BIT_LOGIC and a == b == boolean:
        if op == "^":
            return compare("!=", left, right)
        return logical(_BIT_LOGIC[op], left, right)
    dtype = result_type(op, a, b)
    if dtype is None:
        raise _no_type(op, a, b)
    if isinstance(dtype, Float):
        return Binary(op, convert(left, dtype), convert(right, dtype), dtype)
    if isinstance(dtype, Index):
        return _index_binary(op, left, right)
    if isinstance(left, Const) and isinstance(right, Const) and isinstance(dtype, Integer):
        folded = _fold(op, int(left.value), int(right.value))
        if folded is not None:
            return Const(dtype.wrap(folded), dtype)
    return Binary(op, left, right, dtype)


_BIT_LOGIC = {"&": "and", "|": "or", "^": "xor"}


def _no_type(op: str, a: DType, b: DType) -> Mistyped:
    if op == "/":
        return Mistyped(
            "TA108",
            f"'/' between integers ({a} / {b}) has no integer result",
            "Python's '/' makes a real number of two integers, and no width holds it",
            hint="write a // b for the floored quotient, or a.astype(float32) / b",
        )
    return Mistyped("TA109", f"'{op}' has no meaning between {a} and {b}",
                    "no width rule gives it a type", hint="convert one: x.astype(T)")  # fmt: skip


def _index_binary(op: str, left: Expr, right: Expr) -> Expr:
    node = Binary(op, left, right, index)
    form = linear(node)
    if form is not None:
        return expression(form)
    if isinstance(left, Const) and isinstance(right, Const):
        folded = _fold(op, int(left.value), int(right.value))
        if folded is not None and abs(folded) < 1 << 63:
            return Const(folded, index)
    return node


_PYTHON: dict[str, Callable[[int, int], int]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "//": operator.floordiv, "%": operator.mod,
    "<<": operator.lshift, ">>": operator.rshift, "&": operator.and_, "|": operator.or_, "^": operator.xor,
    "min": min, "max": max,
}  # fmt: skip


def _fold(op: str, a: int, b: int) -> int | None:
    if op in ("//", "%") and b == 0:
        return None
    if op in ("<<", ">>") and not 0 <= b < 1024:
        return None
    return _PYTHON[op](a, b)


def unary(op: str, operand: Expr) -> Expr:
    """``-x``, ``~x``, ``abs x``."""
    dtype = operand.dtype
    if isinstance(dtype, Struct):
        raise Mistyped("TA109", f"'{op}' has no meaning for {dtype}", _RECORD, hint=f"{op}p.x")
    if op == "~":
        if dtype == boolean:
            return negate(operand)
        integer = as_integer(dtype)
        if integer is None:
            raise Mistyped("TA109", f"'~' has no meaning for {dtype}", "only integers have bits to turn over",
                           hint="x.bitcast(T) reads a number's bits as an integer")  # fmt: skip
        return Unary("~", operand, dtype)
    if isinstance(dtype, Float):
        if op == "-" and isinstance(operand, Const):
            return Const(-operand.value, dtype)
        return Unary(op, operand, dtype)
    if isinstance(dtype, Index):
        node = Unary(op, operand, index)
        form = linear(node)
        return node if form is None else expression(form)
    if op == "abs" and not getattr(dtype, "signed", False):
        return operand
    result = result_type("-", Integer(1, False), dtype)
    assert result is not None
    return Unary(op, operand, result)


def minmax(op: str, left: Expr, right: Expr) -> Expr:
    """``min`` or ``max`` in the least type that holds both; of floats NumPy's, which keeps NaNs."""
    dtype = union_type(left.dtype, right.dtype)
    if dtype is None or isinstance(dtype, Struct):
        raise Mistyped("TA109", f"'{op}' has no meaning between {left.dtype} and {right.dtype}", _RECORD,
                       hint=f"{op} of fields: p.x")  # fmt: skip
    if isinstance(dtype, Index):
        return _index_binary(op, left, right)
    return Binary(op, convert(left, dtype), convert(right, dtype), dtype)


def minmax_of_numbers(op: str, left: Expr, right: Expr) -> Expr:
    """NumPy's ``fmin`` or ``fmax``: of a number and a NaN the number. Operands are cheap to repeat."""
    found = minmax(op, left, right)
    if not isinstance(found, Binary) or not isinstance(found.type, Float):
        return found
    a, b = found.left, found.right
    order = {"min": "<", "max": ">"}[op] + ("=" if found.type == float16 else "")
    return select(logical("or", compare(order, a, b), compare("!=", b, b)), a, b)


def power(base: Expr, exponent: Expr) -> Expr | None:
    """``base ** exponent`` as a function, or None where it is a product (see `Scalar.__pow__`)."""
    if isinstance(exponent, Const) and isinstance(exponent.value, int) and exponent.value >= 0:
        if not isinstance(base.dtype, Float):
            return None
        if exponent.value == 2:
            return binary("*", base, base)
    return intrinsic("pow", base, exponent)


def intrinsic(name: str, *args: Expr) -> Expr:
    """A mathematical function; integers and fixed point are computed in float64."""
    dtype: DType = next((a.dtype for a in args if isinstance(a.dtype, Float)), float64)
    for arg in args:
        if isinstance(arg.dtype, Struct):
            raise Mistyped("TA109", f"'{name}' has no meaning for {arg.dtype}", _RECORD, hint=f"{name}(p.x)")
        common = union_type(dtype, arg.dtype) if isinstance(arg.dtype, Float) else dtype
        assert common is not None
        dtype = common
    return Intrinsic(name, tuple(convert(arg, dtype) for arg in args), dtype)


# --------------------------------------------------------------------------------------------- conditions


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def compare(op: str, left: Expr, right: Expr) -> Expr:
    """``left op right`` as a boolean; integers and fixed point compare exactly."""
    dtype = union_type(left.dtype, right.dtype)
    if dtype is None or isinstance(dtype, Struct):
        raise Mistyped("TA109", f"'{op}' has no meaning between {left.dtype} and {right.dtype}", _RECORD,
                       hint=f"{op} of fields: p.x")  # fmt: skip
    if isinstance(dtype, Float):
        left, right = convert(left, dtype), convert(right, dtype)
    elif isinstance(left.dtype, Index) or isinstance(right.dtype, Index):
        a, b = linear(left), linear(right)
        if a is not None and b is not None:
            difference = a.plus(b, -1)
            if not difference.terms:
                return Const(_TESTS[op](difference.constant, 0), boolean)
    if isinstance(left, Const) and isinstance(right, Const) and not isinstance(dtype, Fixed):
        return Const(_TESTS[op](left.value, right.value), boolean)
    return Compare(op, left, right)


def logical(op: str, *operands: Expr) -> Expr:
    """``and`` or ``or`` of boolean expressions, constants folded."""
    kept = []
    for operand in operands:
        if isinstance(operand, Const):
            if bool(operand.value) == (op == "or"):
                return Const(op == "or", boolean)
        else:
            kept.append(operand)
    if not kept:
        return Const(op == "and", boolean)
    return kept[0] if len(kept) == 1 else Logical(op, tuple(kept))


_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


def negate(cond: Expr) -> Expr:
    """``not cond``."""
    match cond:
        case Const(value=value):
            return Const(not value, boolean)
        case Unary(op="not", operand=operand):
            return operand
        case Compare(op=op, left=left, right=right) if not isinstance(left.dtype, Float):
            return Compare(_OPPOSITE[op], left, right)  # with a NaN, neither x < y nor x >= y holds
        case _:
            return Unary("not", cond, boolean)


def select(cond: Expr, then: Expr, orelse: Expr) -> Expr:
    """`then` where `cond` holds, else `orelse`, in the least type that holds both."""
    dtype = union_type(then.dtype, orelse.dtype)
    if dtype is None:
        raise Mistyped("TA109", f"where() needs two values of one kind, not {then.dtype} and {orelse.dtype}",
                       _RECORD, hint="choose between fields: ta.where(c, p.x, q.x)")  # fmt: skip
    if isinstance(cond, Const):
        return convert(then if cond.value else orelse, dtype)
    return Select(cond, convert(then, dtype), convert(orelse, dtype))


MAX_TEXT = 24  # an index expression with more parts gets a name


def is_short_affine(expr: Expr) -> bool:
    """Whether `expr` is affine and short enough to be written wherever it is used."""
    return _weight(expr, MAX_TEXT) >= 0 and is_affine(expr)


def _weight(expr: Expr, left: int) -> int:
    """`left` less the number of nodes in the text of `expr`; negative: it is larger (counted no further)."""
    left -= 1
    for child in children(expr):
        if left < 0:
            break
        left = _weight(child, left)
    return left


# --------------------------------------------------------------------------------------------------- bits


def get_bits(operand: Expr, low: Expr, width: int) -> Expr:
    """Bits ``low : low + width`` of an integer or fixed-point operand, as an unsigned integer."""
    _check_bits(operand, low, width)
    return Bits(operand, low, Integer(width, False))


def set_bits(operand: Expr, low: Expr, width: int, value: Expr) -> Expr:
    """`operand` with `width` bits from `low` on replaced by the low bits of `value`."""
    _check_bits(operand, low, width)
    return SetBits(operand, low, convert(value, Integer(width, False)))


def _check_bits(operand: Expr, low: Expr, width: int) -> None:
    dtype = operand.dtype
    if not isinstance(dtype, Integer | Fixed):
        raise Mistyped(
            "TA110",
            f"a value of type {dtype} has no bits to select",
            f"x[...] of a value selects bits, and {dtype} has none that count",
            hint="bits are read from integers and fixed point; x.bitcast(uint32) gives the bits of a float",
        )
    if width > dtype.bits:
        raise Mistyped(
            "TA111",
            f"{width} bits are more than {dtype} has",
            f"it has {dtype.bits}, wherever they begin",
            hint=f"x.astype(T) with a wider T, or at most {dtype.bits} bits",
        )
    if isinstance(low, Const) and not 0 <= int(low.value) <= dtype.bits - width:
        first, last = int(low.value), int(low.value) + width
        raise Mistyped(
            "TA111",
            f"bits {first}:{last} are outside {dtype}, which has bits 0:{dtype.bits}",
            "bits count from 0, the lowest",
            hint=f"x.astype(T) with a wider T, or bits in 0:{dtype.bits}",
        )


def bitcast(operand: Expr, dtype: DType) -> Expr:
    """The same bits as another type of equal width."""
    if operand.dtype == dtype:
        return operand
    if operand.dtype.bits != dtype.bits:
        raise Mistyped(
            "TA109",
            f"bitcast needs equal widths, not {operand.dtype} ({operand.dtype.bits} bits) and {dtype} "
            f"({dtype.bits} bits)",
            "it reads the same bits in another way",
            hint=f"x.astype({dtype}) converts the value",
        )
    return Bitcast(operand, dtype)
