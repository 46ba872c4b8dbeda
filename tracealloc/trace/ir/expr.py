"""Expressions: frozen, typed, hashed once.

    Expr := Const | IterRef | Load | Unary | Binary | Compare | Logical | Select | Cast | Bitcast
          | Bits | SetBits | Intrinsic | MakeStruct | GetField

Every node has a `dtype`. Operands of integer and fixed-point arithmetic keep their own types (the
result type holds the exact value); operands of floating-point arithmetic, of `Select`, ``min`` and
``max`` already have the result's type (the builders in `trace.queries.typing_rules` insert the `Cast`).
Equality is structural and never depends on names or places.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from operator import attrgetter, is_
from typing import TYPE_CHECKING, Any, TypeAlias

from tracealloc.trace.ir.dtype import DType, boolean, index

if TYPE_CHECKING:
    from tracealloc.trace.diagnostics.source import Place
    from tracealloc.trace.ir.program import Array, Region

__all__ = [
    "OUTSIDE",
    "Binary",
    "Bitcast",
    "Bits",
    "Cast",
    "Compare",
    "Const",
    "Expr",
    "GetField",
    "Intrinsic",
    "IterRef",
    "Iter",
    "Load",
    "Logical",
    "MakeStruct",
    "Select",
    "SetBits",
    "Unary",
    "View",
    "children",
    "is_checked",
    "iters_of",
    "loads_of",
    "map_children",
    "rewrite",
    "substitute",
    "unchecked",
    "walk",
]


@dataclass(frozen=True, slots=True)
class Iter:
    """A loop's iterator. Identity is `key` (unique in a program); the name is for people.

    `name` is unique among the iterators that are in scope together, not in the program.
    """

    key: str
    name: str = field(compare=False)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False)
class Expr:
    """Base of all expressions."""

    @property
    def dtype(self) -> DType:
        raise NotImplementedError

    def _identity(self) -> object:
        cls: Any = type(self)
        value: object = _compared(cls)(self)
        return value

    def __hash__(self) -> int:
        cached: int | None = self.__dict__.get("_hash")
        if cached is None:
            cached = hash((type(self), self._identity()))
            object.__setattr__(self, "_hash", cached)
        return cached

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Expr) or type(self) is not type(other) or hash(self) != hash(other):
            return False
        return self._identity() == other._identity()

    def __getstate__(self) -> dict[str, object]:
        # What is remembered stays here: string hashes differ between processes.
        return {name: value for name, value in self.__dict__.items() if not name.startswith("_")}


class _Typed(Expr):
    """Base of those that hold their type, as their last field."""

    type: DType

    @property
    def dtype(self) -> DType:
        return self.type


@functools.cache
def _compared(cls: Any) -> Callable[[Expr], object]:
    """What tells nodes of a class apart; of one field its value, of several a tuple."""
    return attrgetter(*(f.name for f in fields(cls) if f.compare))


@functools.cache
def _operands(cls: Any) -> tuple[str, ...]:
    """The fields that hold operands, one or a tuple of them."""
    return tuple(f.name for f in fields(cls) if f.compare and str(f.type) in ("Expr", "tuple[Expr, ...]"))


@dataclass(frozen=True, eq=False)
class Const(_Typed):
    """A literal. A fixed-point value is stored as its scaled integer; a struct never occurs."""

    value: int | float | bool
    type: DType

    def _identity(self) -> object:
        # repr tells -0.0 from 0.0, True from 1, and makes NaN equal to itself.
        return repr(self.value), self.type


@dataclass(frozen=True, eq=False)
class IterRef(Expr):
    """The value of a loop iterator."""

    iter: Iter

    @property
    def dtype(self) -> DType:
        return index


@dataclass(frozen=True, slots=True)
class View:
    """What must hold of a subscript of a view: `low` to ``low + size - 1`` are in ``range(extent)``.

    `low` is affine in the loops around; `region` is the view. It is proved of the traced program, and means
    nothing once a schedule has changed the loops.
    """

    low: Expr
    size: int
    extent: int
    region: Region


@dataclass(frozen=True, eq=False)
class Load(Expr):
    """An element of an array (or of one field of it), read where the expression is evaluated.

    An array of rank 0 (a scalar argument, a `ta.scalar`, a named value) has no indices.
    """

    array: Array
    indices: tuple[Expr, ...] = ()
    path: tuple[str, ...] = ()
    place: Place | None = field(default=None, compare=False)
    views: tuple[View, ...] = field(default=(), compare=False)

    @property
    def dtype(self) -> DType:
        return self.array.field_type(self.path)


@dataclass(frozen=True, eq=False)
class Unary(_Typed):
    """``- ~ not abs`` of one operand."""

    op: str
    operand: Expr
    type: DType


@dataclass(frozen=True, eq=False)
class Binary(_Typed):
    """``+ - * / // % << >> & | ^ min max`` of two operands; ``//`` and ``%`` floor."""

    op: str
    left: Expr
    right: Expr
    type: DType


@dataclass(frozen=True, eq=False)
class Compare(Expr):
    """``== != < <= > >=``; integers and fixed point compare exactly, whatever their widths."""

    op: str
    left: Expr
    right: Expr

    @property
    def dtype(self) -> DType:
        return boolean


