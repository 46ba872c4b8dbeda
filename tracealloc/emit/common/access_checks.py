"""Which accesses the generated code must check while it runs.

An access is *proved* where its subscripts are affine and it runs whatever the data are
(`poly.proof.bounds` has proved it, or refused the kernel), or where the intervals of its iterators and types
keep it inside. Every other one (``A[idx[i]]``, an access under a condition on data, in ``while``, in a
loop whose bounds are data) is checked by the C code: outside, a load takes element 0, a store
and a call are not done, and the function returns the access's number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from tracealloc.trace.diagnostics.errors import BoundsError
from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.dtype import Integer
from tracealloc.trace.ir.expr import Expr, Load, is_checked, loads_of, walk
from tracealloc.trace.ir.interval_rules import Range
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
    Requirement,
    Slice,
    Store,
    While,
    walk_nodes,
)
from tracealloc.trace.ir.text import expr_text, region_text
from tracealloc.trace.queries.affine import is_affine
from tracealloc.trace.queries.intervals import Ranges

FAULT_SHIFT = 4  # a function's status holds the number of the access above its other bits

__all__ = ["FAULT_SHIFT", "Check", "Checks", "all_checks", "can_leave", "checks_of"]
__all__ += ["fixed_bounds", "may_hang", "outside_error"]

_Part: TypeAlias = "Expr | Slice"
_Key: TypeAlias = tuple[Array, tuple[_Part, ...], "Place | None", bool]


@dataclass(slots=True)
class Check:
    """An access that is checked. `number` counts from 1 in its program; `dims` are what is not proved."""

    number: int
    array: Array
    indices: tuple[_Part, ...]
    dims: set[int]
    place: Place | None
    stored: bool

    @property
    def text(self) -> str:
        """The access as the user wrote it."""
        if any(isinstance(part, Slice) for part in self.indices):
            return region_text(Region(self.array, self.indices))
        return expr_text(Load(self.array, tuple(p for p in self.indices if not isinstance(p, Slice))))


class Checks:
    """The checked accesses of one program, in order, and the loops that contain some.

    After them are numbered the requirements, which are checked when the program starts.
    """

    def __init__(self, required: tuple[Requirement, ...]) -> None:
        self.found: dict[_Key, Check] = {}
        self.required = required
        self.loops: dict[int, set[int]] = {}  # by identity: the numbers, 0 for those of a call

    def __len__(self) -> int:
        return len(self.found) + len(self.required)

    def all(self) -> list[Check | Requirement]:
        """What is checked, in the order of the numbers."""
        return [*self.found.values(), *self.required]

    def find(self, array: Array, indices: Sequence[_Part], place: Place | None, stored: bool) -> Check | None:
        """The check of an access, or None where it is proved."""
        return self.found.get((array, tuple(indices), place, stored))


def checks_of(program: Program, top: bool) -> Checks:
    """The accesses of a program (not of its callees) that must be checked.

    `top`: its arguments come from the caller's side, where their values were checked.
    """
    key = f"emit.checks {top}"
    found = program.memo.get(key)
    if not isinstance(found, Checks):
        finder = _Finder(program, top)
        finder.block(program.body, True)
        found = program.memo[key] = finder.checks
    return found


def all_checks(program: Program) -> list[Check | Requirement]:
    """The checks of everything that is compiled with `program`, in the order of their numbers."""
    items = (*program.callees(), program)
    return [check for item in items for check in checks_of(item, item is program).all()]


def can_leave(program: Program, *, top: bool) -> bool:
    """Whether the emitted function can find an access outside its array (itself or through a call)."""
    items = (*program.callees(), program)
    return any(len(checks_of(item, top and item is program)) for item in items)


def may_hang(program: Program) -> bool:
    """Whether wrong data could keep a program running: it has loops whose end depends on data."""
    return any(
        isinstance(node, While) or (isinstance(node, Loop) and not fixed_bounds(node))
        for item in (*program.callees(), program)
        for node in walk_nodes(item.body)
    )


def fixed_bounds(loop: Loop) -> bool:
    """Whether a loop's bounds are affine in the iterators around it."""
    return is_affine(loop.start) and is_affine(loop.stop)


