"""Literals, conversions, bits and mathematical functions as HLS C++: what `expr` builds on.

Every piece of text comes with its carrier: the C++ type that the text has.
"""

from __future__ import annotations

from typing import NamedTuple

from tracealloc.emit.common.backend import Backend
from tracealloc.emit.common.expr import ATOM, UNARY, Text, atom, call, float_literal, infix, prefix
from tracealloc.emit.vitis.types import (
    BOOL,
    INT,
    INT64,
    UINT64,
    Carrier,
    carrier_of,
    promoted,
    range_of_carrier,
    spelling,
)
from tracealloc.trace.ir.dtype import (
    Boolean,
    DType,
    Fixed,
    Float,
    Integer,
    Struct,
    bfloat16,
    float16,
    float32,
    float64,
)
from tracealloc.trace.ir.expr import Bitcast, Bits, Const, Expr, Intrinsic, MakeStruct, SetBits

__all__ = ["Value", "VitisConvert"]


class Value(NamedTuple):
    """Text, its C++ type, and whether only the low bits that were asked for are right."""

    text: Text
    carrier: Carrier
    wraps: bool = False

    @property
    def simple(self) -> bool:
        """Whether repeating the text costs nothing to read or to compute."""
        return self.text.level == ATOM and "(" not in self.text.text and len(self.text.text) <= 24