@dataclass(frozen=True, eq=False)
class Logical(Expr):
    """``and`` or ``or`` of boolean operands, which have no effects (order does not matter)."""

    op: str
    operands: tuple[Expr, ...]

    @property
    def dtype(self) -> DType:
        return boolean


@dataclass(frozen=True, eq=False)
class Select(Expr):
    """`then` where `cond` holds, else `orelse`; only the chosen one is evaluated."""

    cond: Expr
    then: Expr
    orelse: Expr

    @property
    def dtype(self) -> DType:
        return self.then.dtype


@dataclass(frozen=True, eq=False)
class Cast(_Typed):
    """Conversion of the value to another type (wrap, round, saturate as that type says)."""

    operand: Expr
    type: DType


@dataclass(frozen=True, eq=False)
class Bitcast(_Typed):
    """The same bits as another type of equal width."""

    operand: Expr
    type: DType


@dataclass(frozen=True, eq=False)
class Bits(_Typed):
    """Bits ``low : low + width`` of an integer or fixed-point operand, as an unsigned integer."""

    operand: Expr
    low: Expr
    type: DType


@dataclass(frozen=True, eq=False)
class SetBits(Expr):
    """`operand` with the `value.dtype.bits` bits from `low` on replaced by `value`."""

    operand: Expr
    low: Expr
    value: Expr

    @property
    def dtype(self) -> DType:
        return self.operand.dtype


@dataclass(frozen=True, eq=False)
class Intrinsic(_Typed):
    """A mathematical function: ``exp sqrt sin pow floor ceil erf ...``."""

    name: str
    args: tuple[Expr, ...]
    type: DType


@dataclass(frozen=True, eq=False)
class MakeStruct(_Typed):
    """A record made of one value per field."""

    values: tuple[Expr, ...]
    type: DType


@dataclass(frozen=True, eq=False)
class GetField(_Typed):
    """One field of a record value."""

    operand: Expr
    name: str
    type: DType


# Where a subscript of a view points that is outside it: no array has this element, whatever is added to it.
OUTSIDE = Const(-(1 << 40), index)


def is_checked(expr: Expr) -> bool:
    """Whether `expr` is a subscript of a view that is `OUTSIDE` where it is outside the view."""
    return isinstance(expr, Select) and expr.orelse == OUTSIDE


def unchecked(expr: Expr) -> Expr:
    """A subscript of a view as it is where it is inside."""
    return expr.then if isinstance(expr, Select) and expr.orelse == OUTSIDE else expr


Rewriter: TypeAlias = Callable[[Expr], "Expr | None"]


def children(expr: Expr) -> tuple[Expr, ...]:
    """The direct operands of an expression."""
    cls: Any = type(expr)
    names = _operands(cls)
    if not names:
        return ()
    kept: tuple[Expr, ...] | None = expr.__dict__.get("_children")
    if kept is None:
        found: list[Expr] = []
        for name in names:
            value = getattr(expr, name)
            found += value if isinstance(value, tuple) else (value,)
        kept = tuple(found)
        object.__setattr__(expr, "_children", kept)
    return kept


def map_children(expr: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """`expr` with `change` applied to its operands; the same object when nothing changed."""
    updates: dict[str, object] = {}
    cls: Any = type(expr)
    for name in _operands(cls):
        value: Any = getattr(expr, name)
        new: object
        if isinstance(value, tuple):
            mapped = tuple(map(change, value))
            new = value if all(map(is_, mapped, value)) else mapped
        else:
            new = change(value)
        if new is not value:
            updates[name] = new
    if not updates:
        return expr
    kept = {f.name: getattr(expr, f.name) for f in fields(expr)}
    changed: Expr = cls(**{**kept, **updates})
    return changed


def rewrite(expr: Expr, change: Rewriter) -> Expr:
    """Replace, top down, every subexpression for which `change` returns one; shared nodes once."""
    done: dict[int, Expr] = {}

    def visit(node: Expr) -> Expr:
        result = done.get(id(node))
        if result is None:
            replacement = change(node)
            result = map_children(node, visit) if replacement is None else replacement
            done[id(node)] = result
        return result

    return visit(expr)


def substitute(expr: Expr, values: dict[Iter, Expr]) -> Expr:
    """`expr` with iterators replaced."""
    if not values:
        return expr
    return rewrite(expr, lambda node: values.get(node.iter) if isinstance(node, IterRef) else None)


def walk(expr: Expr) -> Iterator[Expr]:
    """Every subexpression once (shared nodes once), operands after their users."""
    inside = children(expr)
    yield expr
    if not inside:
        return
    seen = {id(expr)}
    stack = [*reversed(inside)]
    while stack:
        node = stack.pop()
        if id(node) not in seen:
            seen.add(id(node))
            yield node
            stack.extend(reversed(children(node)))


def loads_of(expr: Expr) -> list[Load]:
    """The loads of an expression in the order of evaluation (left to right, outermost first)."""
    return [node for node in walk(expr) if isinstance(node, Load)]


def iters_of(expr: Expr) -> frozenset[Iter]:
    """The iterators that an expression mentions."""
    kept: frozenset[Iter] | None = expr.__dict__.get("_iters")
    if kept is None:
        kept = frozenset(node.iter for node in walk(expr) if isinstance(node, IterRef))
        object.__setattr__(expr, "_iters", kept)
    return kept
