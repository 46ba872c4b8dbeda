"""Expressions as Python closures: `ExprCompiler` turns each into a function of a frame.

A frame is a list with a slot for each iterator (its value), for each named value (its value) and for
each array (its cells, a flat list in C order; None where nothing was stored yet). An array that a call
passes as a view has a second slot with the position of its first element.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from tracealloc.check.interpret.arith import bits_of, conversion, float_class, from_bits
from tracealloc.check.interpret.faults import outside_fault, unstored_fault
from tracealloc.check.interpret.libm import intrinsic
from tracealloc.check.interpret.observed import Access
from tracealloc.check.interpret.operators import binary_operator, comparison, unary_operator
from tracealloc.check.interpret.processes import Scheduler
from tracealloc.trace.ir.dtype import Boolean, DType, Float, Integer, Struct
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
)
from tracealloc.trace.ir.program import Array

if TYPE_CHECKING:
    from tracealloc.trace.diagnostics.source import Place


__all__ = ["Evaluate", "ExprCompiler", "Frame", "Run", "Storage", "row_major"]

Frame: TypeAlias = list[Any]
Evaluate: TypeAlias = Callable[[Frame], Any]
Run: TypeAlias = Callable[[Frame], None]


@dataclass(frozen=True, slots=True)
class Storage:
    """Where an array lives in the frame, and how far apart its elements are.

    `offset` is the slot of the first element's position, None where that is zero. `inline` says that
    the slot holds the value itself (a named value).
    """

    slot: int
    strides: tuple[int, ...]
    offset: int | None = None
    inline: bool = False


def row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides, in elements, of an array in C order."""
    strides, step = [], 1
    for extent in reversed(shape):
        strides.append(step)
        step *= extent
    return tuple(reversed(strides))


