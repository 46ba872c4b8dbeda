"""The parameters of an emitted C function: the arguments, what it returns, and what it keeps.

Order: the program's arguments; each result that is not an array argument; then the arrays that live
outside a call (`state`, and constants too large to print), of the callees too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from tracealloc.emit.common.numpy_types import memory_type
from tracealloc.trace.ir.dtype import DType, Float, Struct, bfloat16, float16
from tracealloc.trace.ir.program import Array, Program
from tracealloc.trace.queries.summary import returned, summary_of

__all__ = [
    "INLINE_CONSTANT",
    "Parameter",
    "Role",
    "element_bytes",
    "by_value",
    "parameters",
]

Role: TypeAlias = Literal["argument", "result", "kept"]

INLINE_CONSTANT = 4096  # elements: larger tables are handed over by the caller, not printed


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. `written`: the function stores to it. `owner`: the program that the array is of."""

    array: Array
    role: Role
    written: bool
    owner: Program


def by_value(array: Array) -> bool:
    """Whether a scalar argument is passed by value to a function that is called from outside C."""
    dtype = array.dtype
    if isinstance(dtype, Float):
        return dtype not in (float16, bfloat16)
    return not isinstance(dtype, Struct) and dtype.bits <= 64


def element_bytes(dtype: DType) -> int:
    """The size of an element in memory, in bytes: `memory_type` says how it lies there."""
    return memory_type(dtype).itemsize


def kept(program: Program) -> tuple[tuple[Program, Array], ...]:
    """Every array that lives outside the calls, with its program, callees first."""
    found: list[tuple[Program, Array]] = []
    for owner in (*program.callees(), program):
        for array in owner.arrays():
            large = array.kind == "constant" and array.size > INLINE_CONSTANT
            if array.kind == "state" or large:
                found.append((owner, array))
    return tuple(found)


def parameters(program: Program) -> tuple[Parameter, ...]:
    """All parameters of the function that is emitted for `program`."""
    written = summary_of(program).writes
    found = [Parameter(array, "argument", array in written, program) for array in program.args]
    found += [Parameter(array, "result", True, program) for array in returned(program)]
    found += [Parameter(array, "kept", array.kind == "state", owner) for owner, array in kept(program)]
    return tuple(found)
