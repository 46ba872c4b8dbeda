"""A program run on symbols, in order: queues have no end, and what data choose is not followed."""

from __future__ import annotations

from collections import deque
from typing import Any, assert_never

import numpy as np

from tracealloc.check.symbolic.terms import Number, Terms, Value, concrete, plain
from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.dtype import Boolean, DType, Index, Integer, Struct
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
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Block,
    Call,
    If,
    Loop,
    Node,
    Program,
    Region,
    Slice,
    Store,
    While,
)
from tracealloc.trace.queries.summary import returned

__all__ = ["NotFollowed", "Outcome", "run"]

_COMMUTES = frozenset({"+", "*", "&", "|", "^"})
_MOST = 3_000_000  # expressions that are evaluated


class NotFollowed(Exception):
    """Why a program is not run on symbols."""


Outcome = list[tuple[str, np.ndarray]]
"""What callers see in the end: arrays of terms, by name: the arguments, then the results."""


def run(program: Program, terms: Terms) -> Outcome:
    """What a program leaves behind.

    Raises:
        NotFollowed: data choose what it does, or it is too large.
    """
    if any(array.kind == "stream" for array in program.args):
        raise NotFollowed("what comes in queues is not followed")
    for each in (*program.callees(), program):
        if any(array.kind == "state" for array in each.arrays()):
            raise NotFollowed("what is kept between calls is not followed")
    given = [_symbols(array, number, terms) for number, array in enumerate(program.args)]
    results = _Run(terms).function(program, given)
    for array, content in zip(program.results, results, strict=True):
        if any(_lacks(element, array.dtype) for element in content.flat):
            raise NotFollowed(f"an element of {array.name} is returned to which nothing was stored")
    return [
        *((array.name, x) for array, x in zip(program.args, given, strict=True) if array.rank),
        *((array.name, content) for array, content in zip(program.results, results, strict=True)),
    ]


def _symbols(array: Array, number: int, terms: Terms) -> np.ndarray:
    content = np.empty(array.shape, object)
    for at in np.ndindex(array.shape):
        content[at] = _symbol(array.dtype, terms, number, at)
    return content


def _symbol(dtype: DType, terms: Terms, *key: object) -> Any:
    if isinstance(dtype, Struct):
        return {name: _symbol(inner, terms, *key, name) for name, inner in dtype.fields}
    return terms.symbol(dtype, *key)


class _Run:
    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.count = 0

    def function(self, program: Program, given: list[Any]) -> list[np.ndarray]:
        """Run a function on arrays, which it changes; what it returns."""
        frame = _Frame(self, program, given)
        frame.block(program.body)
        for array in frame.queues:
            _refuse_left(array, frame.arrays[array])
        found = []
        for array in program.results:
            found.append(frame.arrays[array] if array in frame.arrays else np.empty(array.shape, object))
        return found


