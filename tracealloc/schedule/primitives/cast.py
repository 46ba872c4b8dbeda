"""``cast``: another element type for an array."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tracealloc.poly.model.model import Model, Statement
from tracealloc.poly.model.statements import remade, renamed
from tracealloc.schedule.core.primitive import Edit, Result, primitive
from tracealloc.schedule.core.proof import Conversion
from tracealloc.schedule.storage.region import spaces_of
from tracealloc.schedule.storage.retype import retyped, retyped_condition, retyped_part
from tracealloc.trace.ir.convert_data import converted
from tracealloc.trace.ir.dtype import DType, Struct
from tracealloc.trace.ir.program import Alloc, Array
from tracealloc.trace.proxies.elements import as_element
from tracealloc.trace.queries.typing_rules import Mistyped

__all__ = ["cast"]


@primitive(array="array")
def cast(edit: Edit, array: Array, dtype: DType) -> Result:
    """Store `array` in another type; expressions that read it are typed again by the width rules.

    Rewrite:
        acc: float32   ->   acc: fixed32_16
        An argument is then passed in the new type.
    Legal when:
        both types are numbers. The values may change: ``verify`` is false unless the other side has the
        same casts, and reports say that the schedule is no longer bit-exact.

    Raises:
        ScheduleError: the type is not a number's, or bits of the values are used.
    """
    dtype = as_element(dtype) or dtype
    _check(edit, array, dtype)
    if dtype == array.dtype:
        return Result(edit.state)
    state, new = edit.state, replace(array, dtype=dtype, data=_content(array, dtype))
    model = state.model
    try:
        statements = [_moved(s, array, new) for s in model.statements]
    except Mistyped as error:
        raise edit.error("TA236", f"cannot store {array.name!r} as {dtype}", because=[str(error)]) from None
    arrays = tuple(new if a == array else a for a in model.arrays)
    program = model.program
    program = replace(
        program,
        args=tuple(new if a == array else a for a in program.args),
        results=tuple(new if a == array else a for a in program.results),
    )
    changed = replace(model, arrays=arrays, program=program)
    statements = [
        s if s is old else _again(changed, s) for s, old in zip(statements, model.statements, strict=True)
    ]
    changed = changed.with_statements(statements, model.reference)
    state = state.assuming(Conversion(array.name, dtype, array.dtype))
    return Result(state.with_model(changed, state.tree, spaces_of(statements, new)))


def _check(edit: Edit, array: Array, dtype: DType) -> None:
    """Refuse what is no number, and arrays that others see.

    Raises:
        ScheduleError: with the reason.
    """
    if not isinstance(dtype, DType) or isinstance(dtype, Struct) or isinstance(array.dtype, Struct):
        close = f"ta.{dtype}" if isinstance(dtype, str) and dtype.isidentifier() else "ta.Fixed(16, 8)"
        raise edit.error(
            "TA236", f"needs the type of a number, not {dtype!r}", hint=f"a type such as {close}"
        )
    if array.kind == "state":
        raise edit.error(
            "TA236",
            f"cannot change the type of {array.name!r}, which is a state",
            because=["what it holds was there before the kernel runs, or is seen by others"],
            hint="make it in that type in the kernel",
        )
    if array.kind in ("argument", "result") and edit.function != edit.module.top:
        raise edit.error(
            "TA236",
            f"cannot change the type of {array.name!r}, which callers of {edit.function} pass",
            hint="cast arrays of the top kernel, or arrays inside",
        )


def _content(array: Array, dtype: DType) -> Any:
    """The content of a table in another type: rounded and brought into range as a store would."""
    if array.data is None:
        return None
    return converted(array.data, array.dtype, dtype)


def _moved(statement: Statement, old: Array, new: Array) -> Statement:
    uses = any(access.array == old for access in statement.accesses)
    if not uses and not (isinstance(statement.node, Alloc) and statement.node.array == old):
        return statement
    return replace(
        renamed(statement, lambda access: retyped_part(access.part, old, new)),
        node=retyped(statement.node, old, new),
        traced=None if statement.traced is None else retyped(statement.traced, old, new),
        guards=tuple(retyped_condition(guard, old, new) for guard in statement.guards),
        scopes=tuple((new if a == old else a, exprs) for a, exprs in statement.scopes),
    )


def _again(model: Model, s: Statement) -> Statement:
    return remade(model, s, dict(s.scopes))
