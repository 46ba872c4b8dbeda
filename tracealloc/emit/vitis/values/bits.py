"""Bits of values in HLS C++: read, replaced, and as values of another type."""

from __future__ import annotations

from tracealloc.emit.common.scope import Scope
from tracealloc.emit.common.text import ATOM, atom, infix
from tracealloc.emit.vitis.values.convert import Conversions, Value
from tracealloc.emit.vitis.values.operands import Operands
from tracealloc.emit.vitis.values.types import BOOL, UINT64, Carrier, carrier_of, promoted
from tracealloc.trace.ir.dtype import Boolean, DType, Fixed, Float, Integer
from tracealloc.trace.ir.expr import Bitcast, Bits, Const, Expr, SetBits

__all__ = ["BitPrinter"]


class BitPrinter:
    """Prints what reads and replaces bits; `values` prints operands, `convert` converts them."""

    def __init__(self, values: Operands, scope: Scope, convert: Conversions) -> None:
        self.values = values
        self.scope = scope
        self.convert = convert
        self.words = convert.words
        self.converted, self.helper = convert.converted, convert.helper

    def read(self, expr: Bits) -> Value:
        """``(x >> 4) & 15`` of a built-in integer, ``x.range(7, 4)`` of the others."""
        width, target = expr.type.bits, carrier_of(expr.type)
        operand, low = self.values.value(expr.operand), self.values.value(expr.low)
        least, most = self.scope.ranges.of(expr.low)
        bits = expr.operand.dtype.bits
        outside = least < 0 or most + width > bits
        raw = Carrier("ap", Integer(width, False))
        if operand.carrier.builtin and not outside:
            return self._mask_bits(expr, operand, low, width)
        if outside:
            found = self.helper("bits_at", self.raw(expr.operand).text, low.text, of=f"{bits}, {width}")
        else:
            own = self._own_type(operand, expr.operand.dtype)
            if isinstance(expr.low, Const):
                high = atom(str(int(expr.low.value) + width - 1))
            else:
                high = infix("+", low.text, atom(str(width - 1))) if width > 1 else low.text
            picked = atom(f"{own.text.at(ATOM)}.range({high.text}, {low.text.text})")
            found = self.convert.wrapped(raw, picked).text
        wide = Value(found, raw)
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

    def write(self, expr: SetBits) -> Value:
        """The operand with some of its bits replaced."""
        dtype, width = expr.dtype, expr.value.dtype.bits
        operand, low, new = self.values.value(expr.operand), self.values.value(expr.low), self.raw(expr.value)
        source = self.raw(expr.operand) if isinstance(dtype, Fixed) else operand
        of = f"{dtype.bits}, {width}"
        found = self.helper("with_bits", source.text, low.text, new.text, of=of)
        return self._from_raw(Value(found, Carrier("ap", Integer(dtype.bits, False))), dtype)

    def raw(self, expr: Expr) -> Value:
        """The bits of a value, in an integer type."""
        value, dtype = self.values.value(expr), expr.dtype
        if isinstance(dtype, Float):
            unsigned = Carrier("native", Integer(dtype.bits, False))
            return Value(self.helper("bits_of", value.text, of=self.words.spell(unsigned)), unsigned)
        if isinstance(dtype, Fixed):
            whole = self.converted(value, carrier_of(dtype)).text.at(ATOM)
            raw = Carrier("ap", Integer(dtype.width, False))
            return self.convert.wrapped(raw, atom(f"{whole}.range()"))
        return value

    def _from_raw(self, raw: Value, dtype: DType) -> Value:
        carrier = carrier_of(dtype)
        if isinstance(dtype, Boolean):
            return Value(infix("!=", raw.text, atom("0")), BOOL)
        if isinstance(dtype, Fixed):
            bits = self.converted(raw, Carrier("ap", Integer(dtype.width, False)))
            return Value(self.helper("from_bits", bits.text, of=self.words.spell(carrier)), carrier)
        if isinstance(dtype, Float):
            unsigned = Carrier("native", Integer(dtype.bits, False))
            whole = self.converted(raw, unsigned).text
            return Value(self.helper("bits_of", whole, of=self.words.spell(carrier)), carrier)
        return self.converted(raw, carrier)

    def recast(self, expr: Bitcast) -> Value:
        """The same bits as another type."""
        if carrier_of(expr.type) == carrier_of(expr.operand.dtype):
            return self.values.value(expr.operand)
        return self._from_raw(self.raw(expr.operand), expr.type)
