"""Memory ports against accesses: which pipelined loops cannot start an iteration as often as asked.

Counted on the lowered loops, as HLS does: loops inside a pipelined one are unrolled; the bank of an access
is known when its subscript modulo the factor does not depend on a loop that runs; an access to a bank that
is not known occupies all; identical reads, and reads of what the iteration has just written, count once.
Ports per bank (UG1399, ``bind_storage``): by default one read and one read or write per cycle;
1 port: one access; 2 ports: two accesses. A bank of one element is a register and has no ports.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations, product
from math import prod

from tracealloc.schedule.lattice import join_banks, normal_banks
from tracealloc.schedule.resolve import full_name, visible_arrays
from tracealloc.schedule.state import Module, State
from tracealloc.trace.affine import Linear, constant, expression, linear, range_of
from tracealloc.trace.dtype import index
from tracealloc.trace.expr import Binary, Expr, Iter, IterRef, Load, loads_of, substitute
from tracealloc.trace.layout import Banks, Layout
from tracealloc.trace.program import Alloc, Array, If, Loop, Node, Program, Store, expressions_of

__all__ = ["Conflict", "Conflicts", "conflicts_of"]

_UNROLL_LIMIT = 262144
_Form = tuple[Linear | None, ...]
_Values = Mapping[Iter, Linear]


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


@dataclass
class _Uses:
    """The distinct accesses of one iteration to one array, as linear forms of its subscripts."""

    reads: dict[_Form, None] = field(default_factory=dict)
    writes: dict[_Form, None] = field(default_factory=dict)


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
                case _:
                    pass

    def pipelined(self, loop: Loop, ranges: Mapping[Iter, tuple[int, int]]) -> None:
        uses: dict[Array, _Uses] = {}
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

    def block(self, block: tuple[Node, ...], values: _Values, uses: dict[Array, _Uses]) -> None:
        for node in block:
            if self.budget <= 0:
                return
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
                        uses.setdefault(array, _Uses()).writes.setdefault(self.form(indices, values))
                case Alloc():
                    pass
                case _:
                    self.reads(node, values, uses)

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

    def reads(self, node: Node, values: _Values, uses: dict[Array, _Uses]) -> None:
        loads = self.loads.get(id(node))
        if loads is None:
            loads = self.loads[id(node)] = [load for e in expressions_of(node) for load in loads_of(e)]
        for load in loads:
            self.budget -= 1
            if load.array.rank == 0 or load.array.kind == "stream":
                continue
            use, form = uses.setdefault(load.array, _Uses()), self.form(load.indices, values)
            if form not in use.writes or None in form:
                use.reads.setdefault(form)

    def form(self, indices: tuple[Expr, ...], values: _Values) -> _Form:
        """The subscripts of an access; what they are of the loop's own iterators is found once."""
        found = []
        for expr in indices:
            if id(expr) not in self.forms:
                self.forms[id(expr)] = linear(expr)
            form = self.forms[id(expr)]
            found.append(None if form is None else _put_in(expr, form, values))
        return tuple(found)

    def row(
        self, loop: Loop, asked: int, array: Array, use: _Uses, ranges: Mapping[Iter, tuple[int, int]]
    ) -> Conflict:
        layout = self.program.layout(array)
        banks = _all_banks(layout, array)
        reads, writes = busiest(use, banks, array, ranges)
        needed = interval(reads, writes, layout, banks, array)
        proposal = None
        if needed > asked:
            best = least_partition(use, layout, array, ranges, asked)
            proposal = None if best is None else _steps(self.array_text(array), banks, best)
        kinds = [f"dim {dim} {b}" for dim, b in enumerate(banks) if b.kind != "whole"]
        return Conflict(
            self.program.name,
            self.loop_name(loop),
            self.prefix + array.name,
            ", ".join(kinds) or "whole",
            len(use.reads) + len(use.writes),
            reads,
            writes,
            _port_text(layout, banks, array),
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


def _all_banks(layout: Layout, array: Array) -> tuple[Banks, ...]:
    if layout.resource == "register":
        return tuple(Banks("complete", extent) for extent in array.shape)
    given = layout.banks or tuple(Banks() for _ in array.shape)
    return tuple(normal_banks(b, extent) for b, extent in zip(given, array.shape, strict=True))


def bank_of(
    form: Linear | None, banks: Banks, extent: int, ranges: Mapping[Iter, tuple[int, int]]
) -> int | None:
    """The bank of a subscript, or None where it is not known at compile time."""
    if banks.kind == "whole":
        return 0
    if form is None:
        return None
    if banks.kind in ("cyclic", "complete"):
        factor = banks.factor if banks.kind == "cyclic" else extent
        if banks.kind == "complete" and form.terms:
            return None
        if any(coefficient % factor for _, coefficient in form.terms):
            return None
        return form.constant % factor
    size = -(-extent // banks.factor)
    ends = _ends(form, ranges)
    return None if ends is None or ends[0] // size != ends[1] // size else ends[0] // size


def _ends(form: Linear, ranges: Mapping[Iter, tuple[int, int]]) -> tuple[int, int] | None:
    return range_of(expression(form), ranges)


def busiest(
    use: _Uses, banks: tuple[Banks, ...], array: Array, ranges: Mapping[Iter, tuple[int, int]]
) -> tuple[int, int]:
    """Reads and writes of the bank with the most accesses."""
    counts: dict[tuple[int, ...], list[int]] = {}
    everywhere = [0, 0]
    for kind, forms in enumerate((use.reads, use.writes)):
        for form in forms:
            known = [bank_of(f, b, n, ranges) for f, b, n in zip(form, banks, array.shape, strict=True)]
            if None in known:
                _count_partly(counts, known, banks, kind, everywhere)
            else:
                counts.setdefault(tuple(k or 0 for k in known), [0, 0])[kind] += 1
    totals = [(r + everywhere[0], w + everywhere[1]) for r, w in counts.values()]
    return max([*totals, (everywhere[0], everywhere[1])], key=lambda both: (sum(both), both[1]))


def _count_partly(
    counts: dict[tuple[int, ...], list[int]],
    known: list[int | None],
    banks: tuple[Banks, ...],
    kind: int,
    everywhere: list[int],
) -> None:
    """An access whose bank is known in some dimensions occupies all that agree in these."""
    free = prod(bank.factor for k, bank in zip(known, banks, strict=True) if k is None)
    if free > 4096 or set(known) == {None}:
        everywhere[kind] += 1
        return
    choices = [range(b.factor) if k is None else (k,) for k, b in zip(known, banks, strict=True)]
    for chosen in product(*choices):
        counts.setdefault(chosen, [0, 0])[kind] += 1


def _is_registers(banks: tuple[Banks, ...], array: Array) -> bool:
    return all(b.kind == "complete" or n == 1 for b, n in zip(banks, array.shape, strict=True))


def interval(reads: int, writes: int, layout: Layout, banks: tuple[Banks, ...], array: Array) -> int:
    """The least initiation interval that the ports of a bank allow."""
    if _is_registers(banks, array):
        return 1
    if array.kind == "constant":
        return max(1, -(-reads // (layout.ports or 2)))
    both = reads + writes
    if layout.ports == 1:
        return max(1, both)
    least = max(1, -(-both // 2))
    return least if layout.ports == 2 else max(least, writes)


def _port_text(layout: Layout, banks: tuple[Banks, ...], array: Array) -> str:
    if _is_registers(banks, array):
        return "registers"
    if array.kind == "constant":
        return f"{layout.ports or 2} read"
    return {None: "1 read + 1 either", 1: "1 either", 2: "2 either"}[layout.ports]


def least_partition(
    use: _Uses, layout: Layout, array: Array, ranges: Mapping[Iter, tuple[int, int]], asked: int
) -> tuple[Banks, ...] | None:
    """The layout with the fewest banks that is at least what there is and allows the asked interval."""
    given = _all_banks(layout, array)
    most = 2 * (len(use.reads) + len(use.writes))
    best: tuple[int, tuple[Banks, ...]] | None = None
    for count in range(1, min(array.rank, 3) + 1):
        for dims in combinations(range(array.rank), count):
            for factors in product(*(_factors(array.shape[dim], most) for dim in dims)):
                banks = list(given)
                for dim, factor in zip(dims, factors, strict=True):
                    extent = array.shape[dim]
                    banks[dim] = join_banks(given[dim], normal_banks(Banks("cyclic", factor), extent), extent)
                total = 1
                for bank in banks:
                    total *= bank.factor
                if best is not None and total >= best[0]:
                    continue
                reads, writes = busiest(use, tuple(banks), array, ranges)
                if interval(reads, writes, layout, tuple(banks), array) <= asked:
                    best = (total, tuple(banks))
        if best is not None:
            return best[1]
    return None


def _factors(extent: int, most: int) -> list[int]:
    small = list(range(2, min(extent, most, 64) + 1))
    return small if extent in small else [*small, extent]


def _steps(array: str, before: tuple[Banks, ...], after: tuple[Banks, ...]) -> str:
    found = []
    for dim, (old, new) in enumerate(zip(before, after, strict=True)):
        if old == new:
            continue
        how = "" if new.kind == "complete" else f', kind="{new.kind}", factor={new.factor}'
        found.append(f"s.partition({array}, dim={dim}{how})")
    return "; ".join(found)
