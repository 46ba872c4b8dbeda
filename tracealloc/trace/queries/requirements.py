"""What a program requires of its parameters, looked at with the values of a call."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tracealloc.trace.diagnostics.errors import BoundsError
from tracealloc.trace.ir.expr import Binary, Cast, Compare, Const, Expr, Load, Logical, Unary, loads_of
from tracealloc.trace.ir.program import Array, Program, Requirement
from tracealloc.trace.ir.text import expr_text

__all__ = ["check_requirements", "unmet"]


def check_requirements(program: Program, values: Mapping[Array, Any]) -> None:
    """Check what a program requires of its parameters, `values` being those of its arguments.

    Raises:
        BoundsError: they do not fulfil it.
    """
    for requirement in program.requires:
        if not _value(requirement.cond, values):
            raise unmet(program, requirement, [values.get(array) for array in program.args])


_BINARY: dict[str, Callable[[int, int], int]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "//": operator.floordiv, "%": operator.mod,
    "min": min, "max": max,
}  # fmt: skip
_COMPARE: dict[str, Callable[[int, int], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def _value(expr: Expr, values: Mapping[Array, Any]) -> int:
    """The value of an affine expression or condition over parameters."""
    match expr:
        case Const(value=value):
            return int(value)
        case Load(array=array):
            return int(values[array])
        case Cast(operand=operand):
            return _value(operand, values)
        case Unary(op=op, operand=operand):
            inner = _value(operand, values)
            return {"-": -inner, "abs": abs(inner), "not": not inner}[op]
        case Binary(op=op, left=left, right=right):
            return _BINARY[op](_value(left, values), _value(right, values))
        case Compare(op=op, left=left, right=right):
            return _COMPARE[op](_value(left, values), _value(right, values))
        case Logical(op=op, operands=operands):
            return (all if op == "and" else any)(_value(operand, values) for operand in operands)
        case _:
            raise AssertionError(f"no condition on parameters has {expr!r}")


def unmet(program: Program, requirement: Requirement, args: Sequence[Any]) -> BoundsError:
    """The error for a call of `program` with `args` that does not fulfil what it, or a callee, requires."""
    own = requirement in program.requires
    owner = program if own else next(c for c in program.callees() if requirement in c.requires)
    values = dict(zip(program.args, args, strict=True))
    used = dict.fromkeys(load.array for load in loads_of(requirement.cond))
    given = ", not " + ", ".join(f"{each.name} = {values[each]}" for each in used) if own else ""
    first = "this was found before anything was written"
    late = "what is passed depends on data: the call was not made, and arrays may be partly written"
    return BoundsError(
        "TA153",
        f"{owner.name} requires {expr_text(requirement.cond)}{given}",
        place=requirement.place,
        because=[requirement.reason, first if own else late],
        hint="pass a size that fits, or make the array larger",
    )
