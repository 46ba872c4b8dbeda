"""Integers of any width in C: exact values as small trees, printed with the narrowest machine arithmetic.

`Num` is an integer expression with the interval of its exact value. Printing takes a *demand*: the number
of low bits that the reader will look at, or None for the exact value. ``+ - * & | ^ ~ <<`` need no more
bits of their operands than are demanded of their result (the classic demanded-bits analysis), so that an
``int32 + int32`` (33 bits) stored to an ``int32`` is one 32-bit addition. All text relies on ``-fwrapv``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tracealloc.emit.c.integers.helpers import Helper, Native, Wide, WideFrom
from tracealloc.emit.c.integers.integers import (
    INT,
    Machine,
    Num,
    arith,
    at_least,
    converted,
    leaf,
    literal,
    machine_for,
    shift_right,
)
from tracealloc.emit.common.text import UNARY, Text, atom, call, infix, prefix, ternary
from tracealloc.trace.ir.interval_rules import Range

__all__ = ["Piece", "Printer", "let"]


class Piece(NamedTuple):
    """Printed text, its C type, and whether its value is exact (else: right modulo 2**demand)."""

    text: Text
    type: Machine
    exact: bool


class Printer:
    """Prints `Num` trees of one function. `helper` notes what of the file's helpers is used."""

    def __init__(self, helper: Callable[[Helper], None]) -> None:
        self._helper = helper
        self._count = 0

    def temporary(self) -> str:
        """A name that the function does not have yet."""
        self._count += 1
        return f"ta_{self._count}"

    def exact(self, num: Num) -> Piece:
        """The exact value."""
        piece = self.emit(num, None)
        assert piece.exact, num
        return self._narrow(piece, num.range) if piece.type.wide else piece

    def emit(self, num: Num, demand: int | None) -> Piece:
        """`num`, right in its `demand` low bits (None: exactly)."""
        match num.op:
            case "leaf":
                return Piece(num.text, num.machine, True)
            case "lit":
                return self._literal(num.range[0], demand)
            case "+" | "-" | "*" | "&" | "|" | "^":
                return self._arith(num, demand)
            case "~" | "shl":
                return self._unary(num, demand)
            case "shr":
                return self._shr(num)
            case "<<" | ">>":
                return self._variable_shift(num, demand)
            case "//" | "%" | "quot":
                return self._divide(num, demand)
            case "min" | "max":
                return self._min_max(num)
            case "choose":
                return self._choose(num, demand)
            case "wrap":
                return self._wrap(num, demand)
            case "let":
                return self._let(num, demand)
            case _:
                raise AssertionError(num.op)

    def constant(self, value: int) -> str:
        """The text of a constant."""
        return self._literal(value, None).text.text

    def cast(self, piece: Piece, target: Machine) -> Piece:
        """`piece` converted to another type; exactness is kept where `target` is not narrower."""
        source = piece.type
        if source == target:
            return piece
        exact = piece.exact and (target.bits > source.bits or (target.signed == source.signed))
        if not target.wide and not source.wide:
            return Piece(prefix(f"({target.name})", piece.text), target, exact)
        if not target.wide:
            self._wide(source)
            low = call(f"ta_w{source.bits // 64}_low", piece.text)
            return Piece(prefix(f"({target.name})", low), target, False)
        self._wide(target)
        if not source.wide:
            kind = "s" if source.signed else "u"
            return Piece(call(f"{target.name}_from_{kind}128", piece.text), target, exact)
        self._wide(source)
        if source.bits == target.bits:
            return Piece(piece.text, target, False)
        kind = "s" if source.signed else "u"
        n, m = source.bits // 64, target.bits // 64
        self._helper(WideFrom(m, n))
        return Piece(call(f"ta_w{m}_from_{kind}{n}", piece.text), target, exact)

    def cast_exact(self, piece: Piece, target: Machine) -> Text:
        """The text of an exact piece where C converts to `target`, which holds its value."""
        return self.cast(piece, target).text if piece.type.wide or target.wide else piece.text

    def _wide(self, machine: Machine) -> None:
        self._helper(Wide(machine.words))

    def _native(self, op: str, machine: Machine, a: Text, b: Text) -> Text:
        """A call of a helper of one machine type."""
        helper = Native(op, machine)
        self._helper(helper)
        return call(helper.name, a, b)

    def _target(self, values: Range, demand: int | None) -> tuple[Machine, bool]:
        """The type to compute in, and whether results in it are exact."""
        machine = machine_for(values)
        if demand is not None and at_least(demand).bits < machine.bits:
            return at_least(demand), False
        return machine, True

    def _literal(self, value: int, demand: int | None) -> Piece:
        machine = machine_for((value, value))
        exact = True
        if demand is not None and at_least(demand).bits < machine.bits:
            machine, exact = at_least(demand), False
            value &= (1 << machine.bits) - 1
            value -= (value >> (machine.bits - 1)) << machine.bits
        return Piece(self._literal_text(value, machine), machine, exact)

    def _literal_text(self, value: int, machine: Machine) -> Text:
        if machine.wide:
            self._wide(machine)
            words = [f"{value >> (64 * i) & (1 << 64) - 1:#x}u" for i in range(machine.bits // 64)]
            return atom(f"(({machine.name}){{{{{', '.join(words)}}}}})")
        if machine.bits == 128:
            high, low = value >> 64, value & ((1 << 64) - 1)
            return atom(f"(({machine.name}){self._literal_text(high, Machine(64, machine.signed)).at(UNARY)}"
                        f" << 64 | {low:#x}u)")  # fmt: skip
        if machine.signed and value == -(1 << (machine.bits - 1)):
            return atom(f"({value + 1} - 1)")
        suffix = "" if machine.signed else "u"
        if not machine.signed and machine.bits == 64 and value < 1 << 32:
            suffix = "ul"
        return Text(f"{value}{suffix}", UNARY if value < 0 else 16)

    def _join(self, a: Piece, b: Piece, target: Machine) -> tuple[Piece, Piece]:
        """`a` and `b`, cast as far as needed for C to compute ``a op b`` in `target` (or wider)."""
        if target.wide:
            return self.cast(a, target), self.cast(b, target)
        if a.type.wide:
            a = self.cast(a, target)
        if b.type.wide:
            b = self.cast(b, target)
        common = converted(a.type, b.type)
        if common.bits < target.bits:
            a = self.cast(a, target)
            common = converted(a.type, b.type)
        if common.bits == target.bits and common != target and target.signed:
            a = self.cast(a, target) if not a.type.signed and a.type.bits == target.bits else a
            b = self.cast(b, target) if not b.type.signed and b.type.bits == target.bits else b
        elif common.bits == target.bits and common != target:
            a = self.cast(a, target)
        elif common.bits > target.bits and target.signed and not common.signed:
            # A small value of a wide unsigned type would make the other, negative one unsigned.
            return self.cast(a, target), self.cast(b, target)
        return a, b

    def _arith(self, num: Num, demand: int | None) -> Piece:
        target, exact = self._target(num.range, demand)
        a, b = (self.emit(arg, target.bits) for arg in num.args)
        all_exact = a.exact and b.exact
        a, b = self._join(a, b, target)
        if target.wide:
            name = {"+": "add", "-": "sub", "*": "mul", "&": "and", "|": "or", "^": "xor"}[num.op]
            return Piece(call(f"{target.name}_{name}", a.text, b.text), target, exact)
        common = converted(a.type, b.type)
        piece = Piece(infix(num.op, a.text, b.text), common, exact and common == target)
        if exact and common != target:
            if all_exact and common.holds(num.range) and common.bits > target.bits:
                return Piece(piece.text, common, True)  # exact operands in a wider type
            return Piece(self.cast(piece, target).text, target, True)
        return piece

    def _unary(self, num: Num, demand: int | None) -> Piece:
        target, exact = self._target(num.range, demand)
        inner = self.emit(num.args[0], target.bits)
        if inner.type != target and (inner.type.wide or converted(inner.type, INT) != target):
            inner = self.cast(inner, target)
        if target.wide:
            if num.op == "~":
                return Piece(call(f"{target.name}_not", inner.text), target, exact)
            return Piece(call(f"{target.name}_shl", inner.text, atom(str(num.amount))), target, exact)
        if num.op == "~":
            return Piece(prefix("~", inner.text), target, exact)
        if num.amount >= target.bits:  # only where fewer bits are demanded than were shifted in
            return Piece(atom("0"), INT, False)
        return Piece(infix("<<", inner.text, atom(str(num.amount))), target, exact)

    def _shr(self, num: Num) -> Piece:
        inner = self.exact(num.args[0])
        if inner.type.wide:
            kind = "shr" if inner.type.signed else "lshr"
            self._wide(inner.type)
            piece = Piece(
                call(f"{inner.type.name}_{kind}", inner.text, atom(str(num.amount))), inner.type, True
            )
            return self._narrow(piece, num.range)
        amount = min(num.amount, max(inner.type.bits, 32) - 1)
        if amount < num.amount and not inner.type.signed:
            return Piece(atom("0"), INT, True)
        return Piece(infix(">>", inner.text, atom(str(amount))), converted(inner.type, INT), True)

    def _narrow(self, piece: Piece, values: Range) -> Piece:
        """An exact wide piece in the type that its interval needs, so that what follows is native."""
        machine = machine_for(values)
        if machine.bits >= piece.type.bits:
            return piece
        return Piece(self.cast(piece, machine).text, machine, True)

    def _variable_shift(self, num: Num, demand: int | None) -> Piece:
        value, amount = num.args
        count = self.exact(amount)
        width = num.machine.bits
        plain = amount.range[0] >= 0 and amount.range[1] < 32
        if num.op == "<<" and plain:
            wanted = width if demand is None else min(demand, width)
            target = at_least(wanted)
            inner = self.emit(value, wanted)
            if inner.type.bits != target.bits:
                inner = self.cast(inner, target)
            if not target.wide:
                piece = Piece(infix("<<", inner.text, count.text), converted(inner.type, INT), False)
                return piece if demand is not None and demand <= width else self._reduce(piece, num.machine)
        inner = self.exact(value)
        if num.op == ">>" and plain and not inner.type.wide:
            return Piece(infix(">>", inner.text, count.text), converted(inner.type, INT), True)
        machine = machine_for(num.range if num.op == "<<" or amount.range[0] < 0 else value.range)
        if machine.bits < inner.type.bits:
            machine = Machine(max(32, inner.type.bits), inner.type.signed)
        inner = self.cast(inner, machine)
        count = self.cast(count, Machine(64, True)) if count.type.wide else count
        name = "shl" if num.op == "<<" else "shr"
        if machine.wide:
            piece = Piece(call(f"{machine.name}_v{name}", inner.text, count.text), machine, False)
        else:
            text = self._native(name, machine, inner.text, count.text)
            piece = Piece(text, machine, False)
        if num.op == ">>" and amount.range[0] >= 0:
            return Piece(piece.text, piece.type, True)
        return piece if demand is not None and demand <= width else self._reduce(piece, num.machine)

    def _divide(self, num: Num, demand: int | None) -> Piece:
        a, b = num.args
        values = (min(a.range[0], b.range[0]), max(a.range[1], b.range[1]))
        machine = machine_for(values)
        wraps = num.op != "%" and not machine.holds(num.range)  # the least value divided by -1
        if wraps and (demand is None or demand > machine.bits):
            machine, wraps = machine_for((min(values[0], num.range[0]), max(values[1], num.range[1]))), False
        left, right = self.exact(a), self.exact(b)
        positive = a.range[0] >= 0 and b.range[0] > 0
        if b.op == "lit" and b.range[0] > 0 and not positive and num.op != "quot" and not machine.wide:
            power = b.range[0].bit_length() - 1
            if b.range[0] == 1 << power:
                if num.op == "%":
                    return self._arith(arith("&", a, literal(b.range[0] - 1)), demand)
                return self._shr(shift_right(a, power)) if power else left
        if machine.wide:
            name = {"//": "floordiv", "%": "floormod", "quot": "quot"}[num.op]
            left, right = self.cast(left, machine), self.cast(right, machine)
            piece = Piece(call(f"{machine.name}_{name}", left.text, right.text), machine, not wraps)
            return piece if wraps else self._narrow(piece, num.range)
        left, right = self._join(left, right, machine)
        if positive:
            text = infix("%" if num.op == "%" else "/", left.text, right.text)
            return Piece(text, converted(left.type, right.type), True)
        name = {"//": "floordiv", "%": "floormod", "quot": "quot"}[num.op]
        return Piece(self._native(name, machine, left.text, right.text), machine, not wraps)

    def _min_max(self, num: Num) -> Piece:
        a, b = num.args
        machine = machine_for((min(a.range[0], b.range[0]), max(a.range[1], b.range[1])))
        left, right = self.exact(a), self.exact(b)
        if machine.wide:
            left, right = self.cast(left, machine), self.cast(right, machine)
            return Piece(call(f"{machine.name}_{num.op}", left.text, right.text), machine, True)
        common = converted(left.type, right.type)
        if not (common.holds(a.range) and common.holds(b.range)):
            left, right = self._join(left, right, machine)
            common = machine
        if left.text.level == 16 and right.text.level == 16 and len(left.text.text + right.text.text) < 40:
            order = infix("<" if num.op == "min" else ">", right.text, left.text)
            return Piece(ternary(order, right.text, left.text), common, True)
        return Piece(self._native(num.op, common, left.text, right.text), common, True)

    def compare(self, op: str, a: Num, b: Num) -> Text:
        """``a op b`` of exact values."""
        machine = machine_for((min(a.range[0], b.range[0]), max(a.range[1], b.range[1])))
        left, right = self.exact(a), self.exact(b)
        if machine.wide:
            left, right = self.cast(left, machine), self.cast(right, machine)
            return infix(op, call(f"{machine.name}_cmp", left.text, right.text), atom("0"))
        common = converted(left.type, right.type)
        if left.type.wide or right.type.wide or not (common.holds(a.range) and common.holds(b.range)):
            left, right = self._join(left, right, machine)
        return infix(op, left.text, right.text)

    def _choose(self, num: Num, demand: int | None) -> Piece:
        a, b = (self.emit(arg, demand) for arg in num.args)
        target, _ = self._target(num.range, demand)
        if target.wide or a.type.wide or b.type.wide:
            exact = a.exact and b.exact
            a, b = self.cast(a, target), self.cast(b, target)
            return Piece(ternary(num.text, a.text, b.text), target, exact and target.holds(num.range))
        common = converted(a.type, b.type)
        exact = a.exact and b.exact
        if exact and not common.holds(num.range):
            target = machine_for(num.range)
            a, b = self._join(a, b, target)
            common = converted(a.type, b.type)
            if common != target:
                a, b = self.cast(a, target), self.cast(b, target)
                common = target
        return Piece(ternary(num.text, a.text, b.text), common, exact)

    def _wrap(self, num: Num, demand: int | None) -> Piece:
        width = num.machine.bits
        if demand is not None and demand <= width:
            piece = self.emit(num.args[0], demand)
            return Piece(piece.text, piece.type, False)  # exact at most for what is being wrapped
        return self._reduce(self.emit(num.args[0], width), num.machine)

    def _reduce(self, piece: Piece, to: Machine) -> Piece:
        """`piece`, right in its ``to.bits`` low bits, as the exact number of that width and sign."""
        width = to.bits
        if width in (8, 16, 32, 64, 128):
            return Piece(self.cast(piece, to).text, to, True)
        target = at_least(width)
        if target.wide:
            piece = self.cast(piece, target)
            name = "sext" if to.signed else "zext"
            text = call(f"{target.name}_{name}", piece.text, atom(str(width)))
            return Piece(text, Machine(target.bits, to.signed or width < target.bits), True)
        if piece.type.wide:
            piece = self.cast(piece, target)
        if not to.signed:
            mask = (1 << width) - 1
            machine = machine_for((mask, mask))
            shown = atom(f"{mask:#x}") if machine.bits < 128 else self._literal_text(mask, machine)
            common = converted(piece.type, machine)
            return Piece(infix("&", piece.text, shown), common, True)
        if converted(piece.type, INT) != target:
            piece = self.cast(piece, target)
        count = atom(str(target.bits - width))
        return Piece(Text(f"{infix('<<', piece.text, count).at(11)} >> {count.text}", 11), target, True)

    def _let(self, num: Num, demand: int | None) -> Piece:
        value, body = num.args
        bound = self.cast(self.exact(value), num.machine)
        inner = self.emit(body, demand)
        text = f"({{ const {num.machine.name} {num.text.text} = {bound.text.text}; {inner.text.text}; }})"
        return Piece(atom(text), inner.type, inner.exact)


def let(printer: Printer, value: Num, body: Callable[[Num], Num]) -> Num:
    """`body` of `value`, which is computed once."""
    if value.op in {"leaf", "lit"}:
        return body(value)
    machine = machine_for(value.range)
    name = atom(printer.temporary())
    inner = body(leaf(name, machine, value.range))
    return Num("let", inner.range, (value, inner), name, machine)
