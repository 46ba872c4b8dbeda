"""Expressions and conditions as isl's text, and what things are called there.

Inside isl every statement's iterators are called ``i0``, ``i1``, ... by position, and parameters (integer
arguments that nothing writes) ``par0``, ``par1``, ... by theirs among the arguments, so that users' names
never meet isl's keywords, nor a callee's those of its caller.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import islpy as isl

from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import (
    Binary,
    Cast,
    Compare,
    Const,
    Expr,
    Iter,
    IterRef,
    Load,
    Logical,
    Unary,
    iters_of,
    loads_of,
)
from tracealloc.trace.ir.program import Array
from tracealloc.trace.queries.affine import expression, linear

__all__ = [
    "Names",
    "Parameters",
    "aff_text",
    "cond_text",
    "iter_names",
    "parameter_name",
    "parameters_declared",
    "parameters_of",
    "read_map",
    "read_set",
    "tuple_text",
]

Names: TypeAlias = Mapping[Iter, str]


Parameters: TypeAlias = Mapping[str, Expr]
"""What isl's parameters are called -> the arguments that they are, as indices."""


_PARAMETER = re.compile(r"\bpar\d+\b")


def _declared(text: str) -> str:
    """The text of a set or map with its parameters declared.

    For text that this package made of expressions; isl prints ``3par0`` for a product.
    """
    used = parameters_declared(text)
    return f"[{', '.join(used)}] -> {text}" if used else text


def parameters_declared(text: str) -> list[str]:
    """The parameters in a text that this package made."""
    return sorted(set(_PARAMETER.findall(text)))


def read_set(text: str) -> isl.Set:
    """A set from its text."""
    return isl.Set(_declared(text))


def read_map(text: str) -> isl.Map:
    """A map from its text."""
    return isl.Map(_declared(text))


def parameter_name(array: Array) -> str:
    """What a parameter is called in isl."""
    assert array.parameter is not None, array
    return f"par{array.parameter.position}"


def parameters_of(arrays: Iterable[Array]) -> dict[str, Expr]:
    """The parameters among some arguments."""
    found = (array for array in arrays if array.parameter is not None)
    return {parameter_name(array): Cast(Load(array), index) for array in found}


def iter_names(dims: Sequence[Iter]) -> dict[Iter, str]:
    """The isl names of a statement's iterators."""
    return {it: f"i{position}" for position, it in enumerate(dims)}


def aff_text(expr: Expr, names: Names) -> str:
    """An affine expression in isl's syntax."""
    match expr:
        case Const(value=value):
            return str(int(value))
        case IterRef(iter=it):
            return names[it]
        case Load(array=array):
            return parameter_name(array)
        case Unary(op="-", operand=operand):
            return f"-({aff_text(operand, names)})"
        case Unary(op="abs", operand=operand):
            text = aff_text(operand, names)
            return f"max({text}, -({text}))"
        case Binary(op=("min" | "max") as op, left=left, right=right):
            return f"{op}({aff_text(left, names)}, {aff_text(right, names)})"
        case Binary(op="*" | "//" | "%", left=left, right=right) if not _has_number(expr):
            form = linear(expr)  # a factor such as n // 100 is one number for all n of two bits
            assert form is not None, f"not affine: {expr!r}"
            return aff_text(expression(form), names)
        case Binary(op="//", left=left, right=right):
            return f"floor(({aff_text(left, names)})/{aff_text(right, names)})"
        case Binary(op="%", left=left, right=right):
            return f"(({aff_text(left, names)}) mod {aff_text(right, names)})"
        case Binary(op="*", left=left, right=right):
            if isinstance(left, Const):
                return f"{aff_text(left, names)}*({aff_text(right, names)})"
            return f"{aff_text(right, names)}*({aff_text(left, names)})"
        case Binary(op="<<", left=left, right=Const(value=value)):
            return f"{1 << int(value)}*({aff_text(left, names)})"
        case Binary(op=("+" | "-") as op, left=left, right=right):
            return f"({aff_text(left, names)} {op} ({aff_text(right, names)}))"
        case Binary(op=">>" | "&" | "<<") | Unary(op="~"):
            form = linear(expr)
            assert form is not None, f"not affine: {expr!r}"
            return aff_text(expression(form), names)
        case _:
            inner: Expr | None = getattr(expr, "operand", None)
            assert inner is not None, f"not affine: {expr!r}"
            return aff_text(inner, names)  # an identity cast


def _has_number(expr: Binary) -> bool:
    """Whether a factor or the divisor is written as a number, which is how isl wants it."""
    sides = (expr.left, expr.right) if expr.op == "*" else (expr.right,)
    return any(not iters_of(side) and not loads_of(side) for side in sides)


_COMPARE = {"==": "=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def cond_text(expr: Expr, names: Names, negate: bool = False) -> str:
    """An affine condition in isl's syntax."""
    match expr:
        case Const(value=value):
            return "true" if bool(value) != negate else "false"
        case Unary(op="not", operand=operand):
            return cond_text(operand, names, not negate)
        case Logical(op=op, operands=operands):
            joint = " and " if (op == "and") != negate else " or "
            return "(" + joint.join(cond_text(operand, names, negate) for operand in operands) + ")"
        case Compare(op=op, left=left, right=right):
            text = f"{aff_text(left, names)} {_COMPARE[op]} {aff_text(right, names)}"
            return f"not ({text})" if negate else f"({text})"
        case _:
            raise AssertionError(f"not an affine condition: {expr!r}")


def tuple_text(name: str, parts: Iterable[str]) -> str:
    """``S0[i0, i1]``."""
    return f"{name}[{', '.join(parts)}]"
