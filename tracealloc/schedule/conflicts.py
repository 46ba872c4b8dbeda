"""Memory ports against accesses: which pipelined loops cannot start an iteration as often as asked.

Counted on the lowered loops, as HLS does: loops and calls inside a pipelined one are unrolled; the bank
of an access is known when its subscript modulo the factor does not depend on a loop that runs; an access
to a bank that is not known occupies all; identical reads, and reads of what the iteration has just written,
count once. Ports per bank (UG1399, ``bind_storage``): by default one read and one read or write per cycle;
1 port: one access; 2 ports: two accesses. A bank of one element is a register and has no ports.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import assert_never

from tracealloc.schedule.ports import (
    Form,
    Uses,
    all_banks,
    busiest,
    in_words,
    interval,
    least_partition,
    port_text,
    steps,
)
from tracealloc.schedule.resolve import full_name, visible_arrays
from tracealloc.schedule.state import Module, State
from tracealloc.trace.affine import Linear, constant, expression, linear, range_of
from tracealloc.trace.dtype import index
from tracealloc.trace.expr import Binary, Expr, Iter, IterRef, Load, loads_of, substitute
from tracealloc.trace.program import (
    Alloc,
    Array,
    Call,
    If,
    Loop,
    Node,
    Program,
    Region,
    Slice,
    Store,
    While,
    expressions_of,
    walk_nodes,
)

__all__ = ["Conflict", "Conflicts", "conflicts_of"]

_UNROLL_LIMIT = 262144
_Values = Mapping[Iter, Linear]
_View = tuple[Array, tuple[tuple[Linear | None, bool], ...]]
"""What a parameter stands for: the array, and per dimension its subscript or (True) where a slice starts."""


@dataclass(frozen=True)
class Conflict:
    """The accesses to one array in one iteration of one pipelined loop.

    `loop` and `array` are the names that primitives take. `reads` and `writes` are of the busiest bank;
    `needed` is the least interval that its ports allow, and `proposal` the step that makes it the asked one
    (None: not needed, or no partition helps).
    """

    function: str
    loop: str
    array: str
    layout: str
    accesses: int
    reads: int
    writes: int
    ports: str
    asked: int
    needed: int
    proposal: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the ports allow the asked interval."""
        return self.needed <= self.asked


@dataclass(frozen=True)
class Conflicts:
    """A table of accesses against ports; false when no loop has a conflict."""

    rows: tuple[Conflict, ...] = ()

    def __bool__(self) -> bool:
        return any(not row.ok for row in self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Conflict]:
        return iter(self.rows)

    def to_dict(self) -> dict[str, list[dict[str, object]]]:
        """Plain data: the rows, those with a conflict first."""
        keys = Conflict.__dataclass_fields__
        return {"conflicts": [{**{k: getattr(r, k) for k in keys}, "ok": r.ok} for r in self.rows]}

    def _cells(self) -> list[list[str]]:
        head = ["loop", "array", "layout", "accesses", "per bank", "ports", "II asked", "II needed", "try"]
        body = [
            [
                row.loop,
                row.array,
                row.layout,
                str(row.accesses),
                f"{row.reads} read, {row.writes} written",
                row.ports,
                str(row.asked),
                str(row.needed),
                row.proposal or ("" if row.ok else "no partition helps"),
            ]
            for row in self.rows
        ]
        return [head, *body]

    def __str__(self) -> str:
        if not self.rows:
            return "no pipelined loop uses an array"
        cells = self._cells()
        widths = [max(len(row[k]) for row in cells) for k in range(len(cells[0]))]
        return "\n".join(
            "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
            for row in cells
        )

    def _repr_html_(self) -> str:
        head, *body = self._cells()
        rows = ["<tr>" + "".join(f"<th>{html.escape(text)}</th>" for text in head) + "</tr>"]
        rows += ["<tr>" + "".join(f"<td>{html.escape(text)}</td>" for text in row) + "</tr>" for row in body]
        return f"<table>{''.join(rows)}</table>"


def conflicts_of(program: Program, module: Module) -> Conflicts:
    """The table of a lowered program and of the programs it calls; `module` is what was lowered."""
    rows: list[Conflict] = []
    for each in (program, *reversed(program.callees())):
        rows += _Function(each, module.state(each.name), each.name == module.top).rows()
    return Conflicts(tuple(sorted(rows, key=lambda row: row.ok)))


