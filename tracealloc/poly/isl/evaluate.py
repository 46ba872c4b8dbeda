"""Quasi-affine texts evaluated for many points at once: isl's syntax in, a column of numbers out.

``floor((4*i0 - (i1))/8)`` over the columns ``i0`` and ``i1`` of some instances. The texts are those that this
package writes (see `texts`), without parameters.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

__all__ = ["Column", "TooLarge", "evaluated", "floors"]

Column = npt.NDArray[np.int64]

_FAR = 1 << 60


class TooLarge(Exception):
    """A number may not fit into a machine's integers, or is that of a parameter: any."""


@dataclass(frozen=True, slots=True)
class _Value:
    """A column, and what no number in it exceeds."""

    column: Column
    most: int


def floors(text: str) -> int:
    """How many ``//`` and ``%`` a text has."""
    return text.count("floor") + text.count("mod")


def evaluated(text: str, columns: Mapping[str, Column], count: int) -> Column:
    """A text at `count` points.

    Raises:
        TooLarge: a number on the way may not fit into 64 bits, or is not known.
    """
    return _value(_parsed(text), columns, count).column


@lru_cache(1 << 12)
def _parsed(text: str) -> ast.expr:
    return ast.parse(text.replace(" mod ", " % ").replace("/", "//"), mode="eval").body


def _value(node: ast.expr, columns: Mapping[str, Column], count: int) -> _Value:
    match node:
        case ast.Constant(value=int(value)):
            return _fitting(np.full(count, value, np.int64) if abs(value) < _FAR else None, abs(value))
        case ast.Name(id=name):
            if name not in columns:
                raise TooLarge
            column = columns[name]
            return _fitting(column, int(np.abs(column).max(initial=0)))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            negated = _value(operand, columns, count)
            return _Value(-negated.column, negated.most)
        case ast.Call(func=ast.Name(id="floor"), args=[operand]):
            return _value(operand, columns, count)
        case ast.Call(func=ast.Name(id="max" | "min" as name), args=[left, right]):
            a, b = (_value(side, columns, count) for side in (left, right))
            chosen = np.maximum if name == "max" else np.minimum
            return _Value(chosen(a.column, b.column), max(a.most, b.most))
        case ast.BinOp(left=left, op=op, right=right):
            return _binary(op, *(_value(side, columns, count) for side in (left, right)))
        case _:
            raise AssertionError(f"not a text of ours: {ast.dump(node)}")


def _binary(op: ast.operator, a: _Value, b: _Value) -> _Value:
    match op:
        case ast.Add() | ast.Sub():
            most = a.most + b.most
            return _fitting(a.column + b.column if isinstance(op, ast.Add) else a.column - b.column, most)
        case ast.Mult():
            most = a.most * b.most
            return _fitting(a.column * b.column if most < _FAR else None, most)
        case ast.FloorDiv():
            return _Value(a.column // b.column, a.most)
        case ast.Mod():
            return _Value(a.column % b.column, b.most)
        case _:
            raise AssertionError(f"not an operator of ours: {op}")


def _fitting(column: Column | None, most: int) -> _Value:
    if column is None or most >= _FAR:
        raise TooLarge
    return _Value(column, most)
