"""Integer expressions at many points of a grid at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from tracealloc.trace.ir.dtype import Index, as_integer
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
    Select,
    Unary,
)

__all__ = ["Points", "values_of"]

Points: TypeAlias = Mapping[Iter, Any]
"""The value of each iterator at each of `n` points: arrays of shape ``(n,)``."""

_BINARY: dict[str, Any] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "//": np.floor_divide,
    "%": np.remainder,
}
_BINARY |= {"min": np.minimum, "max": np.maximum, "&": np.bitwise_and, "|": np.bitwise_or}
_BINARY |= {"^": np.bitwise_xor, "<<": np.left_shift, ">>": np.right_shift}
_COMPARE: dict[str, Any] = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
}
_COMPARE |= {">=": np.greater_equal}
_WIDEST = 62  # bits: what is wider might overflow here


def values_of(expr: Expr, points: Points) -> Any:
    """The values of an expression at points, shape ``(n,)`` or ``()``; None where these do not say it."""
    match expr:
        case Const(value=value) if as_integer(expr.dtype) is not None and abs(int(value)) < 1 << _WIDEST:
            return np.asarray(int(value))
        case IterRef(iter=it):
            return points.get(it)
        case Load(array=array, path=()) if array.kind == "constant" and _narrow(expr):
            return _looked_up(expr, points)
        case Cast(operand=operand) if _narrow(expr) and as_integer(operand.dtype) is not None:
            return _kept(expr, values_of(operand, points))
        case Unary(op=op, operand=operand) if op in ("-", "abs", "~") and _narrow(expr):
            inner = values_of(operand, points)
            change = {"-": np.negative, "abs": np.abs, "~": np.invert}[op]
            return None if inner is None else change(inner)
        case Unary(op="not", operand=operand):
            inner = values_of(operand, points)
            return None if inner is None else np.where(inner != 0, 0, 1)
        case Binary(op=op, left=left, right=right) if op in _BINARY and _narrow(expr):
            a, b = values_of(left, points), values_of(right, points)
            if a is None or b is None or (op in ("//", "%") and not np.all(b)):
                return None
            return None if op in ("<<", ">>") and np.any((b < 0) | (b > _WIDEST)) else _BINARY[op](a, b)
        case Compare(op=op, left=left, right=right):
            a, b = values_of(left, points), values_of(right, points)
            return None if a is None or b is None else _COMPARE[op](a, b).astype(np.int64)
        case Logical(op=op, operands=operands):
            found = [values_of(operand, points) for operand in operands]
            if any(each is None for each in found):
                return None
            every = np.logical_and if op == "and" else np.logical_or
            return every.reduce(np.broadcast_arrays(*found)).astype(np.int64)
        case Select(cond=cond, then=then, orelse=orelse):
            parts = [values_of(part, points) for part in (cond, then, orelse)]
            return None if any(part is None for part in parts) else np.where(parts[0] != 0, *parts[1:])
        case _:
            return None


def _looked_up(load: Load, points: Points) -> Any:
    """An element of a table; None where one of them lies outside."""
    at = [values_of(index, points) for index in load.indices]
    inside = (a is not None and np.all((a >= 0) & (a < n)) for a, n in zip(at, load.array.shape, strict=True))
    if load.array.data is None or not all(inside):
        return None
    return np.asarray(load.array.data.reshape(load.array.shape)[tuple(at)]).astype(np.int64)


def _narrow(expr: Expr) -> bool:
    """Whether every value of the expression's type is exact here."""
    found = as_integer(expr.dtype)
    return isinstance(expr.dtype, Index) or (found is not None and found.width <= _WIDEST)


def _kept(cast: Expr, values: Any) -> Any:
    """Values that a conversion leaves as they are; None where it would wrap one."""
    if values is None or isinstance(cast.dtype, Index):
        return values
    limits = as_integer(cast.dtype)
    assert limits is not None
    return values if np.all((values >= limits.low) & (values <= limits.high)) else None
