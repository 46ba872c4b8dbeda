"""What keeps pipelined loops from starting an iteration as often as asked: memory ports, recurrences.

Accesses are counted on the lowered loops, as HLS does: loops and calls inside a pipelined one are
unrolled; the bank of an access is known when its subscript modulo the factor does not depend on a loop that
runs; an access to a bank that is not known occupies all; identical reads, and reads of what the iteration
has just written, count once. What the ports of a bank serve per cycle is the hardware's (`BankPorts`). A bank
of one element is a register and has no ports.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import assert_never

from tracealloc.poly.isl.budget import ADVICE, Spent, limited, reason
from tracealloc.poly.isl.named import LOCK
from tracealloc.schedule.core.names import full_name, visible_arrays
from tracealloc.schedule.core.state import Module, OpaqueLoop, ScheduledLoop, State
from tracealloc.schedule.hls.constant_bounds import Unrolled, unrolled
from tracealloc.schedule.timing.bank_ports import (
    Uses,
    busiest,
    in_words,
    interval,
    least_partition,
    port_text,
    steps,
    uses_of,
)
from tracealloc.schedule.timing.operations import shared_of
from tracealloc.schedule.timing.recurrence import recurrences
from tracealloc.schedule.timing.unrolled_accesses import Iteration, Ranges
from tracealloc.trace.ir.layout import Layout, effective_banks
from tracealloc.trace.ir.program import Alloc, Array, Call, If, Loop, Node, Program, Store, While
from tracealloc.trace.queries.affine import range_of
from tracealloc.trace.queries.intervals import values_between

__all__ = ["Chain", "Conflict", "Conflicts", "conflicts_of", "name_of"]


@dataclass(frozen=True)
class Conflict:
    """The accesses to one array in one iteration of one pipelined loop.

    `loop` and `array` are the names that primitives take. `reads` and `writes` are of the busiest bank;
    `needed` is the least interval that its ports allow, and `proposal` the step that makes it the asked one
    (None: not needed, or no partition into as many banks as a device may have helps). Where an iteration
    unrolls to too many statements to look at all of them, `counted` is false and the numbers are too small.
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
    counted: bool = True
    most_banks: int = 0

    @property
    def ok(self) -> bool:
        """Whether the ports allow the asked interval."""
        return self.counted and self.needed <= self.asked

    @property
    def advice(self) -> str:
        """What to try: the proposal, or what is left where there is none."""
        if not self.counted:
            return "too much to unroll: pipeline a loop further inside"
        none = f"no partition into up to {self.most_banks} banks helps"
        return self.proposal or ("" if self.ok else none)


@dataclass(frozen=True)
class Chain:
    """A recurrence, or shared operators, that do not allow the asked interval; `text` says why.

    `needed` is None where it takes isl too long to find out.
    """

    function: str
    loop: str
    asked: int
    needed: int | None
    text: str

    def __str__(self) -> str:
        return f"{self.loop}: II asked {self.asked}, {self.text}"


@dataclass(frozen=True, repr=False)
class Conflicts:
    """A table of accesses against ports, and the recurrences; false when no loop is kept waiting."""

    rows: tuple[Conflict, ...] = ()
    chains: tuple[Chain, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.chains) or any(not row.ok for row in self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Conflict]:
        return iter(self.rows)

    def to_dict(self) -> dict[str, list[dict[str, object]]]:
        """Plain data: the rows, those with a conflict first."""
        keys = [key for key in Conflict.__dataclass_fields__ if key != "most_banks"]
        rows: list[dict[str, object]] = [{**{k: getattr(r, k) for k in keys}, "ok": r.ok} for r in self.rows]
        return {"conflicts": rows, "recurrences": [asdict(each) for each in self.chains]}

    def _cells(self) -> list[list[str]]:
        head = ["loop", "array", "layout", "accesses", "per bank", "ports", "II asked", "II needed", "try"]
        body = [
            [
                row.loop,
                row.array,
                row.layout,
                str(row.accesses) if row.counted else f"over {row.accesses}",
                f"{row.reads} read, {row.writes} written",
                row.ports,
                str(row.asked),
                str(row.needed) if row.counted else f"over {row.needed}",
                row.advice,
            ]
            for row in self.rows
        ]
        return [head, *body]

    def __str__(self) -> str:
        chains = [str(each) for each in self.chains]
        if not self.rows:
            return "\n".join(chains) or "no pipelined loop uses an array"
        cells = self._cells()
        widths = [max(len(row[k]) for row in cells) for k in range(len(cells[0]))]
        lines = [
            "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
            for row in cells
        ]
        return "\n".join([*lines, *chains])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        head, *body = self._cells()
        rows = ["<tr>" + "".join(f"<th>{html.escape(text)}</th>" for text in head) + "</tr>"]
        rows += ["<tr>" + "".join(f"<td>{html.escape(text)}</td>" for text in row) + "</tr>" for row in body]
        chains = "".join(f"<p>{html.escape(str(each))}</p>" for each in self.chains)
        return f"<table>{''.join(rows)}</table>{chains}"


