"""When values are there within an iteration: the hardware's operators along an expression, a statement.

Combinational operators share a cycle while they fit into it; pipelined ones begin with a cycle. A recurrence
is squeezed as the tool does (`tight`): what takes half a cycle or less leaves room for the first stage of a
pipelined operator. Elsewhere each begins with a stage of its own, as loads and stores do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import NamedTuple, Protocol, assert_never

from tracealloc.trace.ir.dtype import DType, Fixed, Float, Index
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
    Iter,
    IterRef,
    Load,
    Logical,
    MakeStruct,
    Select,
    SetBits,
    Unary,
    children,
    substitute,
)
from tracealloc.trace.ir.operators import Operator, OperatorTable
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Block,
    Call,
    If,
    Loop,
    Node,
    Region,
    Store,
    While,
    reduction_of,
)
from tracealloc.trace.queries.affine import constant, simplify
from tracealloc.trace.queries.intervals import fixed_trips

__all__ = ["BEGINNING", "Arrays", "Clocked", "Instant", "Walk", "latest", "operators_of", "without_casts"]

_MOST_ACCESSES = 1 << 15  # of an iteration that are followed
_ADDRESS_BITS = 32  # of a subscript in hardware


class Instant(NamedTuple):
    """A time in an iteration: the stage, counted from 0, and the nanoseconds of it that are used up."""

    stage: int
    ns: float


BEGINNING = Instant(0, 0.0)


@dataclass(frozen=True)
class Clocked:
    """A table of operators and how it is asked: `tight` for what a recurrence is made of."""

    table: OperatorTable
    tight: bool = False

    def after(self, at: Instant | None, operators: Iterable[Operator]) -> Instant | None:
        """When the result of operators, one after the other, is there (None: it does not depend on it)."""
        if at is None:
            return None
        budget = self.table.budget
        for each in operators:
            if each.combinational:
                assert each.ns is not None
                cycles = max(1, ceil(each.ns / budget))
                if at.ns + each.ns <= budget:
                    at = Instant(at.stage, at.ns + each.ns)
                else:
                    at = Instant(at.stage + cycles, each.ns - (cycles - 1) * budget)
            elif each.stages:
                first = at.stage if self.tight and at.ns <= budget / 2 else at.stage + 1
                at = Instant(first + each.stages - 1, budget if each.ns is None else each.ns)
        return at

    def access(self, name: str, memory: str, bits: int) -> tuple[Operator, ...]:
        """A ``load`` from, or a ``store`` to a memory, as an operator."""
        found = self.table.find(name, memory, bits)
        return () if found is None else (found,)


def _family(dtype: DType) -> str:
    return "float" if isinstance(dtype, Float) else "int"


def _bits(*parts: Expr) -> int:
    return max(_ADDRESS_BITS if isinstance(e.dtype, Index) else e.dtype.bits for e in parts)


def _is_power(expr: Expr) -> bool:
    """Whether to multiply or divide by it is to move bits."""
    value = expr.value if isinstance(expr, Const) and not isinstance(expr.type, Float) else 0
    return isinstance(value, int) and value > 0 and value & (value - 1) == 0


def operators_of(expr: Expr, table: OperatorTable) -> tuple[Operator, ...]:
    """The operators that an expression itself is, without those of its operands; wires are none."""
    found = [table.find(name, family, bits) for name, family, bits in _asked(expr)]
    return tuple(each for each in found if each is not None)


def _asked(expr: Expr) -> list[tuple[str, str, int]]:
    """Which rows an expression needs: name, family, width."""
    match expr:
        case Binary(op=op, left=left, right=right, type=dtype):
            if isinstance(dtype, Float):
                return [(op, "float", dtype.bits)]
            moves = (op in ("<<", ">>") and isinstance(right, Const)) or (
                op in ("*", "//", "%", "/") and (_is_power(right) or (op == "*" and _is_power(left)))
            )
            return [] if moves else [(op, "int", _bits(left, right))]
        case Compare(left=left, right=right):
            return [("compare", _family(left.dtype), _bits(left, right))]
        case Select():
            return [("select", "int", 1)]
        case Logical() | Unary(op="~" | "not"):
            return [("&", "int", 1)]
        case Unary(op=op, operand=operand, type=dtype):
            return [("negate" if op == "-" else op, _family(dtype), _bits(operand))]
        case Cast(operand=operand, type=dtype):
            return _conversion(operand.dtype, dtype)
        case Intrinsic(name=name, args=args, type=dtype):
            return [(name, _family(dtype), _bits(*args))]
        case Bits(operand=operand, low=low):
            return [] if isinstance(low, Const) else [(">>", "int", _bits(operand))]
        case SetBits(operand=operand, low=low):
            return [] if isinstance(low, Const) else [("<<", "int", _bits(operand))]
        case Const() | IterRef() | Load() | Bitcast() | MakeStruct() | GetField():
            return []
        case _:
            raise AssertionError(f"no expression: {expr!r}")


def _conversion(before: DType, after: DType) -> list[tuple[str, str, int]]:
    if before == after:
        return []
    if isinstance(before, Float) or isinstance(after, Float):
        if isinstance(before, Float) and isinstance(after, Float):
            return [("cast", "float", max(before.bits, after.bits))]
        name = "from_int" if isinstance(after, Float) else "to_int"
        return [(name, "float", after.bits if isinstance(after, Float) else before.bits)]
    if not isinstance(after, Fixed):
        return []
    rounds = isinstance(before, Fixed) and before.frac > after.frac and after.rounding != "TRN"
    steps = [("round", "int", after.bits)] if rounds else []
    return [*steps, *([("saturate", "int", after.bits)] if after.overflow != "WRAP" else [])]


def without_casts(expr: Expr) -> Expr:
    """What a conversion converts."""
    while isinstance(expr, Cast):
        expr = expr.operand
    return expr


def _product(expr: Expr) -> Binary | None:
    """The multiplication of integers or fixed point that an expression is, seen through conversions."""
    while isinstance(expr, Cast) and not _conversion(expr.operand.dtype, expr.type):
        expr = expr.operand
    if isinstance(expr, Binary) and expr.op == "*" and _asked(expr) and not isinstance(expr.type, Float):
        return expr
    return None


class Arrays(Protocol):
    """What timing has to know of arrays."""

    def memory(self, array: Array) -> str:
        """What an array is reached through."""

    def operator(self, array: Array, expr: Expr) -> Operator | None:
        """How an operation is made whose result is stored in an array, where somebody said so."""


@dataclass
class Walk:
    """Statements in order, from loads whose values are there at a known time.

    `begins` gives that time (None: it does not matter) for a load, of an array as the caller calls it.
    `accesses` are the loads and stores in order, each with its array, when its address or value is there,
    and the statement that it is of.
    Loops inside are unrolled; `complete` is false where that is too much to follow. `called`: when what a
    call stores to an array is there.
    """

    clocked: Clocked
    begins: Callable[[Load, Array], Instant | None]
    arrays: Arrays
    written: dict[Array, dict[tuple[Expr, ...], Instant | None]] = field(default_factory=dict)
    accesses: list[tuple[Load | Store, Array, Instant | None, Node | None]] = field(default_factory=list)
    complete: bool = True
    called: dict[Array, Instant | None] = field(default_factory=dict)
    values: dict[Iter, Expr] = field(default_factory=dict)
    _known: dict[int, tuple[Expr, Instant | None]] = field(default_factory=dict)
    _bound: dict[int, Operator] = field(default_factory=dict)
    _passed: Mapping[Array, Array | Instant | None] = field(default_factory=dict)
    _here: Node | None = None

    # -- expressions ---------------------------------------------------------------------------------------

    def of(self, expr: Expr) -> Instant | None:
        """When the value of an expression is there."""
        found = self._known.get(id(expr))
        if found is None:
            found = self._known[id(expr)] = (expr, self._of(expr))
        return found[1]

    def _of(self, expr: Expr) -> Instant | None:
        if isinstance(expr, Load):
            return self._load(expr)
        if id(expr) in self._bound:
            return self.clocked.after(latest(map(self.of, children(expr))), [self._bound[id(expr)]])
        if isinstance(expr, Binary) and expr.op in "+-" and _family(expr.type) == "int":
            for mine, other in ((expr.left, expr.right), (expr.right, expr.left)):
                fused = self._fused(mine)
                if fused is not None:
                    product = latest(self.of(part) for part in children(fused[0]))
                    rest = self.clocked.after(self.of(other), operators_of(expr, self.clocked.table))
                    return latest([self.clocked.after(product, [fused[1]]), rest])
        inner = latest(self.of(part) for part in children(expr))
        return self.clocked.after(inner, operators_of(expr, self.clocked.table))

    def _fused(self, expr: Expr) -> tuple[Binary, Operator] | None:
        """The product that is one operator with the addition of it: what a DSP does at once."""
        product = _product(expr)
        if product is None:
            return None
        table, bits = self.clocked.table, _bits(product.left, product.right)
        plain, row = table.find("*", "int", bits), table.find("multiply-add", "int", bits)
        if row is None or plain is None or not table.covers("multiply-add", "int", bits):
            return None
        if self.clocked.tight and plain.dsp == 0:
            return None  # a narrow product is logic where that is faster
        return product, row

    def _load(self, load: Load) -> Instant | None:
        passed = self._passed.get(load.array, load.array)
        if not isinstance(passed, Array):
            return passed
        written = self.written.get(load.array) if load.array.kind != "stream" else None
        place = self._place(load.indices) if written else ()
        if written and place in written:
            return written[place]  # what was just stored is not read again
        address = latest(self.of(part) for part in load.indices)
        self.accesses.append((load, passed, address, self._here))
        own = self.begins(load, passed)
        if own is None and address is None:
            return None
        rows = self.clocked.access("load", self.arrays.memory(passed), load.dtype.bits)
        return latest([own, self.clocked.after(latest([address, self.called.get(passed)]), rows)])

    def _place(self, indices: tuple[Expr, ...]) -> tuple[Expr, ...]:
        """Subscripts with the values of the loops that are unrolled, equal where they are the same sum."""
        return tuple(simplify(substitute(part, self.values)) for part in indices)

    # -- statements ----------------------------------------------------------------------------------------

    def block(self, block: Block, guard: Instant | None = None) -> Instant | None:
        """Follow a block whose statements run where something is known at `guard`; the last result's time."""
        return latest(self.node(node, guard) for node in block)

    def node(self, node: Node, guard: Instant | None = None) -> Instant | None:
        """Follow a statement; when the last thing that it computes is there."""
        self._known.clear()
        self._bound.clear()
        self._here = node
        match node:
            case Store(array=array, indices=indices, value=value):
                self._bind(array, value)
                parts = latest([self._summed(node), *map(self.of, indices)])
                at = self._store(array, indices, parts, guard)
                self.accesses.append((node, self._actual(array), at, node))
                return at
            case Alloc(array=array, fill=fill):
                self.written.pop(array, None)
                if array.rank == 0 and fill is not None:
                    self._bind(array, fill)
                    return self._store(array, (), self.of(fill), None)
                return None
            case If(cond=cond, then=then, orelse=orelse):
                inner = latest([guard, self.of(cond)])
                return latest([self.block(then, inner), self.block(orelse, inner)])
            case Loop():
                return self._unrolled(node, guard)
            case While(prologue=prologue, cond=cond, body=body):
                first = self.block(prologue, guard)
                self._here = node
                return latest([first, self.block(body, latest([guard, self.of(cond)]))])
            case Call():
                return self._call(node, guard)
            case _:
                assert_never(node)

    def _summed(self, node: Store) -> Instant | None:
        """When the value of a store is there; sums of integers are added up in a tree, not one by one."""
        sum_ = reduction_of(node)
        if sum_ is not None and sum_[0] in "+-" and not isinstance(node.array.dtype, Float):
            before = self.written.get(node.array, {}).get(self._place(node.indices))
            if before is not None:
                inner = without_casts(node.value)
                return latest(
                    [before, self.clocked.after(self.of(sum_[1]), operators_of(inner, self.clocked.table))]
                )
        return self.of(node.value)

    def _unrolled(self, loop: Loop, guard: Instant | None) -> Instant | None:
        """Follow the copies of a loop's body; of one whose bounds vary, a single one."""
        rounds = fixed_trips(loop)
        if rounds is None or not isinstance(loop.start, Const):
            return self.block(loop.body, guard)
        found = None
        for number in range(rounds):
            if len(self.accesses) > _MOST_ACCESSES:
                self.complete = False
                break
            self.values[loop.iter] = constant(int(loop.start.value) + number * loop.step)
            found = latest([found, self.block(loop.body, guard)])
        self.values.pop(loop.iter, None)
        return found

    def _bind(self, array: Array, value: Expr) -> None:
        """Note how the operation is made that gives a value, where somebody said so."""
        root = without_casts(value)
        bound = self.arrays.operator(self._actual(array), root)
        if bound is not None:
            self._bound[id(root)] = bound

    def _actual(self, array: Array) -> Array:
        passed = self._passed.get(array, array)
        return passed if isinstance(passed, Array) else array

    def _store(
        self, array: Array, indices: tuple[Expr, ...], at: Instant | None, guard: Instant | None
    ) -> Instant | None:
        both = latest([at, guard])
        actual = self._passed.get(array, array)
        if guard is not None and isinstance(actual, Array) and self.arrays.memory(actual) == "register":
            select = self.clocked.table.find("select", "int", 1)
            both = self.clocked.after(both, [] if select is None else [select])
        self.written.setdefault(array, {})[self._place(indices)] = both
        return both

    def _call(self, node: Call, guard: Instant | None) -> Instant | None:
        callee = node.program
        passed: dict[Array, Array | Instant | None] = dict(self._passed)
        for formal, actual in (
            *zip(callee.args, node.args, strict=True),
            *zip(callee.results, node.results, strict=True),
        ):
            passed[formal] = actual.array if isinstance(actual, Region) else self.of(actual)
        inner = Walk(self.clocked, self.begins, self.arrays, self.written, self.accesses, _passed=passed)
        before = len(self.accesses)
        found = inner.block(callee.body, guard)
        for what, actual_, at, _ in self.accesses[before:]:
            if isinstance(what, Store):
                self.called[actual_] = latest([at, self.called.get(actual_)])
                self.written.pop(actual_, None)
        self.complete = self.complete and inner.complete
        return found


def latest(times: Iterable[Instant | None]) -> Instant | None:
    """The last of some times."""
    return max((at for at in times if at is not None), default=None)
