"""Literals and conversions as HLS C++.

Every piece of text comes with its carrier: the C++ type that the text has.
"""

from __future__ import annotations

from typing import NamedTuple

from tracealloc.emit.common.text import ATOM, UNARY, Text, atom, call, float_literal, prefix
from tracealloc.emit.vitis.values.types import (
    BOOL,
    INT,
    INT64,
    UINT64,
    Carrier,
    carrier_of,
    range_of_carrier,
)
from tracealloc.emit.vitis.values.vocabulary import Vocabulary
from tracealloc.trace.ir.dtype import (
    Boolean,
    DType,
    Fixed,
    Float,
    Integer,
    bfloat16,
    float16,
    float32,
    float64,
)
from tracealloc.trace.ir.expr import Const

__all__ = ["Conversions", "Value"]


class Value(NamedTuple):
    """Text, its C++ type, and whether only the low bits that were asked for are right."""

    text: Text
    carrier: Carrier
    wraps: bool = False

    @property
    def simple(self) -> bool:
        """Whether repeating the text costs nothing to read or to compute."""
        return self.text.level == ATOM and "(" not in self.text.text and len(self.text.text) <= 24


class Conversions:
    """Prints literals and conversions; `words` notes what of the file's types and helpers they use."""

    def __init__(self, words: Vocabulary) -> None:
        self.words = words

    def helper(self, name: str, *args: Text, of: str = "") -> Text:
        """A call of a helper function; `of` are its template's arguments."""
        self.words.helpers.add(name)
        return call(f"{name}<{of}>" if of else name, *args)

    def wrapped(self, carrier: Carrier, *args: Text) -> Value:
        """``ap_int<5>(x)``"""
        return Value(call(self.words.spell(carrier), *args), carrier)

    # Literals.

    def literal(self, const: Const) -> Value:
        """A constant."""
        dtype = const.type
        match dtype:
            case Float() if dtype in (float16, bfloat16):
                inner = float_literal(float(const.value), float32)
                return Value(call(self.words.type_name(dtype), inner), carrier_of(dtype))
            case Float():
                return Value(float_literal(float(const.value), dtype), carrier_of(dtype))
            case Fixed():
                return self._fixed_literal(int(const.value), dtype)
            case Boolean():
                return Value(atom("true" if const.value else "false"), BOOL)
            case _:
                return self._integer_literal(int(const.value))

    def _integer_literal(self, value: int) -> Value:
        for carrier, suffix in ((INT, ""), (INT64, "LL"), (UINT64, "ULL")):
            low, high = range_of_carrier(carrier)
            if low < value <= high:
                return Value(Text(f"{value}{suffix}", UNARY if value < 0 else ATOM), carrier)
        if value in (INT.dtype.low, INT64.dtype.low):  # type: ignore[attr-defined]
            carrier = INT if value == range_of_carrier(INT)[0] else INT64
            suffix = "" if carrier == INT else "LL"
            return Value(atom(f"({value + 1}{suffix} - 1)"), carrier)
        width = (value if value > 0 else -value - 1).bit_length() + (value < 0)
        wide = Carrier("ap", Integer(width, value < 0))
        return self.wrapped(wide, atom(f'"{value}"'), atom("10"))

    def _fixed_literal(self, value: int, dtype: Fixed) -> Value:
        carrier = carrier_of(dtype)
        if abs(value).bit_length() <= 53 and -900 < dtype.frac < 900:
            number = value / 2**dtype.frac if dtype.frac >= 0 else float(value << -dtype.frac)
            return self.wrapped(carrier, atom(repr(number)))
        bits = self._integer_literal(value & ((1 << dtype.width) - 1))
        raw = self.wrapped(Carrier("ap", Integer(dtype.width, False)), bits.text)
        return Value(self.helper("from_bits", raw.text, of=self.words.spell(carrier)), carrier)

    # Conversions.

    def converted(self, value: Value, target: Carrier) -> Value:
        """`value` in the C++ type `target`, explicitly."""
        if value.carrier == target:
            return value
        if target.kind in ("ap", "fixed") or target.dtype in (float16, bfloat16):
            return self.wrapped(target, value.text)
        return Value(prefix(f"({self.words.spell(target)})", value.text), target)

    def zero(self, dtype: DType) -> Text:
        """A zero that a value of `dtype` can be compared with."""
        if isinstance(dtype, Float):
            return self.literal(Const(0.0, dtype)).text
        return atom("0")

    def to_float(self, value: Value, target: Float) -> Value:
        """A number as a floating-point number, rounded once."""
        carrier = carrier_of(target)
        if value.carrier.kind == "ap" and value.carrier.width > 64:
            # AMD's headers lose what is above 64 bits, and two roundings are not one.
            keep = 62 if target == float64 else 53
            value = Value(self.helper("wide_real", value.text, of=str(keep)), carrier_of(float64))
        elif value.carrier.kind == "ap":
            value = self.converted(value, INT64 if value.carrier.signed else UINT64)
        elif value.carrier.kind == "fixed":
            name = "to_float" if target == float32 else "to_double"
            value = Value(atom(f"{value.text.at(ATOM)}.{name}()"), carrier_of(float64))
            if target == float32:
                return Value(value.text, carrier)
        return self.converted(value, carrier)

    def from_float(self, value: Value, target: Integer) -> Value:
        """A floating-point number as an integer."""
        # Towards zero, then modulo 2**width; the built-in conversion is undefined where it does not fit.
        if target.width > 64:
            carrier = carrier_of(target)
            return Value(self.helper("wide_integer", value.text, of=self.words.spell(carrier)), carrier)
        # What is not below 2**63 is a multiple of 2**11 (double) or 2**40 (float): fewer bits of it are zero.
        if target.width > (11 if value.carrier.width == 64 else 40):
            whole = Value(self.helper("integer64", value.text), INT64)
        else:
            wide = value if value.carrier.width >= 32 else self.converted(value, carrier_of(float32))
            whole = self.converted(wide, INT64)
        return self.converted(whole, carrier_of(target))

    def from_fixed(self, value: Value, source: Fixed, target: Integer) -> Value:
        """A fixed-point number as an integer, towards zero."""
        whole = Carrier("ap", Integer(max(source.integer_bits, 1), source.signed))
        if source.integer_bits <= 0:  # nothing but a fraction
            return self.converted(Value(atom("0"), INT), carrier_of(target))
        exact = Value(atom(f"{value.text.at(ATOM)}.to_ap_int_base()"), whole)
        return self.converted(exact, carrier_of(target))