def conflicts_of(program: Program, module: Module) -> Conflicts:
    """The table of a lowered program and of the programs it calls; `module` is what was lowered."""
    rows: list[Conflict] = []
    chains: list[Chain] = []
    for each in reversed(unrolled(program, module.hardware)):
        if not each.inside:  # where a pipelined loop calls it, its loops are copied with it
            function = _Function(each, module, each.program.name)
            rows += function.rows()
            chains += function.chains
    return Conflicts(tuple(sorted(rows, key=lambda row: row.ok)), tuple(chains))


class _Function:
    def __init__(self, function: Unrolled, module: Module, name: str) -> None:
        self.program = function.program
        self.rolled = function.rolled
        self.state = module.state(name)
        self.hardware = module.hardware
        self.prefix = "" if name == module.top else f"{self.program.name}:"
        self.found: list[Conflict] = []
        self.chains: list[Chain] = []

    def rows(self) -> list[Conflict]:
        self.visit(self.program.body, {})
        return self.found

    def visit(self, block: tuple[Node, ...], ranges: Ranges) -> None:
        for node in block:
            match node:
                case Loop():
                    inner = {**ranges, **_range(node, ranges)}
                    if node.marks.pipeline is not None and node.iter not in self.rolled:
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

    def pipelined(self, loop: Loop, ranges: Ranges) -> None:
        self.chained(loop)
        iteration = Iteration(self.program, ranges)
        running = iteration.run(loop)
        for array in iteration.arrays:
            uses = uses_of(array, iteration.reads.get(array), iteration.writes.get(array))
            home = iteration.homes.get(array, self.program)
            self.found.append(self.row(loop, array, uses, home.layout(array), running, iteration.complete))

    def chained(self, loop: Loop) -> None:
        """Note the recurrence that keeps a loop from its interval."""
        node, asked = scheduled_loop(self.state, loop), loop.marks.pipeline or 1
        if node is None:
            return
        name = self.loop_name(loop)
        for shared in shared_of(self.state, node, self.hardware):
            if shared.interval > asked:
                text = f"needed {shared.interval}: {shared.text()}"
                self.chains.append(Chain(self.program.name, name, asked, shared.interval, text))
        try:
            with LOCK, limited(ADVICE, beside=True):
                found = recurrences(self.state, node, self.hardware)
                if found and found[0].interval > asked:
                    text = f"needed {found[0].interval}: {found[0].text()}"
                    self.chains.append(Chain(self.program.name, name, asked, found[0].interval, text))
        except Spent as spent:
            text = f"what dependences need was not found out: {reason(spent)}"
            self.chains.append(Chain(self.program.name, name, asked, None, text))

    def row(
        self, loop: Loop, array: Array, uses: Uses, layout: Layout, ranges: Ranges, complete: bool
    ) -> Conflict:
        asked = loop.marks.pipeline or 1
        banks = effective_banks(layout, array.shape)
        uses, ports = in_words(uses, layout, array), self.hardware.ports_of(layout, array)
        reads, writes = busiest(uses, ports, banks, array, ranges)
        needed = interval(reads, writes, ports, banks, array)
        proposal = None
        if needed > asked and complete:
            best = least_partition(uses, layout, array, ranges, asked, self.hardware)
            proposal = None if best is None else steps(self.array_text(array), banks, best)
        kinds = [f"dim {dim} {b}" for dim, b in enumerate(banks) if b.kind != "whole"]
        if layout.pack is not None:
            kinds.append(str(layout.pack))
        return Conflict(
            self.program.name,
            self.loop_name(loop),
            self.prefix + array.name,
            ", ".join(kinds) or "whole",
            len(uses.all),
            reads,
            writes,
            port_text(ports, banks, array),
            asked,
            needed,
            proposal,
            complete,
            self.hardware.most_banks,
        )

    def loop_name(self, loop: Loop) -> str:
        return name_of(self.state, loop, self.prefix)

    def array_text(self, array: Array) -> str:
        """How to name an array to a primitive: two of one name only by number."""
        handle = f'"{self.prefix}{array.name}"'
        scope = next((name for name, _ in self.state.functions() if name == self.program.name), None)
        arrays = visible_arrays(self.state, scope)
        if sum(other.name == array.name for other in arrays) < 2:
            return handle
        number = next(k for k, other in enumerate(arrays) if other.key == array.key)
        function = f'"{self.program.name}"' if self.prefix else ""
        return f"s.arrays({function})[{number}]"


def scheduled_loop(state: State, loop: Loop) -> ScheduledLoop | None:
    """The loop of a schedule that a lowered one is of, also where its bounds depend on data."""
    opaque = (each for each in state.loops() if isinstance(each, OpaqueLoop))
    own = (each for each in opaque if each.loop.iter.key == loop.iter.key)
    return state.loop(loop.iter.key) or next(own, None)


def name_of(state: State, loop: Loop, prefix: str) -> str:
    """The name of a lowered loop, as primitives take it."""
    found = state.loop(loop.iter.key)
    return prefix + (loop.iter.name if found is None else full_name(state, found))


def _range(loop: Loop, ranges: Ranges) -> Ranges:
    ends = values_between(loop.start, loop.stop, loop.step, lambda bound: range_of(bound, ranges))
    return {} if ends is None else {loop.iter: (ends[0], ends[1] - 1)}
