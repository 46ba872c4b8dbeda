"""Integers of any width as small trees: exact values with the interval in which they lie.

`integer_printer` prints them. The builders keep the interval tight, because it decides the C type.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from tracealloc.emit.common.text import Text
from tracealloc.trace.ir.dtype import DType, as_fixed
from tracealloc.trace.ir.interval_rules import Range, binary_range

__all__ = [
    "INT", "Machine", "Num", "arith", "at_least", "choose", "converted", "element_machine", "invert", "leaf",
    "literal", "machine_for", "shift_left", "shift_right", "storage", "variable_shift", "wrap",
]  # fmt: skip


class Machine(NamedTuple):
    """A C integer type: 8, 16, 32, 64 or 128 bits, or a struct of 64-bit words beyond."""

    bits: int
    signed: bool

    @property
    def wide(self) -> bool:
        """Whether this is a struct of words."""
        return self.bits > 128

    @property
    def words(self) -> int:
        """How many words of 64 bits it has."""
        return self.bits // 64

    @property
    def name(self) -> str:
        """How the type is spelt."""
        if self.wide:
            return f"ta_w{self.words}"
        if self.bits == 128:
            return "__int128" if self.signed else "unsigned __int128"
        return f"{'' if self.signed else 'u'}int{self.bits}_t"

    def holds(self, values: Range) -> bool:
        """Whether every value of an interval is representable."""
        low = -(1 << (self.bits - 1)) if self.signed else 0
        return low <= values[0] and values[1] < 1 << (self.bits - self.signed)


INT = Machine(32, True)
_NONE = Text("")


def storage(width: int, signed: bool) -> Machine:
    """The least type that stores `width` bits."""
    for bits in (8, 16, 32, 64, 128):
        if width <= bits:
            return Machine(bits, signed)
    return Machine(-(-width // 64) * 64, signed)


def element_machine(dtype: DType) -> Machine:
    """The C integer type that stores an integer, fixed-point, index or boolean element."""
    fixed = as_fixed(dtype)
    assert fixed is not None, dtype
    return storage(fixed.width, fixed.signed)


def machine_for(values: Range) -> Machine:
    """The type in which arithmetic gives exact results within an interval."""
    for bits in (32, 64, 128):
        for signed in (True, False):
            if Machine(bits, signed).holds(values):
                return Machine(bits, signed)
    width = max(values[1].bit_length(), (-values[0] - 1).bit_length() if values[0] < 0 else 0) + 1
    return Machine(-(-width // 64) * 64, True)


def at_least(bits: int) -> Machine:
    """The signed arithmetic type of at least `bits` bits."""
    for size in (32, 64, 128):
        if bits <= size:
            return Machine(size, True)
    return Machine(-(-bits // 64) * 64, True)


@dataclass(frozen=True, slots=True, eq=False)
class Num:
    """An integer: `op`, operands, the interval of its value, and what else the operator needs.

    ``leaf`` (text, machine) · ``lit`` · ``+ - * & | ^ ~`` · ``shl shr`` (by the constant `amount`) ·
    ``<< >>`` (by an operand) · ``// % quot min max`` · ``choose`` (text of the condition) · ``wrap`` ·
    ``let`` (text is the name bound to the first operand).
    """

    op: str
    range: Range
    args: tuple[Num, ...] = ()
    text: Text = _NONE
    machine: Machine = INT
    amount: int = 0


def leaf(text: Text, machine: Machine, values: Range) -> Num:
    """Something that C can read: its value lies in `values`."""
    return Num("leaf", values, text=text, machine=machine)


def literal(value: int) -> Num:
    """A constant."""
    return Num("lit", (value, value))


def arith(op: str, a: Num, b: Num) -> Num:
    """``+ - * & | ^ // % min max quot`` of exact values (``quot``: division that truncates)."""
    if a.op == b.op == "lit" and op in {"+", "-", "*"}:
        x, y = a.range[0], b.range[0]
        return literal(x + y if op == "+" else x - y if op == "-" else x * y)
    if op == "quot":
        most = max(abs(a.range[0]), abs(a.range[1]))
        return Num(op, (0 if min(a.range[0], b.range[0]) >= 0 else -most, most), (a, b))
    found = binary_range(op, a.range, b.range)
    assert found is not None, op
    return Num(op, found, (a, b))


def invert(a: Num) -> Num:
    """``~a``, that is ``-a - 1``."""
    return Num("~", (-a.range[1] - 1, -a.range[0] - 1), (a,))


def shift_left(a: Num, amount: int) -> Num:
    """``a * 2**amount``, exactly."""
    if amount == 0:
        return a
    if a.op == "lit":
        return literal(a.range[0] << amount)
    return Num("shl", (a.range[0] << amount, a.range[1] << amount), (a,), amount=amount)


def shift_right(a: Num, amount: int) -> Num:
    """The floor of ``a / 2**amount``."""
    if amount == 0:
        return a
    if a.op == "lit":
        return literal(a.range[0] >> amount)
    return Num("shr", (a.range[0] >> amount, a.range[1] >> amount), (a,), amount=amount)


def wrap(a: Num, width: int, signed: bool) -> Num:
    """`a` modulo 2**width, as a signed or unsigned number."""
    low = -(1 << (width - 1)) if signed else 0
    high = (1 << (width - signed)) - 1
    if low <= a.range[0] and a.range[1] <= high:
        return a
    if a.op == "lit":
        value = a.range[0] & ((1 << width) - 1)
        return literal(value - (1 << width) if value > high else value)
    return Num("wrap", (low, high), (a,), machine=Machine(width, signed))


def choose(cond: Text, a: Num, b: Num) -> Num:
    """`a` where the C condition holds, else `b`."""
    return Num("choose", (min(a.range[0], b.range[0]), max(a.range[1], b.range[1])), (a, b), cond)


def variable_shift(op: str, a: Num, amount: Num, width: int, signed: bool) -> Num:
    """``a << amount`` or ``a >> amount`` of a `width`-bit number, wrapped to that width.

    A negative amount shifts the other way; an amount beyond the width leaves 0 or the sign (``ap_int``).
    """
    if amount.op == "lit":
        count = amount.range[0] if op == "<<" else -amount.range[0]
        moved = shift_left(a, min(count, width)) if count >= 0 else shift_right(a, min(-count, width))
        return wrap(moved, width, signed)
    low = -(1 << (width - 1)) if signed else 0
    values = (low, (1 << (width - signed)) - 1)
    if op == ">>" and amount.range[0] >= 0:
        values = (min(a.range[0], 0), max(a.range[1], 0))
    if not Machine(64, True).holds(amount.range):
        amount = arith("max", arith("min", amount, literal(1 << 20)), literal(-(1 << 20)))
    return Num(op, values, (a, amount), machine=Machine(width, signed))


def converted(a: Machine, b: Machine) -> Machine:
    """C's usual arithmetic conversions."""
    a, b = (INT if m.bits < 32 else m for m in (a, b))
    if a.bits != b.bits:
        return a if a.bits > b.bits else b
    return a if not a.signed else b