@dataclass
class ExprCompiler:
    """Compiles the expressions of one program for one set of argument strides."""

    check: bool
    reads: list[Access] | None = None  # where the reads of the current statement are noted
    storages: dict[Array, Storage] = field(default_factory=dict)
    slots: dict[Iter, int] = field(default_factory=dict)
    around: list[Iter] = field(default_factory=list)  # the loops around, outermost first
    size: int = 0
    scheduler: Scheduler | None = None  # where there are processes

    def new_slot(self) -> int:
        """A slot of the frame that nothing else uses."""
        self.size += 1
        return self.size - 1

    def storage(self, array: Array) -> Storage:
        """Where `array` lives, which a node before this one said."""
        found = self.storages.get(array)
        if found is None:
            raise LookupError(f"array {array.name!r} ({array.key}) is used before it comes into being")
        return found

    def iterator(self, it: Iter) -> int:
        """The slot of a loop's iterator."""
        slot = self.slots.setdefault(it, self.size)
        return self.new_slot() if slot == self.size else slot

    def iterators(self) -> tuple[tuple[Iter, int], ...]:
        """The iterators around, with their slots."""
        return tuple((it, self.slots[it]) for it in self.around)

    def expr(self, expr: Expr) -> Evaluate:
        """The function of a frame that evaluates `expr`."""
        match expr:
            case Const(value=value, type=dtype):
                constant = constant_value(value, dtype)
                return lambda f: constant
            case IterRef(iter=iter_):
                return operator.itemgetter(self.slots[iter_])
            case Load():
                return self.load(expr)
            case Unary(op=op, operand=operand, type=dtype):
                inner, apply = self.expr(operand), unary_operator(op, operand.dtype, dtype)
                return lambda f: apply(inner(f))
            case Binary():
                return self.binary(expr)
            case Compare(op=op, left=left, right=right):
                compare = comparison(op, left.dtype, right.dtype)
                a, b = self.expr(left), self.expr(right)
                return lambda f: compare(a(f), b(f))
            case Logical():
                return self.logical(expr)
            case Select(cond=cond, then=then, orelse=orelse):
                test, first, second = self.expr(cond), self.expr(then), self.expr(orelse)
                return lambda f: first(f) if test(f) else second(f)
            case Cast(operand=operand, type=dtype):
                return self.cast(operand, dtype)
            case Bitcast(operand=operand, type=dtype):
                inner, bits, make = self.expr(operand), bits_of(operand.dtype), from_bits(dtype)
                return lambda f: make(bits(inner(f)))
            case Bits():
                return self.bits(expr)
            case SetBits():
                return self.set_bits(expr)
            case Intrinsic(name=name, args=args, type=dtype):
                return self.intrinsic(name, args, dtype)
            case MakeStruct(values=values):
                parts = [self.expr(value) for value in values]
                return lambda f: tuple(part(f) for part in parts)
            case GetField(operand=operand, name=name):
                inner, position = self.expr(operand), field_position(operand.dtype, name)
                return lambda f: inner(f)[position]
            case _:
                raise AssertionError(f"no such expression: {type(expr).__name__}")

    def binary(self, expr: Binary) -> Evaluate:
        """An arithmetic operator; the commonest without a function in between."""
        apply = binary_operator(expr.op, expr.left.dtype, expr.right.dtype, expr.type)
        left, right = self.expr(expr.left), self.expr(expr.right)
        if apply is operator.add:
            if isinstance(expr.left, IterRef) and isinstance(expr.right, Const):
                slot, more = self.slots[expr.left.iter], int(expr.right.value)
                return lambda f: f[slot] + more
            return lambda f: left(f) + right(f)
        if apply is operator.sub:
            if isinstance(expr.left, IterRef) and isinstance(expr.right, Const):
                slot, less = self.slots[expr.left.iter], int(expr.right.value)
                return lambda f: f[slot] - less
            return lambda f: left(f) - right(f)
        if apply is operator.mul:
            return lambda f: left(f) * right(f)
        return lambda f: apply(left(f), right(f))

    def logical(self, expr: Logical) -> Evaluate:
        """``and`` and ``or``, which stop where the outcome is known."""
        parts = [self.expr(operand) for operand in expr.operands]
        if len(parts) == 2:
            a, b = parts
            return (lambda f: a(f) and b(f)) if expr.op == "and" else (lambda f: a(f) or b(f))
        if expr.op == "and":
            return lambda f: all(part(f) for part in parts)
        return lambda f: any(part(f) for part in parts)

    def cast(self, operand: Expr, dtype: DType) -> Evaluate:
        """A conversion; wrapping to an integer type without a function in between."""
        inner = self.expr(operand)
        convert = conversion(operand.dtype, dtype)
        if convert is None:
            return inner
        if isinstance(dtype, Integer) and isinstance(operand.dtype, Integer):
            mask, half = (1 << dtype.width) - 1, -dtype.low
            if dtype.signed:
                return lambda f: ((inner(f) + half) & mask) - half
            return lambda f: inner(f) & mask
        return lambda f: convert(inner(f))

    def bits(self, expr: Bits) -> Evaluate:
        """A range of bits, as an unsigned integer (a boolean where the type says so); outside they are 0."""
        inner, low, raw = self.expr(expr.operand), self.expr(expr.low), bits_of(expr.operand.dtype)
        width, bits = expr.type.bits, expr.operand.dtype.bits
        mask = (1 << width) - 1
        kind = bool if isinstance(expr.type, Boolean) else int

        def evaluate(f: Frame) -> Any:
            position, value = low(f), raw(inner(f))
            if not -width < position < bits:
                return kind(0)
            return kind((value >> position if position >= 0 else value << -position) & mask)

        return evaluate

    def set_bits(self, expr: SetBits) -> Evaluate:
        """A value with some bits replaced; those outside it are not written."""
        inner, low, new = self.expr(expr.operand), self.expr(expr.low), self.expr(expr.value)
        raw, make = bits_of(expr.operand.dtype), from_bits(expr.operand.dtype)
        width, bits, new_raw = expr.value.dtype.bits, expr.operand.dtype.bits, bits_of(expr.value.dtype)
        mask, full = (1 << width) - 1, (1 << bits) - 1

        def evaluate(f: Frame) -> Any:
            position, value, put = low(f), raw(inner(f)), new_raw(new(f))
            if not -width < position < bits:
                return make(value)
            up, down = max(position, 0), max(-position, 0)
            return make((value & ~(mask >> down << up) | put >> down << up) & full)

        return evaluate

    def intrinsic(self, name: str, args: tuple[Expr, ...], dtype: DType) -> Evaluate:
        """A mathematical function."""
        apply = intrinsic(name, tuple(arg.dtype for arg in args), dtype)
        parts = [self.expr(arg) for arg in args]
        if len(parts) == 1:
            (only,) = parts
            return lambda f: apply(only(f))
        return lambda f: apply(*(part(f) for part in parts))

    def position(
        self, array: Array, indices: tuple[Expr, ...], place: Place | None
    ) -> Callable[[Frame], int] | None:
        """The function that gives an element's position among the cells; None for the only one.

        In checked mode it raises for an index outside the array.
        """
        storage = self.storage(array)
        if len(indices) != array.rank:
            raise AssertionError(f"{len(indices)} indices for {array.name} of shape {array.shape}")
        parts = [self.expr(part) for part in indices]
        offset = storage.offset
        if not parts:
            return None if offset is None else operator.itemgetter(offset)
        fault = outside_fault(array, self.iterators(), place) if self.check else None
        if len(parts) == 1:
            return _position_1(parts[0], array.shape[0], storage, fault)
        if len(parts) == 2 and offset is None:
            return _position_2(parts[0], parts[1], array.shape, storage, fault)
        return _position_n(parts, array.shape, storage, fault)

    def load(self, load: Load, check: bool = True) -> Evaluate:
        """An element, or a field of it, that is read and (`check`) must be stored, all fields of a record."""
        array, storage = load.array, self.storage(load.array)
        slot = storage.slot
        if storage.inline:
            value = operator.itemgetter(slot)
            return self._checked(value, load, None, self.check) if load.path else value
        if array.kind == "stream":
            return self._pop(load, slot)
        position = self.position(array, load.indices, load.place)
        if position is None:
            get: Evaluate = lambda f: f[slot][0]  # noqa: E731
        else:
            get = lambda f: f[slot][position(f)]  # noqa: E731
        if load.path or self.reads is not None or isinstance(load.dtype, Struct):
            return self._checked(get, load, position, check and self.check)
        if not (check and self.check):
            return get
        fault = unstored_fault(load, self.iterators(), [self.expr(i) for i in load.indices])
        if position is None:

            def read_scalar(f: Frame) -> Any:
                value = f[slot][0]
                return fault(f) if value is None else value

            return read_scalar

        def read(f: Frame) -> Any:
            value = f[slot][position(f)]
            return fault(f) if value is None else value

        return read

    def _checked(
        self, get: Evaluate, load: Load, position: Callable[[Frame], int] | None, check: bool
    ) -> Evaluate:
        """`get`, then the fields of the path, noting the read and refusing (`check`) what is not stored."""
        parts = [self.expr(part) for part in load.indices]
        fault = unstored_fault(load, self.iterators(), parts) if check else None
        dtype, steps = load.array.dtype, []
        for name in load.path:
            steps.append(field_position(dtype, name))
            dtype = dtype.field_type(name)  # type: ignore[attr-defined]
        reads, storage = self.reads, self.storage(load.array)
        noting = reads if load.array.kind != "constant" else None

        def evaluate(f: Frame) -> Any:
            value = get(f)
            for step in steps:
                if value is None:
                    break
                value = value[step]
            if noting is not None:
                cell = (id(f[storage.slot]), position(f) if position else 0)
                noting.append(Access(load.array, tuple(int(part(f)) for part in parts), cell))
            if fault is not None and _lacks(value):
                fault(f)
            return value

        return evaluate

    def _pop(self, load: Load, slot: int) -> Evaluate:
        position = self.position(load.array, load.indices, load.place)
        fault = unstored_fault(load, self.iterators(), [self.expr(i) for i in load.indices])
        if self.scheduler is not None:
            return self.scheduler.getter(slot, position, fault, load.place)

        def pop(f: Frame) -> Any:
            queue = f[slot][position(f) if position else 0]
            return queue.popleft() if queue else fault(f)

        return pop