class VitisConvert(Backend):
    """Prints literals, conversions, bits and functions for Vitis HLS."""

    def value(self, expr: Expr, low: int | None = None) -> Value:
        """The text of an expression and its C++ type; `low` bits of it are kept (None: all)."""
        raise NotImplementedError

    def type_name(self, dtype: DType) -> str:
        if isinstance(dtype, Struct):
            return self.struct_name(dtype)
        return spelling(carrier_of(dtype))

    def struct_name(self, dtype: Struct) -> str:
        """The name of a struct type."""
        raise NotImplementedError

    def spell(self, carrier: Carrier) -> str:
        """How a carrier is written in a cast."""
        if carrier.kind == "struct":
            return self.type_name(carrier.dtype)
        return spelling(carrier)

    # Literals.

    def literal(self, const: Const) -> Value:
        dtype = const.type
        match dtype:
            case Float() if dtype in (float16, bfloat16):
                inner = float_literal(float(const.value), float32)
                return Value(call(self.type_name(dtype), inner), carrier_of(dtype))
            case Float():
                return Value(self.const(const), carrier_of(dtype))
            case Fixed():
                return self._fixed_literal(int(const.value), dtype)
            case Boolean():
                return Value(self.const(const), BOOL)
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
        return Value(call(spelling(wide), atom(f'"{value}"'), atom("10")), wide)

    def _fixed_literal(self, value: int, dtype: Fixed) -> Value:
        carrier = carrier_of(dtype)
        if abs(value).bit_length() <= 53 and -900 < dtype.frac < 900:
            number = value / 2**dtype.frac if dtype.frac >= 0 else float(value << -dtype.frac)
            return Value(call(spelling(carrier), atom(repr(number))), carrier)
        bits = self._integer_literal(value & ((1 << dtype.width) - 1))
        raw = call(f"ap_uint<{dtype.width}>", bits.text)
        return Value(self._helper(f"from_bits<{spelling(carrier)}>", raw), carrier)

    def _helper(self, name: str, *args: Text) -> Text:
        self.helpers.add(name.split("<")[0])
        return call(name, *args)

    # Conversions.

    def converted(self, value: Value, target: Carrier) -> Value:
        """`value` in the C++ type `target`, explicitly."""
        if value.carrier == target:
            return value
        if target.kind in ("ap", "fixed") or target.dtype in (float16, bfloat16):
            return Value(call(self.spell(target), value.text), target)
        return Value(prefix(f"({self.spell(target)})", value.text), target)

    def _truth(self, operand: Expr) -> Value:
        value = self.value(operand)
        if value.carrier == BOOL:
            return value
        return Value(infix("!=", value.text, self.zero(operand.dtype)), BOOL)

    def zero(self, dtype: DType) -> Text:
        """A zero that a value of `dtype` can be compared with."""
        if isinstance(dtype, Float):
            return self.literal(Const(0.0, dtype)).text
        return atom("0")

    def _to_float(self, value: Value, target: Float) -> Value:
        carrier = carrier_of(target)
        if value.carrier.kind == "ap" and value.carrier.width > 64:
            # AMD's headers lose what is above 64 bits, and two roundings are not one.
            keep = 62 if target == float64 else 53
            value = Value(self._helper(f"wide_real<{keep}>", value.text), carrier_of(float64))
        elif value.carrier.kind == "ap":
            value = self.converted(value, INT64 if value.carrier.signed else UINT64)
        elif value.carrier.kind == "fixed":
            name = "to_float" if target == float32 else "to_double"
            value = Value(atom(f"{value.text.at(ATOM)}.{name}()"), carrier_of(float64))
            if target == float32:
                return Value(value.text, carrier)
        return self.converted(value, carrier)

    def _from_float(self, value: Value, target: Integer) -> Value:
        # Towards zero, then modulo 2**width; the built-in conversion is undefined where it does not fit.
        if target.width > 64:
            carrier = carrier_of(target)
            return Value(self._helper(f"wide_integer<{spelling(carrier)}>", value.text), carrier)
        # What is not below 2**63 is a multiple of 2**11 (double) or 2**40 (float): fewer bits of it are zero.
        if target.width > (11 if value.carrier.width == 64 else 40):
            whole = Value(self._helper("integer64", value.text), INT64)
        else:
            wide = value if value.carrier.width >= 32 else self.converted(value, carrier_of(float32))
            whole = self.converted(wide, INT64)
        return self.converted(whole, carrier_of(target))

    def _from_fixed(self, value: Value, source: Fixed, target: Integer) -> Value:
        whole = Carrier("ap", Integer(max(source.integer_bits, 1), source.signed))
        if source.integer_bits <= 0:  # nothing but a fraction
            return self.converted(Value(atom("0"), INT), carrier_of(target))
        exact = Value(atom(f"{value.text.at(ATOM)}.to_ap_int_base()"), whole)
        return self.converted(exact, carrier_of(target))

    def _to_fixed(self, operand: Expr, target: Fixed) -> Value:
        value = self.value(operand)
        carrier = carrier_of(target)
        if isinstance(operand.dtype, Float):
            wide = value if value.carrier.width == 64 else self.converted(value, carrier_of(float64))
            return Value(self._helper(f"fixed_from<{spelling(carrier)}>", wide.text), carrier)
        return self.converted(value, carrier)

    # Bits.

    def read_bits(self, expr: Bits) -> Value:
        """``(x >> 4) & 15`` of a built-in integer, ``x.range(7, 4)`` of the others."""
        width, target = expr.type.bits, carrier_of(expr.type)
        operand, low = self.value(expr.operand), self.value(expr.low)
        least, most = self.ranges.of(expr.low)
        bits = expr.operand.dtype.bits
        outside = least < 0 or most + width > bits
        if operand.carrier.builtin and not outside:
            return self._mask_bits(expr, operand, low, width)
        if outside:
            found = self._helper(f"bits_at<{bits}, {width}>", self.raw_bits(expr.operand).text, low.text)
        else:
            own = self._own_type(operand, expr.operand.dtype)
            if isinstance(expr.low, Const):
                high = atom(str(int(expr.low.value) + width - 1))
            else:
                high = infix("+", low.text, atom(str(width - 1))) if width > 1 else low.text
            picked = atom(f"{own.text.at(ATOM)}.range({high.text}, {low.text.text})")
            found = call(f"ap_uint<{width}>", picked)
        wide = Value(found, Carrier("ap", Integer(width, False)))
        if target == BOOL:
            return Value(infix("!=", found, atom("0")), BOOL)
        return self.converted(wide, target)

    def _own_type(self, value: Value, dtype: DType) -> Value:
        """A value in the ``ap_int`` or ``ap_fixed`` type of its width, whose bits can be taken."""
        target = carrier_of(dtype)
        if target.kind == "fixed":
            return self.converted(value, target)
        assert isinstance(dtype, Integer)
        return self.converted(value, Carrier("ap", dtype))

    def _mask_bits(self, expr: Bits, operand: Value, low: Value, width: int) -> Value:
        if operand.carrier.signed and not isinstance(expr.low, Const):
            raw = Carrier("native", Integer(max(operand.carrier.width, 8), False))
            operand = self.converted(operand, raw)
        shifted = operand.text
        if low.text.text != "0":
            shifted = infix(">>", operand.text, low.text)
        wide = promoted(operand.carrier)
        mask = (1 << width) - 1
        if mask >> 31:
            found = infix("&", shifted, atom(f"0x{mask:X}ULL"))
            return Value(found, UINT64)
        found = infix("&", shifted, atom(str(mask)))
        if isinstance(expr.type, Boolean):
            return Value(infix("!=", found, atom("0")), BOOL)
        return Value(found, wide)

    def write_bits(self, expr: SetBits) -> Value:
        """The operand with some of its bits replaced."""
        dtype, width = expr.dtype, expr.value.dtype.bits
        operand, low, new = self.value(expr.operand), self.value(expr.low), self.raw_bits(expr.value)
        source = self.raw_bits(expr.operand) if isinstance(dtype, Fixed) else operand
        name = f"with_bits<{dtype.bits}, {width}>"
        found = self._helper(name, source.text, low.text, new.text)
        return self._from_raw(Value(found, Carrier("ap", Integer(dtype.bits, False))), dtype)

    def raw_bits(self, expr: Expr) -> Value:
        """The bits of a value, in an integer type."""
        value, dtype = self.value(expr), expr.dtype
        if isinstance(dtype, Float):
            unsigned = Carrier("native", Integer(dtype.bits, False))
            return Value(self._helper(f"bits_of<{spelling(unsigned)}>", value.text), unsigned)
        if isinstance(dtype, Fixed):
            whole = self.converted(value, carrier_of(dtype)).text.at(ATOM)
            raw = Carrier("ap", Integer(dtype.width, False))
            return Value(call(spelling(raw), atom(f"{whole}.range()")), raw)
        return value

    def _from_raw(self, raw: Value, dtype: DType) -> Value:
        carrier = carrier_of(dtype)
        if isinstance(dtype, Boolean):
            return Value(infix("!=", raw.text, atom("0")), BOOL)
        if isinstance(dtype, Fixed):
            bits = self.converted(raw, Carrier("ap", Integer(dtype.width, False)))
            return Value(self._helper(f"from_bits<{spelling(carrier)}>", bits.text), carrier)
        if isinstance(dtype, Float):
            unsigned = Carrier("native", Integer(dtype.bits, False))
            name = f"bits_of<{spelling(carrier)}>"
            return Value(self._helper(name, self.converted(raw, unsigned).text), carrier)
        return self.converted(raw, carrier)

    def recast(self, expr: Bitcast) -> Value:
        """The same bits as another type."""
        if carrier_of(expr.type) == carrier_of(expr.operand.dtype):
            return self.value(expr.operand)
        return self._from_raw(self.raw_bits(expr.operand), expr.type)

    # Functions and records.

    def function(self, expr: Intrinsic) -> Value:
        """``math::exp(x)``: the C library's in simulation, `hls_math.h`'s in synthesis."""
        target = carrier_of(expr.type)
        self.helpers.add("math")
        work = float32 if expr.type in (float16, bfloat16) else expr.type
        args = [self.converted(self.value(arg), carrier_of(work)).text for arg in expr.args]
        name = {"abs": "fabs"}.get(expr.name, expr.name)
        if name == "rsqrt":
            one = self.literal(Const(1.0, work)).text
            found = Value(infix("/", one, call("math::sqrt", *args)), carrier_of(work))
        else:
            found = Value(call(f"math::{name}", *args), carrier_of(work))
        return self.converted(found, target)

    def record(self, expr: MakeStruct) -> Value:
        """``pair_t{a, b}``."""
        assert isinstance(expr.type, Struct)
        parts = []
        for (_, dtype), value in zip(expr.type.fields, expr.values, strict=True):
            part = self.value(value)
            plain = isinstance(value, Const) and part.carrier.builtin
            parts.append(part.text if plain else self.converted(part, carrier_of(dtype)).text)
        return Value(
            atom(f"{self.type_name(expr.type)}{{{', '.join(t.text for t in parts)}}}"), carrier_of(expr.type)
        )
