"""Expressions as HLS C++: every piece of text comes with its carrier, the C++ type that the text has."""

from __future__ import annotations

from tracealloc.emit.common.scope import Scope
from tracealloc.emit.common.text import Text, atom, call, field_of, infix, logical
from tracealloc.emit.vitis.values.bits import BitPrinter
from tracealloc.emit.vitis.values.convert import Conversions, Value
from tracealloc.emit.vitis.values.elements import Elements
from tracealloc.emit.vitis.values.operators import Operators
from tracealloc.emit.vitis.values.simulated import AccessChecks
from tracealloc.emit.vitis.values.types import BOOL, INT, Carrier, carrier_of
from tracealloc.emit.vitis.values.vocabulary import Vocabulary
from tracealloc.trace.ir.dtype import (
    Boolean,
    DType,
    Fixed,
    Float,
    Struct,
    as_fixed,
    as_integer,
    bfloat16,
    float16,
    float32,
    float64,
)
from tracealloc.trace.ir.expr import (
    Binary,
    Bitcast,
    Bits,
    Cast,
    Compare,
    Const,
    Expr,
    GetField,
    Intrinsic,
    IterRef,
    Load,
    Logical,
    MakeStruct,
    Select,
    SetBits,
    Unary,
    is_checked,
    unchecked,
)
from tracealloc.trace.ir.interval_rules import Range

__all__ = ["Expressions"]


class Expressions:
    """Prints the expressions of one function.

    Its parts print literals and conversions, operators, bits and elements, and ask it for their operands.

    Args:
        scope: the function.
        words: what its file uses.
        checks: the accesses that are checked, of a text that is simulated.
    """

    def __init__(self, scope: Scope, words: Vocabulary, checks: AccessChecks | None) -> None:
        self.scope = scope
        self.words = words
        self.convert = Conversions(words)
        self.converted, self.helper = self.convert.converted, self.convert.helper
        self.operators = Operators(self, self.convert)
        self.bits = BitPrinter(self, scope, self.convert)
        self.elements = Elements(self, scope, checks)
        self.carriers: dict[object, Carrier] = {}  # of iterators and named values, where not the usual one

    def expr(self, expr: Expr) -> Text:
        """Any expression."""
        return self.value(expr).text

    def text(self, expr: Expr) -> str:
        """Any expression, as text that stands alone."""
        return self.value(expr).text.text

    def range_of(self, expr: Expr) -> Range:
        """The least and greatest value of an integer expression."""
        return self.scope.ranges.of(expr)

    def value(self, expr: Expr, low: int | None = None) -> Value:
        """The text of an expression and its C++ type; the user of it keeps `low` bits (None: all)."""
        match expr:
            case Const():
                return self.convert.literal(expr)
            case IterRef(iter=iter_):
                return Value(atom(self.scope.iter_name(iter_)), self.carriers.get(iter_, INT))
            case Load(array=array):
                usual = carrier_of(expr.dtype)
                return Value(self.elements.load(expr), self.carriers.get(array, usual))
            case Unary():
                return self.operators.unary(expr, low)
            case Binary():
                return self.operators.binary(expr, low)
            case Compare():
                return Value(self.operators.compare(expr), BOOL)
            case Select():
                hardware = self.elements.checks is None  # which does not check
                return (
                    self.value(unchecked(expr))
                    if hardware and is_checked(expr)
                    else self.operators.select(expr)
                )
            case Cast():
                return self._cast(expr, low)
            case GetField(operand=operand, name=name):
                return Value(field_of(self.expr(operand), name), carrier_of(expr.dtype))
            case Bits():
                return self.bits.read(expr)
            case SetBits():
                return self.bits.write(expr)
            case Bitcast():
                return self.bits.recast(expr)
            case Intrinsic():
                return self._function(expr)
            case MakeStruct():
                return self._record(expr)
            case Logical(op=op, operands=operands):
                return Value(logical(op, map(self.expr, operands)), BOOL)
            case _:
                raise AssertionError(f"no such expression: {type(expr).__name__}")

    # Casts.

    def stored_as(self, expr: Expr, dtype: DType) -> Value:
        """The value of a store to an element of `dtype`: the assignment converts, so the text need not."""
        target = as_integer(dtype)
        if isinstance(expr, Cast) and expr.type == dtype:
            inner = expr.operand
            if target is not None and as_integer(inner.dtype) is not None and not isinstance(dtype, Boolean):
                return self.value(inner, target.width)
            if isinstance(dtype, Fixed) and as_fixed(inner.dtype) is not None:
                return self.value(inner)
        return self.value(expr, target.width if target is not None else None)

    def _cast(self, expr: Cast, low: int | None) -> Value:
        source, target = expr.operand.dtype, expr.type
        if source == target:
            return self.value(expr.operand, low)
        match target:
            case Boolean():
                return self._truth(expr.operand)
            case Float():
                return self.convert.to_float(self.value(expr.operand), target)
            case Fixed():
                return self._to_fixed(expr.operand, target)
            case _:
                pass
        integer = as_integer(target)
        assert integer is not None, target
        if isinstance(source, Float):
            return self.convert.from_float(self.value(expr.operand), integer)
        if isinstance(source, Fixed):
            return self.convert.from_fixed(self.value(expr.operand), source, integer)
        least, greatest = self.range_of(expr.operand)
        if integer.low <= least and greatest <= integer.high:
            return self.value(expr.operand, low)
        if low is not None and low <= integer.width:
            return self.value(expr.operand, low)
        inner = self.value(expr.operand, integer.width)
        return self.converted(inner, carrier_of(target))

    def _truth(self, operand: Expr) -> Value:
        value = self.value(operand)
        if value.carrier == BOOL:
            return value
        return Value(infix("!=", value.text, self.convert.zero(operand.dtype)), BOOL)

    def _to_fixed(self, operand: Expr, target: Fixed) -> Value:
        value = self.value(operand)
        carrier = carrier_of(target)
        if isinstance(operand.dtype, Float):
            wide = value if value.carrier.width == 64 else self.converted(value, carrier_of(float64))
            return Value(self.helper("fixed_from", wide.text, of=self.words.spell(carrier)), carrier)
        return self.converted(value, carrier)

    # Functions and records.

    def _function(self, expr: Intrinsic) -> Value:
        """``math::exp(x)``: the C library's in simulation, `hls_math.h`'s in synthesis."""
        target = carrier_of(expr.type)
        self.words.helpers.add("math")
        work = float32 if expr.type in (float16, bfloat16) else expr.type
        args = [self.converted(self.value(arg), carrier_of(work)).text for arg in expr.args]
        name = {"abs": "fabs"}.get(expr.name, expr.name)
        if name == "rsqrt":
            one = self.convert.literal(Const(1.0, work)).text
            found = Value(infix("/", one, call("math::sqrt", *args)), carrier_of(work))
        else:
            found = Value(call(f"math::{name}", *args), carrier_of(work))
        return self.converted(found, target)

    def _record(self, expr: MakeStruct) -> Value:
        """``pair_t{a, b}``."""
        assert isinstance(expr.type, Struct)
        parts = []
        for (_, dtype), value in zip(expr.type.fields, expr.values, strict=True):
            part = self.value(value)
            plain = isinstance(value, Const) and part.carrier.builtin
            parts.append(part.text if plain else self.converted(part, carrier_of(dtype)).text)
        return Value(
            atom(f"{self.words.type_name(expr.type)}{{{', '.join(t.text for t in parts)}}}"),
            carrier_of(expr.type),
        )
