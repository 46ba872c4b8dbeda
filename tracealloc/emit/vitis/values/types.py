"""The C++ types of Vitis HLS: how each element type is stored, and what C++ makes of an operation.

An expression's element type says what values it has; its *carrier* says in which C++ type the emitted text
computes it. Integers of 8, 16, 32 and 64 bits are carried by ``int8_t`` and so on, which C++ promotes, other
widths by ``ap_int``, which grows as `trace.ir.dtype` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from tracealloc.trace.ir.dtype import (
    Boolean,
    DType,
    Fixed,
    Float,
    Index,
    Integer,
    bfloat16,
    boolean,
    float16,
    float32,
    float64,
)

__all__ = ["BOOL", "Carrier", "INT", "INT64", "UINT32", "UINT64", "common", "grown", "promoted", "spelling"]
__all__ += ["BFLOAT16_HEADER", "carrier_of", "header_of", "inside", "range_of_carrier"]

Kind: TypeAlias = Literal["bool", "native", "ap", "fixed", "float", "struct"]
NATIVE_WIDTHS = (8, 16, 32, 64)
BFLOAT16_HEADER = "tracealloc_bfloat16.h"
_FLOAT_HEADERS: dict[DType, str] = {float16: "hls_half.h", bfloat16: BFLOAT16_HEADER}
_FLOATS = {float16: "half", bfloat16: "bfloat16", float32: "float", float64: "double"}


@dataclass(frozen=True, slots=True)
class Carrier:
    """A C++ type: its kind and the element type whose values it holds."""

    kind: Kind
    dtype: DType

    @property
    def width(self) -> int:
        """The width in bits."""
        return self.dtype.bits

    @property
    def signed(self) -> bool:
        """Whether it holds negative numbers."""
        return not isinstance(self.dtype, Integer | Fixed) or self.dtype.signed

    @property
    def builtin(self) -> bool:
        """Whether it is an integer type of the language itself, with its promotions."""
        return self.kind in ("native", "bool")


def _native(width: int, signed: bool) -> Carrier:
    return Carrier("native", Integer(width, signed))


BOOL = Carrier("bool", boolean)
INT = _native(32, True)
UINT32 = _native(32, False)
INT64 = _native(64, True)
UINT64 = _native(64, False)


def carrier_of(dtype: DType) -> Carrier:
    """The type in which an element of `dtype` is stored."""
    match dtype:
        case Boolean():
            return BOOL
        case Index():
            return INT64
        case Integer(width=width):
            return Carrier("native" if width in NATIVE_WIDTHS else "ap", dtype)
        case Fixed():
            return Carrier("fixed", dtype)
        case Float():
            return Carrier("float", dtype)
        case _:
            return Carrier("struct", dtype)


def spelling(carrier: Carrier) -> str:
    """How the type is written; structs are named by the emitter."""
    dtype = carrier.dtype
    match dtype:
        case Boolean():
            return "bool"
        case Index():
            return "int64_t"
        case Integer(width=width, signed=signed) if carrier.kind == "native":
            if carrier == INT:
                return "int32_t"
            return f"{'int' if signed else 'uint'}{width}_t"
        case Integer(width=width, signed=signed):
            return f"{'ap_int' if signed else 'ap_uint'}<{width}>"
        case Fixed():
            return _fixed_name(dtype)
        case Float():
            return _FLOATS[dtype]
        case _:
            raise AssertionError(f"no spelling: {dtype!r}")


def _fixed_name(dtype: Fixed) -> str:
    name = "ap_fixed" if dtype.signed else "ap_ufixed"
    parts = [str(dtype.width), str(dtype.integer_bits)]
    # Without a sign WRAP_SM saturates, and AMD's headers end the program where they see it.
    overflow = "SAT" if dtype.overflow == "WRAP_SM" and not dtype.signed else dtype.overflow
    if dtype.rounding != "TRN" or overflow != "WRAP":
        parts.append(f"AP_{dtype.rounding}")
    if overflow != "WRAP":
        parts.append(f"AP_{overflow}")
    return f"{name}<{', '.join(parts)}>"


def header_of(carrier: Carrier) -> str | None:
    """The header that defines a type, but for records; None: the language has it."""
    if carrier.kind == "native":
        return "cstdint"
    if carrier.kind in ("ap", "fixed"):
        return "ap_int.h" if carrier.kind == "ap" else "ap_fixed.h"
    return _FLOAT_HEADERS.get(carrier.dtype)


def range_of_carrier(carrier: Carrier) -> tuple[int, int]:
    """The least and greatest value of an integer carrier."""
    if carrier.kind == "bool":
        return 0, 1
    assert isinstance(carrier.dtype, Integer)
    return carrier.dtype.low, carrier.dtype.high


def inside(values: tuple[int, int], carrier: Carrier) -> bool:
    """Whether an integer carrier holds all values of a range."""
    low, high = range_of_carrier(carrier)
    return low <= values[0] and values[1] <= high


def promoted(carrier: Carrier) -> Carrier:
    """What C++ makes of a small built-in integer before it computes."""
    return INT if carrier.kind == "bool" or carrier.width < 32 else carrier


def common(a: Carrier, b: Carrier) -> Carrier:
    """The type in which C++ computes with two built-in integers (the usual arithmetic conversions)."""
    a, b = promoted(a), promoted(b)
    if a.width != b.width:
        return a if a.width > b.width else b
    return a if not a.signed else b


def grown(op: str, a: Carrier, b: Carrier) -> Carrier:
    """The type of ``a op b`` where one of them is an ``ap_int`` (the other may be built in)."""
    from tracealloc.trace.ir.dtype import result_type

    found = result_type(op, a.dtype, b.dtype)
    assert isinstance(found, Integer)
    return Carrier("ap", found)
