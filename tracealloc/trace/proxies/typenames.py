"""The user's constructors of element types, with their arguments checked."""

from __future__ import annotations

from typing import Any

from tracealloc.trace.diagnostics.errors import nearest
from tracealloc.trace.diagnostics.public import public
from tracealloc.trace.ir.dtype import OVERFLOWS, ROUNDINGS, DType, Integer, Overflow, Rounding
from tracealloc.trace.ir.dtype import Fixed as FixedType
from tracealloc.trace.ir.dtype import Struct as StructType
from tracealloc.trace.proxies.elements import element_type
from tracealloc.trace.proxies.functional import record
from tracealloc.trace.record.recorder import fail

__all__ = ["Fixed", "Int", "Struct", "UFixed", "UInt"]

MAX_BITS = 1024


def _width(value: Any, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_BITS:
        fail("TA122", f"the width of {what} is a number of bits from 1 to {MAX_BITS}, not {value!r}")
    return value


@public("ta.Int(12)")
def Int(bits: int) -> Integer:
    """A signed integer of `bits` bits, 1 to 1024."""
    return Integer(_width(bits, "ta.Int"), True)


@public("ta.UInt(12)")
def UInt(bits: int) -> Integer:
    """An unsigned integer of `bits` bits, 1 to 1024."""
    return Integer(_width(bits, "ta.UInt"), False)


@public("ta.Fixed(16, 8): bits, and how many of them are behind the point")
def Fixed(bits: int, frac: int, rounding: Rounding = "TRN", overflow: Overflow = "WRAP") -> FixedType:
    """A signed fixed-point number of `bits` bits, `frac` of them behind the point.

    `rounding` and `overflow` are the names of ``ap_fixed`` without prefix (UG1399).
    """
    return _fixed("ta.Fixed", bits, frac, True, rounding, overflow)


@public("ta.UFixed(16, 8): bits, and how many of them are behind the point")
def UFixed(bits: int, frac: int, rounding: Rounding = "TRN", overflow: Overflow = "WRAP") -> FixedType:
    """An unsigned fixed-point number of `bits` bits, `frac` of them behind the point."""
    return _fixed("ta.UFixed", bits, frac, False, rounding, overflow)


def _fixed(what: str, bits: int, frac: int, signed: bool, rounding: Any, overflow: Any) -> FixedType:
    _width(bits, what)
    if isinstance(frac, bool) or not isinstance(frac, int) or abs(frac) > MAX_BITS:
        fail("TA122", f"the number of bits behind the point of {what} is an int, not {frac!r}")
    for word, value, known in (("rounding", rounding, ROUNDINGS), ("overflow", overflow, OVERFLOWS)):
        if value not in known:
            near = nearest(str(value), known)
            fail("TA122", f"{word} of {what} is one of {', '.join(known)}, not {value!r}",
                 hint=f"{word}={near!r}" if near else None)  # fmt: skip
    return FixedType(bits, frac, signed, rounding, overflow)


@public("ta.Struct(x=int32, y=float32)")
def Struct(**fields: Any) -> Any:
    """A record type, ``Pair = ta.Struct(x=int32, y=float32)``; with values for fields, a record value."""
    if not fields:
        fail("TA122", "ta.Struct needs at least one field", hint="ta.Struct(x=int32, y=float32)")
    for name in fields:
        if name.startswith("_") or name in _RESERVED:
            fail("TA122", f"a field of ta.Struct cannot be named {name!r}")
    if not any(isinstance(item, DType | type) for item in fields.values()):
        return record(fields)
    for name, dtype in fields.items():
        fields[name] = element_type(dtype, f"field {name!r} of ta.Struct")
    return StructType(tuple(fields.items()))


_RESERVED = ("dtype", "shape", "ndim", "astype", "bitcast", "value", "set")