class _Frame:
    """One function while it runs."""

    def __init__(self, around: _Run, program: Program, given: list[Any]) -> None:
        self.around, self.terms, self.program = around, around.terms, program
        self.iters: dict[Iter, int] = {}
        self.queues: dict[Array, None] = {}  # that were made here
        self.arrays: dict[Array, Any] = dict(zip(program.args, given, strict=True))
        for array in program.arrays():
            if array.kind == "constant" and array.data is not None:
                content = np.empty(array.shape, object)
                for at in np.ndindex(array.shape):
                    content[at] = self.known(array.data[at], array.dtype)
                self.arrays[array] = content

    def known(self, value: Any, dtype: DType) -> Value:
        """A number that is known, as a value of a type."""
        if isinstance(dtype, Integer | Index):
            return plain(int(value))
        if isinstance(dtype, Boolean):
            return self.terms.term("known", bool(value))
        return self.terms.term("known", str(dtype), repr(value.item() if hasattr(value, "item") else value))

    # -- statements ----------------------------------------------------------------------------------------

    def block(self, block: Block) -> None:
        for node in block:
            self.node(node)

    def node(self, node: Node) -> None:
        match node:
            case Alloc(array=array, fill=fill):
                self.alloc(array, fill)
            case Store():
                self.store(node)
            case Loop():
                start, stop = self.number(node.start, node.place), self.number(node.stop, node.place)
                for value in range(start, stop, node.step):
                    self.iters[node.iter] = value
                    self.block(node.body)
            case While():
                for _ in range(_MOST):
                    self.block(node.prologue)
                    if not self.truth(node.cond, node.place):
                        return
                    self.block(node.body)
                raise NotFollowed("a loop does not end")
            case If(cond=cond, then=then, orelse=orelse):
                self.block(then if self.truth(cond, node.place) else orelse)
            case Call():
                self.call(node)
            case _:
                assert_never(node)

    def alloc(self, array: Array, fill: Expr | None) -> None:
        content = np.empty(array.shape, object)
        if array.kind == "stream":
            _refuse_left(array, self.arrays.get(array))
            self.queues[array] = None
            for at in np.ndindex(array.shape):
                content[at] = deque()
        elif fill is not None:
            value = self.of(fill)
            for at in np.ndindex(array.shape):
                content[at] = value
        self.arrays[array] = content

    def store(self, node: Store) -> None:
        array = node.array
        # A step's copy takes elements along as they are, also those to which nothing was stored.
        copies = node.place is None and isinstance(node.value, Load) and node.value.array.kind != "stream"
        value = self.load(node.value, copies) if isinstance(node.value, Load) else self.of(node.value)
        at = self.place(array, node.indices, node.place)
        if array.kind == "stream":
            self.arrays[array][at].append(value)
            return
        if array not in self.arrays:
            self.arrays[array] = np.empty(array.shape, object)
        content = self.arrays[array]
        if node.path:
            value = _with(content[at], node.path, value)
        content[at] = value

    def call(self, node: Call) -> None:
        callee = node.program
        given: list[Any] = []
        for formal, part in zip(callee.args, node.args, strict=True):
            if isinstance(part, Region) and (formal.rank or formal.kind == "stream"):
                given.append(self.view(part, node.place))
            elif isinstance(part, Region):
                given.append(self.view(part, node.place).copy())
            else:
                content = np.empty((), object)
                content[()] = self.of(part)
                given.append(content)
            assert formal.shape == given[-1].shape
        results = self.around.function(callee, given)
        outs = set(returned(callee))
        for array, region, content in zip(callee.results, node.results, results, strict=True):
            if array in outs:
                if region.array not in self.arrays:
                    self.arrays[region.array] = np.empty(region.array.shape, object)
                self.view(region, node.place)[...] = content

    def view(self, region: Region, place: Place | None) -> np.ndarray:
        """The part of an array that a view is."""
        items: list[Any] = []
        for item, extent in zip(region.indices, region.array.shape, strict=True):
            if isinstance(item, Slice):
                start = self.number(item.start, place)
                inside = 0 <= start <= start + item.extent <= extent
                items.append(slice(start, start + item.extent))
            else:
                start = self.number(item, place)
                inside = 0 <= start < extent
                items.append(start)
            if not inside:
                raise NotFollowed(f"a view of {region.array.name} is not inside it{_line(place)}")
        found: np.ndarray = self.arrays[region.array][(*items, ...)]
        return found

    # -- expressions ---------------------------------------------------------------------------------------

    def place(self, array: Array, indices: tuple[Expr, ...], place: Place | None) -> tuple[int, ...]:
        """Where an element is; NumPy would count from the end what is before the first one."""
        at = tuple(self.number(part, place) for part in indices)
        if not all(0 <= part < extent for part, extent in zip(at, array.shape, strict=True)):
            raise NotFollowed(f"{_named(array, at)} is outside the array{_line(place)}")
        return at

    def number(self, expr: Expr, place: Place | None) -> int:
        """An integer that must be known."""
        if isinstance(expr, IterRef):
            return self.iters[expr.iter]
        found = concrete(self.of(expr))
        if found is None:
            raise NotFollowed(f"data choose an element, or how often a loop runs{_line(place)}")
        return found

    def truth(self, expr: Expr, place: Place | None) -> bool:
        """A condition that must be known."""
        value = self.of(expr)
        key = self.terms.keys[value] if isinstance(value, int) else ()
        if key[:1] == ("known",) and isinstance(key[1], bool):
            return key[1]
        if isinstance(value, Number) and value.low == value.high:
            return bool(value.low)
        raise NotFollowed(f"data choose what is done{_line(place)}")

    def of(self, expr: Expr) -> Any:
        """The value of an expression."""
        self.around.count += 1
        if self.around.count > _MOST:
            raise NotFollowed(f"more than {_MOST:,} operations")
        match expr:
            case Const(value=value, type=dtype):
                return self.known(value, dtype)
            case IterRef(iter=it):
                return plain(self.iters[it])
            case Load():
                return self.load(expr)
            case Binary():
                return self.binary(expr)
            case Compare(op=op, left=left, right=right):
                return self.compare(op, left, right)
            case Logical(op=op, operands=operands):
                return self.logical(op, [self.of(part) for part in operands])
            case Select(cond=cond, then=then, orelse=orelse):
                return self.select(self.of(cond), then, orelse)
            case Unary():
                return self.unary(expr)
            case Cast(operand=operand, type=dtype):
                return self.cast(self.of(operand), operand.dtype, dtype)
            case MakeStruct(values=values, type=Struct() as dtype):
                parts = zip(dtype.fields, values, strict=True)
                return {name: self.of(value) for (name, _), value in parts}
            case GetField(operand=operand, name=name):
                return self.of(operand)[name]
            case Bits(operand=operand, low=low, type=dtype):
                return self.opaque(dtype, "bits", str(dtype), operand.dtype, self.of(operand), self.of(low))
            case SetBits(operand=operand, low=low, value=new):
                parts_ = [self.of(part) for part in (operand, low, new)]
                return self.opaque(expr.dtype, "set bits", str(new.dtype), operand.dtype, *parts_)
            case Bitcast(operand=operand, type=dtype):
                return self.opaque(dtype, "bitcast", str(dtype), operand.dtype, self.of(operand))
            case Intrinsic(name=name, args=args, type=dtype):
                return self.opaque(dtype, name, str(dtype), None, *map(self.of, args))
            case _:
                raise NotFollowed(f"{type(expr).__name__} is not followed")

    def opaque(self, dtype: DType, op: str, *parts: Any) -> Value:
        """An operation of which only that it is one is known."""
        keys: list[object] = []
        for part in parts:
            known = self.terms.of(part) if isinstance(part, Number) else part
            keys.append(str(known) if isinstance(known, DType) else known)
        return self.terms.typed(self.terms.term(op, *keys), dtype)

    def load(self, load: Load, lacking: bool = False) -> Any:
        """An element that is read; with `lacking`, also one to which nothing was stored."""
        at = self.place(load.array, load.indices, load.place)
        content = self.arrays.get(load.array)
        where = _line(load.place)
        if content is None:
            raise NotFollowed(f"{load.array.name} is read before anything is stored{where}")
        value = content[at]
        if load.array.kind == "stream":
            if not value:
                raise NotFollowed(f"in order, {load.array.name} is empty where it is read{where}")
            return value.popleft()
        for name in load.path:
            value = value.get(name) if isinstance(value, dict) else None
        if not lacking and _lacks(value, load.dtype):
            raise NotFollowed(f"an element of {load.array.name} is read before anything is stored{where}")
        return value

    def binary(self, expr: Binary) -> Value:
        a, b, dtype = self.of(expr.left), self.of(expr.right), expr.type
        if isinstance(a, Number) and isinstance(b, Number) and isinstance(dtype, Integer | Index):
            found = self.whole(expr.op, a, b)
            if found is not None:
                return self.terms.fits(found, dtype) if isinstance(dtype, Integer) else found
        parts = [self.terms.of(a), self.terms.of(b)]
        kinds = [str(expr.left.dtype), str(expr.right.dtype)]
        whole = isinstance(dtype, Integer | Index)
        if (expr.op in _COMMUTES or (whole and expr.op in ("min", "max"))) and parts[0] > parts[1]:
            parts.reverse()
            kinds.reverse()
        return self.terms.typed(self.terms.term(expr.op, str(dtype), *kinds, *parts), dtype)

    def whole(self, op: str, a: Number, b: Number) -> Number | None:
        """An operation on integers, if it is one of a ring or both are known."""
        x, y = concrete(a), concrete(b)
        match op:
            case "+":
                return self.terms.add(a, b)
            case "-":
                return self.terms.add(a, b, -1)
            case "*":
                return self.terms.times(a, b)
            case "<<" if y is not None and 0 <= y <= 4096:
                return self.terms.times(a, plain(1 << y))
            case "min" | "max" if x is not None and y is not None:
                return plain(min(x, y) if op == "min" else max(x, y))
            case "//" if x is not None and y:
                return plain(x // y)
            case "%" if x is not None and y:
                return plain(x % y)
            case _:
                return None

    def compare(self, op: str, left: Expr, right: Expr) -> Value:
        a, b = self.of(left), self.of(right)
        if isinstance(a, Number) and isinstance(b, Number):
            answer = _ordered(op, self.terms.add(a, b, -1))
            if answer is not None:
                return self.terms.term("known", answer)
            return self.terms.term(op, "whole", self.terms.of(self.terms.add(a, b, -1)))
        kinds = str(left.dtype), str(right.dtype)
        return self.terms.term(op, *kinds, self.terms.of(a), self.terms.of(b))

    def logical(self, op: str, parts: list[Any]) -> Value:
        ends = op == "or"
        rest = []
        for part in parts:
            key = self.terms.keys[part] if isinstance(part, int) else ()
            if key[:1] == ("known",):
                if bool(key[1]) == ends:
                    return self.terms.term("known", ends)
                continue
            rest.append(self.terms.of(part))
        if not rest:
            return self.terms.term("known", not ends)
        return rest[0] if len(rest) == 1 else self.terms.term(op, *sorted(set(rest)))

    def select(self, cond: Any, then: Expr, orelse: Expr) -> Any:
        key = self.terms.keys[cond] if isinstance(cond, int) else ()
        if key[:1] == ("known",):
            return self.of(then if key[1] else orelse)
        a, b = self.of(then), self.of(orelse)
        if isinstance(a, dict):
            raise NotFollowed("data choose a record")
        return self._either(cond, a, b, then.dtype)

    def _either(self, cond: Any, a: Any, b: Any, dtype: DType) -> Value:
        x, y = self.terms.of(a), self.terms.of(b)
        return a if x == y else self.terms.typed(self.terms.term("select", self.terms.of(cond), x, y), dtype)

    def unary(self, expr: Unary) -> Value:
        value = self.of(expr.operand)
        if isinstance(value, Number) and isinstance(expr.type, Integer | Index) and expr.op == "-":
            found = self.terms.add(plain(0), value, -1)
            return self.terms.fits(found, expr.type) if isinstance(expr.type, Integer) else found
        if expr.op in ("not", "~") and isinstance(value, int):
            key = self.terms.keys[value]
            if key[:1] == ("known",) and isinstance(key[1], bool):
                return self.terms.term("known", not key[1])
        return self.opaque(expr.type, expr.op, str(expr.type), str(expr.operand.dtype), value)

    def cast(self, value: Any, before: DType, after: DType) -> Any:
        if before == after or isinstance(before, Struct):
            return value
        if isinstance(value, Number) and isinstance(after, Integer):
            return self.terms.fits(value, after)
        if isinstance(value, Number) and isinstance(after, Index):
            return value
        key = self.terms.keys[value] if isinstance(value, int) else ()
        if key[:1] == ("known",) and isinstance(key[1], bool) and isinstance(after, Integer):
            return plain(int(key[1]))
        return self.opaque(after, "cast", str(before), str(after), value)


def _ordered(op: str, gap: Number) -> bool | None:
    """Whether a comparison with zero holds, as far as a range tells."""
    low, high = gap.low, gap.high
    if low == high:
        compared = {
            "<": low < 0,
            "<=": low <= 0,
            ">": low > 0,
            ">=": low >= 0,
            "==": low == 0,
            "!=": low != 0,
        }
        return compared[op]
    if not gap.parts:
        return op in ("<=", ">=", "==")
    always = {"<": high < 0, "<=": high <= 0, ">": low > 0, ">=": low >= 0, "!=": low > 0 or high < 0}
    never = {"<": low >= 0, "<=": low > 0, ">": high <= 0, ">=": high < 0, "==": low > 0 or high < 0}
    return True if always.get(op) else False if never.get(op) else None


def _line(place: Place | None) -> str:
    return f" at {place.short}" if place is not None else ""


def _named(array: Array, at: tuple[int, ...]) -> str:
    return f"{array.name}[{', '.join(map(str, at))}]" if at else array.name


def _lacks(value: Any, dtype: DType) -> bool:
    """Whether to an element, or to a field of it, nothing was stored."""
    if isinstance(dtype, Struct):
        return not isinstance(value, dict) or any(_lacks(value.get(n), t) for n, t in dtype.fields)
    return value is None


def _refuse_left(array: Array, queues: Any) -> None:
    """A queue that ends with elements is an error of every run."""
    for at in np.ndindex(array.shape):
        if queues is not None and queues[at]:
            raise NotFollowed(f"the queue {_named(array, at)} ends with elements that nothing took")


def _with(value: Any, path: tuple[str, ...], new: Any) -> Any:
    """A record with one field replaced."""
    head, *rest = path
    old = {} if value is None else value
    inner = _with(old.get(head), tuple(rest), new) if rest else new
    return {**old, head: inner}