def _lacks(value: Any) -> bool:
    """Whether an element, or a field of a record, was never stored."""
    return value is None or (type(value) is tuple and any(map(_lacks, value)))


def constant_value(value: int | float | bool, dtype: DType) -> Any:
    """A literal as a value of its type."""
    if isinstance(dtype, Float):
        return float_class(dtype)(value)
    return bool(value) if isinstance(dtype, Boolean) else int(value)


def field_position(dtype: DType, name: str) -> int:
    """Which field of a struct `name` is."""
    assert isinstance(dtype, Struct), dtype
    return [known for known, _ in dtype.fields].index(name)


def _position_1(part: Evaluate, extent: int, storage: Storage, fault: Any) -> Callable[[Frame], int]:
    (stride,), offset = storage.strides, storage.offset
    if fault is not None and stride == 1 and offset is None:

        def checked(f: Frame) -> int:
            i = part(f)
            return i if 0 <= i < extent else fault(f, (i,))  # type: ignore[no-any-return]

        return checked

    def position(f: Frame) -> int:
        i = part(f)
        if fault is not None and not 0 <= i < extent:
            fault(f, (i,))
        start: int = 0 if offset is None else f[offset]
        return start + int(i * stride)

    return position


def _position_2(
    first: Evaluate, second: Evaluate, shape: tuple[int, ...], storage: Storage, fault: Any
) -> Callable[[Frame], int]:
    rows, columns = shape
    stride, step = storage.strides
    if fault is None:
        return lambda f: first(f) * stride + second(f) * step

    def position(f: Frame) -> int:
        i, j = first(f), second(f)
        if 0 <= i < rows and 0 <= j < columns:
            return i * stride + j * step  # type: ignore[no-any-return]
        return fault(f, (i, j))  # type: ignore[no-any-return]

    return position


def _position_n(
    parts: list[Evaluate], shape: tuple[int, ...], storage: Storage, fault: Any
) -> Callable[[Frame], int]:
    offset = storage.offset
    dimensions = list(zip(parts, shape, storage.strides, strict=True))

    def position(f: Frame) -> int:
        found: int = 0 if offset is None else f[offset]
        for part, extent, stride in dimensions:
            i = part(f)
            if fault is not None and not 0 <= i < extent:
                fault(f, tuple(int(p(f)) for p in parts))
            found += i * stride
        return found

    return position
