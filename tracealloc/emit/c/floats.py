"""Floating-point expressions in C: every operation rounds once, to its own type."""

from __future__ import annotations

from tracealloc.emit.c.integers.integer_printer import Printer
from tracealloc.emit.c.integers.integers import machine_for
from tracealloc.emit.c.operands import Operands
from tracealloc.emit.c.unit import Unit
from tracealloc.emit.common.text import Text, atom, call, float_literal, infix, prefix, ternary
from tracealloc.trace.ir.dtype import DType, Fixed, Float, bfloat16, float16, float32, float64
from tracealloc.trace.ir.expr import (
    Binary,
    Bitcast,
    Cast,
    Const,
    Expr,
    GetField,
    Intrinsic,
    Load,
    Select,
    Unary,
)

__all__ = ["Floats"]

_INTRINSICS = {"abs": "fabs"}


class Floats:
    """Prints the floating-point expressions of one function.

    Args:
        values: prints operands.
        unit: the file, which notes what is used of the C library and of our helpers.
        printer: prints integers.
    """

    def __init__(self, values: Operands, unit: Unit, printer: Printer) -> None:
        self.values = values
        self.unit = unit
        self.printer = printer

    def of(self, expr: Expr) -> Text:
        """A floating-point expression, as a C float (double for float64)."""
        match expr:
            case Const(type=Float() as dtype, value=value):
                return float_literal(float(value), float64 if dtype == float64 else float32)
            case Load() | GetField():
                text = self.values.read(expr)
                if expr.dtype == bfloat16:
                    self.unit.helpers.add("ta_bf16")
                    return call("ta_bf16_load", text)
                return prefix("(float)", text) if expr.dtype == float16 else text
            case Unary(op="-", operand=operand):
                return prefix("-", self.of(operand))
            case Unary(op="abs", operand=operand):
                return self._math("fabs", expr.type, (self.of(operand),))
            case Binary(type=Float() as dtype):
                return self._float_binary(expr, dtype)
            case Select(cond=cond, then=then, orelse=orelse):
                return ternary(self.values.condition(cond), self.of(then), self.of(orelse))
            case Cast():
                return self._to_float(expr)
            case Bitcast():
                return self.values.bitcast(expr)
            case Intrinsic(name=name, args=args, type=dtype):
                return self._intrinsic_text(name, dtype, tuple(self.of(arg) for arg in args))
            case _:
                raise AssertionError(f"{type(expr).__name__} of {expr.dtype}")

    def _rounded_float(self, text: Text, dtype: DType) -> Text:
        if dtype == float16:
            return prefix("(float)", prefix("(_Float16)", text))
        if dtype == bfloat16:
            self.unit.helpers.add("ta_bf16")
            return call("ta_bf16_round", text)
        return text

    def _float_binary(self, expr: Binary, dtype: Float) -> Text:
        a, b = self.of(expr.left), self.of(expr.right)
        suffix = "" if dtype == float64 else "f"
        match expr.op:
            case "+" | "-" | "*" | "/":
                return self._rounded_float(infix(expr.op, a, b), dtype)
            case "min" | "max":
                suffix = "h" if dtype == float16 else suffix
                self.unit.helpers.add(f"ta_minmax{suffix}")
                return call(f"ta_{expr.op}{suffix}", a, b)
            case "//" | "%":
                self.unit.helpers.add(f"ta_floormod{suffix}")
                name = "ta_floordiv" if expr.op == "//" else "ta_floormod"
                return self._rounded_float(call(name + suffix, a, b), dtype)
            case _:
                raise AssertionError(expr.op)

    def _math(self, name: str, dtype: DType, args: tuple[Text, ...]) -> Text:
        name += "" if dtype == float64 else "f"
        self.unit.libm.add(name)
        return call(name, *args)

    def _intrinsic_text(self, name: str, dtype: DType, args: tuple[Text, ...]) -> Text:
        if name == "rsqrt":
            one = float_literal(1.0, float64 if dtype == float64 else float32)
            return self._rounded_float(infix("/", one, self._math("sqrt", dtype, args)), dtype)
        return self._rounded_float(self._math(_INTRINSICS.get(name, name), dtype, args), dtype)

    def _to_float(self, expr: Cast) -> Text:
        source, target = expr.operand.dtype, expr.type
        if isinstance(source, Float):
            text = self.of(expr.operand)
            if target == float64:
                return text if source == float64 else prefix("(double)", text)
            if target == float32:
                return prefix("(float)", text) if source == float64 else text
            if source == float64 and target == bfloat16:
                self.unit.helpers.add("ta_bf16")
                return call("ta_bf16_round_double", text)
            return text if source == target else self._rounded_float(text, target)
        num, frac = self.values.number(expr.operand), source.frac if isinstance(source, Fixed) else 0
        machine = machine_for(num.range)
        small = machine.bits <= 64 and max(abs(num.range[0]), num.range[1]) <= 1 << 53
        if machine.wide:
            piece = self.printer.cast(self.printer.exact(num), machine)
            odd = atom("0" if target == float64 else "1")
            text = call(f"ta_w{machine.bits // 64}_scaled", piece.text, atom(str(frac)), odd)
            return self._from_double(text, target)
        value = self.printer.exact(num).text
        if frac == 0 and target in (float32, float64):
            return prefix("(float)" if target == float32 else "(double)", value)
        if small or target == float64:
            text = prefix("(double)", value)
        else:
            helper = "ta_oddu" if num.range[0] >= 0 else "ta_odd"
            self.unit.helpers.add(helper)
            text = call(helper, value)
        if 0 < abs(frac) <= 1000:
            text = infix("*", text, atom(f"0x1p{-frac}"))
        elif frac:
            text = call("__builtin_ldexp", text, atom(str(-frac)))
        return self._from_double(text, target)

    def _from_double(self, text: Text, target: DType) -> Text:
        if target == float64:
            return text
        if target == bfloat16:
            self.unit.helpers.add("ta_bf16")
            return call("ta_bf16_round_double", text)
        if target == float16:
            return prefix("(float)", prefix("(_Float16)", text))
        return prefix("(float)", text)
