"""C expressions of every element type: integers, fixed point, floats, structs, bits.

How a value of each type looks in an expression: integers, fixed point (the scaled integer) and index are
C integers (see `integer_printer`); boolean is ``bool``; float16 and bfloat16 are C floats
that hold exactly such a value (each operation rounds); structs are C structs.
"""

from __future__ import annotations

from tracealloc.emit.c.fixed import overflowed, quantised, rounded
from tracealloc.emit.c.floats import CFloats
from tracealloc.emit.c.integer_printer import Printer, let
from tracealloc.emit.c.integers import (
    INT,
    Machine,
    Num,
    arith,
    choose,
    invert,
    leaf,
    literal,
    shift_left,
    shift_right,
    storage,
    variable_shift,
    wrap,
)
from tracealloc.emit.common.expr import Text, atom, call, float_literal, infix, prefix, ternary
from tracealloc.emit.common.names import Names
from tracealloc.trace.ir.dtype import (
    Boolean,
    DType,
    Fixed,
    Float,
    Struct,
    as_fixed,
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
    Iter,
    IterRef,
    Load,
    Logical,
    MakeStruct,
    Select,
    SetBits,
    Unary,
)
from tracealloc.trace.ir.intervals import type_range
from tracealloc.trace.ir.program import Array, Program

__all__ = ["CNumbers", "element_machine"]

_ROUNDINGS = ("TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV")


def element_machine(dtype: DType) -> Machine:
    """The C integer type that stores an integer, fixed-point, index or boolean element."""
    fixed = as_fixed(dtype)
    assert fixed is not None, dtype
    return storage(fixed.width, fixed.signed)


def _width(dtype: DType) -> tuple[int, bool]:
    fixed = as_fixed(dtype)
    assert fixed is not None, dtype
    return fixed.width, fixed.signed


def _frac(dtype: DType) -> int:
    return dtype.frac if isinstance(dtype, Fixed) else 0


def _numeric(dtype: DType) -> bool:
    return as_fixed(dtype) is not None


