"""From events to a program's body: operations go back into the statements that use them.

A value keeps a name (an `Array` of kind ``value``, stored where Python computed it) when

- something is written between its computation and a use that it reads,
- it is used in a loop that its computation is not in (the user computed it once, outside), or
- it is used more than once and is more than a plain load, a constant or an affine index.

Everything else is put where it is used, and what nobody uses is dropped.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import NamedTuple

from tracealloc.trace.ir.expr import Const, Expr, IterRef, Load, Unary, children, loads_of, rewrite
from tracealloc.trace.ir.layout import UNMARKED, Marks
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Block,
    Call,
    If,
    Loop,
    Node,
    Region,
    Slice,
    Store,
    While,
)
from tracealloc.trace.queries.affine import is_affine
from tracealloc.trace.queries.summary import summary_of
from tracealloc.trace.queries.typing_rules import is_short_affine, negate
from tracealloc.trace.record.events import Branch, Define, Event, ForEach, Ref, Repeat

__all__ = ["finish"]

SPACE = Marks(space=True)
_MAX_DEPTH = 40  # a longer chain of operations is cut by a named value


class Use(NamedTuple):
    """Where a value is used: position, loop, and the stretches before it that are not on the way."""

    position: int
    loop: int
    others: tuple[tuple[int, int], ...]


@dataclass(slots=True)
class _Value:
    """A definition: where it is, in which loop, and where it is used."""

    define: Define
    position: int
    loop: int
    others: tuple[tuple[int, int], ...]
    uses: list[Use] = field(default_factory=list)
    expr: Expr | None = None  # what takes its place, once decided
    array: Array | None = None  # its name, where it keeps one
    depth: int = 1
    reads: frozenset[str] = frozenset()
    simple: bool = True


class _Finish:
    """One pass that numbers events and collects uses and writes, one that decides, one that builds."""

    def __init__(self) -> None:
        self.values: dict[int, _Value] = {}
        self.order: list[_Value] = []
        self.writes: dict[str, list[int]] = {}
        self.fixed: list[tuple[Expr, Use]] = []
        self.clock = 0
        # What lies between a position and another although it is not on the way: the ``then`` blocks of
        # the branches in whose ``else`` a use is.
        self.others: tuple[tuple[int, int], ...] = ()
        self.loops = 0
        self.branches = 0  # around what is being built

    # ------------------------------------------------------------------------------------------ collecting

    def collect(self, events: Sequence[Event], loop: int) -> None:
        for event in events:
            self.clock += 1
            now = self.clock
            match event:
                case Define(number=number):
                    value = _Value(event, now, loop, self.others)
                    self.values[number] = value
                    self.order.append(value)
                case Alloc(array=array, fill=fill):
                    self.write(array, now)
                    if fill is not None:
                        self.use(fill, now, loop)
                case Store(array=array, indices=indices, value=expr):
                    self.write(array, now)
                    for part in (*indices, expr):
                        self.use(part, now, loop)
                case Call():
                    self.collect_call(event, now, loop)
                case ForEach(start=start, stop=stop, body=body):
                    self.use(start, now, loop)
                    self.use(stop, now, loop)
                    self.loops += 1
                    self.collect(body, self.loops)
                case Repeat(prologue=prologue, cond=cond, body=body):
                    self.loops += 1
                    inside = self.loops
                    self.collect(prologue, inside)
                    self.clock += 1
                    self.use(cond, self.clock, inside)
                    self.collect(body, inside)
                case Branch(cond=cond, then=then, orelse=orelse):
                    self.use(cond, now, loop)
                    self.collect(then, loop)
                    outer = self.others
                    self.others = (*outer, (now, self.clock))
                    self.collect(orelse, loop)
                    self.others = outer
                case _:
                    raise AssertionError(f"{type(event).__name__} is left over")

    def collect_call(self, call: Call, now: int, loop: int) -> None:
        """Which part is passed is used to the end: what stores to it must not choose another one."""
        written = summary_of(call.program).changes
        self.clock += 1
        for formal, part in zip_longest(call.program.args, (*call.args, *call.results)):
            if not isinstance(part, Region):
                self.use(part, now, loop)
                continue
            if formal is None or formal in written:
                self.write(part.array, now)
            for item in part.indices:
                self.use(item.start if isinstance(item, Slice) else item, self.clock, loop)

    def write(self, array: Array, now: int) -> None:
        self.writes.setdefault(array.key, []).append(now)

    def use(self, expr: Expr, now: int, loop: int) -> None:
        self.fixed.append((expr, Use(now, loop, self.others)))

    # -------------------------------------------------------------------------------------------- deciding

    def decide(self) -> None:
        """Uses first, last definitions first (a dead one uses nothing); then inline or name, in order."""
        for expr, use in self.fixed:
            self.note(expr, use)
        for value in reversed(self.order):
            if value.uses or _takes(value.define):
                self.note(value.define.expr, Use(value.position, value.loop, value.others))
        for value in self.order:
            if value.uses or _takes(value.define):
                self.settle(value)

    def note(self, expr: Expr, use: Use) -> None:
        """Every reference to a value in `expr` (expressions between references are small trees)."""
        if isinstance(expr, Ref):
            self.values[expr.number].uses.append(use)
            return
        for child in children(expr):
            self.note(child, use)

    def settle(self, value: _Value) -> None:
        expr = self.resolve(value.define.expr)
        refs = list(_refs(value.define.expr))
        inner = [self.values[ref] for ref in refs]
        inlined = [v for v in inner if v.array is None]
        value.reads = frozenset(_own_reads(value.define.expr)).union(*(v.reads for v in inlined))
        value.depth = 1 + max((v.depth for v in inlined), default=0)
        plain = isinstance(expr, Load) and all(_simple(index) for index in expr.indices)
        value.simple = plain or is_short_affine(expr)
        if self.stays(value, expr):
            value.expr = expr
        else:
            define = value.define
            name = define.name or ""
            array = Array(f"%{define.number}", name, expr.dtype, (), "value", place=define.place)
            value.array = array
            value.expr = expr

    def stays(self, value: _Value, expr: Expr) -> bool:
        """Whether `value` can be computed where it is used."""
        if any(use.loop != value.loop for use in value.uses) or value.depth > _MAX_DEPTH:
            return False
        if len(value.uses) > 1 and not value.simple:
            return False
        if _takes(value.define):
            return False
        return not any(self.written(key, value.position, use) for key in value.reads for use in value.uses)

    def written(self, key: str, after: int, use: Use) -> bool:
        """Whether the array is written on the way from a position to a use."""
        times = self.writes.get(key)
        if not times:
            return False
        for position in range(bisect_right(times, after), len(times)):
            if times[position] >= use.position:
                return False
            if not any(first < times[position] <= last for first, last in use.others):
                return True
        return False

    def resolve(self, expr: Expr) -> Expr:
        """`expr` with references replaced by what they stand for."""
        if isinstance(expr, Ref):
            return self.replacement(expr)
        return rewrite(expr, lambda node: self.replacement(node) if isinstance(node, Ref) else None)

    def replacement(self, ref: Ref) -> Expr:
        value = self.values[ref.number]
        if value.array is not None:
            return Load(value.array)
        assert value.expr is not None
        return value.expr

    # -------------------------------------------------------------------------------------------- building

    def build(self, events: Sequence[Event]) -> Block:
        nodes: list[Node] = []
        for event in events:
            node = self.node(event)
            if node is not None:
                nodes.append(node)
        return tuple(nodes)

    def node(self, event: Event) -> Node | None:
        match event:
            case Define(number=number, place=place):
                value = self.values[number]
                if value.array is None or value.expr is None:
                    return None
                return Store(value.array, (), value.expr, (), place)
            case Alloc(array=array, fill=fill, place=place):
                return event if fill is None else Alloc(array, self.resolve(fill), place)
            case Store(indices=indices, value=expr):
                store = replace(event, indices=tuple(map(self.resolve, indices)), value=self.resolve(expr))
                return None if self.branches and _keeps(store) else store
            case Call():
                return self.call(event)
            case ForEach(iter=it, start=start, stop=stop, step=step, body=body):
                block = self.build(body)
                if not block:
                    return None
                first, last = self.resolve(start), self.resolve(stop)
                marks = SPACE if event.space else UNMARKED
                return Loop(it, first, last, step, block, event.reduction, event.band, marks, event.place)
            case Repeat(iter=it, prologue=prologue, cond=cond, body=body, place=place):
                head = self.build(prologue)
                return While(it, head, self.resolve(cond), self.build(body), place=place)
            case Branch(cond=cond, then=then, orelse=orelse, place=place):
                self.branches += 1
                yes, no = self.build(then), self.build(orelse)
                self.branches -= 1
                test = _tidy(self.resolve(cond))
                if not yes and no:
                    return If(negate(test), no, (), place)
                return If(test, yes, no, place) if yes else None
            case _:
                raise AssertionError(f"{type(event).__name__} is left over")

    def call(self, call: Call) -> Call:
        def region(part: Region) -> Region:
            indices = tuple(
                Slice(self.resolve(item.start), item.extent)
                if isinstance(item, Slice)
                else self.resolve(item)
                for item in part.indices
            )
            return Region(part.array, indices, part.views)

        args = tuple(region(arg) if isinstance(arg, Region) else self.resolve(arg) for arg in call.args)
        return Call(call.program, args, tuple(map(region, call.results)), call.site, call.place)


def _keeps(store: Store) -> bool:
    """Whether a store leaves its element as it is: one outcome of ``top.set(max(top, x))``.

    Not where data choose the element: it may lie outside its array, which is found when it is stored.
    """
    array, value = store.array, store.value
    if array.kind == "stream" or any(True for index in store.indices for _ in loads_of(index)):
        return False
    return value == Load(array, store.indices, store.path)


def _takes(define: Define) -> bool:
    """Whether a computation takes an element from a stream: it happens once, where it stands."""
    return isinstance(define.expr, Load) and define.expr.array.kind == "stream"


def _tidy(cond: Expr) -> Expr:
    """``not (a != b)`` as ``a == b``, which can be seen only when references are resolved."""
    return rewrite(cond, lambda e: negate(e.operand) if isinstance(e, Unary) and e.op == "not" else None)


def _refs(expr: Expr) -> Iterable[int]:
    if isinstance(expr, Ref):
        yield expr.number
    for child in children(expr):
        yield from _refs(child)


def _own_reads(expr: Expr) -> Iterable[str]:
    """The arrays that `expr` itself reads (not those of the values that it refers to)."""
    if isinstance(expr, Load) and expr.array.kind not in ("constant", "value"):
        yield expr.array.key
    for child in children(expr):
        yield from _own_reads(child)


def _simple(expr: Expr) -> bool:
    """Whether a subscript is worth repeating: affine, or a single value."""
    while hasattr(expr, "operand"):
        expr = expr.operand
    if isinstance(expr, Load):
        return all(isinstance(index, Const | IterRef) for index in expr.indices)
    return is_affine(expr)


def finish(events: Sequence[Event]) -> Block:
    """The body of a program (names are still to be settled, see `naming`)."""
    work = _Finish()
    work.collect(events, 0)
    work.decide()
    return work.build(events)