def outside_error(kernel: str, check: Check, then: str) -> BoundsError:
    """The error for an access that left its array; `then` says what that means where it ran."""
    shape = ", ".join(map(str, check.array.shape))
    starts = (part.start if isinstance(part, Slice) else part for part in check.indices)
    view = "a view of " if any(is_checked(part) for start in starts for part in walk(start)) else ""
    return BoundsError(
        "TA152",
        f"{kernel}: {check.text} went outside {view}{check.array.name}, whose shape is ({shape})",
        place=check.place,
        because=["this access depends on data, so it is checked while the kernel runs", then],
        hint=f"interpret({kernel}.trace(), ...) tells the iteration and the value of the subscript",
    )


class _Stored(Ranges):
    """Intervals that hold for what memory can contain, also where nothing was stored yet."""

    def __init__(self, program: Program, top: bool) -> None:
        super().__init__()
        self.top = top
        self.results = {
            region.array
            for node in walk_nodes(program.body)
            if isinstance(node, Call)
            for region in node.results
        }

    def of(self, expr: Expr) -> Range:
        if isinstance(expr, Load) and isinstance(expr.dtype, Integer) and self._doubtful(expr.array):
            dtype = expr.dtype
            for bits in (8, 16, 32, 64):
                if dtype.width <= bits:
                    held = Integer(bits, dtype.signed)
                    return held.low, held.high
        return super().of(expr)

    def _doubtful(self, array: Array) -> bool:
        if array.kind in ("constant", "state"):
            return False
        if array.kind == "value":
            return array in self.results
        return not (self.top and array.kind == "argument")


class _Finder:
    def __init__(self, program: Program, top: bool) -> None:
        self.checks = Checks(program.requires)
        self.ranges = _Stored(program, top)
        self.around: list[Node] = []
        stored = Counter(node.array for node in walk_nodes(program.body) if isinstance(node, Store))
        once = {array for array, count in stored.items() if count == 1 and array.kind == "value"}
        self.once = once - self.ranges.results

    def block(self, block: Block, sure: bool) -> None:
        """Visit a block; `sure`: it runs whatever the data are."""
        for node in block:
            self.around.append(node)
            self.node(node, sure)
            self.around.pop()

    def node(self, node: Node, sure: bool) -> None:
        match node:
            case Alloc(fill=fill):
                if fill is not None:
                    self.expr(fill, sure)
            case Store(array, indices, value, _, place):
                for expr in (*indices, value):
                    self.expr(expr, sure)
                self.access(array, indices, place, True, sure)
                if array in self.once and not node.path:
                    self.ranges.of_value[array] = self.ranges.of(value)
            case Loop(start=start, stop=stop, body=body):
                self.expr(start, sure)
                self.expr(stop, sure)
                self.ranges.enter(node)
                self.block(body, sure and fixed_bounds(node))
            case While(prologue=prologue, cond=cond, body=body):
                self.block(prologue, False)
                self.expr(cond, False)
                self.block(body, False)
            case If(cond, then, orelse):
                sure = sure and is_affine(cond)
                self.expr(cond, sure)
                self.block(then, sure)
                self.block(orelse, sure)
            case Call():
                self.call(node, sure)
            case _:
                assert_never(node)

    def call(self, node: Call, sure: bool) -> None:
        for part in (*node.args, *node.results):
            if not isinstance(part, Region):
                self.expr(part, sure)
                continue
            for index in part.indices:
                self.expr(index.start if isinstance(index, Slice) else index, sure)
            self.access(part.array, part.indices, node.place, True, sure)
        if can_leave(node.program, top=False):
            self.note_loops(0)

    def expr(self, expr: Expr, sure: bool) -> None:
        for load in loads_of(expr):
            self.access(load.array, load.indices, load.place, False, sure)

    def access(
        self, array: Array, indices: tuple[_Part, ...], place: Place | None, stored: bool, sure: bool
    ) -> None:
        dims = {dim for dim, part in enumerate(indices) if not self.inside(part, array.shape[dim], sure)}
        if not dims:
            return
        found = self.checks.found
        new = Check(len(found) + 1, array, indices, set(), place, stored)
        check = found.setdefault((array, indices, place, stored), new)
        check.dims |= dims
        self.note_loops(check.number)

    def inside(self, part: _Part, extent: int, sure: bool) -> bool:
        """Whether one subscript is proved."""
        index, more = (part.start, part.extent - 1) if isinstance(part, Slice) else (part, 0)
        if sure and is_affine(index):
            return True
        low, high = self.ranges.of(index)
        return low >= 0 and high + more < extent

    def note_loops(self, number: int) -> None:
        for node in self.around:
            if isinstance(node, Loop):
                self.checks.loops.setdefault(id(node), set()).add(number)