class _Function:
    def __init__(self, program: Program, state: State, top: bool) -> None:
        self.program = program
        self.state = state
        self.prefix = "" if top else f"{program.name}:"
        self.found: list[Conflict] = []
        self.budget = _UNROLL_LIMIT
        self.ranges: dict[Iter, tuple[int, int]] = {}
        self.forms: dict[int, Linear | None] = {}
        self.loads: dict[int, list[Load]] = {}
        self.views: dict[Array, _View] = {}
        self.homes: dict[Array, Program] = {}
        self.unknowns: dict[tuple[Expr, int], Iter] = {}
        self.written = {node.array for node in walk_nodes(program.body) if isinstance(node, Store)}
        self.serial = 0

    def rows(self) -> list[Conflict]:
        self.visit(self.program.body, {})
        return self.found

    def visit(self, block: tuple[Node, ...], ranges: Mapping[Iter, tuple[int, int]]) -> None:
        for node in block:
            match node:
                case Loop():
                    inner = {**ranges, **_range(node, ranges)}
                    if node.marks.pipeline is not None:
                        self.pipelined(node, inner)
                    else:
                        self.visit(node.body, inner)
                case If(then=then, orelse=orelse):
                    self.visit(then, ranges)
                    self.visit(orelse, ranges)
                case While(prologue=prologue, body=body):
                    self.visit(prologue, ranges)
                    self.visit(body, ranges)
                case Alloc() | Store() | Call():
                    pass
                case _:
                    assert_never(node)

    def pipelined(self, loop: Loop, ranges: Mapping[Iter, tuple[int, int]]) -> None:
        uses: dict[Array, Uses] = {}
        self.budget, self.ranges = _UNROLL_LIMIT, dict(ranges)
        copies = loop.marks.unroll or 1
        if copies == 1:
            self.block(loop.body, {}, uses)
        for copy in range(copies if copies > 1 else 0):
            # j = copies * round + copy: the round is what runs.
            round_ = Binary("*", constant(copies * loop.step), IterRef(loop.iter), index)
            at = Binary("+", round_, constant(copy * loop.step), index)
            start = linear(Binary("+", at, loop.start, index))
            self.block(loop.body, {} if start is None else {loop.iter: start}, uses)
        if copies > 1:
            ranges = {**ranges, loop.iter: _rounds(loop, ranges, copies)}
        asked = loop.marks.pipeline or 1
        for array, use in uses.items():
            self.found.append(self.row(loop, asked, array, use, ranges))

    def block(self, block: tuple[Node, ...], values: _Values, uses: dict[Array, Uses]) -> None:
        for node in block:
            if self.budget <= 0:
                return
            self.serial += 1
            match node:
                case Loop():
                    for at in self.unrolled(node, values):
                        self.block(node.body, {**values, node.iter: at}, uses)
                case If(then=then, orelse=orelse):
                    self.reads(node, values, uses)
                    self.block(then, values, uses)
                    self.block(orelse, values, uses)
                case Store(array=array, indices=indices):
                    self.reads(node, values, uses)
                    if array.rank and array.kind != "stream":
                        found, form = self.place(array, indices, values)
                        uses.setdefault(found, Uses()).writes.setdefault(form)
                case Alloc(array=array):
                    self.homes.setdefault(array, self.program)
                case While(prologue=prologue, body=body):
                    self.block(prologue, values, uses)
                    self.reads(node, values, uses)
                    self.block(body, values, uses)
                case Call():
                    self.reads(node, values, uses)
                    self.call(node, values, uses)
                case _:
                    assert_never(node)

    def call(self, node: Call, values: _Values, uses: dict[Array, Uses]) -> None:
        """The accesses of a called program, to its own arrays and to those that it is given."""
        callee, before = node.program, self.views
        passed = [*zip(callee.args, node.args, strict=True), *zip(callee.results, node.results, strict=True)]
        views = {formal: self.view(actual, values) for formal, actual in passed if isinstance(actual, Region)}
        for inner in walk_nodes(callee.body):
            if isinstance(inner, Alloc):
                self.homes[inner.array] = callee
        self.views = {**before, **views}
        self.block(callee.body, {}, uses)
        self.views = before

    def view(self, region: Region, values: _Values) -> _View:
        starts = tuple(part.start if isinstance(part, Slice) else part for part in region.indices)
        sliced = [isinstance(part, Slice) for part in region.indices]
        parts = tuple(zip(self.form(starts, values), sliced, strict=True))
        if region.array not in self.views:
            return region.array, parts
        whole, outer = self.views[region.array]
        inner = iter(parts)
        return whole, tuple(_within(low, *next(inner)) if cut else (low, False) for low, cut in outer)

    def place(self, array: Array, indices: tuple[Expr, ...], values: _Values) -> tuple[Array, Form]:
        """The array of this function and the subscripts that an access means."""
        form = self.form(indices, values)
        if array not in self.views:
            return array, form
        whole, parts = self.views[array]
        inner = iter(form)
        return whole, tuple(_within(low, next(inner), True)[0] if cut else low for low, cut in parts)

    def unrolled(self, loop: Loop, values: _Values) -> list[Linear]:
        """The values of an inner loop; from its least to its largest bound where these vary."""
        known = {it: expression(form) for it, form in values.items()}
        start, stop = substitute(loop.start, known), substitute(loop.stop, known)
        span, first_form = linear(Binary("-", stop, start, index)), linear(start)
        if span is not None and first_form is not None and not span.terms:
            trips = max(0, -(-span.constant // loop.step))
            return [first_form.plus(Linear((), trip * loop.step)) for trip in range(trips)]
        first, last = range_of(start, self.ranges), range_of(stop, self.ranges)
        if first is None or last is None:
            return [Linear(((IterRef(loop.iter), 1),), 0)]  # bounds that depend on data: it stays a loop
        ends = range(first[0], last[1], loop.step) if loop.step > 0 else range(first[1], last[0], loop.step)
        return [Linear((), value) for value in ends]

    def reads(self, node: Node, values: _Values, uses: dict[Array, Uses]) -> None:
        loads = self.loads.get(id(node))
        if loads is None:
            loads = self.loads[id(node)] = [load for e in expressions_of(node) for load in loads_of(e)]
        for load in loads:
            self.budget -= 1
            if load.array.rank == 0 or load.array.kind == "stream":
                continue
            array, form = self.place(load.array, load.indices, values)
            use = uses.setdefault(array, Uses())
            if form not in use.writes:
                use.reads.setdefault(form)

    def form(self, indices: tuple[Expr, ...], values: _Values) -> Form:
        """The subscripts of an access; what they are of the loop's own iterators is found once."""
        found = []
        for expr in indices:
            if id(expr) not in self.forms:
                self.forms[id(expr)] = linear(expr)
            form = self.forms[id(expr)]
            known = None if form is None else _put_in(expr, form, values)
            found.append(self.unknown(expr, values) if known is None else known)
        return tuple(found)

    def unknown(self, expr: Expr, values: _Values) -> Linear:
        """A subscript on data: a value of its own, one for the same expression over what does not change."""
        atom = substitute(expr, {it: expression(form) for it, form in values.items()})
        changes = bool(self.views) or any(load.array in self.written for load in loads_of(atom))
        key = (atom, self.serial if changes else 0)
        value = self.unknowns.setdefault(key, Iter(f"unknown:{len(self.unknowns)}", "unknown"))
        return Linear(((IterRef(value), 1),), 0)

    def row(
        self, loop: Loop, asked: int, array: Array, use: Uses, ranges: Mapping[Iter, tuple[int, int]]
    ) -> Conflict:
        layout = self.homes.get(array, self.program).layout(array)
        banks = all_banks(layout, array)
        use = in_words(use, layout, array)
        reads, writes = busiest(use, layout, banks, array, ranges)
        needed = interval(reads, writes, layout, banks, array)
        proposal = None
        if needed > asked:
            best = least_partition(use, layout, array, ranges, asked)
            proposal = None if best is None else steps(self.array_text(array), banks, best)
        kinds = [f"dim {dim} {b}" for dim, b in enumerate(banks) if b.kind != "whole"]
        return Conflict(
            self.program.name,
            self.loop_name(loop),
            self.prefix + array.name,
            ", ".join(kinds) or "whole",
            len(use.reads) + len(use.writes),
            reads,
            writes,
            port_text(layout, banks, array),
            asked,
            needed,
            proposal,
        )

    def loop_name(self, loop: Loop) -> str:
        found = next((each for each in self.state.loops() if each.key == loop.iter.key), None)
        return self.prefix + (loop.iter.name if found is None else full_name(self.state, found))

    def array_text(self, array: Array) -> str:
        """How to name an array to a primitive: two of one name only by number."""
        handle = f'"{self.prefix}{array.name}"'
        arrays = visible_arrays(self.state)
        if sum(other.name == array.name for other in arrays) < 2:
            return handle
        number = next(k for k, other in enumerate(arrays) if other.key == array.key)
        function = f'"{self.program.name}"' if self.prefix else ""
        return f"s.arrays({function})[{number}]"


def _range(loop: Loop, ranges: Mapping[Iter, tuple[int, int]]) -> dict[Iter, tuple[int, int]]:
    first, last = range_of(loop.start, ranges), range_of(loop.stop, ranges)
    if first is None or last is None:
        return {}
    return {loop.iter: (first[0], last[1] - 1) if loop.step > 0 else (last[0] + 1, first[1])}


def _rounds(loop: Loop, ranges: Mapping[Iter, tuple[int, int]], copies: int) -> tuple[int, int]:
    low, high = ranges.get(loop.iter, (0, 0))
    return 0, max(0, (high - low) // (copies * abs(loop.step)))


def _within(low: Linear | None, own: Linear | None, cut: bool) -> tuple[Linear | None, bool]:
    """A subscript of a view as one of the array, and whether it is itself the start of a slice."""
    return (None if low is None or own is None else low.plus(own)), cut


def _put_in(expr: Expr, form: Linear, values: _Values) -> Linear | None:
    """The linear form of a subscript with some iterators replaced by their values."""
    kept: dict[Expr, int] = {}
    rest = form.constant
    for atom, coefficient in form.terms:
        if not isinstance(atom, IterRef):
            return linear(substitute(expr, {it: expression(value) for it, value in values.items()}))
        value = values.get(atom.iter)
        if value is None:
            kept[atom] = kept.get(atom, 0) + coefficient
            continue
        rest += coefficient * value.constant
        for other, count in value.terms:
            kept[other] = kept.get(other, 0) + coefficient * count
    return Linear(tuple(pair for pair in kept.items() if pair[1]), rest)