class CNumbers(CFloats):
    """A back end whose expressions are C. `structs` collects the struct types that are named."""

    def __init__(self, program: Program, names: Names | None = None) -> None:
        super().__init__(program, names)
        self.structs: dict[Struct, str] = {}
        self.libm: set[str] = set()
        self.iter_machine: dict[Iter, Machine] = {}
        self.value_machine: dict[Array, Machine] = {}  # of named values, where their range tells more
        self._count = 0
        self.printer = Printer(lambda name: self.helpers.add(name), self._temporary)

    def _temporary(self) -> str:
        self._count += 1
        return f"ta_{self._count}"

    # Types.

    def type_name(self, dtype: DType) -> str:
        match dtype:
            case Boolean():
                return "bool"
            case Float():
                if dtype == bfloat16:
                    return "uint16_t"
                return {float16: "_Float16", float32: "float", float64: "double"}[dtype]
            case Struct():
                return self.struct_name(dtype)
            case _:
                machine = element_machine(dtype)
                if machine.wide:
                    self.helpers.add(f"TA_WIDE({machine.bits // 64})")
                return Machine(machine.bits, True).name if machine.wide else machine.name

    def struct_name(self, dtype: Struct) -> str:
        """The name of a struct type."""
        raise NotImplementedError

    # Entry points of the walk.

    def expr(self, expr: Expr) -> Text:
        dtype = expr.dtype
        if isinstance(dtype, Boolean):
            return self.condition(expr)
        if isinstance(dtype, Float):
            return self.floating(expr)
        if isinstance(dtype, Struct):
            return self.record(expr)
        return self.printer.exact(self.number(expr)).text

    def converted(self, expr: Expr) -> Text:
        """`expr` where C itself converts to the element's type: an assignment, an argument."""
        dtype = expr.dtype
        if dtype == bfloat16:
            if isinstance(expr, Load):
                return self.load(expr)
            self.helpers.add("ta_bf16")
            return call("ta_bf16_store", self.floating(expr))
        if not _numeric(dtype) or isinstance(dtype, Boolean):
            return self.expr(expr)
        machine = element_machine(dtype)
        number = self.number(expr)
        native = machine.bits == dtype.bits and not machine.wide
        piece = self.printer.emit(number, machine.bits) if native else self.printer.exact(number)
        if machine.wide or piece.type.wide:
            piece = self.printer.cast(piece, machine)
        return piece.text

    def subscript(self, index: Expr) -> str:
        piece = self.printer.emit(self.number(index), 64)
        if piece.type.bits > 64:
            piece = self.printer.cast(piece, Machine(64, True))
        return piece.text.text

    # Booleans.

    def condition(self, expr: Expr) -> Text:
        """A boolean expression."""
        match expr:
            case Const(value=value):
                return atom("true" if value else "false")
            case Compare(op=op, left=left, right=right):
                return self.comparison(op, left, right)
            case Logical():
                return self.logical(expr)
            case Unary(op="not" | "~", operand=operand):
                return prefix("!", self.condition(operand))
            case Select(cond=cond, then=then, orelse=orelse):
                return ternary(self.condition(cond), self.condition(then), self.condition(orelse))
            case Cast(operand=operand) if isinstance(operand.dtype, Float):
                return infix("!=", self.floating(operand), float_literal(0.0, float32))
            case Cast(operand=operand):
                return self.printer.compare("!=", self.number(operand), literal(0))
            case Load() | GetField():
                return super().expr(expr)
            case _:
                return self.printer.compare("!=", self.number(expr), literal(0))

    def comparison(self, op: str, left: Expr, right: Expr) -> Text:
        """``left op right``, exact for integers and fixed point of any widths."""
        if isinstance(left.dtype, Float) or isinstance(right.dtype, Float):
            return infix(op, self.floating(left), self.floating(right))
        up = max(_frac(left.dtype), _frac(right.dtype))
        a, b = (shift_left(self.number(side), up - _frac(side.dtype)) for side in (left, right))
        return self.printer.compare(op, a, b)

    # Integers and fixed point.

    def number(self, expr: Expr) -> Num:
        """The (scaled) integer of an integer, fixed-point, index or boolean expression."""
        dtype = expr.dtype
        if isinstance(dtype, Boolean) and not isinstance(expr, Const | Binary | Bits | Bitcast):
            return leaf(self.condition(expr), Machine(8, False), (0, 1))
        match expr:
            case Const(value=value):
                return literal(int(value))
            case IterRef(iter=iter_):
                values = self.ranges.of(expr)
                return leaf(atom(self.iter_name(iter_)), self.iter_machine.get(iter_, INT), values)
            case Load(array=array) if array in self.value_machine:
                text = atom(self.array_name(array))
                return leaf(text, self.value_machine[array], self.ranges.of_value[array])
            case Load() | GetField():
                return leaf(super().expr(expr), element_machine(dtype), type_range(dtype))
            case Unary():
                return self._unary_number(expr)
            case Binary():
                return self._binary_number(expr)
            case Select(cond=cond, then=then, orelse=orelse):
                return choose(self.condition(cond), self.number(then), self.number(orelse))
            case Cast():
                return self._cast_number(expr)
            case Bitcast(operand=operand):
                return wrap(self.raw_bits(operand), *_width(dtype))
            case Bits():
                return self._bits_number(expr)
            case SetBits():
                return self._set_bits_number(expr)
            case _:
                raise AssertionError(f"{type(expr).__name__} of {dtype}")

    def _unary_number(self, expr: Unary) -> Num:
        inner = self.number(expr.operand)
        match expr.op:
            case "-":
                found = arith("-", literal(0), inner) if inner.op == "lit" else self._negated(inner)
            case "~":
                found = invert(inner)
            case "abs":
                found = let(self.printer, inner, self._absolute)
            case _:
                raise AssertionError(expr.op)
        found = shift_left(found, max(0, _frac(expr.type) - _frac(expr.operand.dtype)))
        return wrap(found, *_width(expr.type))

    def _negated(self, inner: Num) -> Num:
        return arith("-", literal(0), inner)

    def _absolute(self, value: Num) -> Num:
        if value.range[0] >= 0:
            return value
        negative = self.printer.compare("<", value, literal(0))
        found = choose(negative, self._negated(value), value)
        top = max(-value.range[0], value.range[1])
        return Num(found.op, (0, top), found.args, found.text)

    def _binary_number(self, expr: Binary) -> Num:
        left, right, dtype = expr.left, expr.right, expr.type
        a, b = self.number(left), self.number(right)
        width, signed = _width(dtype)
        if expr.op in {"<<", ">>"}:
            return variable_shift(expr.op, a, b, width, signed)
        if expr.op in {"//", "%", "min", "max"} and not isinstance(dtype, Fixed):
            return wrap(arith(expr.op, a, b), width, signed)
        fa, fb = _frac(left.dtype), _frac(right.dtype)
        if expr.op == "/":
            up = _frac(dtype) - fa + fb
            return wrap(arith("quot", shift_left(a, max(up, 0)), shift_left(b, max(-up, 0))), width, signed)
        if expr.op == "*":
            return self._requantised(arith("*", a, b), fa + fb, dtype)
        up = max(fa, fb)
        found = arith(expr.op, shift_left(a, up - fa), shift_left(b, up - fb))
        return self._requantised(found, up, dtype)

    def _requantised(self, num: Num, frac: int, dtype: DType) -> Num:
        if isinstance(dtype, Fixed) and frac != dtype.frac:
            return quantised(self.printer, num, frac, dtype, True)
        return wrap(num, *_width(dtype))

    def _cast_number(self, expr: Cast) -> Num:
        source, target = expr.operand.dtype, expr.type
        if isinstance(source, Float):
            return self._from_float(expr.operand, source, target)
        num = self.number(expr.operand)
        if isinstance(target, Fixed):
            return quantised(self.printer, num, _frac(source), target, _width(source)[1])
        if isinstance(source, Fixed):
            if source.frac > 0:  # towards zero, as ap_fixed converts to ap_int
                num = let(self.printer, num, lambda x: rounded(self.printer, x, source.frac, "TRN_ZERO"))
            else:
                num = shift_left(num, -source.frac)
        return wrap(num, *_width(target))

    def _from_float(self, operand: Expr, source: Float, target: DType) -> Num:
        value = self.floating(operand)
        width, signed = _width(target)
        if not isinstance(target, Fixed):
            if width <= 64:
                self.helpers.add("ta_int_from_double")
                found = leaf(
                    call("ta_int_from_double", value), Machine(64, True), (-(1 << 63), (1 << 63) - 1)
                )
                return wrap(found, width, signed)
            return wrap(self._scaled_double(value, 0, 1, width), width, signed)
        mode = _ROUNDINGS.index(target.rounding)
        rounded = self._scaled_double(value, target.frac, mode, width)
        floor = self._scaled_double(value, target.frac, 0, width)
        return overflowed(self.printer, rounded, floor, target, True)

    def _scaled_double(self, value: Text, frac: int, mode: int, width: int) -> Num:
        args = (value, atom(str(frac)), atom(str(mode)))
        self.helpers.add("ta_fixed_from_double")
        if width <= 64:
            return leaf(call("ta_fixed_from_double", *args), Machine(128, True), (-(1 << 124), 1 << 124))
        words = -(-(width + 64) // 64)
        self.helpers.add(f"TA_WIDE({words})")
        bits = 64 * words
        text = call(f"ta_w{words}_from_double", *args)
        return leaf(text, Machine(bits, True), (-(1 << (bits - 1)), (1 << (bits - 1)) - 1))

    # Bits.

    def raw_bits(self, operand: Expr) -> Num:
        """The bits of any value as a number (for a signed type, a signed one)."""
        dtype = operand.dtype
        if not isinstance(dtype, Float):
            return self.number(operand)
        machine = Machine(dtype.bits, False)
        values = (0, (1 << dtype.bits) - 1)
        if dtype == bfloat16:
            return leaf(self.converted(operand), machine, values)
        self.helpers.add(f"ta_bits_f{dtype.bits}")
        return leaf(call(f"ta_bits_f{dtype.bits}", self.floating(operand)), machine, values)

    def bitcast(self, expr: Bitcast) -> Text:
        assert isinstance(expr.type, Float)
        bits = wrap(self.raw_bits(expr.operand), expr.type.bits, False)
        text = self.printer.exact(bits).text
        if expr.type == bfloat16:
            self.helpers.add("ta_bf16")
            return call("ta_bf16_load", text)
        self.helpers.add(f"ta_bits_f{expr.type.bits}")
        return call(f"ta_f{expr.type.bits}_bits", text)

    def _pattern(self, operand: Expr) -> Num:
        return wrap(self.number(operand), operand.dtype.bits, False)

    def _bits_number(self, expr: Bits) -> Num:
        width, signed = _width(expr.type)
        low = self.number(expr.low)
        source = self.number(expr.operand)
        if low.op == "lit" and low.range[0] >= 0 and low.range[0] + width <= expr.operand.dtype.bits:
            return wrap(shift_right(source, low.range[0]), width, signed)
        pattern = self._pattern(expr.operand)
        return wrap(variable_shift(">>", pattern, low, expr.operand.dtype.bits, False), width, signed)

    def _set_bits_number(self, expr: SetBits) -> Num:
        bits, signed = _width(expr.dtype)
        width = expr.value.dtype.bits
        value = wrap(self.number(expr.value), width, False)
        low = self.number(expr.low)
        mask = variable_shift("<<", wrap(literal((1 << width) - 1), bits, False), low, bits, False)
        moved = variable_shift("<<", wrap(value, bits, False), low, bits, False)
        kept = arith("&", self.number(expr.operand), wrap(invert(mask), bits, signed))
        return wrap(arith("|", kept, moved), bits, signed)

    # Structs.

    def record(self, expr: Expr) -> Text:
        """A struct value."""
        match expr:
            case MakeStruct(values=values, type=Struct() as dtype):
                parts = ", ".join(self.converted(value).text for value in values)
                return atom(f"({self.struct_name(dtype)}){{{parts}}}")
            case Select(cond=cond, then=then, orelse=orelse):
                return ternary(self.condition(cond), self.record(then), self.record(orelse))
            case Load() | GetField():
                return super().expr(expr)
            case _:
                raise AssertionError(f"{type(expr).__name__} of {expr.dtype}")
