"""Fixed point: rounding and overflow as ``ap_fixed`` carries them out (UG1399, and AMD's open headers).

`num / 2**frac` becomes a scaled integer of another type. Values that a formula needs twice are bound to
a temporary (`let`).
"""

from __future__ import annotations

from tracealloc.emit.c.integers.integer_printer import Printer, let
from tracealloc.emit.c.integers.integers import (
    Num,
    arith,
    choose,
    invert,
    literal,
    shift_left,
    shift_right,
    wrap,
)
from tracealloc.emit.common.text import Text, infix
from tracealloc.trace.ir.dtype import Fixed
from tracealloc.trace.queries.intervals import type_range

__all__ = ["overflowed", "quantised", "rounded"]


def rounded(printer: Printer, value: Num, shift: int, rounding: str) -> Num:
    """``value / 2**shift`` rounded; `value` is cheap to repeat."""
    half = 1 << (shift - 1)
    negative = printer.compare("<", value, literal(0))
    match rounding:
        case "TRN":
            bias = literal(0)
        case "RND":
            bias = literal(half)
        case "RND_MIN_INF":
            bias = literal(half - 1)
        case "RND_CONV":
            odd = arith("&", shift_right(value, shift), literal(1))
            bias = arith("+", literal(half - 1), odd)
        case "TRN_ZERO":
            bias = choose(negative, literal(2 * half - 1), literal(0))
        case "RND_ZERO":
            bias = choose(negative, literal(half), literal(half - 1))
        case "RND_INF":
            bias = choose(negative, literal(half - 1), literal(half))
        case _:
            raise AssertionError(rounding)
    if rounding == "TRN" or (rounding == "TRN_ZERO" and value.range[0] >= 0):
        return shift_right(value, shift)
    return shift_right(arith("+", value, bias), shift)


def quantised(printer: Printer, num: Num, frac: int, target: Fixed, signed: bool) -> Num:
    """``num / 2**frac`` as a scaled integer of `target`, with its rounding and overflow."""
    shift = frac - target.frac
    if shift <= 0:
        return overflowed(printer, shift_left(num, -shift), None, target, signed)

    def body(value: Num) -> Num:
        found = rounded(printer, value, shift, target.rounding)
        return overflowed(printer, found, shift_right(value, shift), target, signed)

    if target.rounding in {"TRN", "RND", "RND_MIN_INF"} and target.overflow != "WRAP_SM":
        return body(num)
    return let(printer, num, body)


def overflowed(printer: Printer, num: Num, floor: Num | None, target: Fixed, signed: bool) -> Num:
    """A rounded scaled integer brought into `target`'s range (`floor`: before rounding, if other)."""
    low, high = type_range(target)
    least = low
    if target.overflow == "SAT_SYM" and signed and target.signed and target.width > 1:
        least = low + 1
    if target.overflow == "WRAP" or (least <= num.range[0] and num.range[1] <= high):
        return wrap(num, target.width, target.signed)

    def body(value: Num) -> Num:
        over = printer.compare(">", value, literal(high))
        under = printer.compare("<", value, literal(least))
        match target.overflow:
            case "SAT_ZERO":
                found = choose(infix("||", over, under), literal(0), value)
            case "WRAP_SM" if target.signed:
                found = _wrap_sign_magnitude(printer, value, floor or value, over, under, target)
            case _:
                found = choose(over, literal(high), choose(under, literal(least), value))
        return Num(found.op, (low, high), found.args, found.text)

    return let(printer, num, body)


def _wrap_sign_magnitude(
    printer: Printer, value: Num, floor: Num, over: Text, under: Text, target: Fixed
) -> Num:
    # ap_fixed: where the lowest deleted bit differs from the new sign, all bits are inverted.
    wrapped = wrap(value, target.width, True)
    deleted = arith("&", shift_right(floor, target.width), literal(1))
    sign = arith("&", shift_right(wrapped, target.width - 1), literal(1))
    differs = printer.compare("!=", deleted, sign)
    cond = infix("&&", infix("||", over, under), differs)
    return choose(cond, invert(wrapped), wrapped)
